//! Providers that lie.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Connect, Exchange, Login, TestServer};
use url::Url;

use super::accounts;
use crate::scene::{LoggedIn, session_not_found};

const FAILED: LogEventKind = LogEventKind::AccountConnectFailed;

/// Connects while the provider answers the code with these changes; what the application is told,
/// or nothing if it is told a code.
async fn told_after(ada: &LoggedIn, effect: &Value) -> Option<String> {
    let connecting = ada.begin().await;
    let rule = json!({ "endpoint": "code_exchange", "effect": effect });
    ada.tenant.provider().fault(rule).await;
    let page = ada.browser.open(connecting.url.as_str()).await;
    let page = ada.browser.walk(page, &ada.persona).await;
    ada.tenant.provider().clear_faults().await;
    assert_eq!(page.expect_parameter("state"), connecting.state);
    let error = page.parameter("error")?;
    session_not_found(&ada.completing(&connecting, "cc_none").send().await);
    Some(error)
}

/// The cause of the latest refusal.
async fn cause(server: &TestServer) -> String {
    let events = server.log_events().await;
    let connects = events.iter().filter(|event| event.kind == FAILED);
    let causes: Vec<_> = connects.filter_map(|event| event.detail.description.clone()).collect();
    // The last one is that of the completion that follows.
    causes[causes.len() - 2].clone()
}

#[tokio::test]
async fn a114_an_answer_that_is_none_connects_nothing() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let (rejected, passing) = ("server_error", "temporarily_unavailable");
    for (effect, error, expected) in [
        (
            json!({ "kind": "edit", "set": { "access_token": "a\r\nb" } }),
            passing,
            "malformed_token",
        ),
        (
            json!({ "kind": "edit", "set": { "access_token": "a\u{e9}" } }),
            passing,
            "malformed_token",
        ),
        (json!({ "kind": "edit", "set": { "access_token": 7 } }), passing, "http_200"),
        (json!({ "kind": "edit", "set": { "access_token": "" } }), passing, "http_200"),
        (json!({ "kind": "edit", "omit": ["access_token"] }), passing, "http_200"),
        (json!({ "kind": "edit", "set": { "refresh_token": "a\nb" } }), passing, "malformed_token"),
        (json!({ "kind": "edit", "set": { "refresh_token": ["a"] } }), passing, "malformed_token"),
        (
            json!({ "kind": "edit", "set": { "token_type": "mac" } }),
            passing,
            "unsupported_token_type",
        ),
        (json!({ "kind": "bloated", "bytes": 10_000_000 }), passing, "the answer is too long"),
        (json!({ "kind": "malformed" }), passing, "unreadable_reply"),
        (json!({ "kind": "status", "status": 200, "body": "<html>" }), passing, "unreadable_reply"),
        (json!({ "kind": "status", "status": 302, "body": "" }), passing, "http_302"),
        (json!({ "kind": "drop", "after_commit": true }), passing, "could not be reached"),
        (json!({ "kind": "error", "error": "invalid_client" }), rejected, "invalid_client"),
        (json!({ "kind": "edit", "omit": ["id_token"] }), rejected, "no ID token"),
    ] {
        let told = told_after(&ada, &effect).await;
        assert_eq!(told.as_deref(), Some(error), "{effect}");
        let cause = cause(&server).await;
        assert!(cause.contains(expected), "{effect}: {cause}");
    }
    assert_eq!(accounts(&server).await, 0);
    ada.connect(&Connect::calendar()).await;
}

/// The provider's own signature over something else than it should be.
#[tokio::test]
async fn a114_an_id_token_that_is_not_about_this_connect_connects_nothing() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::spa()).await;
    let provider = server.provider();
    let now = server.app().now().as_seconds();
    let usual = |nonce: &str| {
        json!({
            "iss": provider.issuer(), "aud": "strongroom", "sub": "emulated-ada", "nonce": nonce,
            "iat": now, "exp": now + 3600,
        })
    };
    for (claim, value, is_accepted) in [
        ("azp", json!("strongroom"), true),
        ("iss", json!("https://evil.example/"), false),
        ("iss", json!(provider.issuer().trim_end_matches('/')), false),
        ("iss", Value::Null, false),
        ("aud", json!("another-client"), false),
        ("aud", json!([]), false),
        ("azp", json!("another-client"), false),
        ("nonce", json!("another"), false),
        ("nonce", Value::Null, false),
        ("exp", Value::Null, false),
        ("exp", json!(now - 3600), false),
        ("exp", json!("9999999999"), false),
        ("iat", Value::Null, false),
        ("iat", json!(now + 3600), false),
        ("sub", Value::Null, false),
        ("sub", json!("emulated-grace"), false),
    ] {
        let connecting = ada.begin().await;
        let departure = ada.browser.get(&connecting.url).await;
        let at_provider = Url::parse(departure.location()).unwrap();
        let nonce = at_provider.query_pairs().find(|(name, _)| name == "nonce").unwrap().1;
        let mut claims = usual(&nonce);
        match &value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
            value => claims[claim] = value.clone(),
        }
        let id_token = provider.sign_id_token(&claims).await;
        let effect = json!({ "kind": "edit", "set": { "id_token": id_token } });
        provider.fault(json!({ "endpoint": "code_exchange", "effect": effect })).await;
        let page = ada.browser.open(at_provider.as_str()).await;
        let page = ada.browser.walk(page, &ada.persona).await;
        if is_accepted {
            page.expect_parameter("connect_code");
            continue;
        }
        assert_eq!(page.expect_parameter("error"), "server_error", "{claim} {value}");
        let event = server.latest_event(FAILED).await.detail;
        let cause = event.description.unwrap();
        assert!(!cause.is_empty() && !cause.contains(&id_token), "{claim} {value}: {cause}");
    }
    assert_eq!(accounts(&server).await, 0);
}

/// A lifetime that cannot be meant counts as none; what is told to callers is always a number.
#[tokio::test]
async fn a114_a_lifetime_that_cannot_be_meant_is_not_believed() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    let assumed = 600;
    for (expires_in, lifetime) in [
        (json!(1800), 1800),
        (json!("1800"), 1800),
        (json!(1800.9), 1800),
        (json!(-1), assumed),
        (json!(0), assumed),
        (json!(1e12), assumed),
        (json!("1e400"), assumed),
        (json!("soon"), assumed),
        (json!(true), assumed),
        (json!([3600]), assumed),
        (Value::Null, assumed),
    ] {
        let effect = json!({ "kind": "edit", "set": { "expires_in": expires_in } });
        let rule = json!({ "endpoint": "code_exchange", "effect": effect });
        server.provider().fault(rule).await;
        ada.connect(&Connect::calendar()).await;
        let answer = ada.exchange(&Exchange::calendar()).await.expect(200).json();
        let told = answer["expires_in"].as_u64().unwrap();
        assert!(told <= lifetime && told + 5 > lifetime, "{expires_in}: {told}");
    }
    assert_eq!(server.provider().refreshes().await, 0);
    server.clock().advance(Duration::from_mins(10));
    ada.exchange(&Exchange::calendar()).await.expect(200);
    assert_eq!(server.provider().refreshes().await, 1);
}
