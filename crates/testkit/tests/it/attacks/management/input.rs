//! What is said in a request, and is not the caller's to say.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Engine, TestServer};

use super::operations::{Targets, everything, operations};
use crate::management::{Admin, refusal, refused, segment};

/// A120: members that are the server's own, added to every body that is taken.
#[tokio::test]
async fn a120_no_body_sets_what_is_ours() {
    let server = TestServer::start().await;
    let targets = Targets::of(&server).await;
    let admin = Admin::of(&server).await;
    let before = everything(&server).await;
    let ours = [
        "client_id",
        "created_at",
        "encrypted",
        "global",
        "id",
        "identities",
        "identifier",
        "is_system",
        "kept",
        "logins_count",
        "owners",
        "provisioning_ticket_url",
        "sealed_secret",
        "signing_keys",
        "strategy",
        "tenant",
        "updated_at",
        "user_id",
    ];
    for (method, path, body, _) in operations(&targets) {
        let Some(Value::Object(body)) = body else { continue };
        for name in ours.into_iter().filter(|name| !body.contains_key(*name)) {
            // Whoever makes a user may name it.
            if (&method, path.as_str(), name) == (&Method::POST, "users", "user_id") {
                continue;
            }
            let mut body = body.clone();
            body.insert(name.to_owned(), json!("forged"));
            let answer = admin.send(method.clone(), &path, Some(&body.into())).await;
            assert_eq!(refusal(&answer), refused(400, "invalid_body"), "{method} {path} {name}");
        }
    }
    assert_eq!(everything(&server).await, before);
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
