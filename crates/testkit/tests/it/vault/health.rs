//! How an account is doing, as it is shown, and what is done before anybody asks.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Exchange, Login, TestServer};

use crate::scene::{LoggedIn, Scene};

async fn health(scene: &Scene) -> Value {
    let accounts = scene.server.connected_accounts(&scene.ada.mine).await;
    accounts[0]["health"].clone()
}

#[tokio::test]
async fn an_account_shows_how_it_is_doing() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let fresh = health(&scene).await;
    assert_eq!(fresh["status"], "fresh");
    assert_eq!(fresh.get("reason"), None);
    server.clock().advance(Duration::from_hours(1));
    assert_eq!(health(&scene).await["status"], "due");

    let limited = json!({ "kind": "rate_limited", "retry_after": "7" });
    provider.fault(json!({ "endpoint": "refresh", "effect": limited })).await;
    scene.ada.exchange_calendar().await.expect(503);
    let degraded = health(&scene).await;
    assert_eq!((&degraded["status"], &degraded["reason"]), (&json!("due"), &json!("rate_limited")));
    assert!(degraded["next_attempt_at"].is_string());
    server.clock().advance(Duration::from_secs(8));

    let lost = json!({ "kind": "drop", "after_commit": true });
    provider.fault(json!({ "endpoint": "refresh", "effect": lost })).await;
    scene.ada.exchange_calendar().await.expect(503);
    let uncertain = health(&scene).await;
    assert_eq!(uncertain["status"], "uncertain");
    assert!(uncertain["since"].is_string());
    scene.is_intact().await;
    let healed = health(&scene).await;
    assert_eq!(healed["status"], "fresh");
    assert_eq!((healed.get("reason"), healed.get("next_attempt_at")), (None, None));

    provider.revoke("ada").await;
    server.clock().advance(Duration::from_hours(1));
    scene.ada.exchange_calendar().await.expect(401);
    let dead = health(&scene).await;
    assert_eq!(dead["status"], "needs_reconnect");
    assert_eq!(dead["reason"], "invalid_grant");
    assert!(dead["since"].is_string());
}

/// What the provider says of a refresh token's end is told with the reason. (That Google's grants of an
/// application in testing end so is in its catalogue file.)
#[tokio::test]
async fn an_account_shows_when_it_will_die() {
    let server = TestServer::start().await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    let edit = json!({ "kind": "edit", "set": { "refresh_token_expires_in": 604_799 } });
    server.provider().fault(json!({ "endpoint": "code_exchange", "effect": edit })).await;
    ada.connect_as("ada").await;
    let health = &server.connected_accounts(&ada.mine).await[0]["health"];
    assert_eq!(health["dies_because"], "provider_said");
    assert!(health["dies_at"].is_string());
}

/// F25, F27: after a few faults in a row nobody of a connection waits for its provider any more.
#[tokio::test]
async fn f27_a_provider_in_trouble_is_left_alone_and_probed() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    scene.ada.connect_as("grace").await;
    server.clock().advance(Duration::from_hours(1));
    let down = json!({ "kind": "status", "status": 503 });
    provider.fault(json!({ "endpoint": "refresh", "sticky": true, "effect": down })).await;
    for _ in 0..5 {
        scene.ada.exchange_calendar().await.expect(503);
        server.clock().advance(Duration::from_mins(5));
    }
    scene.ada.exchange_calendar().await.expect(503);
    let calls = provider.calls_of("refresh").await;
    // The other account of the connection was never refused itself, and is not sent there either.
    let other = Exchange::calendar().login_hint("emulated-ada");
    let answer = scene.ada.exchange(&other).await.expect(503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(provider.calls_of("refresh").await, calls);
    provider.clear_faults().await;
    server.clock().advance(Duration::from_mins(6));
    scene.ada.exchange(&other).await.expect(200);
    scene.ada.exchange_calendar().await.expect(200);
}

/// What is in use is renewed before anybody asks; what nobody uses is not.
#[tokio::test]
async fn a_tokenset_in_use_is_kept_warm() {
    let server = TestServer::start().await;
    let scene = Scene::of(server, &Login::web()).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let first = scene.ada.calendar_token().await;
    assert_eq!(server.renew_due().await, 0);
    let left = scene.ada.exchange_calendar().await.json()["expires_in"].as_u64().unwrap();
    server.clock().advance(Duration::from_secs(left - 20));
    assert_eq!(server.renew_due().await, 1);
    assert_eq!(provider.refreshes().await, 1);
    assert_ne!(scene.ada.calendar_token().await, first);
    assert_eq!(provider.refreshes().await, 1);

    server.clock().advance(Duration::from_hours(48));
    assert_eq!(server.renew_due().await, 0);
    assert_eq!(provider.refreshes().await, 1);
}

#[tokio::test]
async fn a_caller_may_ask_for_a_token_that_lasts() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let first = scene.ada.calendar_token().await;
    server.clock().advance(Duration::from_mins(30));
    let wanting = |seconds: &str| Exchange::calendar().min_ttl(seconds);
    let answer = scene.ada.exchange(&wanting("1200")).await.expect(200);
    assert_eq!(answer.member("access_token"), first);
    let answer = scene.ada.exchange(&wanting("3000")).await.expect(200);
    assert_ne!(answer.member("access_token"), first);
    assert!(answer.json()["expires_in"].as_u64().unwrap() >= 3000);
    assert_eq!(provider.refreshes().await, 1);
    // The provider's tokens last for an hour.
    for _ in 0..3 {
        let answer = scene.ada.exchange(&wanting("7200")).await.expect(400);
        assert_eq!(answer.member("error"), "invalid_request");
    }
    assert_eq!(provider.refreshes().await, 1);
    // Nobody is told of more time than there is.
    server.clock().advance(Duration::from_mins(30));
    let down = json!({ "kind": "status", "status": 503 });
    provider.fault(json!({ "endpoint": "refresh", "effect": down })).await;
    scene.ada.exchange(&wanting("3000")).await.expect(503);
    for malformed in ["-1", "1.5", "soon", "86401", "+60"] {
        scene.ada.exchange(&wanting(malformed)).await.expect(400);
    }
}
