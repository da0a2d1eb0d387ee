//! `/resource-servers`

use serde_json::{Value, json};
use testkit::{Application, Engine, Login, RESOURCE_SERVER, TestServer};

use super::{Admin, each, refusal, refused, segment};

#[tokio::test]
async fn an_api_is_made_read_changed_and_removed() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let admin = Admin::of(&server).await;
        let identifier = "https://mail.example/v1";
        let made = admin.post("resource-servers", &json!({"identifier": identifier})).await;
        let made = made.expect(201).json();
        assert_eq!(made["id"].as_str().unwrap().len(), 24);
        assert_eq!(made["identifier"], identifier);
        assert_eq!(made["name"], identifier);
        assert_eq!(made["is_system"], false);
        assert_eq!(made["signing_alg"], "RS256");
        assert_eq!(made["allow_offline_access"], false);
        assert_eq!(made["token_lifetime"], 86_400);
        assert_eq!(made["token_lifetime_for_web"], 7_200);
        assert_eq!(made["skip_consent_for_verifiable_first_party_clients"], false);
        assert_eq!(made["subject_type_authorization"]["user"]["policy"], "allow_all");
        assert_eq!(made["subject_type_authorization"]["client"]["policy"], "require_client_grant");
        let again = admin.post("resource-servers", &json!({"identifier": identifier})).await;
        assert_eq!(refusal(&again), refused(409, "conflict"));

        let by_id = format!("resource-servers/{}", made["id"].as_str().unwrap());
        let by_identifier = format!("resource-servers/{}", segment(identifier));
        assert_eq!(admin.get(&by_id).await.expect(200).json(), made);
        assert_eq!(admin.get(&by_identifier).await.expect(200).json(), made);

        let change = json!({
            "name": "Mail",
            "scopes": [{"value": "read:mail", "description": "Read mail"}],
            "proof_of_possession": {"mechanism": "dpop", "required": true},
        });
        let changed = admin.patch(&by_identifier, &change).await.expect(200).json();
        assert_eq!(changed["scopes"][0]["description"], "Read mail");
        assert_eq!(changed["proof_of_possession"]["required_for"], "all_clients");
        let cleared = json!({"proof_of_possession": null, "scopes": []});
        let cleared = admin.patch(&by_id, &cleared).await.expect(200).json();
        assert_eq!(cleared.get("proof_of_possession"), None);
        assert_eq!(cleared["name"], "Mail");

        admin.delete(&by_identifier).await.expect(204);
        assert_eq!(refusal(&admin.get(&by_id).await), refused(404, "inexistent_resource_server"));
        admin.delete(&by_id).await.expect(204);
    }
}

#[tokio::test]
async fn lists_are_filtered_by_identifier() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let all = admin.get("resource-servers?include_totals=true").await.expect(200).json();
    assert_eq!(all["total"], 3);
    let me = server.my_account_audience();
    let query = format!(
        "identifiers={}&identifiers={}&fields=identifier,client_id",
        segment(&me),
        segment(RESOURCE_SERVER)
    );
    let found = admin.get(&format!("resource-servers?{query}")).await.expect(200).json();
    let mut identifiers = each(&found, "identifier");
    identifiers.sort_unstable();
    assert_eq!(identifiers, [me.as_str(), RESOURCE_SERVER]);
    let api = server.seeded().api.client_id.as_str();
    assert!(each(&found, "client_id").contains(&api));
}

#[tokio::test]
async fn system_apis_are_tuned_and_not_remade() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let management = format!("resource-servers/{}", segment(&server.management_audience()));
    let account = format!("resource-servers/{}", segment(&server.my_account_audience()));
    let before = admin.get(&management).await.expect(200).json();
    assert_eq!(before["is_system"], true);
    let open = json!({"subject_type_authorization": {"user": {"policy": "allow_all"}}});
    let refused_changes = [
        (&management, open.clone()),
        (&management, json!({"scopes": []})),
        (&management, json!({"name": "Mine"})),
        (&account, json!({"scopes": []})),
        (
            &account,
            json!({"subject_type_authorization": {
                "client": {"policy": "require_client_grant"},
            }}),
        ),
    ];
    for (path, change) in refused_changes {
        let answer = admin.patch(path, &change).await;
        assert_eq!(refusal(&answer), refused(400, "operation_not_supported"), "{change}");
    }
    for path in [&management, &account] {
        let answer = admin.delete(path).await;
        assert_eq!(refusal(&answer), refused(400, "operation_not_supported"));
    }
    assert_eq!(admin.get(&management).await.expect(200).json(), before);

    let shorter = admin.patch(&management, &json!({"token_lifetime": 60})).await.expect(200);
    assert_eq!(shorter.json()["token_lifetime"], 60);
    let people = json!({"subject_type_authorization": {
        "user": {"policy": "allow_all"}, "client": {"policy": "deny_all"},
    }});
    admin.patch(&account, &people).await.expect(200);
}

#[tokio::test]
async fn audiences_below_the_base_url_are_not_to_be_had() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let post = async |identifier: String| {
        refusal(&admin.post("resource-servers", &json!({ "identifier": identifier })).await)
    };
    assert_eq!(post(server.base().join("userinfo")).await, refused(400, "invalid_body"));
    assert_eq!(post(server.base().join("my-api")).await, refused(400, "invalid_body"));
    assert_eq!(post(server.my_account_audience()).await, refused(409, "conflict"));
    let second = server.by_second_host();
    assert_eq!(post(second.my_account_audience()).await, refused(409, "conflict"));
    assert_eq!(post(second.base().join("userinfo")).await, refused(400, "invalid_body"));
}

#[tokio::test]
async fn what_is_set_shows_in_the_next_token() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let path = format!("resource-servers/{}", segment(RESOURCE_SERVER));
    let change = json!({"token_lifetime": 600, "allow_offline_access": false});
    admin.patch(&path, &change).await.expect(200);
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    assert_eq!(tokens.expires_in, 600);
    assert_eq!(tokens.refresh_token, None);
    // An API that is gone gives no tokens any more.
    admin.delete(&path).await.expect(204);
    let web = &server.client_id(Application::Web);
    let grants: Value =
        admin.get(&format!("client-grants?client_id={web}")).await.expect(200).json();
    assert!(!each(&grants, "audience").contains(&RESOURCE_SERVER));
}
