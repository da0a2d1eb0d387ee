//! What an answer says, and what it keeps to itself.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Exchange, TestServer};

use crate::scene::{FLOW_FAILED, Refusal, Scene, notes, refuses, says};

const GRANTED: &str = "openid profile email read:calendar offline_access";

fn not_granted(missing: &'static str) -> Refusal {
    Refusal { status: 403, error: "insufficient_scope", description: missing }
}

#[tokio::test]
async fn a80_no_scope_is_given_that_was_not_granted() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let scoped = |scope: &str| Exchange::calendar().scope(scope);
    for (scope, description, cause) in [
        (
            "write:calendar",
            "The connected account was not granted: write:calendar",
            "scopes that were not granted: write:calendar",
        ),
        (
            "read:calendar write:calendar admin",
            "The connected account was not granted: write:calendar admin",
            "scopes that were not granted: write:calendar admin",
        ),
        (
            "READ:CALENDAR",
            "The connected account was not granted: READ:CALENDAR",
            "scopes that were not granted: READ:CALENDAR",
        ),
    ] {
        let exchange = scoped(scope);
        let attempt = scene.ada.exchange(&exchange);
        refuses(server, not_granted(description), cause, attempt).await;
    }
    // Who asks for less is told what the token really has.
    for scope in ["read:calendar", "read:calendar openid", GRANTED] {
        let answer = scene.ada.exchange(&scoped(scope)).await.expect(200);
        assert_eq!(answer.member("scope"), GRANTED, "{scope}");
    }
    scene.is_intact().await;
}

#[tokio::test]
async fn a80_what_the_provider_takes_back_is_not_claimed_any_more() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let provider = server.provider();
    server.clock().advance(Duration::from_hours(1));
    let shrunk = json!({ "kind": "edit", "set": { "scope": "openid offline_access" } });
    provider.fault(json!({ "endpoint": "refresh", "effect": shrunk })).await;
    let answer = scene.ada.exchange_calendar().await.expect(200);
    assert_eq!(answer.member("scope"), "openid offline_access");
    let exchange = Exchange::calendar().scope("read:calendar");
    let attempt = scene.ada.exchange(&exchange);
    let description = "The connected account was not granted: read:calendar";
    let cause = "scopes that were not granted: read:calendar";
    refuses(server, not_granted(description), cause, attempt).await;
    assert_eq!(
        server.connected_accounts(&scene.ada.mine).await[0]["scopes"],
        json!(["openid", "offline_access"])
    );
}

/// Everything secret that the provider or we have given so far, except the access token that the
/// answer is about.
async fn secrets(server: &TestServer, given: &str) -> Vec<String> {
    let tokens = server.provider().tokens().await;
    let values = tokens.iter().map(|line| line["value"].as_str().unwrap().to_owned());
    values.filter(|value| value != given).collect()
}

#[tokio::test]
async fn a82_an_answer_holds_the_documented_members_and_nothing_else() {
    for scene in [Scene::web().await, Scene::spa().await] {
        let server = &scene.server;
        for is_refreshed in [false, true] {
            if is_refreshed {
                server.clock().advance(Duration::from_mins(59) + Duration::from_secs(30));
            }
            let answer = scene.ada.exchange_calendar().await.expect(200);
            crate::checks::is_token_answer(&answer);
            let Value::Object(members) = answer.json() else { panic!("{answer:?}") };
            let mut names: Vec<_> = members.keys().map(String::as_str).collect();
            names.sort_unstable();
            let documented =
                ["access_token", "expires_in", "issued_token_type", "scope", "token_type"];
            assert_eq!(names, documented);
            let token = answer.member("access_token");
            let secrets = secrets(server, &token).await;
            assert!(secrets.len() >= 3, "a code, a refresh token and an ID token at least");
            let whole = format!("{answer:?}");
            for secret in &secrets {
                assert!(!whole.contains(secret.as_str()), "{whole}");
            }
            for id in [scene.account["id"].as_str().unwrap(), "con_", "tokenset"] {
                assert!(!whole.contains(id), "{whole}");
            }
        }
        assert_eq!(server.provider().refreshes().await, 1);
    }
}

/// What a provider says when it refuses is for the operator, and of that the code alone.
#[tokio::test]
async fn a82_nothing_of_a_providers_refusal_reaches_the_caller() {
    let canary = "CANARY-8f1c";
    for (effect, refusal, cause) in [
        (
            json!({ "kind": "error", "error": "invalid_grant", "error_description": canary }),
            FLOW_FAILED,
            "the provider refused the refresh token: invalid_grant",
        ),
        (
            json!({ "kind": "error", "error": canary, "error_description": canary }),
            crate::scene::PROVIDER_UNREACHABLE,
            "the provider could not be reached: unrecognized_error",
        ),
        (
            json!({ "kind": "status", "status": 500, "body": canary }),
            crate::scene::PROVIDER_UNREACHABLE,
            "the provider could not be reached: http_500",
        ),
    ] {
        let scene = Scene::web().await;
        let server = &scene.server;
        server.clock().advance(Duration::from_hours(1));
        server.provider().fault(json!({ "endpoint": "refresh", "effect": effect })).await;
        let attempt = scene.ada.exchange_calendar();
        let kind = LogEventKind::VaultExchangeFailed;
        let answer = notes(server, kind, cause, attempt).await;
        says(&answer, refusal);
        assert!(!format!("{answer:?}").contains(canary), "{answer:?}");
        let events = server.log_events().await;
        let log = format!("{events:?}");
        assert!(!log.contains(canary));
        for secret in secrets(server, "").await {
            assert!(!log.contains(&secret), "the log holds a token");
        }
    }
}
