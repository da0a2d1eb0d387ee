//! What works once: login and provider states, pushed requests, authorization codes, connect transactions, replay
//! marks; and what works a few times. One statement decides, so of a hundred that try at once one
//! succeeds.

use model::ids::TenantId;
use protocol::secret::{Hashed, kind};
use store::authorization_codes::{self, Redemption};
use store::connect_transactions::ConnectTransaction;
use store::{
    Database, attempts, connect_transactions, login_states, provider_states, pushed_requests,
    replay_marks,
};

use crate::common::{at, on_both, winners};
use crate::samples::{code_grant, connect_transaction, hashed, provider_state, sealed, settle};

type Browser = Hashed<kind::BrowserToken>;

fn browsers() -> (Browser, Browser) {
    (hashed("own browser"), hashed("another browser"))
}

async fn add_code(database: &Database, tenant: &TenantId, code: &str) {
    let mut tx = database.write().await.unwrap();
    let grant = code_grant("https://api.example/");
    authorization_codes::insert(&mut tx, tenant, &hashed(code), &grant, at(60)).await.unwrap();
    tx.commit().await.unwrap();
}

/// A transaction with the ticket `ticket` and the `auth_session` `auth session`, until 60.
async fn begin_connect(database: &Database, tenant: &TenantId) -> ConnectTransaction {
    let begun = connect_transaction("ct1", "request");
    let (ticket, auth_session) = (hashed("ticket"), hashed("auth session"));
    let mut tx = database.write().await.unwrap();
    connect_transactions::insert(&mut tx, tenant, &begun, &ticket, &auth_session).await.unwrap();
    tx.commit().await.unwrap();
    begun
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_state_is_for_its_browser_and_its_time() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let (own, other) = browsers();
        let state = hashed("state");
        let mut tx = database.write().await.unwrap();
        login_states::insert(&mut tx, &tenant, &state, &own, "request", at(60)).await.unwrap();
        for (state, browser, now, expected) in [
            (&state, &own, 59, Some("request")),
            (&state, &own, 60, None),
            (&state, &other, 59, None),
            (&hashed("forged"), &own, 59, None),
        ] {
            let found = login_states::find(&mut tx, &tenant, state, browser, at(now)).await;
            assert_eq!(found.unwrap().as_deref(), expected, "{now}");
        }
        assert!(!login_states::consume(&mut tx, &tenant, &state, &other).await.unwrap());
        assert!(login_states::consume(&mut tx, &tenant, &state, &own).await.unwrap());
        assert!(!login_states::consume(&mut tx, &tenant, &state, &own).await.unwrap());
        let found = login_states::find(&mut tx, &tenant, &state, &own, at(1)).await.unwrap();
        assert_eq!(found, None);

        login_states::insert(&mut tx, &tenant, &state, &own, "", at(60)).await.unwrap();
        let twin = login_states::insert(&mut tx, &tenant, &state, &other, "", at(60)).await;
        assert!(twin.unwrap_err().is_duplicate());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_is_for_its_client_and_its_time() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let other = settle(&database, "other").await;
        let (own, another) = ("c1".into(), "c2".into());
        let pushed = hashed("pushed");
        let mut tx = database.write().await.unwrap();
        pushed_requests::insert(&mut tx, &tenant, &pushed, &own, "request", at(60)).await.unwrap();
        for (tenant, pushed, client, now) in [
            (&tenant, &pushed, &another, 59),
            (&tenant, &pushed, &own, 60),
            (&tenant, &hashed("forged"), &own, 59),
            (&other, &pushed, &own, 59),
        ] {
            let found = pushed_requests::take(&mut tx, tenant, pushed, client, at(now)).await;
            assert_eq!(found.unwrap(), None, "{now}");
        }
        for expected in [Some("request"), None] {
            let found = pushed_requests::take(&mut tx, &tenant, &pushed, &own, at(59)).await;
            assert_eq!(found.unwrap().as_deref(), expected);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_state_ends_once() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let (browser, _) = browsers();
        let mut tx = database.write().await.unwrap();
        let state = hashed("state");
        login_states::insert(&mut tx, &tenant, &state, &browser, "", at(60)).await.unwrap();
        tx.commit().await.unwrap();
        let consume = |_| {
            let (database, tenant) = (database.clone(), tenant.clone());
            async move {
                let mut tx = database.write().await.unwrap();
                let won = login_states::consume(&mut tx, &tenant, &state, &browser).await.unwrap();
                tx.commit().await.unwrap();
                won
            }
        };
        assert_eq!(winners(consume).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_state_is_for_its_browser_and_its_time() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let (own, other) = browsers();
        let state = hashed("state");
        let record = provider_state("login");
        let mut tx = database.write().await.unwrap();
        provider_states::insert(&mut tx, &tenant, &state, &own, &record, at(60)).await.unwrap();
        for (state, browser, now) in
            [(&state, &own, 60), (&state, &other, 59), (&hashed("forged"), &own, 59)]
        {
            let found = provider_states::consume(&mut tx, &tenant, state, browser, at(now)).await;
            assert!(found.unwrap().is_none(), "{now}");
        }
        for (now, expected) in [(59, Some(record.purpose.as_str())), (60, None)] {
            let purpose = provider_states::purpose_of(&mut tx, &tenant, &state, at(now)).await;
            assert_eq!(purpose.unwrap().as_deref(), expected);
        }
        let found = provider_states::consume(&mut tx, &tenant, &state, &own, at(59)).await;
        let found = found.unwrap().unwrap();
        assert_eq!(found.connection_id, record.connection_id);
        assert_eq!((found.purpose, found.sealed_verifier), (record.purpose, sealed("login")));
        let found = provider_states::consume(&mut tx, &tenant, &state, &own, at(59)).await;
        assert!(found.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_state_is_consumed_once_and_not_at_all_if_undone() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let (browser, _) = browsers();
        let state = hashed("state");
        let mut tx = database.write().await.unwrap();
        let record = provider_state("connect");
        provider_states::insert(&mut tx, &tenant, &state, &browser, &record, at(60)).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = database.write().await.unwrap();
        let taken = provider_states::consume(&mut tx, &tenant, &state, &browser, at(1)).await;
        assert!(taken.unwrap().is_some());
        drop(tx);

        let consume = |_| {
            let (database, tenant) = (database.clone(), tenant.clone());
            async move {
                let mut tx = database.write().await.unwrap();
                let found =
                    provider_states::consume(&mut tx, &tenant, &state, &browser, at(1)).await;
                tx.commit().await.unwrap();
                found.unwrap().is_some()
            }
        };
        assert_eq!(winners(consume).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_granted_once_then_replayed() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let expected = code_grant("https://api.example/");
        add_code(&database, &tenant, "code").await;
        let mut tx = database.write().await.unwrap();
        let code = hashed("code");
        let peeked = authorization_codes::peek(&mut tx, &tenant, &code).await.unwrap();
        assert_eq!(peeked.as_ref(), Some(&expected));
        let redeemed = authorization_codes::redeem(&mut tx, &tenant, &code, at(59)).await.unwrap();
        assert!(matches!(redeemed, Redemption::Granted(grant) if *grant == expected));
        // A replay is one however late it comes.
        for now in [59, 60, 1000] {
            let redeemed = authorization_codes::redeem(&mut tx, &tenant, &code, at(now)).await;
            let redeemed = redeemed.unwrap();
            assert!(matches!(redeemed, Redemption::Replayed(grant) if *grant == expected));
        }
        let peeked = authorization_codes::peek(&mut tx, &tenant, &code).await.unwrap();
        assert_eq!(peeked.as_ref(), Some(&expected));

        let unknown = hashed("unknown");
        assert_eq!(authorization_codes::peek(&mut tx, &tenant, &unknown).await.unwrap(), None);
        let redeemed = authorization_codes::redeem(&mut tx, &tenant, &unknown, at(1)).await;
        assert!(matches!(redeemed.unwrap(), Redemption::Unknown));
        let grant = code_grant("");
        let twin = authorization_codes::insert(&mut tx, &tenant, &code, &grant, at(60)).await;
        assert!(twin.unwrap_err().is_duplicate());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_code_is_never_called_a_replay() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        add_code(&database, &tenant, "code").await;
        let mut tx = database.write().await.unwrap();
        for now in [60, 61] {
            let redeemed =
                authorization_codes::redeem(&mut tx, &tenant, &hashed("code"), at(now)).await;
            assert!(matches!(redeemed.unwrap(), Redemption::Expired));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_granted_to_one_of_many() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        add_code(&database, &tenant, "code").await;
        let redeem = |_| {
            let (database, tenant) = (database.clone(), tenant.clone());
            async move {
                let mut tx = database.write().await.unwrap();
                let code = hashed("code");
                let redeemed = authorization_codes::redeem(&mut tx, &tenant, &code, at(1)).await;
                tx.commit().await.unwrap();
                match redeemed.unwrap() {
                    Redemption::Granted(_) => true,
                    Redemption::Replayed(_) => false,
                    other @ (Redemption::Expired | Redemption::Unknown) => panic!("{other:?}"),
                }
            }
        };
        assert_eq!(winners(redeem).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_transaction_belongs_to_the_first_browser() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let (own, other) = browsers();
        let begun = begin_connect(&database, &tenant).await;
        let ticket = hashed("ticket");
        let mut tx = database.write().await.unwrap();
        for browser in [&own, &other] {
            let found =
                connect_transactions::find_by_ticket(&mut tx, &tenant, &ticket, browser, at(59));
            let found = found.await.unwrap().unwrap();
            assert_eq!((&found.id, &found.request), (&begun.id, &begun.request));
            assert_eq!((found.user_id, found.client_id), ("u1".into(), "c1".into()));
            assert_eq!(found.connection_id, begun.connection_id);
            assert!(found.account.is_none() && found.sealed_tokens.is_none());
            let early =
                connect_transactions::find_for_browser(&mut tx, &tenant, "ct1", browser, at(59));
            assert!(early.await.unwrap().is_none());
        }
        let taken = connect_transactions::find_taken(&mut tx, &tenant, &ticket, &other, at(1));
        assert!(taken.await.unwrap().is_none());
        for (browser, bound) in [(&own, true), (&own, true), (&other, false)] {
            let outcome = connect_transactions::bind_browser(&mut tx, &tenant, "ct1", browser);
            assert_eq!(outcome.await.unwrap(), bound);
        }
        for (browser, now, expected) in [(&own, 59, true), (&own, 60, false), (&other, 59, false)] {
            let by_ticket =
                connect_transactions::find_by_ticket(&mut tx, &tenant, &ticket, browser, at(now));
            assert_eq!(by_ticket.await.unwrap().is_some(), expected, "{now}");
            let by_browser =
                connect_transactions::find_for_browser(&mut tx, &tenant, "ct1", browser, at(now));
            assert_eq!(by_browser.await.unwrap().is_some(), expected, "{now}");
        }
        let forged = hashed("forged");
        let found = connect_transactions::find_by_ticket(&mut tx, &tenant, &forged, &own, at(1));
        assert!(found.await.unwrap().is_none());
        for (ticket, browser, now, expected) in [
            (&ticket, &other, 59, true),
            (&ticket, &own, 59, false),
            (&ticket, &other, 60, false),
            (&forged, &other, 1, false),
        ] {
            let taken =
                connect_transactions::find_taken(&mut tx, &tenant, ticket, browser, at(now));
            assert_eq!(taken.await.unwrap().is_some(), expected, "{now}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_transaction_returns_once_and_is_consumed_with_its_code() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let (own, _) = browsers();
        let begun = begin_connect(&database, &tenant).await;
        let returned = ConnectTransaction {
            account: Some("account".to_owned()),
            sealed_tokens: Some(sealed("tokens")),
            ..begun
        };
        let mut tx = database.write().await.unwrap();
        connect_transactions::bind_browser(&mut tx, &tenant, "ct1", &own).await.unwrap();
        for (code, is_first) in [("code", true), ("another code", false)] {
            let code = hashed(code);
            let noted = connect_transactions::note_return(&mut tx, &tenant, &returned, &code).await;
            assert_eq!(noted.unwrap(), is_first);
        }
        let found =
            connect_transactions::find_for_browser(&mut tx, &tenant, "ct1", &own, at(1)).await;
        assert!(found.unwrap().is_none());
        let ticket = hashed("ticket");
        let found = connect_transactions::find_by_ticket(&mut tx, &tenant, &ticket, &own, at(1));
        assert!(found.await.unwrap().is_none());

        let auth_session = hashed("auth session");
        for (auth_session, now) in [(&auth_session, 60), (&hashed("forged"), 59)] {
            let taken =
                connect_transactions::consume(&mut tx, &tenant, auth_session, at(now)).await;
            assert!(taken.unwrap().is_none(), "{now}");
        }
        let taken = connect_transactions::consume(&mut tx, &tenant, &auth_session, at(59)).await;
        let (transaction, code) = taken.unwrap().unwrap();
        assert_eq!(transaction.account.as_deref(), Some("account"));
        assert_eq!(transaction.sealed_tokens, Some(sealed("tokens")));
        assert!(code.unwrap() == hashed("code"));
        let taken = connect_transactions::consume(&mut tx, &tenant, &auth_session, at(59)).await;
        assert!(taken.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_transaction_without_a_return_has_no_code() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        begin_connect(&database, &tenant).await;
        let (ticket, auth_session) = (hashed("ticket"), hashed("auth session"));
        for (id, ticket, auth_session) in [
            ("ct1", &hashed("2"), &hashed("2")),
            ("ct2", &ticket, &hashed("2")),
            ("ct2", &hashed("2"), &auth_session),
        ] {
            let mut tx = database.write().await.unwrap();
            let twin = connect_transaction(id, "");
            let twin = connect_transactions::insert(&mut tx, &tenant, &twin, ticket, auth_session);
            assert!(twin.await.unwrap_err().is_duplicate());
        }
        let mut tx = database.write().await.unwrap();
        let taken = connect_transactions::consume(&mut tx, &tenant, &auth_session, at(1)).await;
        assert!(taken.unwrap().unwrap().1.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_transaction_is_bound_returned_and_consumed_by_one_of_many() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        begin_connect(&database, &tenant).await;
        let bind = |number| {
            let (database, tenant) = (database.clone(), tenant.clone());
            async move {
                let browser = hashed(&format!("browser {number}"));
                let mut tx = database.write().await.unwrap();
                let won =
                    connect_transactions::bind_browser(&mut tx, &tenant, "ct1", &browser).await;
                tx.commit().await.unwrap();
                won.unwrap()
            }
        };
        assert_eq!(winners(bind).await, 1);
        let note = |number| {
            let (database, tenant) = (database.clone(), tenant.clone());
            async move {
                let returned = connect_transaction("ct1", "");
                let code = hashed(&format!("code {number}"));
                let mut tx = database.write().await.unwrap();
                let won =
                    connect_transactions::note_return(&mut tx, &tenant, &returned, &code).await;
                tx.commit().await.unwrap();
                won.unwrap()
            }
        };
        assert_eq!(winners(note).await, 1);
        let consume = |_| {
            let (database, tenant) = (database.clone(), tenant.clone());
            async move {
                let auth_session = hashed("auth session");
                let mut tx = database.write().await.unwrap();
                let won =
                    connect_transactions::consume(&mut tx, &tenant, &auth_session, at(1)).await;
                tx.commit().await.unwrap();
                won.unwrap().is_some()
            }
        };
        assert_eq!(winners(consume).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_mark_is_new_once_per_kind() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        for (kind, mark, new) in [
            ("dpop", [1; 32], true),
            ("dpop", [1; 32], false),
            ("dpop", [2; 32], true),
            ("other", [1; 32], true),
        ] {
            let outcome = replay_marks::insert(&mut tx, &tenant, kind, &mark, at(60)).await;
            assert_eq!(outcome.unwrap(), new, "{kind}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_mark_is_new_to_one_of_many() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mark = |_| {
            let (database, tenant) = (database.clone(), tenant.clone());
            async move {
                let mut tx = database.write().await.unwrap();
                let won = replay_marks::insert(&mut tx, &tenant, "dpop", &[1; 32], at(60)).await;
                tx.commit().await.unwrap();
                won.unwrap()
            }
        };
        assert_eq!(winners(mark).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_counted_until_they_are_forgotten_or_old() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        for (kind, key, now, number) in [
            ("password", [1; 32], 0, 1),
            ("password", [1; 32], 59, 2),
            ("password", [2; 32], 59, 1),
            ("code", [1; 32], 59, 1),
            // The first ends at 60, and the count begins anew for another 60.
            ("password", [1; 32], 60, 1),
            ("password", [1; 32], 119, 2),
            ("password", [1; 32], 120, 1),
        ] {
            let counted =
                attempts::count(&mut tx, &tenant, kind, &key, at(now + 60), at(now)).await;
            assert_eq!(counted.unwrap().made, number, "{kind} at {now}");
            let peeked = attempts::peek(&mut tx, &tenant, kind, &key, at(now)).await.unwrap();
            assert_eq!(peeked.unwrap().made, number, "{kind} at {now}");
        }
        let key = [1; 32];
        for forgotten in [1, 0] {
            let outcome = attempts::forget(&mut tx, &tenant, "password", &key).await;
            assert_eq!(outcome.unwrap(), forgotten);
        }
        let counted = attempts::count(&mut tx, &tenant, "password", &key, at(180), at(121)).await;
        assert_eq!(counted.unwrap().made, 1);
        let later = attempts::peek(&mut tx, &tenant, "password", &key, at(180)).await.unwrap();
        assert_eq!(later, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_attempts_gets_a_number_of_its_own() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let attempt = |_| {
            let (database, tenant) = (database.clone(), tenant.clone());
            async move {
                let mut tx = database.write().await.unwrap();
                let number =
                    attempts::count(&mut tx, &tenant, "password", &[1; 32], at(60), at(1)).await;
                tx.commit().await.unwrap();
                number.unwrap().made <= 10
            }
        };
        assert_eq!(winners(attempt).await, 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_transaction_can_be_ended() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        begin_connect(&database, &tenant).await;
        let mut tx = database.write().await.unwrap();
        for ended in [1, 0] {
            let outcome = connect_transactions::delete(&mut tx, &tenant, "ct1").await;
            assert_eq!(outcome.unwrap(), ended);
        }
        let auth_session = hashed("auth session");
        let taken = connect_transactions::consume(&mut tx, &tenant, &auth_session, at(1)).await;
        assert!(taken.unwrap().is_none());
    })
    .await;
}
