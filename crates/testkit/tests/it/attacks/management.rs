//! security.md 5.6: the Management API.

use std::sync::Arc;
use std::time::Duration;

use engine::access_token::{self, NewAccessToken, Subject};
use engine::context::Context;
use engine::management_scopes::MANAGEMENT_SCOPES;
use model::log_event::LogEventKind;
use protocol::jose::jwk::Thumbprint;
use protocol::oauth::scope::ScopeSet;
use reqwest::Method;
use serde_json::{Value, json};
use store::resource_servers;
use testkit::{
    Application, CALENDAR_CONNECTION, Connect, DATABASE_CONNECTION, Engine, Login, RESOURCE_SERVER,
    Tenant, TestServer,
};

use crate::management::{Admin, refusal, refused, segment};

/// Ids of one record of each kind, as path segments.
struct Targets {
    client: String,
    client_grant: String,
    resource_server: String,
    connection: String,
    user: String,
    tokenset: String,
    log: String,
}

impl Targets {
    /// Those of a tenant; of the tokensets, one if Ada connected an account.
    async fn of(tenant: &Tenant) -> Self {
        let admin = Admin::of(tenant).await;
        let list = async |path: &str| admin.get(path).await.expect(200).json();
        let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        let web = tenant.client_id(Application::Web);
        let user = segment(tenant.seeded().people[0].user_id.as_str());
        let tokensets = list(&format!("users/{user}/federated-connections-tokensets")).await;
        Self {
            client_grant: text(&list(&format!("client-grants?client_id={web}")).await[0]["id"]),
            client: web,
            resource_server: segment(RESOURCE_SERVER),
            connection: text(
                &list(&format!("connections?name={CALENDAR_CONNECTION}")).await[0]["id"],
            ),
            tokenset: text(&tokensets[0]["id"]),
            user,
            log: text(&list("logs?per_page=1").await[0]["log_id"]),
        }
    }
}

/// Scopes of which one is demanded.
type AnyOf = &'static [&'static str];
/// An operation of the API, with a body that would do something.
type Operation = (Method, String, Option<Value>, AnyOf);

/// Every operation. Those that remove come last.
fn operations(targets: &Targets) -> Vec<Operation> {
    let Targets { client, client_grant, resource_server, connection, user, tokenset, log } =
        targets;
    let read_clients: AnyOf =
        &["read:clients", "read:client_keys", "read:client_credentials", "read:client_summary"];
    let update_users: AnyOf = &["update:users", "update:users_app_metadata"];
    let read_logs: AnyOf = &["read:logs", "read:logs_users"];
    let read_tokensets: AnyOf =
        &["read:federated_connections_tokens", "read:federated_connections_tokensets"];
    let delete_tokensets: AnyOf =
        &["delete:federated_connections_tokens", "update:federated_connections_tokensets"];
    let get = |path: String, scopes: AnyOf| (Method::GET, path, None, scopes);
    let delete = |path: String, scopes: AnyOf| (Method::DELETE, path, None, scopes);
    let post = |path: String, body, scopes: AnyOf| (Method::POST, path, Some(body), scopes);
    let patch = |path: String, body, scopes: AnyOf| (Method::PATCH, path, Some(body), scopes);
    vec![
        get("clients".to_owned(), read_clients),
        post("clients".to_owned(), json!({"name": "Forged"}), &["create:clients"]),
        get(format!("clients/{client}"), read_clients),
        patch(
            format!("clients/{client}"),
            json!({"name": "Forged"}),
            &["update:clients", "update:client_keys"],
        ),
        post(format!("clients/{client}/rotate-secret"), json!({}), &["update:client_keys"]),
        get(format!("clients/{client}/connections"), &["read:connections"]),
        get("client-grants".to_owned(), &["read:client_grants"]),
        post(
            "client-grants".to_owned(),
            json!({"client_id": client, "audience": RESOURCE_SERVER, "scope": []}),
            &["create:client_grants"],
        ),
        get(format!("client-grants/{client_grant}"), &["read:client_grants"]),
        patch(
            format!("client-grants/{client_grant}"),
            json!({"scope": []}),
            &["update:client_grants"],
        ),
        get("resource-servers".to_owned(), &["read:resource_servers"]),
        post(
            "resource-servers".to_owned(),
            json!({"identifier": "urn:forged"}),
            &["create:resource_servers"],
        ),
        get(format!("resource-servers/{resource_server}"), &["read:resource_servers"]),
        patch(
            format!("resource-servers/{resource_server}"),
            json!({"name": "Forged"}),
            &["update:resource_servers"],
        ),
        get("connections".to_owned(), &["read:connections"]),
        post(
            "connections".to_owned(),
            json!({"name": "forged", "strategy": "auth0"}),
            &["create:connections"],
        ),
        get(format!("connections/{connection}"), &["read:connections"]),
        patch(
            format!("connections/{connection}"),
            json!({"display_name": "Forged"}),
            &["update:connections"],
        ),
        get(format!("connections/{connection}/clients"), &["read:connections"]),
        patch(
            format!("connections/{connection}/clients"),
            json!([{"client_id": client, "status": false}]),
            &["update:connections"],
        ),
        get("users".to_owned(), &["read:users"]),
        post(
            "users".to_owned(),
            json!({
                "connection": DATABASE_CONNECTION, "email": "forged@strongroom.test",
                "password": "forged forged forged",
            }),
            &["create:users"],
        ),
        get("users-by-email?email=ada%40strongroom.test".to_owned(), &["read:users"]),
        get(format!("users/{user}"), &["read:users"]),
        patch(format!("users/{user}"), json!({"app_metadata": {"forged": true}}), update_users),
        get(format!("users/{user}/connected-accounts"), &["read:users"]),
        get(format!("users/{user}/federated-connections-tokensets"), read_tokensets),
        get(format!("users/{user}/logs"), read_logs),
        get("logs".to_owned(), read_logs),
        get(format!("logs/{log}"), read_logs),
        delete(
            format!("users/{user}/federated-connections-tokensets/{tokenset}"),
            delete_tokensets,
        ),
        delete(format!("client-grants/{client_grant}"), &["delete:client_grants"]),
        delete(format!("connections/{connection}"), &["delete:connections"]),
        delete(format!("users/{user}"), &["delete:users"]),
        delete(format!("resource-servers/{resource_server}"), &["delete:resource_servers"]),
        delete(format!("clients/{client}"), &["delete:clients"]),
    ]
}

