//! A database that is away: callers are told to come again, at once, and nothing is lost.
//!
//! No outage here ends by itself before a caller's patience does.

use std::time::Duration;

use serde_json::json;
use store::{Database, WriteTx};
use testkit::{Answer, Call, Engine, Link, Login, TestServer};
use tokio::task::JoinSet;

use crate::management::Admin;
use crate::scene::Scene;

/// Ada's calendar, whose refresh tokens are good for one use; on PostgreSQL, over a wire that can be
/// cut. Nothing where there is no PostgreSQL.
async fn by_link() -> Option<Scene> {
    if !Engine::available().contains(&Engine::Postgres) {
        return None;
    }
    Some(strict(TestServer::builder().by_link().start().await).await)
}

async fn strict(server: TestServer) -> Scene {
    let tokens = json!({ "kind": "rotating", "grace_seconds": 0 });
    server.provider().behave(json!({ "refresh_tokens": tokens })).await;
    Scene::of(server, &Login::web()).await
}

#[track_caller]
fn is_sent_away(answer: &Answer) {
    assert_eq!(answer.error(), (503, "temporarily_unavailable".to_owned()), "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
}

async fn at_once(call: &Call, callers: usize) -> Vec<Answer> {
    let calls: JoinSet<_> = (0..callers).map(|_| call.clone().send()).collect();
    calls.join_all().await
}

/// Until then callers are told to come again, and nothing else.
async fn is_back(scene: &Scene) {
    let back = async {
        loop {
            let answer = scene.ada.exchange_calendar().await;
            if answer.status == 200 {
                return;
            }
            is_sent_away(&answer);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let limit = Duration::from_secs(20);
    assert!(tokio::time::timeout(limit, back).await.is_ok(), "it does not come back");
}

/// One refresh, no reuse: nothing was split and nothing was lost.
async fn was_refreshed_once(scene: &Scene) {
    let provider = scene.server.provider();
    let total = provider.stats().await["total"].clone();
    assert_eq!((&total["refreshes"], &total["reuse_detected"]), (&json!(1), &json!(0)));
    scene.is_intact().await;
    scene.server.clock().advance(Duration::from_hours(1));
    scene.is_intact().await;
    assert_eq!(provider.stats().await["total"]["reuse_detected"], 0);
}

#[tokio::test]
async fn f14_callers_of_a_silent_database_are_sent_away_until_it_answers() {
    let Some(scene) = by_link().await else { return };
    let (server, admin) = (&scene.server, Admin::of(&scene.server).await);
    for fail in [Link::freeze, Link::cut] {
        fail(server.link());
        for answer in at_once(&scene.exchanging(), 30).await {
            is_sent_away(&answer);
        }
        // Who comes when it is known, to any surface.
        is_sent_away(&scene.ada.exchange_calendar().await);
        for answer in [
            admin.get("clients").await,
            server.get("/me/v1/connected-accounts/accounts").access(&scene.ada.mine).send().await,
        ] {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
        }
        server.link().resume();
        is_back(&scene).await;
    }
    scene.is_intact().await;
}

/// F39: the database goes away before the lease is taken. The provider is not asked.
#[tokio::test]
async fn f39_nothing_is_asked_of_the_provider_while_the_database_is_away() {
    let Some(scene) = by_link().await else { return };
    let (server, provider) = (&scene.server, scene.server.provider());
    server.clock().advance(Duration::from_hours(1));
    server.link().freeze();
    for answer in at_once(&scene.exchanging(), 20).await {
        is_sent_away(&answer);
    }
    assert_eq!(provider.calls_of("refresh").await, 0);
    server.link().resume();
    is_back(&scene).await;
    was_refreshed_once(&scene).await;
}

/// F39: the database goes away while the provider answers, and another node still has it. The answer
/// waits in the journal; the other node waits for the lease, and for no longer than the outage.
#[tokio::test]
async fn f39_an_answer_that_meets_a_silent_database_is_kept_and_stored() {
    for fail in [Link::freeze, Link::cut] {
        let Some(scene) = by_link().await else { return };
        let server = &scene.server;
        let node = server.another_node().await;
        server.clock().advance(Duration::from_hours(1));
        let caller = scene.exchange_in_flight(500).await;
        fail(server.link());
        let elsewhere = tokio::spawn(scene.exchanging().via(&node).send());
        is_sent_away(&caller.await.unwrap());
        assert_eq!(server.journalled(), 1);
        server.link().resume();
        is_back(&scene).await;
        assert_eq!(server.journalled(), 0);
        elsewhere.await.unwrap().expect(200);
        was_refreshed_once(&scene).await;
    }
}

async fn lock(database: &Database, sql: &'static str) -> WriteTx {
    let mut tx = database.write().await.unwrap();
    tx.execute(sql, vec![]).await.unwrap();
    tx
}

/// F16: somebody holds what every request needs, and more requests come than there are connections.
#[tokio::test]
async fn f16_callers_are_sent_away_when_another_session_holds_the_locks() {
    if !Engine::available().contains(&Engine::Postgres) {
        return;
    }
    let scene = strict(TestServer::builder().engine(Engine::Postgres).start().await).await;
    let (server, provider) = (&scene.server, scene.server.provider());
    let another = server.another_program().await;
    for sql in [
        "LOCK TABLE log_events IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE clients IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE connected_accounts IN ACCESS EXCLUSIVE MODE",
    ] {
        let held = lock(&another, sql).await;
        for answer in at_once(&scene.exchanging(), 40).await {
            is_sent_away(&answer);
        }
        held.rollback().await.unwrap();
        scene.is_intact().await;
    }
    server.clock().advance(Duration::from_hours(1));
    let held = lock(&another, "LOCK TABLE connected_accounts IN EXCLUSIVE MODE").await;
    for answer in at_once(&scene.exchanging(), 40).await {
        is_sent_away(&answer);
    }
    assert_eq!(provider.calls_of("refresh").await, 0);
    held.rollback().await.unwrap();
    is_back(&scene).await;
    was_refreshed_once(&scene).await;
}

/// F19: another process holds SQLite's write lock for longer than anybody waits for it.
#[tokio::test]
async fn f19_callers_are_sent_away_when_another_process_holds_the_file() {
    let scene = strict(TestServer::start().await).await;
    let lock = scene.server.lock_database().await;
    for answer in at_once(&scene.exchanging(), 100).await {
        is_sent_away(&answer);
    }
    drop(lock);
    is_back(&scene).await;
    // A lock of a moment is waited for.
    let lock = scene.server.lock_database().await;
    let caller = tokio::spawn(scene.exchanging().send());
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!caller.is_finished());
    drop(lock);
    caller.await.unwrap().expect(200);
}
