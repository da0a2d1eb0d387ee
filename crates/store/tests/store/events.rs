//! What happens to accounts: told once, in order, to whoever wants it; and what leaves for good.

use model::account_event::{AccountEvent, AccountEventKind};
use model::event_stream::{Destination, EventStream, StreamStatus, Subscription, Webhook};
use model::ids::{EventStreamId, TenantId};
use store::departures::{self, Leaving};
use store::event_deliveries::{self, Delivery};
use store::event_streams::{self, StoredStream};
use store::{
    Query, WriteTx, account_events, connected_accounts, connections, retention, revocations, users,
};

use crate::common::{at, on_both};
use crate::samples::{self, account, sealed, settle, share};

const ALL: [AccountEventKind; 2] = [AccountEventKind::NeedsReconnect, AccountEventKind::Deleted];

pub(crate) fn stream(id: &str, mark: &str) -> StoredStream {
    let subscriptions = ALL.map(|event_type| Subscription { event_type }).to_vec();
    let webhook =
        Webhook { webhook_endpoint: format!("https://{mark}.test/"), webhook_authorization: None };
    let stream = EventStream {
        id: id.into(),
        name: None,
        subscriptions,
        destination: Destination::Webhook(webhook),
        status: StreamStatus::Enabled,
        created_at: at(1),
        updated_at: at(1),
    };
    StoredStream { stream, sealed_secret: sealed(mark) }
}

fn event(subject: &str, kind: AccountEventKind, second: i64) -> AccountEvent {
    let account = account(&format!("cac_{subject}"), subject, "").account;
    AccountEvent::of(&account, kind, None, at(second))
}

async fn tell(tx: &mut WriteTx, tenant: &TenantId, event: &AccountEvent) {
    account_events::insert(tx, tenant, event).await.unwrap();
}

/// One stream with one delivery, and one revocation, whose ids are the same for every tenant.
pub(crate) async fn fill(tx: &mut WriteTx, tenant: &TenantId) {
    event_streams::insert(tx, tenant, &stream("est_1", tenant.as_str())).await.unwrap();
    tell(tx, tenant, &event("gone", AccountEventKind::NeedsReconnect, 1)).await;
    let gone = account("cac_gone", "gone", tenant.as_str());
    let mut revoking = samples::connection("con_1", "calendar", tenant.as_str());
    revoking.connection.options.insert("revoke_on_disconnect".to_owned(), true.into());
    connections::update(tx, tenant, &revoking).await.unwrap();
    revocations::supersede(tx, tenant, &gone, &share(1), at(1)).await.unwrap();
}

/// What every read answers for a tenant.
pub(crate) async fn everything(q: &mut impl Query, t: &TenantId) -> Vec<String> {
    let (id, event) = ("est_1".into(), event("gone", AccountEventKind::NeedsReconnect, 1).id);
    let address = |found: &StoredStream| found.stream.destination.clone();
    let stream = event_streams::find(q, t, &id).await.unwrap();
    let listed = event_streams::list(q, t).await.unwrap();
    let due = event_deliveries::due(q, t, &id, 9, at(9)).await.unwrap();
    let connection = revocations::connection_of(q, t, &"con_1".into()).await.unwrap();
    vec![
        format!("{:?}", stream.as_ref().map(address)),
        format!("{:?}", listed.iter().map(address).collect::<Vec<_>>()),
        format!("{:?}", due.len()),
        format!("{:?}", event_deliveries::find(q, t, &id, &event).await.unwrap()),
        format!("{:?}", connection.map(|found| found.connection.options)),
    ]
}