/// Ada connects an account, so that there is a tokenset.
async fn connect(tenant: &Tenant) {
    let browser = tenant.browser();
    let tokens = tenant.log_in(&browser, &Login::spa()).await;
    let mine = tenant.my_account_tokens(&tokens).await;
    tenant.connect_account(&browser, &mine, &Connect::calendar()).await;
}

/// What an administrator sees of a tenant.
async fn everything(tenant: &Tenant) -> Vec<Value> {
    let admin = Admin::of(tenant).await;
    let user = segment(tenant.seeded().people[0].user_id.as_str());
    let tokensets = format!("users/{user}/federated-connections-tokensets");
    let mut seen = Vec::new();
    for path in ["clients", "client-grants", "resource-servers", "connections", "users", &tokensets]
    {
        seen.push(admin.get(path).await.expect(200).json());
    }
    seen
}

fn all_scopes_but(own: &[&str]) -> String {
    let others = MANAGEMENT_SCOPES.iter().filter(|scope| !own.contains(scope));
    others.copied().collect::<Vec<_>>().join(" ")
}

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
    let context = Context {
        tenant: Arc::new(tenant.clone()),
        base: server.base().clone(),
        ip: None,
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
        jkt: jkt.as_ref(),
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

/// A121: each operation with every scope but its own.
#[tokio::test]
async fn a121_every_scope_but_its_own_opens_nothing() {
    let server = TestServer::start().await;
    connect(&server).await;
    let targets = Targets::of(&server).await;
    let before = everything(&server).await;
    let writes = server.count_events(LogEventKind::ManagementWrite).await;
    for (method, path, body, scopes) in operations(&targets) {
        let admin = Admin::with(&server, &all_scopes_but(scopes)).await;
        let answer = admin.send(method.clone(), &path, body.as_ref()).await;
        assert_eq!(refusal(&answer), refused(403, "insufficient_scope"), "{method} {path}");
        let expected = format!("Insufficient scope, expected any of: {}", scopes.join(", "));
        assert_eq!(answer.member("message"), expected, "{method} {path}");
    }
    assert_eq!(everything(&server).await, before);
    assert_eq!(server.count_events(LogEventKind::ManagementWrite).await, writes);
}

/// A121, the other half: the scopes that are said to suffice do.
#[tokio::test]
async fn a121_its_own_scope_suffices() {
    let server = TestServer::start().await;
    connect(&server).await;
    let targets = Targets::of(&server).await;
    for (method, path, body, scopes) in operations(&targets) {
        // Two ask for a second scope.
        let scope = match path.as_str() {
            path if path.ends_with("/connections") => "read:connections read:client_summary",
            _ => scopes[0],
        };
        let admin = Admin::with(&server, scope).await;
        let answer = admin.send(method.clone(), &path, body.as_ref()).await;
        assert!((200..300).contains(&answer.status), "{method} {path} {answer:?}");
    }
}

/// A121: an empty body and an empty change list change nothing, and say so.
#[tokio::test]
async fn a121_empty_changes_are_refused() {
    let server = TestServer::start().await;
    let targets = Targets::of(&server).await;
    let admin = Admin::of(&server).await;
    let before = everything(&server).await;
    for (method, path, _, _) in operations(&targets) {
        if method != Method::PATCH {
            continue;
        }
        for empty in [json!({}), json!([])] {
            let answer = admin.send(method.clone(), &path, Some(&empty)).await;
            assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{path} {empty}");
        }
    }
    assert_eq!(everything(&server).await, before);
}

/// A121: a part of a request may need more than the request.
#[tokio::test]
async fn a121_parts_of_a_client_and_of_a_user_have_scopes_of_their_own() {
    let server = TestServer::start().await;
    let client = format!("clients/{}", server.client_id(Application::Web));
    let secret = json!({"client_secret": "a secret that somebody chose"});
    let name = json!({"name": "Forged"});
    let both = json!({"name": "Forged", "client_secret": "a secret that somebody chose"});
    let keys = Admin::with(&server, "update:client_keys").await;
    let settings = Admin::with(&server, "update:clients").await;
    for (admin, body) in [(&keys, &name), (&keys, &both), (&settings, &secret), (&settings, &both)]
    {
        let answer = admin.patch(&client, body).await;
        assert_eq!(refusal(&answer), refused(403, "insufficient_scope"), "{body}");
    }
    let user = format!("users/{}", segment(server.seeded().people[0].user_id.as_str()));
    let metadata = Admin::with(&server, "update:users_app_metadata").await;
    for body in [
        json!({"blocked": true}),
        json!({"app_metadata": {}, "password": "forged forged forged"}),
        json!({"user_metadata": {}}),
    ] {
        let answer = metadata.patch(&user, &body).await;
        assert_eq!(refusal(&answer), refused(403, "insufficient_scope"), "{body}");
    }
}

/// A122: nobody grants what they do not hold.
#[tokio::test]
async fn a122_nobody_grants_more_than_they_hold() {
    let server = TestServer::start().await;
    let audience = server.management_audience();
    let machine = Admin::of(&server).await.post("clients", &json!({"name": "Machine"})).await;
    let machine = machine.expect(201).member("client_id");
    let scope = "create:client_grants update:client_grants read:users";
    let admin = Admin::with(&server, scope).await;
    let grant = |more: Value| {
        let mut body = json!({"client_id": machine, "audience": audience});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for more in [
        json!({"scope": ["delete:users"]}),
        json!({"scope": ["read:users", "delete:users"]}),
        json!({"allow_all_scopes": true}),
        json!({"scope": ["delete:users"], "subject_type": "user"}),
    ] {
        let answer = admin.post("client-grants", &grant(more.clone())).await;
        assert_eq!(refusal(&answer), refused(403, "insufficient_scope"), "{more}");
    }
    // By either of its hosts' names.
    let second = server.by_second_host();
    let other_name = json!({
        "client_id": machine, "audience": second.management_audience(), "scope": ["delete:users"],
    });
    let answer = admin.post("client-grants", &other_name).await;
    assert_eq!(refusal(&answer), refused(403, "insufficient_scope"));

    let made = admin.post("client-grants", &grant(json!({"scope": ["read:users"]}))).await;
    let path = format!("client-grants/{}", made.expect(201).member("id"));
    for change in [
        json!({"scope": ["read:users", "delete:users"]}),
        json!({"allow_all_scopes": true, "scope": []}),
    ] {
        let answer = admin.patch(&path, &change).await;
        assert_eq!(refusal(&answer), refused(403, "insufficient_scope"), "{change}");
    }
    // What stands may stay, and may be taken away.
    Admin::of(&server)
        .await
        .patch(&path, &json!({"scope": ["read:users", "delete:users"]}))
        .await
        .expect(200);
    admin.patch(&path, &json!({"scope": ["delete:users"]})).await.expect(200);
    let event = server.latest_event(LogEventKind::ManagementFailed).await.detail;
    assert!(event.description.unwrap().contains("delete:users"));
}

/// A122: whoever has a client's secret is the client.
#[tokio::test]
async fn a122_the_secret_of_somebody_mightier_is_out_of_reach() {
    let server = TestServer::start().await;
    let management = format!("clients/{}", server.seeded().management.client_id);
    let web = format!("clients/{}", server.client_id(Application::Web));
    let scope = "read:clients read:client_keys update:clients update:client_keys";
    let admin = Admin::with(&server, scope).await;

    let shown = admin.get(&management).await.expect(200).json();
    assert_eq!(shown.get("client_secret"), None);
    assert!(admin.get(&web).await.expect(200).json()["client_secret"].is_string());
    let listed = admin.get("clients").await.expect(200).json();
    for client in listed.as_array().unwrap() {
        let is_management = client["client_id"] == server.seeded().management.client_id.as_str();
        assert!(!(is_management && client.get("client_secret").is_some()));
    }
    let rotated = admin.post(&format!("{management}/rotate-secret"), &json!({})).await;
    assert_eq!(refusal(&rotated), refused(403, "insufficient_scope"));
    let chosen = json!({"client_secret": "a secret that somebody chose"});
    assert_eq!(
        refusal(&admin.patch(&management, &chosen).await),
        refused(403, "insufficient_scope")
    );
    // The secret is the one that it was.
    server.management_token().await;
    admin.post(&format!("{web}/rotate-secret"), &json!({})).await.expect(200);
}

/// A123: another tenant's ids are as unknown as ids that nobody has.
#[tokio::test]
async fn a123_ids_of_another_tenant_are_nobodys() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let other = server.other_tenant().await;
        connect(&other).await;
        let theirs = Targets::of(&other).await;
        let nobodys = Targets {
            client: "x".repeat(32),
            client_grant: "cgr_xxxxxxxxxxxxxxxx".to_owned(),
            resource_server: "0".repeat(24),
            connection: "con_xxxxxxxxxxxxxxxx".to_owned(),
            user: "auth0%7Cxxxxxxxxxxxxxxxxxxxxxxxx".to_owned(),
            tokenset: "00000000-0000-4000-8000-000000000000".to_owned(),
            log: "0".repeat(33),
        };
        // An identifier may be used by both; an id may not.
        let api = Admin::of(&other).await.get("resource-servers").await.expect(200).json();
        let api = api.as_array().unwrap().iter().find(|api| api["identifier"] == RESOURCE_SERVER);
        let api = api.unwrap()["id"].as_str().unwrap().to_owned();
        let theirs = Targets { resource_server: api, ..theirs };

        let before = everything(&other).await;
        let admin = Admin::of(&server).await;
        let with_id = |(_, path, _, _): &Operation| path.contains('/');
        let tried = operations(&theirs).into_iter().filter(with_id);
        for (theirs, nobodys) in tried.zip(operations(&nobodys).into_iter().filter(with_id)) {
            let (method, path, body, _) = theirs;
            let answer = admin.send(method.clone(), &path, body.as_ref()).await;
            let (method, random, body, _) = nobodys;
            let expected = admin.send(method.clone(), &random, body.as_ref()).await;
            assert_eq!(answer.status, expected.status, "{method} {path}");
            assert_eq!(answer.body, expected.body, "{method} {path}");
        }
        let client = json!({"client_id": theirs.client, "audience": RESOURCE_SERVER});
        let answer = admin.post("client-grants", &client).await;
        assert_eq!(refusal(&answer), refused(404, "inexistent_client"));
        assert_eq!(everything(&other).await, before);
    }
}

