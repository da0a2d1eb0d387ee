//! Who sees a secret.

use model::log_event::LogEventKind;
use reqwest::Method;
use serde_json::json;
use testkit::TestServer;

use super::operations::{Targets, all_scopes_but, connect, operations};
use crate::management::Admin;

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
