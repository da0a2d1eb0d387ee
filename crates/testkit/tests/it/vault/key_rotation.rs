//! Keys are rotated while everybody goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::key_rotation::{self, Retirement};
use model::log_event::LogEventKind;
use protocol::oauth::exchange::SubjectTokenType;
use serde_json::json;
use testkit::{Engine, Exchange, Login, TestServer};
use vault::keyring::Purpose;

use crate::scene::Scene;
use crate::support::count;

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
        let before = key_rotation::status(&rotating).await.unwrap();
        let [old, next] = &before.keks[..] else { panic!("{before:?}") };
        let (old, next) = if next.active { (old, next) } else { (next, old) };
        assert!(next.active && next.wraps == 0 && !old.active, "{before:?}");
        let (old, keys) = (old.id.clone(), old.wraps);
        let retired = key_rotation::retire(&rotating, &old, rotating.now()).await.unwrap();
        assert_eq!(retired, Retirement::InUse(keys));
        let wrapped = key_rotation::rewrap(&rotating, rotating.now()).await.unwrap();
        assert_eq!(i64::try_from(wrapped).unwrap(), keys);
        assert_eq!(key_rotation::rewrap(&rotating, rotating.now()).await.unwrap(), 0);
        assert_eq!(key_rotation::add_tenant_keys(&rotating, rotating.now()).await.unwrap(), 4);
        // Begun again after it was cut off here, it adds no further keys.
        let older = key_rotation::status(&rotating).await.unwrap().older_records();
        assert!(older > 5, "{older}");
        assert_eq!(key_rotation::add_tenant_keys(&rotating, rotating.now()).await.unwrap(), 0);
        for _ in 0..8 {
            server.clock().advance(Duration::from_millis(500));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let done = key_rotation::reseal(&rotating, |_, _| {}, rotating.now()).await.unwrap();
        assert!(done.failures.is_empty(), "{done:?}");
        let sealed = done.sealed;
        assert_eq!(i64::try_from(sealed).unwrap(), older);
        assert_eq!(
            key_rotation::reseal(&rotating, |_, _| {}, rotating.now()).await.unwrap().sealed,
            0
        );
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.await.unwrap() > 5, "{engine:?}");
        }

        let after = key_rotation::status(&rotating).await.unwrap();
        assert_eq!(after.older_records(), 0);
        for kek in &after.keks {
            assert_eq!(kek.wraps > 0, kek.active, "{after:?}");
        }
        let verified = key_rotation::verify(&rotating).await.unwrap();
        assert!(verified.failures.is_empty(), "{verified:?}");
        assert!(verified.opened >= sealed);
        // The old key-encryption key is not needed any more, not even to renew and to log in.
        let retire = async || key_rotation::retire(&rotating, &old, rotating.now()).await.unwrap();
        assert_eq!((retire().await, retire().await), (Retirement::Retired, Retirement::Unknown));
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
    let found = key_rotation::verify(&rotating).await.unwrap();
    let failed: Vec<_> = found.failures.iter().map(|one| (one.table, one.row.as_str())).collect();
    assert_eq!(failed, [("connected_accounts", scene.account["id"].as_str().unwrap())]);
}

/// A record that does not open keeps no other from being sealed anew, and no key from being added
/// later. A wrapped key that does not open is named as well.
#[tokio::test]
async fn what_does_not_open_is_named_and_stays_as_it_is() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let rotating = server.rotating().await;
    let write = async |sql: &'static str| {
        let mut tx = server.app().store.write().await.unwrap();
        assert_eq!(tx.execute(sql, vec![]).await.unwrap(), 1);
        tx.commit().await.unwrap();
    };
    write("UPDATE connected_accounts SET version = version + 1").await;
    key_rotation::add_tenant_keys(&rotating, rotating.now()).await.unwrap();
    server.clock().advance(Duration::from_secs(4));
    let done = key_rotation::reseal(&rotating, |_, _| {}, rotating.now()).await.unwrap();
    assert_eq!((done.failures.len(), done.failures[0].table), (1, "connected_accounts"));
    assert!(done.sealed > 4, "{done:?}");
    let left = key_rotation::status(&rotating).await.unwrap().older_records();
    assert_eq!(left, 1);

    write(
        "UPDATE tenant_keys SET wrapped = (SELECT wrapped FROM tenant_keys WHERE purpose = 'cursors') \
        WHERE purpose = 'tickets'",
    )
    .await;
    server.clock().advance(Duration::from_hours(1));
    let found = key_rotation::verify(&rotating).await.unwrap();
    let tables: Vec<_> = found.failures.iter().map(|one| one.table).collect();
    assert_eq!(tables, ["tenant_keys", "tenants"]);
}