/// A123: nor does a token of one tenant open another.
#[tokio::test]
async fn a123_a_token_of_another_tenant_is_nobodys() {
    let server = TestServer::start().await;
    let other = server.other_tenant().await;
    let theirs = Admin::presenting(&server, &other.management_token().await);
    assert_eq!(refusal(&theirs.get("clients").await), refused(401, "invalid_token"));
}

/// A125: who may see a record does not see its secret.
#[tokio::test]
async fn a125_secrets_are_for_those_who_may_read_them() {
    let server = TestServer::start().await;
    connect(&server).await;
    let secrets = [
        server.seeded().web.client_secret.expose().to_owned(),
        server.seeded().management.client_secret.expose().to_owned(),
        server.provider().client_secret().expose().to_owned(),
    ];
    let without = all_scopes_but(&["read:client_keys", "read:connections_options"]);
    let admin = Admin::with(&server, &without).await;
    let targets = Targets::of(&server).await;
    let reads = server.count_events(LogEventKind::ManagementSecretRead).await;
    for (method, path, _, _) in operations(&targets) {
        if method != Method::GET {
            continue;
        }
        let answer = admin.get(&path).await.expect(200);
        for secret in &secrets {
            assert!(!answer.text().contains(secret), "{path}");
        }
        assert!(!answer.text().contains("\"client_secret\":"), "{path}");
        assert!(!answer.text().contains("access_token\":\""), "{path}");
    }
    // A change shows no more than a read.
    let changed = admin.patch(&format!("clients/{}", targets.client), &json!({"name": "W"})).await;
    assert_eq!(changed.expect(200).json().get("client_secret"), None);
    assert_eq!(server.count_events(LogEventKind::ManagementSecretRead).await, reads);

    let admin = Admin::of(&server).await;
    let shown = admin.get(&format!("clients/{}", targets.client)).await.expect(200);
    assert_eq!(shown.member("client_secret"), secrets[0]);
    let shown = admin.get(&format!("connections/{}", targets.connection)).await.expect(200);
    assert_eq!(shown.json()["options"]["client_secret"], secrets[2]);
    assert_eq!(server.count_events(LogEventKind::ManagementSecretRead).await, reads + 2);
    // The log tells that, and not what.
    let logs = admin.get("logs?per_page=100").await.expect(200);
    for secret in &secrets {
        assert!(!logs.text().contains(secret));
    }
    // Whoever does not ask for the secret does not read it.
    admin.get("clients?fields=client_id").await.expect(200);
    assert_eq!(server.count_events(LogEventKind::ManagementSecretRead).await, reads + 2);
}