/// Does a write and says whether there was something to change.
pub(crate) async fn change(name: &str, tx: &mut WriteTx, t: &TenantId) -> bool {
    let (id, event) = ("est_1".into(), event("gone", AccountEventKind::NeedsReconnect, 1));
    let delivery = Delivery {
        event: event.clone(),
        attempts: 0,
        attempted_at: None,
        next_attempt_at: None,
        last_fault: None,
    };
    match name {
        "event_streams::find_for_update" => {
            event_streams::find_for_update(tx, t, &id).await.map(|found| found.is_some())
        }
        "event_streams::update" => {
            event_streams::update(tx, t, &stream("est_1", "changed")).await.map(|()| true)
        }
        "event_streams::note_failure" => {
            event_streams::note_failure(tx, t, &id).await.map(|failures| failures == 1)
        }
        "event_streams::note_success" => {
            event_streams::note_failure(tx, t, &id).await.unwrap();
            event_streams::note_success(tx, t, &id).await.map(|rows| rows == 1)
        }
        "event_streams::pause" => {
            event_streams::pause(tx, t, &id, at(9)).await.map(|rows| rows == 1)
        }
        "event_streams::delete" => event_streams::delete(tx, t, &id).await.map(|rows| rows == 1),
        "event_deliveries::claim" => {
            event_deliveries::claim(tx, t, &id, &delivery, at(9), at(2)).await
        }
        "event_deliveries::note" => {
            let noted = event_deliveries::note(tx, t, &id, &event.id, Some("x"), None).await;
            noted.map(|rows| rows == 1)
        }
        "event_deliveries::one_again" => {
            event_deliveries::note(tx, t, &id, &event.id, None, None).await.unwrap();
            event_deliveries::one_again(tx, t, &id, &event.id, at(9)).await
        }
        "event_deliveries::again" => {
            event_deliveries::note(tx, t, &id, &event.id, None, None).await.unwrap();
            let span = (at(0), at(9));
            let again = event_deliveries::again(tx, t, &id, event.kind, span, at(9)).await;
            again.map(|rows| rows == 1)
        }
        "departures::mark" => {
            let leaving = Leaving::Connection(&"con_1".into());
            departures::mark(tx, t, leaving, "m").await.map(|rows| rows == 1)
        }
        "departures::tell" => {
            departures::mark(tx, t, Leaving::User(&"u1".into()), "m").await.unwrap();
            departures::tell(tx, t, "m", "why", at(2)).await.unwrap();
            let told = event_deliveries::due(tx, t, &id, 9, at(9)).await;
            told.map(|due| due.len() == 2)
        }
        "departures::revoke" => {
            departures::mark(tx, t, Leaving::User(&"u1".into()), "m").await.unwrap();
            departures::revoke(tx, t, "m", at(2)).await.map(|rows| rows == 1)
        }
        "departures::delete" => {
            departures::mark(tx, t, Leaving::User(&"u1".into()), "m").await.unwrap();
            departures::delete(tx, t, "m").await.map(|rows| rows == 1)
        }
        "revocations::supersede" => {
            let mut newer = account("cac_gone", "gone", "newer");
            newer.account.version += 1;
            revocations::supersede(tx, t, &newer, &share(1), at(3)).await
        }
        "revocations::keep_connection" => {
            let kept = revocations::keep_connection(tx, t, &"con_1".into(), at(3)).await;
            kept.map(|rows| rows == 1)
        }
        unknown => panic!("{unknown}"),
    }
    .unwrap()
}

/// Every write of events and departures that changes or takes away what is there, by name.
pub(crate) const CHANGES: [&str; 16] = [
    "event_streams::find_for_update",
    "event_streams::update",
    "event_streams::note_failure",
    "event_streams::note_success",
    "event_streams::pause",
    "event_streams::delete",
    "event_deliveries::claim",
    "event_deliveries::note",
    "event_deliveries::one_again",
    "event_deliveries::again",
    "departures::mark",
    "departures::tell",
    "departures::revoke",
    "departures::delete",
    "revocations::supersede",
    "revocations::keep_connection",
];

async fn due(q: &mut impl Query, tenant: &TenantId, id: &EventStreamId, now: i64) -> Vec<String> {
    let due = event_deliveries::due(q, tenant, id, 99, at(now)).await.unwrap();
    due.iter().map(|due| format!("{} {}", due.event.account_id, due.event.kind.as_str())).collect()
}

