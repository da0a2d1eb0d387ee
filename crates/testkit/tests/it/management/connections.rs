//! `/connections`

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{
    Application, CALENDAR_CONNECTION, Connect, DATABASE_CONNECTION, Engine, Exchange, Login,
    TestServer,
};

use super::{Admin, each, refusal, refused};
use crate::support::count;

/// The seeded connection to the provider, whole.
async fn calendar(admin: &Admin) -> Value {
    let path = format!("connections?name={CALENDAR_CONNECTION}");
    admin.get(&path).await.expect(200).json()[0].clone()
}

/// Options with which the provider can be reached.
async fn options(admin: &Admin) -> Value {
    calendar(admin).await["options"].clone()
}

#[tokio::test]
async fn a_connection_is_made_read_changed_and_removed() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let admin = Admin::of(&server).await;
        let spa = server.client_id(Application::Spa);
        let body = json!({
            "name": "work-calendar",
            "strategy": "oidc",
            "display_name": "Work",
            "options": options(&admin).await,
            "enabled_clients": [spa],
            "connected_accounts": {"active": true},
            "metadata": {"team": "blue"},
        });
        let made = admin.post("connections", &body).await.expect(201).json();
        let id = made["id"].as_str().unwrap();
        assert!(id.starts_with("con_") && id.len() == 20);
        assert_eq!(made["authentication"], json!({"active": true}));
        assert_eq!(made["connected_accounts"], json!({"active": true}));
        assert_eq!(made["realms"], json!(["work-calendar"]));
        assert_eq!(made["is_domain_connection"], false);
        assert_eq!(made["enabled_clients"], json!([spa]));
        let issuer = server.provider().issuer().to_owned();
        assert_eq!(made["options"]["oidc_metadata"]["issuer"], issuer);

        let path = format!("connections/{id}");
        assert_eq!(admin.get(&path).await.expect(200).json(), made);
        let taken = admin.post("connections", &body).await;
        assert_eq!(refusal(&taken), refused(409, "conflict"));
        let change = json!({"connected_accounts": {"active": false}, "metadata": {"team": null}});
        let changed = admin.patch(&path, &change).await.expect(200).json();
        assert_eq!(changed["connected_accounts"]["active"], false);
        assert_eq!(changed.get("metadata"), None);
        assert_eq!(changed["options"], made["options"]);

        let gone = admin.delete(&path).await.expect(202).json();
        assert!(gone["deleted_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(refusal(&admin.get(&path).await), refused(404, "inexistent_connection"));
        admin.delete(&path).await.expect(204);
    }
}

#[tokio::test]
async fn people_connect_through_a_connection_that_was_made_here() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let (spa, api) = (server.client_id(Application::Spa), &server.seeded().api.client_id);
    let body = json!({
        "name": "second", "strategy": "oidc", "options": options(&admin).await,
        "connected_accounts": {"active": true}, "enabled_clients": [spa, api],
    });
    admin.post("connections", &body).await.expect(201);
    let browser = server.browser();
    let tokens = server.log_in(&browser, &Login::spa()).await;
    let mine = server.my_account_tokens(&tokens).await;
    let second = |connection: &str| connection.to_owned();
    let connect = Connect { connection: second("second"), ..Connect::calendar() };
    server.connect_account(&browser, &mine, &connect).await;
    let exchange = Exchange { connection: second("second"), ..Exchange::calendar() };
    server.exchange_access_token(&tokens, &exchange).await.expect(200);
}

#[tokio::test]
async fn options_are_replaced_whole_and_the_secret_with_them() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let before = calendar(&admin).await;
    let path = format!("connections/{}", before["id"].as_str().unwrap());
    assert!(before["options"]["client_secret"].is_string());

    let mut options = before["options"].clone();
    options["scope"] = json!("openid");
    let changed = admin.patch(&path, &json!({ "options": options })).await.expect(200).json();
    assert_eq!(changed["options"]["client_secret"], before["options"]["client_secret"]);
    assert_eq!(changed["options"]["scope"], "openid");
    // What the provider says of itself is read anew where it is not sent along.
    assert!(changed["options"]["oidc_metadata"]["token_endpoint"].is_string());

    let mut without = changed["options"].clone();
    without.as_object_mut().unwrap().remove("client_secret");
    without.as_object_mut().unwrap().remove("scope");
    let changed = admin.patch(&path, &json!({ "options": without })).await.expect(200).json();
    assert_eq!(changed["options"], without);
    let sql = "SELECT COUNT(*) AS n FROM connections WHERE sealed_secret IS NOT NULL";
    assert_eq!(count(&server, sql).await, 0);
}

#[tokio::test]
async fn the_secret_never_stands_in_the_record() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let mut options = options(&admin).await;
    options["client_secret"] = json!("CANARY-provider-secret");
    let body = json!({"name": "cage", "strategy": "oidc", "options": options});
    let made = admin.post("connections", &body).await.expect(201).json();
    assert_eq!(made["options"]["client_secret"], "CANARY-provider-secret");
    let headers = json!({"Authorization": "Basic CANARY"});
    let options = json!({
        "client_id": "c", "authorizationURL": "https://idp.example/authorize",
        "tokenURL": "https://idp.example/token", "customHeaders": headers,
    });
    let body = json!({"name": "box", "strategy": "oauth2", "options": options});
    let made = admin.post("connections", &body).await.expect(201).json();
    assert_eq!(made["options"]["customHeaders"], headers);
    let reader = Admin::with(&server, "read:connections").await;
    assert!(!reader.get("connections").await.expect(200).text().contains("CANARY"));
    let sql = "SELECT COUNT(*) AS n FROM connections WHERE document LIKE '%CANARY%'";
    assert_eq!(count(&server, sql).await, 0);
    let sql = "SELECT COUNT(*) AS n FROM log_events WHERE document LIKE '%CANARY%'";
    assert_eq!(count(&server, sql).await, 0);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let list =
        async |query: &str| admin.get(&format!("connections?{query}")).await.expect(200).json();
    assert_eq!(each(&list("strategy=oidc").await, "name"), [CALENDAR_CONNECTION]);
    assert_eq!(each(&list("strategy=auth0").await, "name"), [DATABASE_CONNECTION]);
    let both = list("strategy=auth0&strategy=oidc&include_totals=true").await;
    assert_eq!(both["total"], 2);
    assert_eq!(list("name=nothing").await, json!([]));
    let first = list("take=1&fields=id,name").await;
    assert_eq!(first["connections"][0].as_object().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap();
    assert_eq!(list(&format!("take=1&from={next}")).await.get("next"), None);
}