/// A125: the least scope shows the least.
#[tokio::test]
async fn a125_a_summary_is_a_summary() {
    let server = TestServer::start().await;
    let admin = Admin::with(&server, "read:client_summary").await;
    let listed = admin.get("clients").await.expect(200).json();
    for client in listed.as_array().unwrap() {
        for member in client.as_object().unwrap().keys() {
            assert!(["client_id", "name", "app_type", "description"].contains(&member.as_str()));
        }
    }
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

/// A138: what looks like SQL is text.
#[tokio::test]
async fn a138_no_text_is_a_statement() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let admin = Admin::of(&server).await;
        let before = everything(&server).await;
        for text in [
            "' OR '1'='1",
            "'; DROP TABLE users; --",
            "\" OR \"\"=\"",
            "1 UNION SELECT secret_mac FROM clients",
            "%' ESCAPE '!",
            "\\'; --",
            "$1",
            "?",
        ] {
            let text = segment(text);
            for path in ["clients", "client-grants", "resource-servers", "connections", "users"] {
                assert_eq!(admin.get(&format!("{path}/{text}")).await.status, 404, "{path} {text}");
            }
            for path in [
                "clients?app_type=",
                "client-grants?audience=",
                "client-grants?client_id=",
                "resource-servers?identifiers=",
                "connections?name=",
                "connections?strategy=",
                "users?connection=",
                "users-by-email?email=",
            ] {
                let answer = admin.get(&format!("{path}{text}")).await.expect(200);
                assert_eq!(answer.json(), json!([]), "{path}{text}");
            }
            for path in ["clients?from=", "users?sort=", "logs?sort="] {
                assert_eq!(admin.get(&format!("{path}{text}")).await.status, 400, "{path}{text}");
            }
            admin.get(&format!("logs?take=1&from={text}")).await.expect(200);
        }
        assert_eq!(everything(&server).await, before);
    }
}
