//! The right to renew a tokenset: one holder at a time, and only the holder writes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use model::connected_account::{Health, Setback};
use model::ids::TenantId;
use store::connected_accounts::{self, StoredAccount};
use store::refresh_leases::{self, Failure, RefreshLease};
use store::{Database, WriteTx};

use crate::common::{at, on_both};
use crate::samples::{account, sealed, settle};

const LONG: Duration = Duration::from_mins(1);

async fn connected(database: &Database) -> (TenantId, StoredAccount) {
    let tenant = settle(database, "acme").await;
    let stored = account("cac_1", "1", "first");
    let mut tx = database.write().await.unwrap();
    assert!(connected_accounts::insert(&mut tx, &tenant, &stored).await.unwrap());
    tx.commit().await.unwrap();
    (tenant, stored)
}

/// By a node that did nothing before.
async fn take(
    database: &Database,
    tenant: &TenantId,
    stored: &StoredAccount,
    length: Duration,
) -> Option<RefreshLease> {
    static NODES: AtomicU32 = AtomicU32::new(0);
    let node = format!("node {}", NODES.fetch_add(1, Ordering::Relaxed));
    take_by(&node, database, tenant, stored, length).await
}

async fn take_by(
    node: &str,
    database: &Database,
    tenant: &TenantId,
    stored: &StoredAccount,
    length: Duration,
) -> Option<RefreshLease> {
    let mut tx = database.write().await.unwrap();
    let lease = refresh_leases::take(&mut tx, tenant, stored, node, length, at(50)).await;
    tx.commit().await.unwrap();
    lease.unwrap()
}

async fn now(database: &Database, tenant: &TenantId) -> StoredAccount {
    let mut read = database.read().await.unwrap();
    connected_accounts::find(&mut read, tenant, &"cac_1".into()).await.unwrap().unwrap()
}

fn successor(stored: &StoredAccount, mark: &str) -> StoredAccount {
    let mut next = stored.clone();
    next.account.version += 1;
    next.sealed_tokens = sealed(mark);
    next
}

async fn writing(database: &Database) -> WriteTx {
    database.write().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_come_at_once_one_gets_the_lease() {
    on_both(|database| async move {
        let (tenant, stored) = connected(&database).await;
        let attempts = (0..20).map(|_| {
            let (database, tenant, stored) = (database.clone(), tenant.clone(), stored.clone());
            tokio::spawn(async move { take(&database, &tenant, &stored, LONG).await.is_some() })
        });
        let mut winners = 0;
        for attempt in attempts.collect::<Vec<_>>() {
            winners += usize::from(attempt.await.unwrap());
        }
        assert_eq!(winners, 1);
        let lease = now(&database, &tenant).await.account.renewal.lease;
        assert!(lease.unwrap().owner.starts_with("node"));
    })
    .await;
}

/// F39: a node that could not give its lease back, because the database was away, does not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn f39_a_node_takes_its_own_lease_again_and_knows_of_the_doubt() {
    on_both(|database| async move {
        let (tenant, stored) = connected(&database).await;
        let left_over = take_by("a", &database, &tenant, &stored, LONG).await.unwrap();
        assert!(take_by("b", &database, &tenant, &stored, LONG).await.is_none());
        let lease = take_by("a", &database, &tenant, &stored, LONG).await.unwrap();
        assert_eq!(lease.uncertain_since(), Some(at(50)));
        let (stale, fresh) = (successor(&stored, "stale"), successor(&stored, "fresh"));
        let mut tx = writing(&database).await;
        assert!(!refresh_leases::commit(&mut tx, &tenant, &left_over, &stale).await.unwrap());
        assert!(refresh_leases::commit(&mut tx, &tenant, &lease, &fresh).await.unwrap());
        tx.commit().await.unwrap();
    })
    .await;
}

