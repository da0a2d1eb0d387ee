//! Several nodes on one database, cut off at the worst moments: one refresh, and nothing lost.

use std::collections::HashSet;
use std::time::Duration;

use model::log_event::LogEventKind;
use serde_json::json;
use testkit::{Engine, Front, Login, TestServer};

use crate::scene::{FLOW_FAILED, Scene, notes, says};

/// Each refresh token is good for one use; a spent one is accepted for so long.
async fn rotating(engine: Engine, grace_seconds: u64) -> Scene {
    let server = TestServer::builder().engine(engine).start().await;
    let tokens = json!({ "kind": "rotating", "grace_seconds": grace_seconds });
    server.provider().behave(json!({ "refresh_tokens": tokens })).await;
    Scene::of(server, &Login::web()).await
}

/// F02: the herd comes to three nodes at the moment of expiry, and the provider is slow.
#[tokio::test]
async fn f02_a_herd_at_three_nodes_makes_one_refresh() {
    for engine in Engine::available() {
        let scene = rotating(engine, 0).await;
        let (server, provider) = (&scene.server, scene.server.provider());
        let nodes = [server.another_node().await, server.another_node().await];
        let old = scene.ada.calendar_token().await;
        server.clock().advance(Duration::from_hours(1));
        provider.fault(json!({ "endpoint": "refresh", "answer_delay_ms": 500 })).await;

        let call = scene.exchanging();
        let tasks: Vec<_> = (0..90)
            .map(|number| {
                let call = match number % 3 {
                    0 => call.clone(),
                    other => call.clone().via(&nodes[other - 1]),
                };
                tokio::spawn(call.send())
            })
            .collect();
        let mut given = HashSet::new();
        for task in tasks {
            given.insert(task.await.unwrap().expect(200).member("access_token"));
        }
        assert_eq!(given.len(), 1, "{engine:?}");
        assert!(!given.contains(&old));
        let total = provider.stats().await["total"].clone();
        assert_eq!((&total["refreshes"], &total["reuse_detected"]), (&json!(1), &json!(0)));
        scene.is_intact().await;
    }
}

async fn via(scene: &Scene, node: &Front) -> testkit::Answer {
    scene.exchanging().via(node).send().await
}

/// F04: the answer was lost after the provider had rotated. Within its grace the same refresh token
/// works once more.
#[tokio::test]
async fn f04_a_lost_answer_is_healed_within_the_grace() {
    for engine in Engine::available() {
        let scene = rotating(engine, 30).await;
        let (server, provider) = (&scene.server, scene.server.provider());
        let node = server.another_node().await;
        for _ in 0..3 {
            server.clock().advance(Duration::from_hours(1));
            let lost = json!({ "kind": "drop", "after_commit": true });
            provider.fault(json!({ "endpoint": "refresh", "effect": lost })).await;
            scene.ada.exchange_calendar().await.expect(503);
            // Nothing has to pass: the first attempt after a lost answer does not wait.
            via(&scene, &node).await.expect(200);
        }
        assert_eq!(provider.stats().await["total"]["reuse_detected"], 0);
        scene.is_intact().await;
    }
}

/// F04: without a grace the grant is lost, and the reason that is stored says why.
#[tokio::test]
async fn f04_a_lost_answer_of_a_strict_provider_is_told_as_what_it_is() {
    let scene = rotating(Engine::Sqlite, 0).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    server.clock().advance(Duration::from_hours(1));
    let lost = json!({ "kind": "drop", "after_commit": true });
    provider.fault(json!({ "endpoint": "refresh", "effect": lost })).await;
    scene.ada.exchange_calendar().await.expect(503);
    let cause = "the provider refused the refresh token: rotation_uncertain";
    let kind = LogEventKind::VaultExchangeFailed;
    let answer = notes(server, kind, cause, scene.ada.exchange_calendar()).await;
    says(&answer, FLOW_FAILED);
    scene.is_dead_until_reconnected().await;
}

/// F06: a mistake of ours when the provider has answered. Nobody waits for ever, and the next caller does
/// not wait for the lease that the panic left behind.
#[tokio::test]
async fn f06_a_panic_in_a_refresh_is_told_and_healed() {
    let scene = rotating(Engine::Sqlite, 30).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    server.clock().advance(Duration::from_hours(1));
    let caller = scene.exchange_in_flight(1000).await;
    let waiters: Vec<_> = (0..10).map(|_| tokio::spawn(scene.exchanging().send())).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.entropy().panic_once();
    for caller in waiters.into_iter().chain([caller]) {
        let answer = caller.await.unwrap().expect(503);
        assert!(answer.header("retry-after").is_some());
    }
    scene.is_intact().await;
    let total = provider.stats().await["total"].clone();
    assert_eq!((&total["refreshes"], &total["reuse_detected"]), (&json!(2), &json!(0)));
}

/// F10, F19: the database takes nothing when the provider has answered. The answer waits in the
/// journal, nobody is given it before it is stored, and nothing is lost.
#[tokio::test]
async fn f10_an_answer_that_the_database_does_not_take_is_journalled() {
    let scene = rotating(Engine::Sqlite, 0).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    server.clock().advance(Duration::from_hours(1));
    let caller = scene.exchange_in_flight(1000).await;
    let lock = server.lock_database().await;
    let answer = caller.await.unwrap();
    assert!(answer.status >= 500, "{answer:?}");
    assert_eq!(server.journalled(), 1);
    drop(lock);

    scene.is_intact().await;
    assert_eq!(server.journalled(), 0);
    let total = provider.stats().await["total"].clone();
    assert_eq!((&total["refreshes"], &total["reuse_detected"]), (&json!(1), &json!(0)));
    server.clock().advance(Duration::from_hours(1));
    scene.is_intact().await;
    assert_eq!(provider.stats().await["total"]["reuse_detected"], 0);
}

