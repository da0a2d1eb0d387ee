//! `/clients`

use model::log_event::LogEventKind;
use protocol::oauth::exchange::VAULT_GRANT_TYPE;
use serde_json::{Value, json};
use testkit::{Application, Engine, Login, RESOURCE_SERVER, TestServer};

use super::{Admin, each, refusal, refused};

#[tokio::test]
async fn a_client_is_made_read_changed_and_removed() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let admin = Admin::of(&server).await;
        let made = admin.post("clients", &json!({"name": "One"})).await.expect(201).json();
        let id = made["client_id"].as_str().unwrap();
        assert_eq!(id.len(), 32);
        assert_eq!(made["tenant"], "dev");
        assert_eq!(made["global"], false);
        assert_eq!(made["is_first_party"], true);
        assert_eq!(made["oidc_conformant"], true);
        assert_eq!(made["callbacks"], json!([]));
        assert_eq!(made["signing_keys"], json!([]));
        assert_eq!(made["token_endpoint_auth_method"], "client_secret_post");
        assert_eq!(
            made["grant_types"],
            json!(["authorization_code", "implicit", "refresh_token", "client_credentials"])
        );
        assert_eq!(made["jwt_configuration"]["lifetime_in_seconds"], 36_000);
        assert_eq!(made["refresh_token"]["rotation_type"], "non-rotating");
        assert_eq!(made["refresh_token"]["infinite_token_lifetime"], true);

        let path = format!("clients/{id}");
        assert_eq!(admin.get(&path).await.expect(200).json(), made);
        let named = admin.get(&format!("{path}?fields=name&include_fields=true")).await;
        assert_eq!(named.expect(200).json(), json!({"name": "One", "signing_keys": []}));
        let change = json!({"name": "Two", "callbacks": ["https://two.example/callback"]});
        let changed = admin.patch(&path, &change).await.expect(200).json();
        assert_eq!(changed["name"], "Two");
        assert_eq!(changed["client_secret"], made["client_secret"]);
        assert_eq!(admin.get(&path).await.expect(200).json(), changed);

        admin.delete(&path).await.expect(204);
        assert_eq!(refusal(&admin.get(&path).await), refused(404, "inexistent_client"));
        admin.delete(&path).await.expect(204);
        assert_eq!(server.count_events(LogEventKind::ManagementWrite).await, 3);
    }
}

#[tokio::test]
async fn absent_null_and_value_are_three_things() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let made = admin
        .post(
            "clients",
            &json!({
                "name": "Three",
                "description": "A client",
                "app_type": "regular_web",
                "client_metadata": {"a": "1", "b": "2"},
                "refresh_token": {
                    "rotation_type": "rotating", "expiration_type": "expiring", "leeway": 5,
                },
            }),
        )
        .await
        .expect(201)
        .json();
    assert_eq!(made["refresh_token"]["infinite_token_lifetime"], false);
    let path = format!("clients/{}", made["client_id"].as_str().unwrap());
    let patch = async |change: Value| admin.patch(&path, &change).await.expect(200).json();

    let changed = patch(json!({"client_metadata": {"b": null, "c": "3"}})).await;
    assert_eq!(changed["client_metadata"], json!({"a": "1", "c": "3"}));
    assert_eq!(changed["description"], "A client");
    let changed = patch(json!({"client_metadata": {}, "refresh_token": null})).await;
    assert_eq!(changed.get("client_metadata"), None);
    assert_eq!(changed["refresh_token"]["rotation_type"], "non-rotating");
    let changed = patch(json!({"app_type": null})).await;
    assert_eq!(changed.get("app_type"), None);
    assert_eq!(changed["name"], "Three");
    assert_eq!(refusal(&admin.patch(&path, &json!({})).await), refused(400, "invalid_body"));
    let nameless = admin.patch(&path, &json!({"name": null})).await;
    assert_eq!(refusal(&nameless), refused(400, "invalid_body"));
}

#[tokio::test]
async fn pages_and_filters() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    for number in 0..6 {
        let kind = if number % 2 == 0 { "native" } else { "spa" };
        let body = json!({
            "name": format!("Client {number}"), "app_type": kind, "is_first_party": number < 3,
        });
        admin.post("clients", &body).await.expect(201);
    }
    let list = async |query: &str| admin.get(&format!("clients?{query}")).await.expect(200).json();

    let all = list("").await;
    assert_eq!(all.as_array().unwrap().len(), 10);
    let page = list("page=1&per_page=4&include_totals=true").await;
    assert_eq!(
        (&page["start"], &page["limit"], &page["length"], &page["total"]),
        (&json!(4), &json!(4), &json!(4), &json!(10))
    );
    let first = list("take=7").await;
    let next = first["next"].as_str().unwrap();
    let second = list(&format!("take=7&from={next}")).await;
    assert_eq!(second.get("next"), None);
    let mut seen = each(&first["clients"], "client_id");
    seen.extend(each(&second["clients"], "client_id"));
    assert_eq!(seen, each(&all, "client_id"));
    // As a published tool asks.
    assert!(list("include_totals=true&take=50&is_global=false").await.get("total").is_none());

    assert_eq!(each(&list("app_type=native").await, "app_type"), ["native"; 3]);
    assert_eq!(list("app_type=native,spa&is_first_party=false").await.as_array().unwrap().len(), 3);
    assert_eq!(list("is_global=true").await, json!([]));
    let shown = list("fields=client_id,name&per_page=1").await;
    assert_eq!(shown[0].as_object().unwrap().len(), 2);
    let hidden = list("fields=client_secret&include_fields=false&per_page=1").await;
    assert!(hidden[0]["name"].is_string() && hidden[0].get("client_secret").is_none());
}