/// F03: whoever slept through the end of the lease writes nothing any more.
#[tokio::test(flavor = "multi_thread")]
async fn f03_a_lease_that_ran_out_is_anothers_and_its_outcome_is_uncertain() {
    on_both(|database| async move {
        let (tenant, stored) = connected(&database).await;
        let late = take(&database, &tenant, &stored, Duration::ZERO).await.unwrap();
        assert_eq!(late.uncertain_since(), None);
        let lease = take(&database, &tenant, &stored, LONG).await.unwrap();
        assert_eq!(lease.uncertain_since(), Some(at(50)));
        assert!(take(&database, &tenant, &stored, LONG).await.is_none());

        let (stale, fresh) = (successor(&stored, "stale"), successor(&stored, "fresh"));
        let failure = Failure { code: "x", next_attempt_at: at(60), uncertain_since: None };
        let mut tx = writing(&database).await;
        assert!(!refresh_leases::commit(&mut tx, &tenant, &late, &stale).await.unwrap());
        assert!(!refresh_leases::kill(&mut tx, &tenant, &late, 1, "x", at(60)).await.unwrap());
        assert!(!refresh_leases::postpone(&mut tx, &tenant, &late, &failure).await.unwrap());
        assert!(!refresh_leases::release(&mut tx, &tenant, &late).await.unwrap());
        assert!(refresh_leases::commit(&mut tx, &tenant, &lease, &fresh).await.unwrap());
        assert!(!refresh_leases::commit(&mut tx, &tenant, &lease, &fresh).await.unwrap());
        tx.commit().await.unwrap();
        let kept = now(&database, &tenant).await;
        assert_eq!((kept.sealed_tokens, kept.account), (fresh.sealed_tokens, fresh.account));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_was_given_back_leaves_no_doubt() {
    on_both(|database| async move {
        let (tenant, stored) = connected(&database).await;
        let lease = take(&database, &tenant, &stored, LONG).await.unwrap();
        let mut tx = writing(&database).await;
        assert!(refresh_leases::release(&mut tx, &tenant, &lease).await.unwrap());
        tx.commit().await.unwrap();
        let lease = take(&database, &tenant, &stored, LONG).await.unwrap();
        assert_eq!(lease.uncertain_since(), None);

        let failure =
            Failure { code: "timeout", next_attempt_at: at(60), uncertain_since: Some(at(55)) };
        let mut tx = writing(&database).await;
        assert!(refresh_leases::postpone(&mut tx, &tenant, &lease, &failure).await.unwrap());
        tx.commit().await.unwrap();
        let renewal = now(&database, &tenant).await.account.renewal;
        let setback = Setback { code: "timeout".to_owned(), failures: 1, next_attempt_at: at(60) };
        assert_eq!(renewal.setback, Some(setback));
        assert_eq!(renewal.uncertain_since, Some(at(55)));
        let lease = take(&database, &tenant, &stored, LONG).await.unwrap();
        assert_eq!(lease.uncertain_since(), Some(at(55)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_tokenset_that_was_refused_is_marked_dead() {
    on_both(|database| async move {
        let (tenant, stored) = connected(&database).await;
        let lease = take(&database, &tenant, &stored, LONG).await.unwrap();
        let mut tx = writing(&database).await;
        for (version, marked) in [(0, false), (2, false), (1, true), (1, false)] {
            let killed = refresh_leases::kill(&mut tx, &tenant, &lease, version, "gone", at(60));
            assert_eq!(killed.await.unwrap(), marked, "{version}");
        }
        tx.commit().await.unwrap();
        let dead = now(&database, &tenant).await;
        let health = Health::NeedsReconnect { reason: "gone".to_owned(), since: at(60) };
        assert_eq!(dead.account.health, health);
        // Nobody spends its refresh token again, until it is connected anew.
        assert!(take(&database, &tenant, &stored, LONG).await.is_none());
        let next = successor(&stored, "second");
        let mut tx = writing(&database).await;
        assert!(connected_accounts::replace_tokenset(&mut tx, &tenant, &next).await.unwrap());
        tx.commit().await.unwrap();
        assert!(take(&database, &tenant, &next, LONG).await.is_some());
    })
    .await;
}

/// A reconnect in the middle of a refresh wins, and the refresh finds out.
#[tokio::test(flavor = "multi_thread")]
async fn a_tokenset_that_was_replaced_is_not_overwritten_by_the_older_refresh() {
    on_both(|database| async move {
        let (tenant, stored) = connected(&database).await;
        let lease = take(&database, &tenant, &stored, LONG).await.unwrap();
        let reconnected = successor(&stored, "reconnected");
        let mut tx = writing(&database).await;
        let written = connected_accounts::replace_tokenset(&mut tx, &tenant, &reconnected).await;
        assert!(written.unwrap());
        let refreshed = successor(&stored, "refreshed");
        assert!(!refresh_leases::commit(&mut tx, &tenant, &lease, &refreshed).await.unwrap());
        assert!(!refresh_leases::kill(&mut tx, &tenant, &lease, 1, "x", at(60)).await.unwrap());
        assert!(refresh_leases::release(&mut tx, &tenant, &lease).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(now(&database, &tenant).await.sealed_tokens, reconnected.sealed_tokens);
    })
    .await;
}
