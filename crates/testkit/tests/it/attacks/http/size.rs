//! A153: more than anybody needs is refused before it costs anything.

use model::log_event::LogEventKind;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Login, TestServer};
use tokio::io::AsyncWriteExt;

use crate::checks::{events, noted, refused};
use crate::support::count;
use crate::wire::{Heard, authority, connect, listen};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const CONNECT: &str = "/me/v1/connected-accounts/connect";

async fn post(server: &TestServer, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    server.post("/oauth/token").body(content_type, body).send().await
}

/// Announces a body, sends what there is of it, and listens.
async fn announce(server: &TestServer, path: &str, header: &str, chunk: &[u8]) -> Vec<Heard> {
    let mut stream = connect(server).await;
    let host = authority(server);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {FORM}\r\nConnection: close\r\n\
         {header}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Until the server has had enough.
    while !chunk.is_empty() && stream.write_all(chunk).await.is_ok() {}
    listen(&mut stream).await
}

#[tokio::test]
async fn a153_a_gigabyte_is_refused_by_its_announcement() {
    let server = TestServer::start().await;
    for path in ["/oauth/token", "/oauth/revoke", "/u/login", "/authorize"] {
        let heard = announce(&server, path, "Content-Length: 1073741824", b"").await;
        let statuses: Vec<u16> = heard.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [413], "{path}");
    }
}

#[tokio::test]
async fn a153_a_body_without_end_is_cut_off() {
    let server = TestServer::start().await;
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
    announce(&server, "/oauth/token", "Transfer-Encoding: chunked", chunk.as_bytes()).await;
    let endless = b"a".repeat(0x10000);
    announce(&server, "/oauth/token", "Content-Length: 1073741824", &endless).await;
    server.get("/.well-known/jwks.json").send().await.expect(200);
}

#[tokio::test]
async fn a153_parameters_are_few_and_short() {
    let server = TestServer::start().await;
    let fields = |count: usize| (0..count).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
    let members = |count: usize| {
        let members: Vec<String> = (0..count).map(|n| format!("\"p{n}\":1")).collect();
        format!("{{{}}}", members.join(","))
    };
    let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let number = |number: &str| format!("{{\"grant_type\":{number}}}");
    let before = events(&server).await;
    for (content_type, body, description) in [
        (FORM, fields(101), "More than 100 parameters."),
        (JSON, members(101), "More than 100 parameters."),
        (FORM, fields(100_000), "A parameter is too long."),
        (FORM, "a&".repeat(500_000), "A parameter is too long."),
        (FORM, format!("{}=1", "a".repeat(257)), "A parameter is too long."),
        (FORM, format!("a={}", "b".repeat(16 * 1024 + 1)), "A parameter is too long."),
        (JSON, format!("{{\"a\":\"{}\"}}", "b".repeat(20_000)), "A parameter is too long."),
        (JSON, deep(100), "A parameter is not a plain value."),
        (JSON, deep(30_000), "The body is not a JSON object (Syntax)."),
        (JSON, "[".repeat(60_000), "The body is not a JSON object (Data)."),
        (JSON, "{\"a\":1,\"a\":1}".to_owned(), "A parameter is included more than once."),
        (JSON, "{\"a\":1,\"\\u0061\":1}".to_owned(), "A parameter is included more than once."),
        (FORM, "a=1&%61=1".to_owned(), "A parameter is included more than once."),
        (JSON, number("1e999"), "The body is not a JSON object (Syntax)."),
        (JSON, number(&"9".repeat(5_000)), "The body is not a JSON object (Syntax)."),
        (JSON, "{}{}".to_owned(), "The body is not a JSON object (Syntax)."),
        (JSON, String::from("null"), "The body is not a JSON object (Data)."),
        (FORM, "a=%ff".to_owned(), "A parameter is not UTF-8."),
    ] {
        let short: String = body.chars().take(40).collect();
        let answer = post(&server, content_type, body).await;
        assert_eq!(answer.member("error_description"), description, "{short}");
        refused(&answer, 400, "invalid_request", description);
    }
    post(&server, FORM, "a".repeat(2 * 1024 * 1024)).await.expect(400);
    assert_eq!(events(&server).await, before);
}

/// A number is a text like any other: it is nobody's grant.
#[tokio::test]
async fn a153_a_number_that_is_allowed_is_a_text() {
    let server = TestServer::start().await;
    let web = &server.seeded().web;
    let body = json!({
        "grant_type": 1e300,
        "client_id": web.client_id,
        "client_secret": web.client_secret.expose(),
    });
    let answer = post(&server, JSON, body.to_string()).await;
    refused(&answer, 400, "unsupported_grant_type", "Unsupported grant type: 1e+300");
    noted(&server, LogEventKind::LoginFailed, "the grant type is not supported").await;
}

#[tokio::test]
async fn a153_the_apis_take_no_more() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::spa()).await;
    let mine = server.my_account_tokens(&tokens).await;
    let management = server.management_token().await;
    let clients = count(&server, "SELECT COUNT(*) AS n FROM clients").await;
    let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let many: Value = (0..100).map(|n| (format!("m{n}"), json!(1))).collect();
    let many = many.to_string();
    let long = json!({ "name": "x".repeat(1024 * 1024) }).to_string();
    let twice = "{\"name\":\"a\",\"name\":\"b\"}".to_owned();
    for body in
        [deep(30_000), deep(100), many, "[".repeat(500_000), twice, "1e999".to_owned(), long]
    {
        let short: String = body.chars().take(40).collect();
        let call = server.management(Method::POST, "clients", &management).body(JSON, body.clone());
        let answer = call.send().await;
        assert!([400, 413].contains(&answer.status), "{short} {answer:?}");
        let answer = server.post(CONNECT).access(&mine).body(JSON, body).send().await;
        assert!([400, 413].contains(&answer.status), "{short} {answer:?}");
    }
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM clients").await, clients);
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM connect_transactions").await, 0);
}
