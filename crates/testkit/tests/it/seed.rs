//! What every test and `strongroom dev` begin with is sound, and is found again.

use std::sync::Arc;

use model::ids::TenantId;
use model::tenant::BaseUrl;
use protocol::secret::Password;
use reqwest::Method;
use serde_json::json;
use strongroom::seed::{self, Applications, Person, Plan, ProviderAccess, TENANT};
use testkit::{Connect, Emulated, Exchange, Login, TestServer};

use crate::scene::{LoggedIn, add_connection, owner_of};

/// What stands there already, and nobody new.
fn plan(server: &TestServer) -> Plan {
    Plan {
        tenant: TenantId::new(TENANT),
        base_urls: server.seeded().tenant.base_urls.clone(),
        applications: Applications::default(),
        people: Vec::new(),
        provider: ProviderAccess {
            issuer: server.provider().issuer().to_owned(),
            client_id: "strongroom".to_owned(),
            client_secret: server.provider().client_secret().clone(),
        },
        emulated: Vec::new(),
    }
}

/// `strongroom dev --providers …`, with all that there are.
#[tokio::test]
async fn every_provider_that_can_be_emulated_is_ready_to_be_connected() {
    let server = TestServer::start().await;
    let app = server.app();
    let emulated: Vec<_> =
        app.catalogue.iter().filter(|spec| spec.knows_its_endpoints()).cloned().collect();
    // Twice, as when the command is run again.
    for _ in 0..2 {
        let plan = Plan { emulated: emulated.clone(), ..plan(&server) };
        seed::plant(app, plan, std::future::pending(), app.now()).await.unwrap();
    }
    let ada = LoggedIn::of(&server, &Login::web()).await;
    for spec in &emulated {
        let connection = spec.strategy.clone();
        ada.connect(&Connect { connection: connection.clone(), scopes: None, persona: None }).await;
        let answer = ada.exchange(&Exchange { connection, ..Exchange::calendar() }).await;
        let token = answer.expect(200).member("access_token");
        let owner = owner_of(&server, &token).await;
        assert_eq!(owner, Emulated::subject_of("ada"), "{}", spec.strategy);
    }
}

/// A connection that an operator has led to the real provider is not led away from there.
#[tokio::test]
async fn a_connection_of_the_operators_own_is_left_alone() {
    let server = TestServer::start().await;
    let own = json!({ "client_id": "ours-at-slack", "scope": ["chat:write"] });
    add_connection(&server, "slack", "slack", own).await;
    let app = server.app();
    let slack = Arc::clone(app.catalogue.get("slack").unwrap());
    let plan = Plan { emulated: vec![slack], ..plan(&server) };
    let planted = seed::plant(app, plan, std::future::pending(), app.now()).await;
    let refused = planted.unwrap_err().to_string();
    assert_eq!(refused, "slack is in the way of the seed: start with another database");
}

/// What the Management API would refuse is not planted either.
#[tokio::test]
async fn every_seeded_record_passes_the_management_apis_own_checks() {
    let server = TestServer::start().await;
    let token = server.management_token().await;
    for (list, id, unchanged) in [
        ("clients", "client_id", &["callbacks", "grant_types", "refresh_token", "web_origins"][..]),
        ("connections", "id", &["authentication", "connected_accounts"]),
        ("resource-servers", "id", &["scopes", "token_lifetime"]),
    ] {
        let records = server.management(Method::GET, list, &token).send().await.expect(200).json();
        let records = records.as_array().unwrap();
        assert!(!records.is_empty(), "{list}");
        for record in records.iter().filter(|record| record["is_system"] != true) {
            let path = format!("{list}/{}", record[id].as_str().unwrap());
            let mut change = json!({});
            for member in unchanged.iter().filter(|member| !record[**member].is_null()) {
                change[*member] = record[*member].clone();
            }
            let call = server.management(Method::PATCH, &path, &token).json(&change);
            call.send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn planting_again_finds_what_is_there_and_sets_new_passwords() {
    let server = TestServer::start().await;
    let before = server.seeded();
    let person = Person {
        email: before.people[0].email.clone(),
        name: "Ada".to_owned(),
        password: Password::new("a new password"),
    };
    let moved = BaseUrl::parse("http://localhost:5000").unwrap();
    let plan = Plan {
        base_urls: vec![moved.clone(), before.tenant.base_urls[1].clone()],
        people: vec![person.clone()],
        ..plan(&server)
    };
    let no_keys = std::future::pending();
    let app = server.app();
    let after = seed::plant(app, plan, no_keys, app.now()).await.unwrap();

    assert_eq!(after.spa, before.spa);
    assert_eq!(after.web.client_id, before.web.client_id);
    assert!(after.web.client_secret.ct_eq(&before.web.client_secret));
    assert_eq!(after.people[0].user_id, before.people[0].user_id);
    let hosts: Vec<&str> = after.tenant.base_urls.iter().map(BaseUrl::authority).collect();
    let canonical = before.tenant.base_urls[0].authority();
    assert_eq!(hosts, [canonical, "localhost:5000", before.tenant.base_urls[1].authority()]);

    let mut ada = server.ada();
    ada.login.1 = person.password.expose().to_owned();
    server.log_in(&server.browser(), &Login::spa().by_person(ada)).await;
}
