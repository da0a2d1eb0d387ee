//! Providers that do what was asked of them, and something else.

use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Login, TestServer};

use crate::scene::{FLOW_FAILED, LoggedIn, Scene, notes, says};

async fn rotating(grace_seconds: u64) -> Scene {
    let server = TestServer::start().await;
    let tokens = json!({ "kind": "rotating", "grace_seconds": grace_seconds });
    server.provider().behave(json!({ "refresh_tokens": tokens })).await;
    Scene::of(server, &Login::web()).await
}

fn twice(arriving: &str) -> Value {
    json!({ "endpoint": "refresh", "effect": { "kind": "twice", "arriving": arriving } })
}

/// Something between us and the provider repeats our request: two successors are issued.
#[tokio::test]
async fn a_refresh_that_is_carried_out_twice_leaves_a_token_that_works() {
    for arriving in ["first", "second"] {
        let scene = rotating(30).await;
        let (server, provider) = (&scene.server, scene.server.provider());
        server.clock().advance(Duration::from_hours(1));
        provider.fault(twice(arriving)).await;
        scene.is_intact().await;
        server.clock().advance(Duration::from_hours(1));
        scene.is_intact().await;
        let total = provider.stats().await["total"].clone();
        assert_eq!((&total["refreshes"], &total["refreshes_in_grace"]), (&json!(3), &json!(1)));
        assert_eq!(total["reuse_detected"], 0);
    }
}

/// Without a grace the repetition ends the grant. Whoever got the first answer finds out at the next
/// refresh; nobody asks again after that.
#[tokio::test]
async fn a_strict_provider_that_is_asked_twice_ends_the_grant_and_it_is_told() {
    let cause = "the provider refused the refresh token: invalid_grant";
    let kind = LogEventKind::VaultExchangeFailed;
    for arriving in ["first", "second"] {
        let scene = rotating(0).await;
        let (server, provider) = (&scene.server, scene.server.provider());
        server.clock().advance(Duration::from_hours(1));
        provider.fault(twice(arriving)).await;
        if arriving == "first" {
            scene.ada.exchange_calendar().await.expect(200);
            server.clock().advance(Duration::from_hours(1));
        }
        says(&notes(server, kind, cause, scene.ada.exchange_calendar()).await, FLOW_FAILED);
        scene.is_dead_until_reconnected().await;
    }
}

/// What the provider says of moments (an ID token's `iat` and `exp`) is off; what it says of durations
/// is not, and only that counts for a token's lifetime.
#[tokio::test]
async fn f32_a_provider_whose_clock_is_wrong_gives_tokens_that_last_as_long_as_it_says() {
    for seconds in [-300, 300] {
        let scene = rotating(0).await;
        let (server, provider) = (&scene.server, scene.server.provider());
        provider.set_clock_off(seconds).await;
        server.clock().advance(Duration::from_hours(1));
        for _ in 0..3 {
            scene.is_intact().await;
            let told = scene.ada.exchange_calendar().await.expect(200).json()["expires_in"].clone();
            assert!((3590..=3600).contains(&told.as_u64().unwrap()), "{told}");
            server.clock().advance(Duration::from_hours(1));
        }
        let total = provider.stats().await["total"].clone();
        assert_eq!((&total["refreshes"], &total["reuse_detected"]), (&json!(3), &json!(0)));
    }
}

/// F44: nobody came for a year. A refresh token without an end still works; one that has ended at the
/// provider is asked for once, and whoever connects again goes on.
#[tokio::test]
async fn f44_a_year_without_use_ends_in_a_word_and_not_in_a_crash() {
    const YEAR: Duration = Duration::from_hours(365 * 24);
    let scene = rotating(0).await;
    scene.server.clock().advance(YEAR);
    scene.is_intact().await;

    let server = TestServer::start().await;
    let month = Duration::from_hours(30 * 24).as_secs();
    server.provider().behave(json!({ "refresh_token_lifetime_seconds": month })).await;
    let mut scene = Scene::of(server, &Login::web()).await;
    let provider = scene.server.provider();
    scene.server.clock().advance(YEAR);
    let cause = "the provider refused the refresh token: invalid_grant";
    let kind = LogEventKind::VaultExchangeFailed;
    says(&notes(&scene.server, kind, cause, scene.ada.exchange_calendar()).await, FLOW_FAILED);
    scene.ada.exchange_calendar().await.expect(401);
    assert_eq!(provider.calls_of("refresh").await, 1);
    scene.ada = LoggedIn::of(&scene.server, &Login::web()).await;
    scene.ada.connect(&testkit::Connect::calendar()).await;
    scene.is_intact().await;
}