#[tokio::test]
async fn a_custom_api_client_is_linked_to_its_api() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let api = json!({"identifier": "https://mail.example/", "scopes": [{"value": "read:mail"}]});
    admin.post("resource-servers", &api).await.expect(201);
    let body = json!({
        "name": "Mail", "app_type": "resource_server",
        "resource_server_identifier": "https://mail.example/",
    });
    let made = admin.post("clients", &body).await.expect(201).json();
    assert_eq!(made["grant_types"], json!([]));
    assert_eq!(made["resource_server_identifier"], "https://mail.example/");
    let id = super::segment("https://mail.example/");
    let api = admin.get(&format!("resource-servers/{id}")).await.expect(200).json();
    assert_eq!(api["client_id"], made["client_id"]);

    let path = format!("clients/{}", made["client_id"].as_str().unwrap());
    let grant = json!({"grant_types": [VAULT_GRANT_TYPE]});
    admin.patch(&path, &grant).await.expect(200);
    for refused_body in [
        json!({"name": "X", "app_type": "resource_server"}),
        json!({"name": "X", "app_type": "spa", "resource_server_identifier": RESOURCE_SERVER}),
        json!({"name": "X", "app_type": "resource_server", "resource_server_identifier": "urn:x"}),
        json!({
            "name": "X", "app_type": "resource_server",
            "resource_server_identifier": server.my_account_audience(),
        }),
    ] {
        let answer = admin.post("clients", &refused_body).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{refused_body}");
    }
}

#[tokio::test]
async fn the_vault_grant_is_for_those_whom_the_exchange_serves() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let make = async |more: Value| {
        let mut body = json!({"name": "Vault", "grant_types": [VAULT_GRANT_TYPE]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admin.post("clients", &body).await
    };
    let made = make(json!({})).await.expect(201).json();
    for more in [
        json!({"app_type": "spa"}),
        json!({"is_first_party": false}),
        json!({"oidc_conformant": false}),
        json!({"token_endpoint_auth_method": "none"}),
    ] {
        assert_eq!(refusal(&make(more.clone()).await), refused(400, "invalid_body"), "{more}");
    }
    // Nor can it be made so later.
    let path = format!("clients/{}", made["client_id"].as_str().unwrap());
    let change = json!({"token_endpoint_auth_method": "none"});
    assert_eq!(refusal(&admin.patch(&path, &change).await), refused(400, "invalid_body"));
    assert_eq!(admin.get(&path).await.expect(200).json(), made);
}

#[tokio::test]
async fn what_would_protect_somebody_and_is_not_served_is_refused() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    for setting in [
        json!({"client_authentication_methods": {"private_key_jwt": {"credentials": []}, "x": 1}}),
        json!({"par_request_expiry": 601}),
        json!({"signed_request_object": {"required": true}}),
        json!({"compliance_level": "fapi2_sp_pkj_mtls"}),
        json!({"organization_usage": "require"}),
        json!({"token_quota": {"client_credentials": {"per_day": 1}}}),
        json!({"jwt_configuration": {"alg": "HS256"}}),
        json!({"grant_types": ["urn:example:grant"]}),
        json!({"callbacks": ["javascript:alert(1)"]}),
        json!({"web_origins": ["https://*.example"]}),
        json!({"refresh_token": {"rotation_type": "rotating", "expiration_type": "non-expiring"}}),
    ] {
        let mut body = json!({"name": "X"});
        body.as_object_mut().unwrap().extend(setting.as_object().unwrap().clone());
        let answer = admin.post("clients", &body).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{setting}");
    }
    // What is off anyway may be said.
    let off = json!({
        "name": "X", "client_authentication_methods": null, "compliance_level": "none",
        "require_pushed_authorization_requests": false, "organization_usage": "deny",
        "addons": {}, "jwt_configuration": {"alg": "RS256"},
    });
    admin.post("clients", &off).await.expect(201);
}

#[tokio::test]
async fn the_connections_of_a_client_are_listed() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let path = format!("clients/{}/connections", server.client_id(Application::Spa));
    let listed = admin.get(&path).await.expect(200).json();
    let mut names = each(&listed["connections"], "name");
    names.sort_unstable();
    assert_eq!(names, [testkit::DATABASE_CONNECTION, testkit::CALENDAR_CONNECTION]);
    let oidc = admin.get(&format!("{path}?strategy=oidc&take=1")).await.expect(200).json();
    assert_eq!(each(&oidc["connections"], "name"), [testkit::CALENDAR_CONNECTION]);
    let missing = admin.get("clients/x/connections").await;
    assert_eq!(refusal(&missing), refused(404, "inexistent_client"));
    let half = Admin::with(&server, "read:connections").await.get(&path).await;
    assert_eq!(refusal(&half), refused(403, "insufficient_scope"));
}

#[tokio::test]
async fn a_deleted_client_takes_its_grants_along_and_nobodys_accounts() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let tokens = server.log_in(&browser, &Login::web()).await;
    let mine = server.my_account_tokens(&tokens).await;
    server.connect_account(&browser, &mine, &testkit::Connect::calendar()).await;
    let admin = Admin::of(&server).await;
    admin.delete(&format!("clients/{}", server.client_id(Application::Web))).await.expect(204);

    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", &server.client_id(Application::Web)),
        ("refresh_token", mine.refresh_token.as_deref().unwrap()),
    ];
    server.post("/oauth/token").form(&fields).send().await.expect(401);
    let user = super::segment(server.seeded().people[0].user_id.as_str());
    let accounts = admin.get(&format!("users/{user}/connected-accounts")).await.expect(200).json();
    assert_eq!(accounts["connected_accounts"].as_array().unwrap().len(), 1);
}
