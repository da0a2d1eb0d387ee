//! What is erased is gone: a tenant's keys, a user's share, what came by a connection.

use std::sync::Arc;
use std::time::Duration;

use engine::key_rotation::{self, Erasure};
use model::log_event::LogEventKind;
use reqwest::Method;
use store::{connected_accounts, users};
use testkit::{Engine, Login, TestServer};
use vault::keyring::Purpose;
use vault::seal::{Place, UserShare};

use crate::scene::Scene;
use crate::support::count;

/// Without a tenant's keys nothing of it opens, on any node and with no panic; others go on.
#[tokio::test]
async fn an_erased_tenant_is_unreadable_everywhere_within_a_second() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        let server = &scene.server;
        let (app, tenant) = (server.app(), &server.seeded().tenant.id);
        let other = server.other_tenant().await;
        let node = server.another_node().await;
        let rotating = server.rotating().await;
        scene.exchanging().via(&node).send().await.expect(200);
        let in_memory = Arc::downgrade(&app.tenant_keys(tenant, app.now()).await.unwrap());
        assert!(in_memory.upgrade().is_some());

        let erase = async || key_rotation::erase(&rotating, tenant, app.now()).await.unwrap();
        let before = key_rotation::verify(&rotating).await.unwrap();
        assert_eq!(before.erased, []);
        assert_eq!(erase().await, Erasure::Erased(7), "{engine:?}");
        assert_eq!(erase().await, Erasure::AlreadyErased);
        let unknown = key_rotation::erase(&rotating, &"nobody".into(), app.now()).await.unwrap();
        assert_eq!(unknown, Erasure::Unknown);
        let told = server.latest_event(LogEventKind::ManagementWrite).await.detail;
        assert_eq!(told.description.unwrap(), "Erase the tenant: delete its keys");

        server.clock().advance(Duration::from_secs(1));
        app.keys.forget(&app.store, app.now()).await.unwrap();
        assert!(in_memory.upgrade().is_none(), "the keys are still in memory");
        let cause = format!("the keys of tenant {tenant} were erased");
        for call in [scene.exchanging(), scene.exchanging().via(&node)] {
            assert_eq!(call.send().await.status, 503, "{engine:?}");
            let event = server.latest_event(LogEventKind::VaultExchangeFailed).await.detail;
            assert!(event.description.unwrap().starts_with(&cause));
        }
        for path in ["/.well-known/jwks.json", "/userinfo", "/me/v1/connected-accounts/accounts"] {
            let call = server.get(path).bearer(&scene.ada.mine.access_token);
            assert_eq!(call.send().await.status, 503, "{path}");
        }
        server.clock().advance(Duration::from_hours(1));
        assert_eq!(server.renew_due().await, 0);

        let found = key_rotation::verify(&rotating).await.unwrap();
        assert_eq!(found.erased, std::slice::from_ref(tenant));
        assert!(found.failures.is_empty() && found.opened > 0, "{found:?}");
        other.management_token().await;
        // A rotation goes on with those that are left.
        assert_eq!(key_rotation::rewrap(&rotating, app.now()).await.unwrap(), 7);
        assert_eq!(key_rotation::add_tenant_keys(&rotating, app.now()).await.unwrap(), 4);
        server.clock().advance(Duration::from_secs(4));
        let done = key_rotation::reseal(&rotating, |_, _| {}, app.now()).await.unwrap();
        assert!(done.failures.is_empty() && done.sealed > 0, "{done:?}");
        let signing = key_rotation::rotate_signing(&rotating, app.now()).await.unwrap();
        assert_eq!(signing.rotated, std::slice::from_ref(&other.seeded().tenant.id));
        other.management_token().await;
    }
}

/// With the user goes the share, without which a copy of the record opens no more.
#[tokio::test]
async fn a_deleted_user_leaves_nothing_that_opens() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let (app, tenant) = (server.app(), &server.seeded().tenant.id);
    let user = &server.seeded().people[0].user_id;
    let mut read = app.store.read().await.unwrap();
    let copy = connected_accounts::list_for_user(&mut read, tenant, user).await.unwrap().remove(0);
    let share = users::share(&mut read, tenant, user).await.unwrap().unwrap();
    drop(read);

    let token = server.management_token().await;
    let path = format!("users/{}", user.as_str().replace('|', "%7C"));
    server.management(Method::DELETE, &path, &token).send().await.expect(204);
    let mut read = app.store.read().await.unwrap();
    assert!(users::share(&mut read, tenant, user).await.unwrap().is_none());
    for sql in [
        "SELECT COUNT(*) AS n FROM connected_accounts",
        "SELECT COUNT(*) AS n FROM connect_transactions",
    ] {
        assert_eq!(count(server, sql).await, 0, "{sql}");
    }
    leaves_what_revoking_takes(server, "SELECT COUNT(*) AS n FROM revocations").await;
    let keys = app.tenant_keys(tenant, app.now()).await.unwrap();
    let account = &copy.account;
    let place = Place {
        tenant: tenant.as_str(),
        table: "connected_accounts",
        row: account.id.as_str(),
        user: account.user_id.as_str(),
        connection: account.connection_id.as_str(),
        field: "sealed_tokens",
        generation: account.version,
    };
    let open = |share| keys.open(Purpose::Vault, share, &place, &copy.sealed_tokens);
    assert!(open(Some(&share)).is_ok(), "with the share that is gone, it would open");
    for share in [None, Some(&UserShare::new([0; 32]))] {
        assert!(open(share).is_err());
    }
}

/// The calendar's provider is asked to end its grants, and what that takes is there for so long.
async fn leaves_what_revoking_takes(server: &TestServer, sql: &'static str) {
    assert_eq!(count(server, sql).await, 1);
    assert_eq!(server.revoke_due().await, 1);
    assert_eq!(count(server, sql).await, 0);
}

/// With the connection goes its secret, and every account that came by it.
#[tokio::test]
async fn a_deleted_connection_leaves_nothing_that_opens() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let rotating = server.rotating().await;
    let waiting = scene.ada.begin().await;
    scene.ada.consent_to(&waiting).await;
    let before = key_rotation::verify(&rotating).await.unwrap();
    let token = server.management_token().await;
    let (tenant, user) = (&server.seeded().tenant.id, &server.seeded().people[0].user_id);
    let mut read = server.app().store.read().await.unwrap();
    let account =
        connected_accounts::list_for_user(&mut read, tenant, user).await.unwrap().remove(0);
    drop(read);
    let path = format!("connections/{}", account.account.connection_id);
    server.management(Method::DELETE, &path, &token).send().await.expect(202);
    for sql in [
        "SELECT COUNT(*) AS n FROM connections WHERE sealed_secret IS NOT NULL",
        "SELECT COUNT(*) AS n FROM connected_accounts",
        "SELECT COUNT(*) AS n FROM connect_transactions",
        "SELECT COUNT(*) AS n FROM provider_states",
    ] {
        assert_eq!(count(server, sql).await, 0, "{sql}");
    }
    let kept = "SELECT COUNT(*) AS n FROM departed_connections";
    assert_eq!(count(server, kept).await, 1);
    leaves_what_revoking_takes(server, "SELECT COUNT(*) AS n FROM revocations").await;
    let after = key_rotation::verify(&rotating).await.unwrap();
    assert!(after.failures.is_empty(), "{after:?}");
    assert_eq!(after.opened, before.opened - 2);
}
