//! `docs/refusals.md`: what becomes of a worker's request that is wrong in one way, as it was seen here.
//! `STRONGROOM_WRITE_DOCS=1` writes the document anew.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use testkit::{Answer, ClientKey, Exchange};

use super::worker::{Privileged, TYP};
use crate::management::Admin;
use crate::scene::edit;
use crate::steps::edit_ada;

const HEAD: &str = "# Refusals of privileged workers

What becomes of a privileged worker's exchange ([workers.md](workers.md)) that is wrong in one way. The
caller learns the status and the code; the operator reads the event in the log, with the check that failed
(`failed_check`) and the reason. This table is written by the test `refusals_of_workers_are_what_happens`.

| what is wrong | status | `error` | event | failed check | reason in the log |
|---|---|---|---|---|---|
";

const ROWS: [&str; 19] = [
    "another `typ`",
    "`alg` none",
    "`alg` HS256",
    "the key of another client",
    "a key of the client for another use",
    "61 seconds old",
    "61 seconds in the future",
    "used before, on another node",
    "another `aud`",
    "no `audit_context`",
    "an `audit_context` of 257 characters",
    "an address outside the `ip_allowlist`",
    "the same with a spoofed `X-Forwarded-For`",
    "a connection outside the `grants`",
    "a scope outside the `grants`",
    "an account with more scopes than the `grants`",
    "six connections in the `grants`",
    "a blocked user",
    "a user of another tenant",
];

/// A request with another header, under the old signature.
fn with_header(worker: &Privileged, header: &str) -> String {
    use base64::Engine as _;
    let header = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(header);
    let signed = worker.request();
    format!("{header}.{}", signed.split_once('.').unwrap().1)
}

async fn signed_wrongly(worker: &Privileged, row: &str) -> Option<Answer> {
    let now = worker.scene.server.app().now().as_seconds();
    let with = |claim: &str, value: Value| worker.key.sign(TYP, &worker.claims(claim, value));
    let claims = || worker.claims("", Value::Null);
    let subject = match row {
        "another `typ`" => worker.key.sign("JWT", &claims()),
        "`alg` none" => with_header(worker, &format!(r#"{{"alg":"none","typ":"{TYP}"}}"#)),
        "`alg` HS256" => with_header(worker, &format!(r#"{{"alg":"HS256","typ":"{TYP}"}}"#)),
        "the key of another client" => ClientKey::generate("worker-key-1").sign(TYP, &claims()),
        "a key of the client for another use" => {
            worker.key.renamed("worker-key-2").sign(TYP, &claims())
        }
        "61 seconds old" => with("iat", json!(now - 61)),
        "61 seconds in the future" => with("iat", json!(now + 62)),
        "another `aud`" => with("aud", json!("https://other.example/")),
        "no `audit_context`" => with("audit_context", Value::Null),
        "an `audit_context` of 257 characters" => with("audit_context", json!("x".repeat(257))),
        "a user of another tenant" => {
            let other = worker.scene.server.other_tenant().await;
            let stranger = &other.seeded().people[0].user_id;
            assert_ne!(stranger.as_str(), worker.ada);
            with("sub", json!(stranger))
        }
        _ => return None,
    };
    Some(worker.asking(&subject).send().await)
}

async fn asked_wrongly(worker: &Privileged, row: &str) -> Answer {
    let server = &worker.scene.server;
    let grants = |count: usize| {
        let names = (0..count).map(|number| format!("connection-{number}"));
        json!(names.map(|name| json!({"connection": name, "scopes": []})).collect::<Vec<_>>())
    };
    let only = |scopes: &[&str]| json!([{"connection": "calendar", "scopes": scopes}]);
    match row {
        "used before, on another node" => {
            let request = worker.request();
            worker.asking(&request).send().await.expect(200);
            let node = server.another_node().await;
            return worker.asking(&request).via(&node).send().await;
        }
        "an address outside the `ip_allowlist`" => {
            worker.privileges(|access| access["ip_allowlist"] = json!(["192.0.2.7"])).await;
        }
        "the same with a spoofed `X-Forwarded-For`" => {
            worker.privileges(|access| access["ip_allowlist"] = json!(["192.0.2.7"])).await;
            let call = worker.asking(&worker.request());
            return call.header("x-forwarded-for", "192.0.2.7").send().await;
        }
        "a connection outside the `grants`" => {
            worker.privileges(|access| access["grants"] = grants(1)).await;
        }
        "a scope outside the `grants`" => {
            worker.privileges(|access| access["grants"] = only(&["openid"])).await;
            let exchange = Exchange::calendar().scope("read:calendar");
            let kind = protocol::oauth::exchange::RequestedTokenType::TokenVaultAccessToken;
            return worker.presenting(&worker.request(), kind, &exchange).send().await;
        }
        "an account with more scopes than the `grants`" => {
            worker.privileges(|access| access["grants"] = only(&["openid"])).await;
        }
        "six connections in the `grants`" => {
            let path = format!("clients/{}", worker.client_id);
            let access = json!({"credentials": [], "grants": grants(6)});
            let change = json!({ "token_vault_privileged_access": access });
            return Admin::of(server).await.patch(&path, &change).await;
        }
        "a blocked user" => edit_ada(server, |ada| ada.blocked = true).await,
        other => panic!("{other}"),
    }
    worker.asking(&worker.request()).send().await
}

async fn row(name: &str) -> String {
    let worker = Privileged::new().await;
    let server = &worker.scene.server;
    let answer = match signed_wrongly(&worker, name).await {
        Some(answer) => answer,
        None => asked_wrongly(&worker, name).await,
    };
    let body = answer.json();
    let error = body["errorCode"].as_str().or(body["error"].as_str()).unwrap();
    let event = server.log_events().await.pop().unwrap();
    let check = event.detail.details.get("failed_check").and_then(Value::as_str);
    let check = check.map_or_else(|| "–".to_owned(), |check| format!("`{check}`"));
    let reason = event.detail.description.unwrap();
    let (status, code) = (answer.status, event.kind.code());
    // Nothing was changed: the same worker is served, unless it was the set-up that was wrong.
    edit(server, &worker.client_id.as_str().into(), |client| {
        let access = client.token_vault_privileged_access.as_mut().unwrap();
        (access.grants, access.ip_allowlist) = (None, None);
    })
    .await;
    edit_ada(server, |ada| ada.blocked = false).await;
    worker.is_served().await;
    format!("| {name} | {status} | `{error}` | `{code}` | {check} | {reason} |")
}

#[tokio::test]
async fn refusals_of_workers_are_what_happens() {
    let mut table = HEAD.to_owned();
    for name in ROWS {
        let row = row(name).await;
        writeln!(table, "{row}").unwrap();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/refusals.md");
    if std::env::var_os("STRONGROOM_WRITE_DOCS").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), table);
}
