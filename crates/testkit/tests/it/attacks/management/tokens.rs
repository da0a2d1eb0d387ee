//! Tokens that open the API, and those that do not.

use std::sync::Arc;
use std::time::Duration;

use engine::access_token::{self, NewAccessToken, Subject};
use engine::binding::Binding;
use engine::context::Context;
use protocol::jose::jwk::Thumbprint;
use protocol::oauth::scope::ScopeSet;
use serde_json::json;
use store::resource_servers;
use testkit::{Login, TestServer};

use crate::management::{Admin, refusal, refused};

/// What a token that the tenant signed is about.
struct Forgery {
    subject: Subject,
    is_for_the_api: bool,
    jkt: Option<Thumbprint>,
}

/// A token for the Management API, but for one thing.
async fn forge(server: &TestServer, change: impl FnOnce(&mut Forgery)) -> String {
    let (app, tenant) = (server.app(), &server.seeded().tenant);
    let client_id = &server.seeded().management.client_id;
    let mut forgery =
        Forgery { subject: Subject::Client(client_id.clone()), is_for_the_api: true, jkt: None };
    change(&mut forgery);
    let Forgery { subject, is_for_the_api, jkt } = forgery;
    let binding = jkt.map(Binding::Key);
    let context = Context {
        tenant: Arc::new(tenant.clone()),
        base: server.base().clone(),
        ip: None,
        certificate: None,
        user_agent: None,
    };
    let mut read = app.store.read().await.unwrap();
    let audience = server.management_audience();
    let api = resource_servers::find_by_identifier(&mut read, &tenant.id, &audience).await;
    let api = api.unwrap().unwrap();
    let new = NewAccessToken {
        subject,
        client_id,
        resource_server: is_for_the_api.then_some(&api),
        scope: &ScopeSet::parse("read:clients").unwrap(),
        binding: binding.as_ref(),
        grant: None,
    };
    let keys = app.tenant_keys(&tenant.id, app.now()).await.unwrap();
    let issued = access_token::issue(&keys, &context, &new, &*app.entropy, app.now()).unwrap();
    issued.token.expose().to_owned()
}

#[tokio::test]
async fn a35_only_a_token_for_this_api_opens_it() {
    let server = TestServer::start().await;
    let get = async |token: &str| Admin::presenting(&server, token).get("clients").await;
    let good = forge(&server, |_| {}).await;
    get(&good).await.expect(200);

    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let mine = server.my_account_tokens(&tokens).await;
    let key = server.dpop_key();
    let bound_to = Thumbprint::parse(&"A".repeat(43)).unwrap();
    let bound = forge(&server, |forgery| forgery.jkt = Some(bound_to)).await;
    let person = server.seeded().people[0].user_id.clone();
    let of_person = forge(&server, |forgery| forgery.subject = Subject::User(person)).await;
    let for_nothing = forge(&server, |forgery| forgery.is_for_the_api = false).await;
    for token in [
        tokens.access_token.as_str(),
        tokens.id_token.as_deref().unwrap(),
        tokens.refresh_token.as_deref().unwrap(),
        mine.access_token.as_str(),
        &bound,
        &of_person,
        &for_nothing,
    ] {
        assert_eq!(refusal(&get(token).await), refused(401, "invalid_token"));
    }
    // A scheme that the API does not take, with a proof and without.
    let dpop = server.get("/api/v2/clients").header("authorization", &format!("DPoP {good}"));
    assert_eq!(refusal(&dpop.proving(&key).send().await), refused(401, "invalid_token"));

    server.clock().advance(Duration::from_hours(24));
    let expired = get(&good).await;
    assert_eq!(refusal(&expired), refused(401, "invalid_token"));
    assert!(expired.member("message").starts_with("Expired token"));
}

/// A126: what is taken from an administrator is gone at once, whatever the token says.
#[tokio::test]
async fn a126_a_demoted_administrator_is_one_no_more() {
    let server = TestServer::start().await;
    let root = Admin::of(&server).await;
    let made = root.post("clients", &json!({"name": "Machine"})).await.expect(201);
    let (id, secret) = (made.member("client_id"), made.member("client_secret"));
    let audience = server.management_audience();
    let grant = json!({
        "client_id": id, "audience": audience, "scope": ["read:clients", "read:users"],
    });
    let grant = root.post("client-grants", &grant).await.expect(201).member("id");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", &id),
        ("client_secret", &secret),
        ("audience", &audience),
    ];
    let token = server.post("/oauth/token").form(&fields).send().await.expect(200);
    let machine = Admin::presenting(&server, &token.member("access_token"));
    machine.get("clients").await.expect(200);
    machine.get("users").await.expect(200);

    let path = format!("client-grants/{grant}");
    root.patch(&path, &json!({"scope": ["read:users"]})).await.expect(200);
    assert_eq!(refusal(&machine.get("clients").await), refused(403, "insufficient_scope"));
    machine.get("users").await.expect(200);
    root.delete(&path).await.expect(204);
    assert_eq!(refusal(&machine.get("users").await), refused(403, "insufficient_scope"));
    // A137: a deleted client is nobody.
    root.delete(&format!("clients/{id}")).await.expect(204);
    assert_eq!(refusal(&machine.get("users").await), refused(401, "invalid_token"));
}
