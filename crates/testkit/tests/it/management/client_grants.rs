//! `/client-grants`

use serde_json::json;
use testkit::{Application, Engine, RESOURCE_SERVER, TestServer};

use super::{Admin, each, refusal, refused};

#[tokio::test]
async fn a_grant_is_made_read_changed_and_removed() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let admin = Admin::of(&server).await;
        let web = &server.client_id(Application::Web);
        let body = json!({"client_id": web, "audience": RESOURCE_SERVER, "scope": []});
        let made = admin.post("client-grants", &body).await.expect(201).json();
        assert!(made["id"].as_str().unwrap().starts_with("cgr_"));
        assert_eq!(made["subject_type"], "client");
        assert_eq!(made["audience"], RESOURCE_SERVER);
        let taken = admin.post("client-grants", &body).await;
        assert_eq!(refusal(&taken), refused(409, "conflict"));
        // One for people is another one.
        let mut of_people = body.clone();
        of_people["subject_type"] = json!("user");
        let of_people = admin.post("client-grants", &of_people).await.expect(201).json();
        assert_eq!(of_people["subject_type"], "user");

        let path = format!("client-grants/{}", made["id"].as_str().unwrap());
        let change = json!({"scope": ["read:calendar"]});
        let changed = admin.patch(&path, &change).await.expect(200).json();
        assert_eq!(changed["scope"], json!(["read:calendar"]));
        assert_eq!(admin.get(&path).await.expect(200).json(), changed);
        let open = admin.patch(&path, &json!({"allow_all_scopes": true})).await.expect(200).json();
        assert_eq!((&open["allow_all_scopes"], &open["scope"]), (&json!(true), &json!([])));
        let closed = admin.patch(&path, &json!({"allow_all_scopes": null})).await.expect(200);
        assert_eq!(closed.json().get("allow_all_scopes"), None);
        admin.delete(&path).await.expect(204);
        assert_eq!(refusal(&admin.get(&path).await), refused(404, "inexistent_client_grant"));
        admin.delete(&path).await.expect(204);
    }
}

#[tokio::test]
async fn a_grant_is_about_what_exists() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let web = &server.client_id(Application::Web);
    let post = async |client: &str, audience: &str, scope: &str| {
        let body = json!({"client_id": client, "audience": audience, "scope": [scope]});
        refusal(&admin.post("client-grants", &body).await)
    };
    assert_eq!(
        post("nobody", RESOURCE_SERVER, "read:calendar").await,
        refused(404, "inexistent_client")
    );
    assert_eq!(
        post(web, "urn:nothing", "read:calendar").await,
        refused(404, "inexistent_resource_server")
    );
    assert_eq!(post(web, RESOURCE_SERVER, "read:mail").await, refused(400, "invalid_body"));
    let both = json!({
        "client_id": web, "audience": RESOURCE_SERVER,
        "scope": ["read:calendar"], "allow_all_scopes": true,
    });
    assert_eq!(refusal(&admin.post("client-grants", &both).await), refused(400, "invalid_body"));
    let default = json!({"default_for": "third_party_clients", "audience": RESOURCE_SERVER});
    let default = admin.post("client-grants", &default).await;
    assert_eq!(refusal(&default), refused(400, "invalid_body"));
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let list =
        async |query: &str| admin.get(&format!("client-grants?{query}")).await.expect(200).json();
    let me = server.my_account_audience();
    let of_me = list(&format!("audience={}&subject_type=user", super::segment(&me))).await;
    assert_eq!(each(&of_me, "audience"), [me.as_str(); 2]);
    let web = &server.client_id(Application::Web);
    assert_eq!(each(&list(&format!("client_id={web}")).await, "client_id"), [web]);
    assert_eq!(list("default_for=third_party_clients").await, json!([]));
    assert_eq!(list("allow_any_organization=true").await, json!([]));
    let totals = list("include_totals=true&per_page=1").await;
    assert_eq!(totals["total"], 3);
    let first = list("take=2").await;
    let rest = list(&format!("take=2&from={}", first["next"].as_str().unwrap())).await;
    assert_eq!(rest["client_grants"].as_array().unwrap().len(), 1);
    assert_eq!(rest.get("next"), None);
}

#[tokio::test]
async fn a_scope_that_the_api_has_no_more_does_not_stand_in_the_way() {
    let server = TestServer::start().await;
    let admin = Admin::of(&server).await;
    let web = &server.client_id(Application::Web);
    let body = json!({"client_id": web, "audience": RESOURCE_SERVER, "scope": ["write:calendar"]});
    let made = admin.post("client-grants", &body).await.expect(201).json();
    let api = format!("resource-servers/{}", super::segment(RESOURCE_SERVER));
    let fewer = json!({"scopes": [{"value": "read:calendar"}]});
    admin.patch(&api, &fewer).await.expect(200);
    let path = format!("client-grants/{}", made["id"].as_str().unwrap());
    admin.patch(&path, &json!({"organization_usage": "deny"})).await.expect(200);
    let listed_again = admin.patch(&path, &json!({"scope": ["write:calendar"]})).await;
    assert_eq!(refusal(&listed_again), refused(400, "invalid_body"));
}
