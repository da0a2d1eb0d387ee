//! Keys are rotated while everybody goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::key_rotation;
use protocol::oauth::exchange::SubjectTokenType;
use testkit::{Engine, Exchange, Login, TestServer};

use crate::scene::Scene;

/// F30: eight clients exchange while the key-encryption key and every tenant key are replaced.
#[tokio::test]
async fn f30_rotating_every_key_disturbs_nobody() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        let server = &scene.server;
        let node = server.another_node().await;
        let web = &server.seeded().web;
        let token = scene.ada.mine.refresh_token.as_deref().unwrap();
        let call =
            server.exchanging(web, SubjectTokenType::RefreshToken, token, &Exchange::calendar());
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..8)
            .map(|number| {
                let (stop, call) = (Arc::clone(&stop), call.clone());
                let call = if number % 2 == 0 { call } else { call.via(&node) };
                tokio::spawn(async move {
                    let mut served = 0;
                    while !stop.load(Ordering::Relaxed) {
                        call.clone().send().await.expect(200);
                        served += 1;
                    }
                    served
                })
            })
            .collect();

        let rotating = server.rotating().await;
        let before = key_rotation::status(&rotating, rotating.now()).await.unwrap();
        let (old, keys) = before.wrapped[0].clone();
        assert_ne!(old, before.active);
        assert!(!key_rotation::retire(&rotating, &old).await.unwrap());
        let wrapped = key_rotation::rewrap(&rotating).await.unwrap();
        assert_eq!(i64::try_from(wrapped).unwrap(), keys);
        assert_eq!(key_rotation::rewrap(&rotating).await.unwrap(), 0);
        key_rotation::add_tenant_keys(&rotating, rotating.now()).await.unwrap();
        for _ in 0..8 {
            server.clock().advance(Duration::from_millis(500));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let now = rotating.now();
        assert_eq!(key_rotation::status(&rotating, now).await.unwrap().older_tokensets, 1);
        let sealed = key_rotation::reseal(&rotating, now, |_| {}).await.unwrap();
        assert!(sealed > 5, "{sealed}");
        assert_eq!(key_rotation::reseal(&rotating, now, |_| {}).await.unwrap(), 0);
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.await.unwrap() > 5, "{engine:?}");
        }

        let after = key_rotation::status(&rotating, rotating.now()).await.unwrap();
        assert_eq!(after.older_tokensets, 0);
        assert_eq!(after.wrapped.iter().map(|(kek, _)| kek).collect::<Vec<_>>(), [&after.active]);
        let verified = key_rotation::verify(&rotating, rotating.now()).await.unwrap();
        assert!(verified.failures.is_empty(), "{verified:?}");
        assert!(verified.opened >= sealed);
        // The old key-encryption key is not needed any more, not even to renew and to log in.
        assert!(key_rotation::retire(&rotating, &old).await.unwrap());
        let next = server.node_with_next_kek().await;
        call.clone().via(&next).send().await.expect(200);
        server.clock().advance(Duration::from_hours(1));
        call.clone().via(&next).send().await.expect(200);
        assert_eq!(server.provider().refreshes().await, 1);
        scene.is_intact().await;
    }
}

/// A record that was tampered with is found by looking at all of them.
#[tokio::test]
async fn verifying_names_the_record_that_does_not_open() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let rotating = server.rotating().await;
    let mut tx = server.app().store.write().await.unwrap();
    let sql = "UPDATE connected_accounts SET version = version + 1";
    assert_eq!(tx.execute(sql, vec![]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let found = key_rotation::verify(&rotating, rotating.now()).await.unwrap();
    let failed: Vec<_> = found.failures.iter().map(|one| (one.table, one.row.as_str())).collect();
    assert_eq!(failed, [("connected_accounts", scene.account["id"].as_str().unwrap())]);
}