/// What happened to one account is told one after the other; accounts do not wait for each other.
#[tokio::test(flavor = "multi_thread")]
async fn f41_events_of_one_account_wait_for_each_other() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let id: EventStreamId = "est_1".into();
        let mut tx = database.write().await.unwrap();
        event_streams::insert(&mut tx, &tenant, &stream("est_1", "acme")).await.unwrap();
        let first = event("a", AccountEventKind::NeedsReconnect, 5);
        for event in [
            first.clone(),
            event("a", AccountEventKind::Deleted, 5),
            event("b", AccountEventKind::Deleted, 6),
            // Nobody wants to know.
            event("c", AccountEventKind::Recovered, 6),
        ] {
            tell(&mut tx, &tenant, &event).await;
        }
        let (a, b) = ("cac_a connected_account.needs_reconnect", "cac_b connected_account.deleted");
        assert_eq!(due(&mut tx, &tenant, &id, 4).await, [""; 0]);
        assert_eq!(due(&mut tx, &tenant, &id, 6).await, [a, b]);
        // Put off, the first still keeps the second waiting; given up or delivered, no longer.
        let later = Some(at(60));
        event_deliveries::note(&mut tx, &tenant, &id, &first.id, Some("x"), later).await.unwrap();
        assert_eq!(due(&mut tx, &tenant, &id, 6).await, [b]);
        event_deliveries::note(&mut tx, &tenant, &id, &first.id, Some("x"), None).await.unwrap();
        let next = "cac_a connected_account.deleted";
        assert_eq!(due(&mut tx, &tenant, &id, 6).await, [next, b]);
        let after = "".into();
        let failed = event_deliveries::failed_after(&mut tx, &tenant, &id, &after, 9).await;
        let failed = failed.unwrap();
        assert_eq!(failed.iter().map(|it| &it.event.id).collect::<Vec<_>>(), [&first.id]);

        // A stream that is switched off is told nothing, and afterwards what it asks for.
        let mut off = stream("est_1", "acme");
        off.stream.status = StreamStatus::Disabled;
        event_streams::update(&mut tx, &tenant, &off).await.unwrap();
        tell(&mut tx, &tenant, &event("d", AccountEventKind::Deleted, 7)).await;
        assert_eq!(due(&mut tx, &tenant, &id, 9).await, [next, b]);
        let kind = AccountEventKind::Deleted;
        let span = (at(7), at(8));
        let again = event_deliveries::again(&mut tx, &tenant, &id, kind, span, at(9)).await;
        assert_eq!(again.unwrap(), 1);
        assert_eq!(due(&mut tx, &tenant, &id, 9).await.len(), 3);
        assert_eq!(account_events::remove_before(&mut tx, at(6)).await.unwrap(), 4);
        assert_eq!(due(&mut tx, &tenant, &id, 9).await, ["cac_d connected_account.deleted"]);
        tx.commit().await.unwrap();
    })
    .await;
}

/// A connection takes along its accounts, and every account of the people who are known by it alone.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_with_a_connection_is_told_of_and_revoked() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let (con, id) = ("con_1".into(), "est_1".into());
        let mut tx = database.write().await.unwrap();
        event_streams::insert(&mut tx, &tenant, &stream("est_1", "acme")).await.unwrap();
        let mut other = samples::connection("con_2", "files", "");
        other.connection.options.insert("revoke_on_disconnect".to_owned(), true.into());
        connections::insert(&mut tx, &tenant, &other, at(1)).await.unwrap();
        let here = account("cac_1", "1", "");
        let mut elsewhere = account("cac_2", "2", "");
        elsewhere.account.connection_id = "con_2".into();
        for account in [&here, &elsewhere] {
            assert!(connected_accounts::insert(&mut tx, &tenant, account).await.unwrap());
        }
        let leaving = Leaving::Connection(&con);
        assert_eq!(departures::mark(&mut tx, &tenant, leaving, "m").await.unwrap(), 2);
        departures::tell(&mut tx, &tenant, "m", "connection_deleted", at(2)).await.unwrap();
        // The calendar tells its provider nothing.
        assert_eq!(departures::revoke(&mut tx, &tenant, "m", at(2)).await.unwrap(), 1);
        assert_eq!(departures::delete(&mut tx, &tenant, "m").await.unwrap(), 2);
        assert_eq!(due(&mut tx, &tenant, &id, 2).await.len(), 2);
        users::delete_known_by_connection_alone(&mut tx, &tenant, &con).await.unwrap();
        let due = revocations::due(&mut tx, at(2), 9).await.unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].account_id.as_str(), "cac_2");
        assert_eq!(due[0].share.as_bytes(), share(1).as_bytes());
        assert!(!revocations::is_shared(&mut tx, &due[0], &con).await.unwrap());

        // One of several nodes takes it, and what was replaced meanwhile is not forgotten.
        assert!(revocations::claim(&mut tx, &due[0], at(30)).await.unwrap());
        assert!(!revocations::claim(&mut tx, &due[0], at(30)).await.unwrap());
        elsewhere.account.version += 1;
        let newer = revocations::supersede(&mut tx, &tenant, &elsewhere, &share(1), at(3)).await;
        assert!(newer.unwrap());
        assert!(!revocations::end(&mut tx, &due[0]).await.unwrap());
        assert_eq!(revocations::postpone(&mut tx, &due[0], at(99)).await.unwrap(), 0);
        let mut again = revocations::due(&mut tx, at(3), 9).await.unwrap();
        let again = again.remove(0);
        assert!(revocations::end(&mut tx, &again).await.unwrap());

        // A connection that is gone is remembered for as long as it is needed.
        let files = "con_2".into();
        revocations::supersede(&mut tx, &tenant, &elsewhere, &share(1), at(3)).await.unwrap();
        revocations::keep_connection(&mut tx, &tenant, &files, at(4)).await.unwrap();
        connections::delete(&mut tx, &tenant, &files).await.unwrap();
        assert_eq!(revocations::forget_connections(&mut tx, at(9)).await.unwrap(), 0);
        let kept = revocations::connection_of(&mut tx, &tenant, &files).await.unwrap();
        assert_eq!(kept.unwrap().connection.name, "files");
        assert!(revocations::end(&mut tx, &again).await.unwrap());
        assert_eq!(revocations::forget_connections(&mut tx, at(3)).await.unwrap(), 0);
        assert_eq!(revocations::forget_connections(&mut tx, at(9)).await.unwrap(), 1);
        tx.commit().await.unwrap();
    })
    .await;
}

