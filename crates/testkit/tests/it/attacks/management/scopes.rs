//! What each scope opens, and what it does not.

use model::log_event::LogEventKind;
use reqwest::Method;
use serde_json::json;
use testkit::{Application, TestServer};

use super::operations::{Targets, all_scopes_but, connect, everything, operations};
use crate::management::{Admin, refusal, refused, segment};

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