/// A scene in which what a renewal brought waits in the journal.
async fn journalled() -> Scene {
    let scene = rotating(Engine::Sqlite, 0).await;
    scene.server.clock().advance(Duration::from_hours(1));
    let caller = scene.exchange_in_flight(1000).await;
    let lock = scene.server.lock_database().await;
    drop(caller.await.unwrap());
    drop(lock);
    assert_eq!(scene.server.journalled(), 1);
    scene
}

/// F10: another process of the same node finds in the journal what the one before could not store.
#[tokio::test]
async fn f10_a_journal_is_replayed_at_the_start() {
    let scene = journalled().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let restarted = server.same_node_again().await;
    via(&scene, &restarted).await.expect(200);
    assert_eq!(provider.refreshes().await, 1);
}

/// F10: the account is removed before its journalled tokens are brought back: those are what the provider
/// is asked to end.
#[tokio::test]
async fn f10_what_was_journalled_of_a_removed_account_is_revoked() {
    let scene = journalled().await;
    let server = &scene.server;
    let id = scene.account["id"].as_str().unwrap();
    let path = format!("/me/v1/connected-accounts/accounts/{id}");
    server.delete(&path).access(&scene.ada.mine).send().await.expect(204);
    drop(server.same_node_again().await);
    assert_eq!(server.revoke_due().await, 1);
    let tokens = server.provider().tokens().await;
    assert!(!tokens.iter().any(|token| token["active"] == true), "{tokens:?}");
}

/// F10: the account is connected anew before its journalled tokens are brought back, which brings no
/// refresh token, so that the one that was spent is kept: the journal has its successor.
#[tokio::test]
async fn f10_a_journalled_refresh_token_outlives_a_reconnect_without_one() {
    let scene = journalled().await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let none = json!({ "kind": "edit", "set": { "refresh_token": null } });
    provider.fault(json!({ "endpoint": "code_exchange", "effect": none })).await;
    scene.ada.connect_as("ada").await;
    let restarted = server.same_node_again().await;
    server.clock().advance(Duration::from_hours(1));
    via(&scene, &restarted).await.expect(200);
    let total = provider.stats().await["total"].clone();
    assert_eq!((&total["refreshes"], &total["reuse_detected"]), (&json!(2), &json!(0)));
}

/// F10: the row was tampered with while the provider answered, so that nobody can tell what stands
/// there. The answer waits in the journal all the same.
#[tokio::test]
async fn f10_an_answer_that_meets_a_row_that_does_not_open_is_journalled() {
    let scene = rotating(Engine::Sqlite, 0).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    server.clock().advance(Duration::from_hours(1));
    let caller = scene.exchange_in_flight(1000).await;
    let run = async |sql| {
        let mut tx = server.app().store.write().await.unwrap();
        assert_eq!(tx.execute(sql, vec![]).await.unwrap(), 1);
        tx.commit().await.unwrap();
    };
    run("UPDATE connected_accounts SET version = version + 1").await;
    caller.await.unwrap().expect(503);
    assert_eq!(server.journalled(), 1);
    run("UPDATE connected_accounts SET version = version - 1").await;
    scene.is_intact().await;
    assert_eq!((provider.refreshes().await, server.journalled()), (1, 0));
    server.clock().advance(Duration::from_hours(1));
    scene.is_intact().await;
    assert_eq!(provider.stats().await["total"]["reuse_detected"], 0);
}

/// F26: a provider that asks for seven seconds is left alone for seven seconds, on every node.
#[tokio::test]
async fn f26_a_provider_is_left_alone_for_as_long_as_it_asks() {
    let scene = rotating(Engine::Sqlite, 0).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let node = server.another_node().await;
    server.clock().advance(Duration::from_hours(1));
    let limited = json!({ "kind": "rate_limited", "retry_after": "7" });
    provider.fault(json!({ "endpoint": "refresh", "effect": limited })).await;
    let answer = scene.ada.exchange_calendar().await.expect(503);
    assert_eq!(answer.header("retry-after"), Some("7"));
    server.clock().advance(Duration::from_secs(3));
    let answer = via(&scene, &node).await.expect(503);
    assert_eq!(answer.header("retry-after"), Some("4"));
    assert_eq!(provider.calls_of("refresh").await, 1);
    server.clock().advance(Duration::from_secs(4));
    via(&scene, &node).await.expect(200);
    assert_eq!(provider.calls_of("refresh").await, 2);
}

/// A token that ends soon is given out at once, and renewed behind the caller's back.
#[tokio::test]
async fn a_token_that_ends_soon_is_renewed_behind_the_callers_back() {
    let scene = rotating(Engine::Sqlite, 0).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let first = scene.ada.calendar_token().await;
    let left = scene.ada.exchange_calendar().await.json()["expires_in"].as_u64().unwrap();
    server.clock().advance(Duration::from_secs(left - 50));
    provider.fault(json!({ "endpoint": "refresh", "answer_delay_ms": 300 })).await;
    assert_eq!(scene.ada.calendar_token().await, first);
    while scene.ada.calendar_token().await == first {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(provider.refreshes().await, 1);
}