/// F32: the clock of whoever rotates says little: a node seals with a new key only when it has seen it
/// for as long as the others may need to see it.
#[tokio::test]
async fn f32_a_new_key_seals_when_every_node_has_seen_it() {
    let server = TestServer::start().await;
    let rotating = server.rotating().await;
    let tenant = &server.seeded().tenant.id;
    let newest = async || {
        let keys = server.app().tenant_keys(tenant, server.app().now()).await.unwrap();
        *keys.newest(Purpose::Vault).unwrap().id()
    };
    let first = newest().await;
    let behind = rotating.now().saturating_sub(Duration::from_mins(5));
    key_rotation::add_tenant_keys(&rotating, behind).await.unwrap();
    for milliseconds in [1000, 1000, 900] {
        server.clock().advance(Duration::from_millis(milliseconds));
        assert_eq!(newest().await, first);
    }
    server.clock().advance(Duration::from_millis(1100));
    let second = newest().await;
    assert_ne!(second, first);
    let done = key_rotation::reseal(&rotating, |_, _| {}, rotating.now()).await.unwrap();
    assert!(done.sealed > 0 && done.failures.is_empty(), "{done:?}");
    assert_eq!(key_rotation::status(&rotating).await.unwrap().older_records(), 0);
    server.clock().advance(Duration::from_hours(1));
    assert_eq!(newest().await, second);
}

/// A record may name a key that a node has not seen yet: it looks for it, but not for each record.
#[tokio::test]
async fn a_key_that_is_not_known_is_looked_for_before_anything_fails() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        let server = &scene.server;
        let node = server.another_node().await;
        let rotating = server.rotating().await;
        let exchange = async || scene.exchanging().via(&node).send().await.status;
        let rotate = async || {
            key_rotation::add_tenant_keys(&rotating, rotating.now()).await.unwrap();
            let done = key_rotation::reseal(&rotating, |_, _| {}, rotating.now()).await.unwrap();
            assert!(done.sealed > 4 && done.failures.is_empty(), "{done:?}");
        };
        server.clock().advance(Duration::from_secs(1));
        assert_eq!(exchange().await, 200);
        // Nobody waits until every node has seen the keys.
        rotate().await;
        assert_eq!(exchange().await, 200, "{engine:?}");
        // That was looked for just now. It is not again at once, and then it is.
        rotate().await;
        assert_eq!(exchange().await, 401, "the client's secret is not recognised");
        server.clock().advance(Duration::from_millis(250));
        assert_eq!(exchange().await, 200, "{engine:?}");
        scene.is_intact().await;
    }
}

/// What one key signed is valid until its end, on every node, while others sign.
#[tokio::test]
async fn signing_keys_rotate_with_overlap() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        let server = &scene.server;
        let node = server.another_node().await;
        let rotating = server.rotating().await;
        let tenant = &server.seeded().tenant.id;
        let stages = async || {
            let mut read = server.app().store.read().await.unwrap();
            let stages = store::keys::signing_stages(&mut read, tenant).await.unwrap();
            let stages = stages.into_iter().map(|(kid, stage, _)| (kid, format!("{stage:?}")));
            stages.collect::<std::collections::BTreeMap<_, _>>()
        };
        let rotate =
            async || key_rotation::rotate_signing(&rotating, rotating.now()).await.unwrap();
        let signed = scene.ada.mine.access_token.clone();
        let asks_who = async |via_other: bool| {
            let call = server.get("/userinfo").bearer(&signed);
            let call = if via_other { call.via(&node) } else { call };
            call.send().await.status
        };

        // The next key is as young as the tenant.
        let before = stages().await;
        assert_eq!(rotate().await.too_early, std::slice::from_ref(tenant));
        assert_eq!(stages().await, before);

        server.clock().advance(Duration::from_mins(2));
        for round in 1..=2 {
            let before = stages().await;
            assert_eq!(rotate().await.rotated, std::slice::from_ref(tenant));
            let after = stages().await;
            assert_eq!(after.len(), before.len() + 1);
            for (kid, stage) in &before {
                let moved = match stage.as_str() {
                    "Next" => "Current",
                    _ => "Previous",
                };
                assert_eq!(after[kid], moved, "round {round}");
            }
            assert_eq!(
                rotate().await.too_early,
                std::slice::from_ref(tenant),
                "the new one is too young"
            );
            server.clock().advance(Duration::from_secs(2));
            let published = server.get("/.well-known/jwks.json").via(&node).send().await;
            assert_eq!(published.json()["keys"].as_array().unwrap().len(), after.len());
            for via_other in [false, true] {
                assert_eq!(asks_who(via_other).await, 200, "round {round}, {engine:?}");
            }
            server.clock().advance(Duration::from_mins(2));
        }
        // Long after, nothing can be valid that the first two signed.
        server.clock().advance(Duration::from_hours(40 * 24));
        rotate().await;
        server.clock().advance(Duration::from_hours(40 * 24));
        let before = stages().await.len();
        rotate().await;
        assert!(stages().await.len() <= before, "{:?}", stages().await);
        let verified = key_rotation::verify(&rotating).await.unwrap();
        assert!(verified.failures.is_empty(), "{verified:?}");
    }
}

