//! When a stored token is given out, when it is renewed first, and when there is nothing to give.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Connect, Login, TestServer};

use crate::scene::{FLOW_FAILED, LoggedIn, NOT_CONNECTED, Scene, refuses};

/// Ada's calendar, connected while the provider answers the code in this way.
async fn connected_with(behaviour: Value, edit: Option<Value>) -> Scene {
    let server = TestServer::start().await;
    server.provider().behave(behaviour).await;
    let ada = LoggedIn::of(&server, &Login::web()).await;
    if let Some(edit) = edit {
        server.provider().fault(json!({ "endpoint": "code_exchange", "effect": edit })).await;
    }
    let account = ada.connect(&Connect::calendar()).await;
    Scene { server, ada, account }
}

async fn expires_in(scene: &Scene) -> u64 {
    scene.ada.exchange_calendar().await.expect(200).json()["expires_in"].as_u64().unwrap()
}

#[tokio::test]
async fn a_token_is_given_out_until_the_margin_and_renewed_after_it() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let first = scene.ada.calendar_token().await;
    let mut left = expires_in(&scene).await;
    while left > 120 {
        server.clock().advance(Duration::from_mins(1));
        let now_left = expires_in(&scene).await;
        assert!((left - 61..=left - 60).contains(&now_left), "{left} {now_left}");
        left = now_left;
    }
    assert_eq!(scene.ada.calendar_token().await, first);
    assert_eq!(provider.calls_of("refresh").await, 0);
    // A minute is the margin of this provider: with less than half of that left, a new one comes first.
    server.clock().advance(Duration::from_secs(left - 29));
    let second = scene.ada.calendar_token().await;
    assert_ne!(second, first);
    assert_eq!(provider.calls_of("refresh").await, 1);
    assert!(expires_in(&scene).await > 3590);
    assert_eq!(provider.calls_of("refresh").await, 1);
    // The one that was replaced was still good.
    provider.events(&first).await.expect(200);
}

#[tokio::test]
async fn without_a_word_about_its_end_a_token_is_renewed_after_the_assumed_time() {
    let silent = json!({ "send_expires_in": false });
    let scene = connected_with(silent, None).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let first = scene.ada.calendar_token().await;
    assert!((595..=600).contains(&expires_in(&scene).await));
    server.clock().advance(Duration::from_mins(8));
    assert_eq!(scene.ada.calendar_token().await, first);
    assert_eq!(provider.refreshes().await, 0);
    server.clock().advance(Duration::from_secs(95));
    assert_ne!(scene.ada.calendar_token().await, first);
    assert_eq!(provider.refreshes().await, 1);
    assert!((595..=600).contains(&expires_in(&scene).await));
}

/// Nobody said that it ends, and nothing could replace it: it is given out until the provider refuses
/// it.
#[tokio::test]
async fn a_token_without_end_and_without_successor_is_given_out_for_good() {
    let endless = json!({
        "send_expires_in": false, "access_token_lifetime_seconds": null,
        "refresh_tokens": { "kind": "none" },
    });
    let scene = connected_with(endless, None).await;
    let first = scene.ada.calendar_token().await;
    scene.server.clock().advance(Duration::from_hours(24 * 300));
    assert_eq!(scene.ada.calendar_token().await, first);
    assert_eq!(expires_in(&scene).await, 600);
    assert_eq!(scene.server.provider().calls_of("refresh").await, 0);
}

#[tokio::test]
async fn a_token_that_ends_without_a_successor_is_given_out_to_its_end() {
    let none = json!({ "refresh_tokens": { "kind": "none" } });
    let scene = connected_with(none, None).await;
    let server = &scene.server;
    let left = expires_in(&scene).await;
    server.clock().advance(Duration::from_secs(left - 10));
    let last = expires_in(&scene).await;
    assert!((9..=10).contains(&last), "{last}");
    server.clock().advance(Duration::from_secs(last));
    // The provider gave nothing to renew it with: as if nothing were connected.
    let cause = "the provider's token cannot be renewed: there is no refresh token";
    refuses(server, NOT_CONNECTED, cause, scene.ada.exchange_calendar()).await;
    assert_eq!(server.provider().calls_of("refresh").await, 0);
    scene.ada.connect(&Connect::calendar()).await;
    scene.is_intact().await;
}

/// A refresh token whose end the provider told is not sent after it.
#[tokio::test]
async fn a_refresh_token_that_has_ended_is_not_tried() {
    let edit = json!({ "kind": "edit", "set": { "refresh_expires_in": 7200 } });
    let scene = connected_with(json!({}), Some(edit)).await;
    let server = &scene.server;
    let expires_at = scene.account["expires_at"].as_str().unwrap();
    let expected = server.app().now().saturating_add(Duration::from_hours(2)).to_rfc3339();
    assert_eq!(expires_at[..16], expected[..16]);
    server.clock().advance(Duration::from_hours(3));
    let cause = "the provider's token cannot be renewed: the refresh token has expired";
    refuses(server, FLOW_FAILED, cause, scene.ada.exchange_calendar()).await;
    assert_eq!(server.provider().calls_of("refresh").await, 0);
    scene.ada.connect(&Connect::calendar()).await;
    scene.is_intact().await;
}

/// A token that the provider ends early is the caller's to find out: the vault does not ask before.
#[tokio::test]
async fn a_token_that_ends_before_its_time_is_replaced_at_its_time() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let first = scene.ada.calendar_token().await;
    provider.expire("ada").await;
    assert_eq!(scene.ada.calendar_token().await, first);
    provider.events(&first).await.expect(401);
    server.clock().advance(Duration::from_hours(1));
    scene.is_intact().await;
}
