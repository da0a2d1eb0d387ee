//! Nobody becomes mightier than they are.

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Application, TestServer};

use crate::management::{Admin, refusal, refused};

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
