//! `docs/faults.md`: what becomes of every way in which a refresh can fail, as it was seen here.
//! `STRONGROOM_WRITE_DOCS=1` writes the document anew.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Login, TestServer};

use crate::scene::Scene;

const HEAD: &str = "# Faults of providers

What becomes of an exchange whose token ended, when the provider fails in one way or another. The
provider's refresh tokens are good for one use, without any grace. This table is written by the test
`fault_table`, which makes each fault happen and looks.

- *The caller* is the client at the token endpoint.
- *The operator* reads the audit log (`feta`) and the account's `health` at the Management API.
- *The user* sees the same `health` at the My Account API; `needs_reconnect` is the one status that
  asks them to do something.

While the stored token is valid none of this reaches a caller: they get that token.

| fault | the caller | the operator | the user | and then |
|---|---|---|---|---|
";

/// What happens, in words, and the emulator's rule for it.
fn faults() -> Vec<(&'static str, Value)> {
    let error =
        |code: &str, status: u16| json!({ "kind": "error", "error": code, "status": status });
    let status =
        |status: u16, body: &str| json!({ "kind": "status", "status": status, "body": body });
    vec![
        ("429, `Retry-After: 7`", json!({ "kind": "rate_limited", "retry_after": "7" })),
        ("429, `Retry-After` unreadable", json!({ "kind": "rate_limited", "retry_after": "soon" })),
        ("500", status(500, "")),
        ("502 with HTML", status(502, "<html>Bad gateway</html>")),
        ("503 with HTML", status(503, "<html>Unavailable</html>")),
        ("404 with HTML", status(404, "<html>Not found</html>")),
        ("a redirect", status(302, "")),
        ("200 with HTML", status(200, "<html>Hello</html>")),
        ("200 with half an answer", json!({ "kind": "malformed" })),
        ("200 without a token", json!({ "kind": "edit", "omit": ["access_token"] })),
        ("an endless answer", json!({ "kind": "bloated", "bytes": 2_000_000 })),
        ("connection cut before it acted", json!({ "kind": "drop", "after_commit": false })),
        ("connection cut after it acted", json!({ "kind": "drop", "after_commit": true })),
        ("`temporarily_unavailable`", error("temporarily_unavailable", 400)),
        ("an unknown code", error("something_new", 400)),
        ("`invalid_grant` with 500", error("invalid_grant", 500)),
        ("`invalid_grant`", error("invalid_grant", 400)),
        ("`invalid_grant` with 200", error("invalid_grant", 200)),
        ("`interaction_required`", error("interaction_required", 403)),
        ("`invalid_client`", error("invalid_client", 401)),
        ("`unauthorized_client`", error("unauthorized_client", 400)),
        ("`invalid_scope`", error("invalid_scope", 400)),
    ]
}

async fn row(fault: &str, effect: &Value) -> String {
    let server = TestServer::start().await;
    let strict = json!({ "refresh_tokens": { "kind": "rotating", "grace_seconds": 0 } });
    server.provider().behave(strict).await;
    let scene = Scene::of(server, &Login::web()).await;
    let server = &scene.server;
    server.clock().advance(Duration::from_hours(1));
    server.provider().fault(json!({ "endpoint": "refresh", "effect": effect })).await;
    let answer = scene.ada.exchange_calendar().await;
    let mut caller = format!("{} `{}`", answer.status, answer.member("error"));
    if let Some(seconds) = answer.header("retry-after") {
        let _ = write!(caller, ", again after {seconds} s");
    }
    let event = server.latest_event(LogEventKind::VaultExchangeFailed).await;
    let operator = event.detail.description.unwrap_or_default();
    let accounts = server.connected_accounts(&scene.ada.mine).await;
    let health = &accounts[0]["health"];
    let mut user = format!("`{}`", health["status"].as_str().unwrap());
    if let Some(reason) = health["reason"].as_str() {
        let _ = write!(user, ", `{reason}`");
    }
    server.clock().advance(Duration::from_secs(10));
    let then = scene.ada.exchange_calendar().await;
    let accounts = server.connected_accounts(&scene.ada.mine).await;
    let health = &accounts[0]["health"];
    let then = match (then.status, health["reason"].as_str()) {
        (200, _) => "the next exchange succeeds".to_owned(),
        (_, Some(reason)) => {
            format!("`{}`, `{reason}`, until reconnected", health["status"].as_str().unwrap())
        }
        (status, None) => format!("{status}"),
    };
    format!("| {fault} | {caller} | {operator} | {user} | {then} |\n")
}

#[tokio::test]
async fn the_table_of_faults_is_what_happens() {
    let mut table = HEAD.to_owned();
    for (fault, effect) in faults() {
        table.push_str(&row(fault, &effect).await);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
    if std::env::var_os("STRONGROOM_WRITE_DOCS").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), table);
}
