//! All or nothing, alone and in company.

use std::time::Duration;

use store::{Database, Query as _, StoreError, WriteTx};

use crate::common::{Place, on_both, on_both_places};

/// Any table will do.
async fn add(tx: &mut WriteTx, key: &str) -> Result<u64, StoreError> {
    let sql = "INSERT INTO tenants (tenant, settings, created_at) VALUES ($1, '{}', 0)";
    tx.execute(sql, vec![key.into()]).await
}

async fn add_alone(database: &Database, key: &str) -> Result<(), StoreError> {
    let mut tx = database.write().await?;
    add(&mut tx, key).await?;
    tx.commit().await
}

/// A duplicate, a drop, a rollback, a commit.
async fn add_in_four_ways(database: Database, number: usize) -> Result<(), StoreError> {
    let mut tx = database.write().await?;
    add(&mut tx, &format!("{number:03}")).await?;
    match number % 4 {
        0 => add(&mut tx, "taken").await.map(drop),
        1 => Ok(()),
        2 => tx.rollback().await,
        _ => tx.commit().await,
    }
}

async fn keys(database: &Database) -> Vec<String> {
    let sql = "SELECT tenant FROM tenants ORDER BY tenant";
    let rows = database.read().await.unwrap().rows(sql, vec![]).await.unwrap();
    rows.iter().map(|row| row.text("tenant").unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_is_not_seen_by_others() {
    on_both(|database| async move {
        let mut tx = database.write().await.unwrap();
        add(&mut tx, "a").await.unwrap();
        let own = tx.rows("SELECT tenant FROM tenants", vec![]).await.unwrap();
        assert_eq!(own.len(), 1);
        assert!(keys(&database).await.is_empty());
        tx.commit().await.unwrap();
        assert_eq!(keys(&database).await, ["a"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_transaction_never_happened() {
    on_both(|database| async move {
        let mut tx = database.write().await.unwrap();
        add(&mut tx, "dropped").await.unwrap();
        drop(tx);
        let mut tx = database.write().await.unwrap();
        add(&mut tx, "rolled back").await.unwrap();
        tx.rollback().await.unwrap();
        drop(database.write().await.unwrap());
        database.write().await.unwrap().commit().await.unwrap();

        // The same keys: nothing is left of them, no lock either.
        add_alone(&database, "dropped").await.unwrap();
        add_alone(&database, "rolled back").await.unwrap();
        assert_eq!(keys(&database).await, ["dropped", "rolled back"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_error_ends_a_transaction() {
    on_both(|database| async move {
        add_alone(&database, "taken").await.unwrap();
        let mut tx = database.write().await.unwrap();
        add(&mut tx, "new").await.unwrap();
        let error = add(&mut tx, "taken").await.unwrap_err();
        assert!(error.is_duplicate(), "{error}");
        let error = add(&mut tx, "another").await.unwrap_err();
        assert!(matches!(error, StoreError::TransactionFailed), "{error}");
        // It is undone at once: its owner still has it, and hinders nobody.
        add_alone(&database, "new").await.unwrap();
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::TransactionFailed), "{error}");
        assert_eq!(keys(&database).await, ["new", "taken"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_told_apart() {
    on_both(|database| async move {
        let mut read = database.read().await.unwrap();
        let error = read.rows("SELECT nothing FROM nowhere", vec![]).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error}");
        assert!(!error.is_duplicate());

        let mut tx = database.write().await.unwrap();
        let sql = "INSERT INTO tenants (tenant, settings, created_at) VALUES ('a', NULL, 0)";
        let error = tx.execute(sql, vec![]).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error}");
        drop(tx);

        add_alone(&database, "ada@example.test").await.unwrap();
        let error = add_alone(&database, "ada@example.test").await.unwrap_err();
        assert!(error.is_duplicate(), "{error}");
        // Reasons go to logs, which hold no values of rows.
        assert!(!format!("{error} {error:?}").contains("ada@"), "{error:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_given_up_at_any_moment_leaves_nothing_behind() {
    on_both(|database| async move {
        for patience in 0..60 {
            let change = async {
                let mut tx = database.write().await.unwrap();
                add(&mut tx, "contended").await.unwrap();
                add(&mut tx, &format!("given up {patience}")).await.unwrap();
                tx.rollback().await.unwrap();
            };
            let boredom = async {
                for _ in 0..patience * patience {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! { biased; () = boredom => {} () = change => {} }
            // Neither its changes nor its lock are handed on with the connection.
            let mut tx = database.write().await.unwrap();
            add(&mut tx, "contended").await.unwrap();
            let removed = tx.execute("DELETE FROM tenants WHERE tenant = 'contended'", vec![]);
            assert_eq!(removed.await.unwrap(), 1);
            tx.commit().await.unwrap();
            assert!(keys(&database).await.is_empty());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_nobody_waited_for_cannot_be_committed() {
    on_both(|database| async move {
        let mut tx = database.write().await.unwrap();
        let outcome = tokio::time::timeout(Duration::ZERO, add(&mut tx, "a")).await;
        if outcome.is_err() {
            let error = tx.commit().await.unwrap_err();
            assert!(matches!(error, StoreError::TransactionFailed), "{error}");
            assert!(keys(&database).await.is_empty());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_once_are_all_durable() {
    on_both_places(|place: Place| async move {
        let database = place.open_migrated().await;
        let writers: Vec<_> = (0..200)
            .map(|number| {
                let database = database.clone();
                tokio::spawn(async move { add_alone(&database, &format!("{number:03}")).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        drop(database);
        let expected: Vec<_> = (0..200).map(|number| format!("{number:03}")).collect();
        assert_eq!(keys(&place.open().await).await, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_fail_hurt_no_other() {
    on_both_places(|place: Place| async move {
        let database = place.open_migrated().await;
        add_alone(&database, "taken").await.unwrap();
        let writers: Vec<_> = (0..200)
            .map(|number| (number, tokio::spawn(add_in_four_ways(database.clone(), number))))
            .collect();
        for (number, writer) in writers {
            let outcome = writer.await.unwrap();
            assert_eq!(outcome.is_err(), number % 4 == 0, "{number}: {outcome:?}");
        }
        drop(database);
        let committed = (0..200).filter(|number| number % 4 == 3);
        let expected: Vec<_> =
            committed.map(|number| format!("{number:03}")).chain(["taken".to_owned()]).collect();
        assert_eq!(keys(&place.open().await).await, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_wait_for_no_writer() {
    on_both(|database| async move {
        let mut tx = database.write().await.unwrap();
        add(&mut tx, "a").await.unwrap();
        // More readers than connections, each keeping its handle.
        let mut readers = Vec::new();
        for _ in 0..50 {
            readers.push(database.read().await.unwrap());
        }
        for reader in &mut readers {
            assert!(reader.rows("SELECT tenant FROM tenants", vec![]).await.unwrap().is_empty());
        }
        tx.commit().await.unwrap();
        for reader in &mut readers {
            assert_eq!(reader.rows("SELECT tenant FROM tenants", vec![]).await.unwrap().len(), 1);
        }
    })
    .await;
}
