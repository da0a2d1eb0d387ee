//! The audit log, and the housekeeping that clears everything else away.

use model::log_event::LogEvent;
use protocol::time::Timestamp;
use serde_json::json;
use store::authorization_codes::Redemption;
use store::connect_transactions::ConnectTransaction;
use store::housekeeping::sweep;
use store::{
    attempts, authorization_codes, connect_transactions, grants, log_events, login_states,
    provider_states, replay_marks, sessions,
};

use crate::common::{at, on_both};
use crate::samples::{
    code_grant, connect_transaction, family, hashed, log_event, provider_state, session, settle,
};

fn ids(events: &[LogEvent]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_back_and_are_paged_by_the_bytes_of_their_ids() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut first = log_event("1", Some("u1"), "first");
        first.detail.details = serde_json::from_value(json!({"a": [1, null]})).unwrap();
        let mut tx = database.write().await.unwrap();
        // A locale would put `a` before `B`, and both before `_`.
        for event in [
            &log_event("a", Some("u1"), ""),
            &log_event("B", None, ""),
            &first,
            &log_event("_", Some("u2"), ""),
        ] {
            log_events::insert(&mut tx, &tenant, event).await.unwrap();
        }
        tx.commit().await.unwrap();

        let mut read = database.read().await.unwrap();
        let found = log_events::find(&mut read, &tenant, &first.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&first));
        assert_eq!(log_events::find(&mut read, &tenant, &"9".into()).await.unwrap(), None);
        assert_eq!(log_events::count(&mut read, &tenant).await.unwrap(), 4);
        for (offset, limit, expected) in [
            (0, 10, &["a", "_", "B", "1"][..]),
            (1, 2, &["_", "B"]),
            (3, 10, &["1"]),
            (4, 10, &[]),
            (0, 0, &[]),
        ] {
            let page = log_events::page(&mut read, &tenant, offset, limit).await.unwrap();
            assert_eq!(ids(&page), expected);
        }
        for (id, limit, expected) in
            [("", 10, &["1", "B", "_", "a"][..]), ("1", 2, &["B", "_"]), ("a", 10, &[])]
        {
            let page = log_events::after(&mut read, &tenant, &id.into(), limit).await.unwrap();
            assert_eq!(ids(&page), expected);
        }
        let u1 = "u1".into();
        let page = log_events::page_for_user(&mut read, &tenant, &u1, 0, 10).await.unwrap();
        assert_eq!(ids(&page), ["a", "1"]);
        let page = log_events::page_for_user(&mut read, &tenant, &u1, 1, 10).await.unwrap();
        assert_eq!(ids(&page), ["1"]);

        let mut tx = database.write().await.unwrap();
        let twin = match log_events::insert(&mut tx, &tenant, &first).await {
            Ok(()) => tx.commit().await,
            Err(error) => Err(error),
        };
        assert!(twin.unwrap_err().is_duplicate());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_outlives_its_user() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        log_events::insert(&mut tx, &tenant, &log_event("1", Some("u1"), "")).await.unwrap();
        store::users::delete(&mut tx, &tenant, &"u1".into()).await.unwrap();
        assert_eq!(log_events::count(&mut tx, &tenant).await.unwrap(), 1);
    })
    .await;
}

/// One of everything that ends at 1000, and a family revoked at 1000.
async fn add_what_ends(database: &store::Database) {
    let tenant = settle(database, "acme").await;
    let end = at(1000);
    let (state, browser) = (hashed("state"), hashed("browser"));
    let mut tx = database.write().await.unwrap();
    login_states::insert(&mut tx, &tenant, &state, &browser, "", end).await.unwrap();
    let record = provider_state("");
    provider_states::insert(&mut tx, &tenant, &state, &browser, &record, end).await.unwrap();
    let begun = ConnectTransaction { expires_at: end, ..connect_transaction("ct1", "") };
    let (ticket, auth_session) = (hashed("ticket"), hashed("auth session"));
    connect_transactions::insert(&mut tx, &tenant, &begun, &ticket, &auth_session).await.unwrap();
    let own = session("s1", "u1", "");
    sessions::insert(&mut tx, &tenant, &hashed("cookie"), &own).await.unwrap();
    replay_marks::insert(&mut tx, &tenant, "dpop", &[1; 32], end).await.unwrap();
    attempts::count(&mut tx, &tenant, "password", &[1; 32], end, at(1)).await.unwrap();
    let code = hashed("code");
    authorization_codes::insert(&mut tx, &tenant, &code, &code_grant(""), end).await.unwrap();
    authorization_codes::redeem(&mut tx, &tenant, &code, at(1)).await.unwrap();
    for (id, expires_at, revoked_at) in
        [("f1", Some(end), None), ("f2", None, Some(end)), ("f3", None, None)]
    {
        let family = model::grant::GrantFamily { expires_at, revoked_at, ..family(id, "") };
        grants::insert_family(&mut tx, &tenant, &family).await.unwrap();
        grants::insert_token(&mut tx, &tenant, &hashed(id), &family.id, 0, at(1)).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_is_swept_and_nothing_else() {
    on_both(|database| async move {
        add_what_ends(&database).await;
        let day = 24 * 3600;
        let sweep_at = async |now: Timestamp| {
            let mut tx = database.write().await.unwrap();
            let removed = sweep(&mut tx, now).await.unwrap();
            tx.commit().await.unwrap();
            removed
        };
        let just_before = Timestamp::from_millis(at(1000).as_millis() - 1);
        assert_eq!(sweep_at(just_before).await, 0);
        assert_eq!(sweep_at(at(1000)).await, 6);
        assert_eq!(sweep_at(at(1000)).await, 0);

        let tenant = "acme".into();
        let mut tx = database.write().await.unwrap();
        let code = hashed("code");
        let replayed = authorization_codes::redeem(&mut tx, &tenant, &code, at(1000 + day - 1));
        assert!(matches!(replayed.await.unwrap(), Redemption::Replayed(_)));
        drop(tx);
        assert_eq!(sweep_at(at(1000 + day - 1)).await, 0);
        assert_eq!(sweep_at(at(1000 + day)).await, 1);
        assert_eq!(sweep_at(at(1000 + 30 * day - 1)).await, 0);
        assert_eq!(sweep_at(at(1000 + 30 * day)).await, 2);

        let mut read = database.read().await.unwrap();
        for (token, is_left) in [("f1", false), ("f2", false), ("f3", true)] {
            let found = grants::find(&mut read, &tenant, &hashed(token)).await.unwrap();
            assert_eq!(found.is_some(), is_left, "{token}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_takes_a_thousand_rows_at_a_time() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        for number in 0..1001_u64 {
            let mut mark = [0; 32];
            mark[..8].copy_from_slice(&number.to_le_bytes());
            replay_marks::insert(&mut tx, &tenant, "dpop", &mark, at(1)).await.unwrap();
        }
        for expected in [1000, 1, 0] {
            assert_eq!(sweep(&mut tx, at(1)).await.unwrap(), expected);
        }
    })
    .await;
}
