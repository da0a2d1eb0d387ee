//! Requests that do not have their shape, and tokens that may not.

use serde_json::{Value, json};
use testkit::{Answer, Login, TestServer, Tokens};

use crate::scene::{LoggedIn, account_error};
use crate::support::count;

const ROOT: &str = "/me/v1/connected-accounts";

fn connect() -> Value {
    json!({ "connection": "calendar", "redirect_uri": "http://localhost:1/callback" })
}

fn completion() -> Value {
    json!({
        "auth_session": "sas_x", "connect_code": "cc_x", "redirect_uri": "http://localhost:1/callback",
    })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn without(mut body: Value, name: &str) -> Value {
    body.as_object_mut().unwrap().remove(name);
    body
}

/// The problems that an answer names, in order.
#[track_caller]
fn problems(answer: &Answer) -> Vec<(String, String)> {
    let body = answer.json();
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(body["type"], "https://auth0.com/api-errors/A0E-400-0003", "{answer:?}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = body["validation_errors"].as_array().unwrap();
    list.iter().map(|problem| (text(&problem["pointer"]), text(&problem["detail"]))).collect()
}

async fn post(server: &TestServer, tokens: &Tokens, path: &str, body: &Value) -> Answer {
    server.post(&format!("{ROOT}/{path}")).access(tokens).json(body).send().await
}

/// Each body alone has the one problem that stands beside it, and begins nothing.
async fn each_is_refused(cases: &[(Value, &str, &str)]) {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    for (body, pointer, why) in cases {
        let answer = post(&server, &ada.mine, "connect", body).await;
        let expected = [((*pointer).to_owned(), format!("data{pointer} {why}"))];
        assert_eq!(problems(&answer), expected, "{body}");
    }
    assert_eq!(count(&server, "SELECT COUNT(*) AS n FROM connect_transactions").await, 0);
}

#[tokio::test]
async fn every_bad_text_of_a_connect_is_named() {
    let of = |name: &str, value: Value| with(connect(), name, value);
    let long = |length: usize| json!("x".repeat(length));
    each_is_refused(&[
        (without(connect(), "connection"), "", "must have required property 'connection'"),
        (of("connection", json!("")), "/connection", "must have 1 to 128 characters"),
        (of("connection", long(129)), "/connection", "must have 1 to 128 characters"),
        (of("connection", json!(7)), "/connection", "must be string"),
        (of("connection", Value::Null), "/connection", "must be string"),
        (without(connect(), "redirect_uri"), "", "must have required property 'redirect_uri'"),
        (of("redirect_uri", long(2049)), "/redirect_uri", "must have 1 to 2048 characters"),
        (of("redirect_uri", json!([])), "/redirect_uri", "must be string"),
        (of("state", json!("")), "/state", "must have 1 to 4096 characters"),
        (of("state", long(4097)), "/state", "must have 1 to 4096 characters"),
        (of("state", json!({})), "/state", "must be string"),
        (of("state", json!("a\u{0}b")), "/state", "must not contain NUL"),
        (of("user_id", json!("x")), "", "must NOT have additional property 'user_id'"),
        (
            of("authorizationParams", json!({})),
            "",
            "must NOT have additional property 'authorizationParams'",
        ),
    ])
    .await;
}

#[tokio::test]
async fn every_bad_challenge_of_a_connect_is_named() {
    let (challenge, method) = ("/code_challenge", "/code_challenge_method");
    let of = |name: &str, value: Value| with(connect(), name, value);
    let challenged = |challenge: String, method: Value| {
        with(of("code_challenge", json!(challenge)), "code_challenge_method", method)
    };
    each_is_refused(&[
        (challenged("A".repeat(42), json!("S256")), challenge, "must have 43 to 128 characters"),
        (challenged("A".repeat(129), json!("S256")), challenge, "must have 43 to 128 characters"),
        (challenged("=".repeat(43), json!("S256")), challenge, "is not a SHA-256 in base64url"),
        (challenged("A".repeat(43), json!("plain")), method, "must be S256"),
        (challenged("A".repeat(43), json!("s256")), method, "must be S256"),
        (challenged("A".repeat(43), json!(7)), method, "must be string"),
        (
            of("code_challenge", json!("A".repeat(43))),
            "",
            "must have property code_challenge_method",
        ),
        (of("code_challenge_method", json!("S256")), "", "must have property code_challenge"),
    ])
    .await;
}

#[tokio::test]
async fn every_bad_wish_of_a_connect_is_named() {
    let (scopes, parameters) = ("/scopes", "/authorization_params");
    let asking = |value: Value| with(connect(), "scopes", value);
    let passing = |value: Value| with(connect(), "authorization_params", value);
    let array = "must be an array of 1 to 100 strings";
    each_is_refused(&[
        (asking(json!([])), scopes, array),
        (asking(json!("openid")), scopes, array),
        (asking(json!([""])), scopes, array),
        (asking(json!([7])), scopes, array),
        (asking(json!(vec!["x"; 101])), scopes, array),
        (asking(json!(["x".repeat(256)])), scopes, array),
        (asking(json!(["a b"])), scopes, "must be scope tokens"),
        (asking(json!(["a\"b"])), scopes, "must be scope tokens"),
        (passing(json!([])), parameters, "must be object"),
        (passing(json!({ "prompt": ["login"] })), parameters, "prompt must be a text"),
        (
            passing(json!({ "redirect_uri": "https://evil.example/" })),
            parameters,
            "must NOT have additional property redirect_uri",
        ),
        (passing(json!({ "state": "x" })), parameters, "must NOT have additional property state"),
    ])
    .await;
}

#[tokio::test]
async fn every_problem_is_told_at_once() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let body = json!({ "connection": 7, "scopes": [], "more": 1 });
    let answer = post(&server, &ada.mine, "connect", &body).await;
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "detail": "Invalid request payload input",
      "status": 400,
      "title": "Validation Error",
      "type": "https://auth0.com/api-errors/A0E-400-0003",
      "validation_errors": [
        {
          "detail": "data/connection must be string",
          "pointer": "/connection"
        },
        {
          "detail": "data must have required property 'redirect_uri'",
          "pointer": ""
        },
        {
          "detail": "data/scopes must be an array of 1 to 100 strings",
          "pointer": "/scopes"
        },
        {
          "detail": "data must NOT have additional property 'more'",
          "pointer": ""
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn every_bad_member_of_a_completion_is_named() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    for (name, most) in [("auth_session", 64), ("connect_code", 46), ("redirect_uri", 2048)] {
        let missing = format!("data must have required property '{name}'");
        let length = format!("data/{name} must have 1 to {most} characters");
        let kind = format!("data/{name} must be string");
        for (body, pointer, detail) in [
            (without(completion(), name), String::new(), &missing),
            (with(completion(), name, json!("")), format!("/{name}"), &length),
            (with(completion(), name, json!("x".repeat(most + 1))), format!("/{name}"), &length),
            (with(completion(), name, json!(7)), format!("/{name}"), &kind),
        ] {
            let answer = post(&server, &ada.mine, "complete", &body).await;
            assert_eq!(problems(&answer), [(pointer, detail.clone())], "{body}");
        }
    }
    for (body, pointer, detail) in [
        (
            with(completion(), "code_verifier", json!("x".repeat(129))),
            "/code_verifier",
            "data/code_verifier must have 43 to 128 characters",
        ),
        (
            with(completion(), "code_verifier", json!(" ".repeat(43))),
            "/code_verifier",
            "data/code_verifier is not a code verifier",
        ),
        (
            with(completion(), "state", json!("x")),
            "",
            "data must NOT have additional property 'state'",
        ),
    ] {
        let answer = post(&server, &ada.mine, "complete", &body).await;
        assert_eq!(problems(&answer), [(pointer.to_owned(), detail.to_owned())], "{body}");
    }
}

#[tokio::test]
async fn bodies_are_json_objects() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    for path in ["connect", "complete"] {
        let call = || server.post(&format!("{ROOT}/{path}")).access(&ada.mine);
        for (kind, body) in [
            ("application/x-www-form-urlencoded", "connection=calendar"),
            ("text/plain", "{}"),
            ("application/jsonp", "{}"),
        ] {
            let answer = call().body(kind, body).send().await;
            let detail = "The body must be application/json.";
            account_error(&answer, 415, "A0E-415-0001", "Unsupported Media Type", detail);
        }
        for body in ["", "x", "[]", "null", "7", "{\"a\":", "{\"a\":1}}"] {
            let answer = call().body("application/json; charset=utf-8", body).send().await;
            let expected = [(String::new(), "data must be object".to_owned())];
            assert_eq!(problems(&answer), expected, "{body}");
        }
    }
    let answer = server.get("/me/v1/no/such").access(&ada.mine).send().await;
    let detail = "There is no such endpoint.";
    account_error(&answer, 404, "A0E-404-0002", "Resource Not Found", detail);
}

/// Each operation with every scope but its own.
#[tokio::test]
async fn each_operation_needs_its_scope() {
    let server = TestServer::start().await;
    let login = LoggedIn::of(&server, &Login::web()).await;
    let audience = server.my_account_audience();
    let scopes = ["create", "read", "delete"].map(|verb| format!("{verb}:me:connected_accounts"));
    let [create, read, delete] = &scopes;
    let calls = |tokens: &Tokens| {
        [
            (create, server.post(&format!("{ROOT}/connect")).json(&connect())),
            (create, server.post(&format!("{ROOT}/complete")).json(&completion())),
            (read, server.get(&format!("{ROOT}/accounts"))),
            (read, server.get(&format!("{ROOT}/connections"))),
            (delete, server.delete(&format!("{ROOT}/accounts/cac_x"))),
        ]
        .map(|(scope, call)| (scope, call.access(tokens)))
    };
    for held in &scopes {
        let parameters = [("audience", audience.as_str()), ("scope", held.as_str())];
        let tokens = server.refresh(&login.mine, &parameters).await;
        for (needed, call) in calls(&tokens) {
            let answer = call.send().await;
            if needed == held {
                assert_ne!(answer.status, 403, "{needed}: {answer:?}");
                continue;
            }
            let detail = format!("Insufficient scope, expected: {needed}");
            account_error(&answer, 403, "A0E-403-0002", "Insufficient Scope", &detail);
        }
    }
    assert_eq!(server.provider().calls_of("authorize").await, 0);
}

/// What is no token for a person's account opens nothing.
#[tokio::test]
async fn tokens_for_something_else_are_none() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let management = server.management_token().await;
    let id_token = ada.tokens.id_token.clone().unwrap();
    let refresh_token = ada.mine.refresh_token.clone().unwrap();
    let accounts = format!("{ROOT}/accounts");
    for token in [&management, &id_token, &refresh_token, &ada.tokens.access_token, "x"] {
        let answer = server.get(&accounts).bearer(token).send().await;
        account_error(&answer, 401, "A0E-401-0003", "Invalid Token", "Invalid Token");
        let challenge = "Bearer error=\"invalid_token\"";
        assert_eq!(answer.header("www-authenticate"), Some(challenge));
    }
    let by_query = format!("{accounts}?access_token={}", ada.mine.access_token);
    let answer = server.get(&by_query).send().await;
    account_error(&answer, 401, "A0E-401-0002", "Missing Token", "No auth token provided.");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    server.get(&accounts).access(&ada.mine).send().await.expect(200);
}
