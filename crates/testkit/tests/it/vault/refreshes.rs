//! One refresh at a time, its answer never lost, its refresh token never spent twice.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;
use testkit::{Engine, Exchange, Login, TestServer};

use crate::scene::Scene;

/// Each refresh token is good for one use; a second one ends everything that came of the first.
fn single_use() -> serde_json::Value {
    json!({ "refresh_tokens": { "kind": "rotating", "grace_seconds": 0 } })
}

async fn rotating(engine: Engine) -> Scene {
    let server = TestServer::builder().engine(engine).start().await;
    server.provider().behave(single_use()).await;
    Scene::of(server, &Login::web()).await
}

#[tokio::test]
async fn a_rotated_refresh_token_is_replaced_each_time() {
    let scene = rotating(Engine::Sqlite).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let mut seen = HashSet::from([scene.ada.calendar_token().await]);
    for refreshes in 1..=4 {
        server.clock().advance(Duration::from_hours(1));
        assert!(seen.insert(scene.ada.calendar_token().await));
        assert_eq!(provider.refreshes().await, refreshes);
    }
    assert_eq!(provider.stats().await["total"]["reuse_detected"], 0);
    scene.is_intact().await;
}

#[tokio::test]
async fn a_refresh_token_that_is_kept_is_used_again() {
    let scene = Scene::web().await;
    for refreshes in 1..=4 {
        scene.server.clock().advance(Duration::from_hours(1));
        scene.ada.calendar_token().await;
        assert_eq!(scene.server.provider().refreshes().await, refreshes);
    }
    scene.is_intact().await;
}

/// RFC 6749 §6: an answer without a refresh token leaves the old one in force.
#[tokio::test]
async fn an_answer_that_leaves_things_unsaid_changes_none_of_them() {
    let scene = Scene::web().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let before = scene.ada.accounts().await;
    for omitted in [&["refresh_token"][..], &["scope"], &["refresh_token", "scope", "id_token"]] {
        server.clock().advance(Duration::from_hours(1));
        let edit = json!({ "kind": "edit", "omit": omitted });
        provider.fault(json!({ "endpoint": "refresh", "effect": edit })).await;
        let answer = scene.ada.exchange_calendar().await.expect(200);
        assert_eq!(answer.member("scope"), "openid profile email read:calendar offline_access");
        assert_eq!(scene.ada.accounts().await, before);
    }
    assert_eq!(provider.refreshes().await, 3);
    scene.is_intact().await;
}

/// However many callers come at the moment of expiry, the provider is asked once, and all of them
/// get the one answer.
#[tokio::test]
async fn two_hundred_callers_at_expiry_make_one_refresh() {
    for engine in Engine::available() {
        let scene = rotating(engine).await;
        let (server, provider) = (&scene.server, scene.server.provider());
        let old = scene.ada.calendar_token().await;
        server.clock().advance(Duration::from_hours(1));
        let slow = json!({ "endpoint": "refresh", "delay_ms": 100, "answer_delay_ms": 200 });
        provider.fault(slow).await;

        let call = scene.exchanging();
        let tasks: Vec<_> = (0..200).map(|_| tokio::spawn(call.clone().send())).collect();
        let mut given = HashSet::new();
        for task in tasks {
            given.insert(task.await.unwrap().expect(200).member("access_token"));
        }
        assert_eq!(given.len(), 1, "{engine:?}");
        assert!(!given.contains(&old));
        assert_eq!(provider.calls_of("refresh").await, 1, "{engine:?}");
        let total = provider.stats().await["total"].clone();
        assert_eq!((&total["refreshes"], &total["reuse_detected"]), (&json!(1), &json!(0)));
        scene.is_intact().await;
        assert!(given.contains(&scene.ada.calendar_token().await));
    }
}

/// A caller that hangs up does not take the provider's answer with it.
#[tokio::test]
async fn a_caller_that_hangs_up_loses_no_tokens() {
    for engine in Engine::available() {
        let scene = rotating(engine).await;
        let (server, provider) = (&scene.server, scene.server.provider());
        server.clock().advance(Duration::from_hours(1));
        // From here on the old refresh token is spent, and its successor is on its way to us.
        let caller = scene.exchange_in_flight(1500).await;
        caller.abort();
        drop(caller.await);

        scene.is_intact().await;
        let total = provider.stats().await["total"].clone();
        assert_eq!((&total["refreshes"], &total["reuse_detected"]), (&json!(1), &json!(0)));
        // And the successor is good for the next time.
        server.clock().advance(Duration::from_hours(1));
        scene.is_intact().await;
        assert_eq!(provider.stats().await["total"]["reuse_detected"], 0);
    }
}

/// Refreshes of different accounts do not wait for each other, and each gets its own answer.
#[tokio::test]
async fn accounts_are_renewed_side_by_side() {
    let scene = rotating(Engine::Sqlite).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    scene.ada.connect_as("grace").await;
    server.clock().advance(Duration::from_hours(1));
    let mut tasks = Vec::new();
    for number in 0..40 {
        let user = if number % 2 == 0 { "emulated-ada" } else { "emulated-grace" };
        let web = &server.seeded().web;
        let kind = protocol::oauth::exchange::SubjectTokenType::RefreshToken;
        let token = scene.ada.mine.refresh_token.as_deref().unwrap();
        let exchange = Exchange::calendar().login_hint(user);
        let call = server.exchanging(web, kind, token, &exchange);
        tasks.push((user, tokio::spawn(call.send())));
    }
    let mut given = HashSet::new();
    for (user, task) in tasks {
        let token = task.await.unwrap().expect(200).member("access_token");
        given.insert((user, token));
    }
    assert_eq!(given.len(), 2);
    for (user, token) in given {
        assert_eq!(crate::scene::owner_of(server, &token).await, user);
    }
    assert_eq!(provider.refreshes().await, 2);
}

/// An account that is disconnected while it is renewed is gone, and stays so.
#[tokio::test]
async fn an_account_that_is_disconnected_during_a_refresh_stays_gone() {
    let scene = rotating(Engine::Sqlite).await;
    let server = &scene.server;
    server.clock().advance(Duration::from_hours(1));
    let caller = scene.exchange_in_flight(1500).await;
    let path =
        format!("/me/v1/connected-accounts/accounts/{}", scene.account["id"].as_str().unwrap());
    server.delete(&path).access(&scene.ada.mine).send().await.expect(204);
    crate::scene::says(&caller.await.unwrap(), crate::scene::NOT_CONNECTED);
    assert_eq!(scene.ada.accounts().await, Vec::<serde_json::Value>::new());
}