#[tokio::test]
async fn the_clients_of_a_connection_are_changed_one_by_one() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let id = calendar(&admin).await["id"].as_str().unwrap().to_owned();
    let path = format!("connections/{id}/clients");
    let (spa, web) = (server.client_id(Application::Spa), server.client_id(Application::Web));
    assert_eq!(admin.get(&path).await.expect(200).json()["clients"].as_array().unwrap().len(), 3);

    let change = json!([{"client_id": spa, "status": false}, {"client_id": web, "status": true}]);
    admin.patch(&path, &change).await.expect(204);
    let listed = admin.get(&path).await.expect(200).json();
    let clients = each(&listed["clients"], "client_id");
    assert!(!clients.contains(&spa.as_str()) && clients.contains(&web.as_str()));

    let unknown = json!([{"client_id": web, "status": false}, {"client_id": "x", "status": true}]);
    assert_eq!(refusal(&admin.patch(&path, &unknown).await), refused(404, "inexistent_client"));
    // Nothing of a refused change remains.
    assert_eq!(admin.get(&path).await.expect(200).json(), listed);
    for malformed in [json!([]), json!({}), json!([{"client_id": web}])] {
        let answer = admin.patch(&path, &malformed).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{malformed}");
    }
    // The older way.
    let all = json!({"enabled_clients": [spa]});
    let changed = admin.patch(&format!("connections/{id}"), &all).await.expect(200).json();
    assert_eq!(changed["enabled_clients"], json!([spa]));
}

#[tokio::test]
async fn options_describe_a_provider_that_may_be_called() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let make = async |strategy: &str, options: Value| {
        let body = json!({"name": "x", "strategy": strategy, "options": options});
        admin.post("connections", &body).await
    };
    let issuer = server.provider().issuer().to_owned();
    for (strategy, options) in [
        ("no-such-strategy", json!({})),
        ("oidc", json!({})),
        ("oidc", json!({"client_id": "c"})),
        ("oauth2", json!({"client_id": "c", "authorizationURL": "https://idp.example/a"})),
        (
            "oauth2",
            json!({
                "client_id": "c", "authorizationURL": "https://idp.example/a",
                "tokenURL": "https://169.254.169.254/token",
            }),
        ),
        (
            "oauth2",
            json!({
                "client_id": "c", "authorizationURL": "https://idp.example/a",
                "tokenURL": "https://idp.example/token", "revoke_on_disconnect": true,
            }),
        ),
        ("oidc", json!({"client_id": 7, "discovery_url": issuer})),
        ("github", json!({"client_id": "c", "client_secret": 7})),
        ("auth0", json!({"enabledDatabaseCustomization": true})),
    ] {
        let answer = make(strategy, options.clone()).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{strategy} {options}");
    }
    // A known provider can be completed later.
    make("github", json!({"profile": true})).await.expect(201);
}

/// A128: the answer does not tell what is at an address that was called.
#[tokio::test]
async fn a128_discovery_fails_in_one_way() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let issuer = server.provider().issuer().to_owned();
    let mut messages = Vec::new();
    for url in [
        "http://localhost:1/.well-known/openid-configuration",
        &format!("{issuer}nothing/.well-known/openid-configuration"),
        &format!("{issuer}_emulator/stats"),
    ] {
        let options = json!({"client_id": "c", "discovery_url": url});
        let body = json!({"name": "x", "strategy": "oidc", "options": options});
        let answer = admin.post("connections", &body).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{url}");
        messages.push(answer.member("message"));
    }
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
    // The operator learns more.
    let event = server.latest_event(LogEventKind::ManagementFailed).await;
    assert!(event.detail.description.unwrap().starts_with("discovery failed: "));
}

#[tokio::test]
async fn a_deleted_connection_takes_its_accounts_and_its_people_along() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let tokens = server.log_in(&browser, &Login::spa()).await;
    let mine = server.my_account_tokens(&tokens).await;
    server.connect_account(&browser, &mine, &Connect::calendar()).await;
    let admin = Admin::of(&server).await;
    let calendar = calendar(&admin).await["id"].as_str().unwrap().to_owned();
    admin.delete(&format!("connections/{calendar}")).await.expect(202);
    assert!(server.connected_accounts(&mine).await.is_empty());
    let refused = server.exchange_access_token(&tokens, &Exchange::calendar()).await;
    assert!(refused.status >= 400, "{refused:?}");
    let users = "SELECT COUNT(*) AS n FROM users";
    assert_eq!(count(&server, users).await, 2);

    let path = format!("connections?name={DATABASE_CONNECTION}");
    let database = admin.get(&path).await.expect(200).json()[0]["id"].as_str().unwrap().to_owned();
    admin.delete(&format!("connections/{database}")).await.expect(202);
    assert_eq!(count(&server, users).await, 0);
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM sessions").await, 0);
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM grant_families").await, 0);
}
