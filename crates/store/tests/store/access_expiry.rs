//! Access tokens that end ahead of their time.

use model::connected_account::AccessExpiry;
use store::{access_expiry, connected_accounts};

use crate::common::{at, on_both};
use crate::samples::{account, settle};

#[tokio::test(flavor = "multi_thread")]
async fn what_lives_longer_ends_and_nothing_else_changes() {
    on_both(|database| async move {
        let tenant = settle(&database, "acme").await;
        let mut long = account("cac_1", "1", "long");
        long.account.access_expiry = AccessExpiry::Assumed(at(4000));
        let mut short = account("cac_2", "2", "short");
        short.account.access_expiry = AccessExpiry::At(at(10));
        let mut endless = account("cac_3", "3", "endless");
        endless.account.access_expiry = AccessExpiry::Never;
        let mut tx = database.write().await.unwrap();
        for account in [&long, &short, &endless] {
            connected_accounts::insert(&mut tx, &tenant, account).await.unwrap();
        }
        let ended = access_expiry::bring_forward(&mut tx, &tenant, at(100)).await.unwrap();
        assert_eq!(ended, 1);
        let elsewhere = "other".into();
        let ended = access_expiry::bring_forward(&mut tx, &elsewhere, at(1)).await.unwrap();
        assert_eq!(ended, 0);
        tx.commit().await.unwrap();

        long.account.access_expiry = AccessExpiry::At(at(100));
        let mut read = database.read().await.unwrap();
        for expected in [&long, &short, &endless] {
            let id = &expected.account.id;
            let found = connected_accounts::find(&mut read, &tenant, id).await.unwrap().unwrap();
            assert_eq!(found.account, expected.account);
            assert_eq!(found.sealed_tokens, expected.sealed_tokens);
        }
    })
    .await;
}
