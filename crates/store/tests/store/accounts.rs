//! Connected accounts and their tokensets.

use model::connected_account::{AccessExpiry, Health};
use model::ids::{ConnectedAccountId, TenantId, UserId};
use store::connected_accounts::{self, StoredAccount};
use store::departures::{self, Leaving};
use store::{Database, Query as _, StoreError, WriteTx, connections, users};

use crate::common::{at, on_both, winners};
use crate::samples::{account, connection, scope, sealed, settle, share, user};

async fn add(database: &Database, tenant: &TenantId, account: &StoredAccount) {
    let mut tx = database.write().await.unwrap();
    connected_accounts::insert(&mut tx, tenant, account).await.unwrap();
    tx.commit().await.unwrap();
}

async fn check(database: &Database, tenant: &TenantId, expected: &StoredAccount) {
    let mut read = database.read().await.unwrap();
    let found = connected_accounts::find(&mut read, tenant, &expected.account.id).await.unwrap();
    let found = found.unwrap();
    assert_eq!(found.account, expected.account);
    assert_eq!(found.sealed_tokens, expected.sealed_tokens);
}

async fn remove(
    tx: &mut WriteTx,
    tenant: &TenantId,
    owner: &UserId,
    id: &ConnectedAccountId,
) -> u64 {
    departures::mark(tx, tenant, Leaving::Account(owner, id), "m").await.unwrap();
    departures::delete(tx, tenant, "m").await.unwrap()
}