/// F38: what can still be renewed is not found by an access token that ended long ago.
#[tokio::test(flavor = "multi_thread")]
async fn f38_what_can_be_renewed_and_is_in_use_is_not_found() {
    use model::connected_account::AccessExpiry;
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        let mut number = 0;
        let mut add = |expiry, has_refresh_token, refresh_end: Option<i64>, used: Option<i64>| {
            number += 1;
            let mut stored = account(&format!("cac_{number}"), &number.to_string(), "");
            stored.account.access_expiry = expiry;
            stored.account.has_refresh_token = has_refresh_token;
            stored.account.refresh_expires_at = refresh_end.map(at);
            stored.account.last_used_at = used.map(at);
            stored.account.connected_at = at(100);
            stored
        };
        let ended = AccessExpiry::At(at(500));
        let stored = [
            add(ended, true, None, Some(5000)),
            add(ended, true, Some(20_000), Some(5000)),
            add(AccessExpiry::At(at(20_000)), true, Some(500), Some(5000)),
            add(AccessExpiry::Assumed(at(500)), false, None, Some(5000)),
            add(AccessExpiry::Never, false, None, None),
            add(ended, false, None, Some(5000)),
            add(ended, true, Some(500), Some(5000)),
            add(ended, true, None, Some(200)),
        ];
        for account in &stored {
            assert!(connected_accounts::insert(&mut tx, &tenant, account).await.unwrap());
        }
        let ids = |found: Vec<(TenantId, connected_accounts::StoredAccount)>| {
            let mut ids: Vec<String> =
                found.iter().map(|(_, it)| it.account.id.to_string()).collect();
            ids.sort();
            ids
        };
        let found = ids(retention::ended(&mut tx, at(1000), 9).await.unwrap());
        assert_eq!(found, ["cac_6", "cac_7"]);
        let found = ids(retention::unused(&mut tx, at(1000), 9).await.unwrap());
        assert_eq!(found, ["cac_5", "cac_8"]);
        // What was used or renewed since it was looked at stays.
        let looked_at = &stored[7].account;
        let leaving = Leaving::Unchanged(looked_at);
        connected_accounts::note_use(&mut tx, &tenant, &looked_at.id, at(900)).await.unwrap();
        assert_eq!(departures::mark(&mut tx, &tenant, leaving, "m").await.unwrap(), 0);
        let leaving = Leaving::Unchanged(&stored[4].account);
        assert_eq!(departures::mark(&mut tx, &tenant, leaving, "m").await.unwrap(), 1);
        tx.commit().await.unwrap();
    })
    .await;
}