/// Whatever is done to the keys of a tenant stands in its audit log, by the public names of the keys.
#[tokio::test]
async fn the_audit_log_tells_what_was_done_to_the_keys() {
    let server = TestServer::start().await;
    let other = server.other_tenant().await;
    let rotating = server.rotating().await;
    let before = server.log_events().await.len();
    let now = async || {
        server.clock().advance(Duration::from_mins(2));
        rotating.now()
    };
    let status = key_rotation::status(&rotating).await.unwrap();
    let kek = |active| status.keks.iter().find(|kek| kek.active == active).unwrap().id.clone();
    let (old, next) = (kek(false), kek(true));
    key_rotation::rewrap(&rotating, now().await).await.unwrap();
    key_rotation::rewrap(&rotating, now().await).await.unwrap();
    key_rotation::add_tenant_keys(&rotating, now().await).await.unwrap();
    let sealed = key_rotation::reseal(&rotating, |_, _| {}, now().await).await.unwrap().sealed;
    key_rotation::rotate_signing(&rotating, now().await).await.unwrap();
    key_rotation::retire(&rotating, &old, now().await).await.unwrap();

    let mut records = 0;
    for tenant in [&*server, &other] {
        let events = tenant.log_events().await;
        let noted = &events[events.len() - 5..];
        assert!(noted.iter().all(|event| event.kind == LogEventKind::ManagementWrite));
        let told = |number: usize| noted[number].detail.description.as_deref().unwrap();
        assert_eq!(
            [told(0), told(1), told(2)],
            ["Wrap the tenant keys anew", "Add tenant keys", "Seal the records anew",]
        );
        assert_eq!([told(3), told(4)], ["Rotate the signing key", "Forget a key-encryption key"]);
        let wrapped = &noted[0].detail.details;
        assert_eq!(
            json!(wrapped),
            json!({
                "kek_id": next, "former_kek_ids": [old], "tenant_keys": 7,
            })
        );
        let purposes = noted[1].detail.details["tenant_keys"].as_array().unwrap();
        let purposes: Vec<_> = purposes.iter().map(|key| key["purpose"].as_str()).collect();
        assert_eq!(purposes.len(), 4);
        records += noted[2].detail.details["records"].as_u64().unwrap();
        assert_eq!(json!(noted[4].detail.details), json!({ "kek_id": old }));
    }
    assert_eq!(usize::try_from(records).unwrap(), sealed);
    assert_eq!(server.log_events().await.len(), before + 5);
}

/// An older key stays for as long as anything may name it, and a record that does not open keeps its
/// key.
#[tokio::test]
async fn an_older_tenant_key_goes_when_nothing_can_name_it() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        let server = &scene.server;
        let rotating = server.rotating().await;
        let number = async || count(server, "SELECT COUNT(*) AS n FROM tenant_keys").await;
        let add = async || {
            let added = key_rotation::add_tenant_keys(&rotating, rotating.now()).await.unwrap();
            assert_eq!(added, 4);
            server.clock().advance(Duration::from_secs(4));
        };
        let reseal = async || {
            key_rotation::reseal(&rotating, |_, _| {}, rotating.now()).await.unwrap();
            // The log is in the order of milliseconds.
            server.clock().advance(Duration::from_millis(1));
        };
        let remove =
            async || key_rotation::remove_outlived_keys(&rotating, rotating.now()).await.unwrap();

        assert_eq!((remove().await, number().await), (0, 7));
        add().await;
        server.clock().advance(Duration::from_hours(31 * 24));
        assert_eq!(remove().await, 0, "every record names an older key");
        reseal().await;
        assert_eq!((remove().await, number().await), (4, 7));
        assert_eq!(remove().await, 0);
        let event = server.latest_event(LogEventKind::ManagementWrite).await.detail;
        assert_eq!(event.description.as_deref(), Some("Remove older tenant keys"));
        assert!(key_rotation::verify(&rotating).await.unwrap().failures.is_empty());

        add().await;
        reseal().await;
        server.clock().advance(Duration::from_hours(30 * 24 - 1));
        assert_eq!(remove().await, 0, "something may still name them");
        let mut tx = server.app().store.write().await.unwrap();
        let sql = "UPDATE connected_accounts SET version = version + 1";
        assert_eq!(tx.execute(sql, vec![]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        add().await;
        reseal().await;
        server.clock().advance(Duration::from_hours(31 * 24));
        // Of two older generations, the account's key alone is still named.
        assert_eq!((remove().await, number().await), (7, 8));
        let found = key_rotation::verify(&rotating).await.unwrap();
        assert_eq!(found.failures.len(), 1, "{found:?}");
    }
}