/// What a refresh brings.
fn successor(of: &StoredAccount, mark: &str) -> StoredAccount {
    let mut next = of.clone();
    next.sealed_tokens = sealed(mark);
    next.account.version += 1;
    next.account.email = None;
    next.account.email_verified = false;
    next.account.scopes = scope("read:calendar");
    next.account.connected_at = at(500);
    next.account.issued_at = at(510);
    next.account.access_expiry = AccessExpiry::Assumed(at(4000));
    next.account.refresh_expires_at = None;
    next.account.has_refresh_token = false;
    next
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_come_back_as_they_were_stored() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let full = account("cac_1", "1", "full");
        let mut bare = account("cac_2", "2", "bare");
        bare.account.email = None;
        bare.account.email_verified = false;
        bare.account.scopes = scope("");
        bare.account.access_expiry = AccessExpiry::Never;
        bare.account.refresh_expires_at = None;
        bare.account.has_refresh_token = false;
        bare.account.last_used_at = None;
        bare.account.health =
            Health::NeedsReconnect { reason: "invalid_grant".to_owned(), since: at(7) };
        let mut assumed = account("cac_3", "3", "assumed");
        assumed.account.access_expiry = AccessExpiry::Assumed(at(4000));
        for account in [&full, &bare, &assumed] {
            add(&database, &tenant, account).await;
            check(&database, &tenant, account).await;
        }
        let mut read = database.read().await.unwrap();
        let tokenset = &bare.account.tokenset_id;
        let found = connected_accounts::find_by_tokenset(&mut read, &tenant, tokenset).await;
        assert_eq!(found.unwrap().unwrap().account, bare.account);
        let (u1, con) = ("u1".into(), "con_1".into());
        let found =
            connected_accounts::find_by_subject(&mut read, &tenant, &u1, &con, &"3".into()).await;
        assert_eq!(found.unwrap().unwrap().account, assumed.account);
        let nothing =
            connected_accounts::find_by_subject(&mut read, &tenant, &u1, &con, &"9".into()).await;
        assert!(nothing.unwrap().is_none());
        let nothing = connected_accounts::find(&mut read, &tenant, &"cac_9".into()).await;
        assert!(nothing.unwrap().is_none());
        let nothing = connected_accounts::find_by_tokenset(&mut read, &tenant, &"9".into()).await;
        assert!(nothing.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_by_user_and_connection_oldest_first() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut tx = database.write().await.unwrap();
        users::insert(&mut tx, &tenant, &user("u2", ""), &share(2)).await.unwrap();
        let second = connection("con_2", "mail", "");
        connections::insert(&mut tx, &tenant, &second, at(1)).await.unwrap();
        tx.commit().await.unwrap();
        for (id, created, owner, con) in [
            ("cac_3", 1, "u1", "con_1"),
            ("cac_2", 3, "u1", "con_1"),
            ("cac_1", 3, "u1", "con_2"),
            ("cac_4", 2, "u2", "con_1"),
        ] {
            let mut account = account(id, "subject", "");
            account.account.subject = id.into();
            account.account.created_at = at(created);
            account.account.user_id = owner.into();
            account.account.connection_id = con.into();
            add(&database, &tenant, &account).await;
        }
        let ids = |accounts: Vec<StoredAccount>| {
            accounts.iter().map(|a| a.account.id.as_str().to_owned()).collect::<Vec<_>>()
        };
        let (u1, con_1) = ("u1".into(), "con_1".into());
        let mut read = database.read().await.unwrap();
        let listed = connected_accounts::list_for_user(&mut read, &tenant, &u1).await.unwrap();
        assert_eq!(listed[1].account.connection, "mail");
        assert_eq!(ids(listed), ["cac_3", "cac_1", "cac_2"]);
        let listed =
            connected_accounts::list_for_connection(&mut read, &tenant, &u1, &con_1).await.unwrap();
        assert_eq!(ids(listed), ["cac_3", "cac_2"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_connected_once_per_user() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        add(&database, &tenant, &account("cac_1", "1", "")).await;
        let mut same_tokenset = account("cac_3", "3", "");
        same_tokenset.account.tokenset_id = account("cac_1", "", "").account.tokenset_id;
        let mut tx = database.write().await.unwrap();
        let same_account = account("cac_2", "1", "");
        assert!(!connected_accounts::insert(&mut tx, &tenant, &same_account).await.unwrap());
        tx.rollback().await.unwrap();
        for twin in [account("cac_1", "2", ""), same_tokenset] {
            let mut tx = database.write().await.unwrap();
            let error = connected_accounts::insert(&mut tx, &tenant, &twin).await.unwrap_err();
            assert!(error.is_duplicate());
        }
        // The same account at the provider, of somebody else.
        let mut tx = database.write().await.unwrap();
        users::insert(&mut tx, &tenant, &user("u2", ""), &share(2)).await.unwrap();
        tx.commit().await.unwrap();
        let mut shared = account("cac_2", "1", "");
        shared.account.user_id = "u2".into();
        add(&database, &tenant, &shared).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tokenset_gives_way_to_its_successor_alone() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let first = account("cac_1", "1", "first");
        add(&database, &tenant, &first).await;
        let second = successor(&first, "second");
        let third = successor(&second, "third");
        let fourth = successor(&third, "fourth");
        let mut tx = database.write().await.unwrap();
        for (stored, replaced) in
            [(&first, false), (&third, false), (&second, true), (&second, false), (&third, true)]
        {
            let outcome = connected_accounts::replace_tokenset(&mut tx, &tenant, stored).await;
            assert_eq!(outcome.unwrap(), replaced, "{}", stored.account.version);
        }
        tx.commit().await.unwrap();
        check(&database, &tenant, &third).await;

        let mut tx = database.write().await.unwrap();
        let user = "u1".into();
        let id = &first.account.id;
        remove(&mut tx, &tenant, &user, id).await;
        assert!(!connected_accounts::replace_tokenset(&mut tx, &tenant, &fourth).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tokenset_is_replaced_by_one_of_many() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let first = account("cac_1", "1", "first");
        add(&database, &tenant, &first).await;
        let refresh = |number| {
            let (database, tenant) = (database.clone(), tenant.clone());
            let next = successor(&first, &format!("by {number}"));
            async move {
                let mut tx = database.write().await.unwrap();
                let won = connected_accounts::replace_tokenset(&mut tx, &tenant, &next).await;
                tx.commit().await.unwrap();
                won.unwrap()
            }
        };
        assert_eq!(winners(refresh).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn use_is_noted_and_only_the_owner_deletes() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut stored = account("cac_1", "1", "");
        add(&database, &tenant, &stored).await;
        let id = stored.account.id.clone();
        let mut tx = database.write().await.unwrap();
        assert_eq!(connected_accounts::note_use(&mut tx, &tenant, &id, at(700)).await.unwrap(), 1);
        let unknown = "cac_9".into();
        let noted = connected_accounts::note_use(&mut tx, &tenant, &unknown, at(700)).await;
        assert_eq!(noted.unwrap(), 0);
        let (owner, other) = ("u1".into(), "u2".into());
        assert_eq!(remove(&mut tx, &tenant, &other, &id).await, 0);
        tx.commit().await.unwrap();
        stored.account.last_used_at = Some(at(700));
        check(&database, &tenant, &stored).await;

        let mut tx = database.write().await.unwrap();
        assert_eq!(remove(&mut tx, &tenant, &owner, &id).await, 1);
        assert_eq!(remove(&mut tx, &tenant, &owner, &id).await, 0);
        assert!(connected_accounts::find(&mut tx, &tenant, &id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_contradicts_itself_is_refused() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        add(&database, &tenant, &account("cac_1", "1", "")).await;
        for spoil in [
            "UPDATE connected_accounts SET access_expires_at = NULL",
            "UPDATE connected_accounts SET access_expires_at = 1, access_expiry_kind = 'never'",
            "UPDATE connected_accounts SET dead_since = 1, dead_reason = NULL",
            "UPDATE connected_accounts SET scopes = 'a\"b'",
        ] {
            let mut tx = database.write().await.unwrap();
            tx.execute(spoil, vec![]).await.unwrap();
            let found = connected_accounts::find(&mut tx, &tenant, &"cac_1".into()).await;
            assert!(matches!(found, Err(StoreError::Inconsistent { .. })), "{spoil}: {found:?}");
        }
        let mut read = database.read().await.unwrap();
        let rows = read.rows("SELECT id FROM connected_accounts", vec![]).await.unwrap();
        assert_eq!(rows.len(), 1);
    })
    .await;
}

/// What a version before labels wrote goes by its address, and by its subject where there is none.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_label_goes_by_its_address() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut old = account("cac_1", "s1", "a");
        add(&database, &tenant, &old).await;
        old.account.facts.clear();
        for (sql, email, label) in [
            (
                "UPDATE connected_accounts SET label = NULL, facts = '{}'",
                Some("a@provider.test"),
                "a@provider.test",
            ),
            ("UPDATE connected_accounts SET email = NULL", None, "s1"),
        ] {
            let mut tx = database.write().await.unwrap();
            tx.execute(sql, vec![]).await.unwrap();
            tx.commit().await.unwrap();
            old.account.email = email.map(str::to_owned);
            old.account.label = label.to_owned();
            check(&database, &tenant, &old).await;
        }
    })
    .await;
}
