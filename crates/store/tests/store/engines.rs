//! What a statement means: the same on both engines.

use store::db::{Arg, Row};
use store::{Database, Query as _, StoreError};

use crate::common::on_both;

const MIB: usize = 1 << 20;

async fn ask(database: &Database, sql: &'static str, args: Vec<Arg>) -> Vec<Row> {
    database.read().await.unwrap().rows(sql, args).await.unwrap()
}

async fn tell(database: &Database, sql: &'static str, args: Vec<Arg>) -> u64 {
    let mut tx = database.write().await.unwrap();
    let changed = tx.execute(sql, args).await.unwrap();
    tx.commit().await.unwrap();
    changed
}

async fn scratch(database: &Database) {
    let sql = "CREATE TABLE scratch (id BIGINT PRIMARY KEY, n BIGINT, t TEXT, b BYTEA)";
    tell(database, sql, vec![]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_are_numbered_not_lined_up() {
    on_both(|database| async move {
        scratch(&database).await;
        let sql = "INSERT INTO scratch (t, n, id) VALUES ($3, $1, $2)";
        tell(&database, sql, vec![10_i64.into(), 1_i64.into(), "third".into()]).await;
        let sql = "INSERT INTO scratch (id, n, t) VALUES ($1, $1, $2)";
        tell(&database, sql, vec![2_i64.into(), "repeated".into()]).await;

        let sql = "SELECT id, n, t FROM scratch WHERE t = $2 OR id = $1 ORDER BY id";
        let rows = ask(&database, sql, vec![2_i64.into(), "third".into()]).await;
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].int("id").unwrap(), rows[0].int("n").unwrap()), (1, 10));
        assert_eq!(rows[0].text("t").unwrap(), "third");
        assert_eq!((rows[1].int("id").unwrap(), rows[1].int("n").unwrap()), (2, 2));
        assert_eq!(rows[1].text("t").unwrap(), "repeated");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_argument_too_many_or_too_few_is_refused() {
    on_both(|database| async move {
        scratch(&database).await;
        let sql = "SELECT id FROM scratch WHERE id = $1 AND n = $2";
        for args in [vec![1_i64.into()], vec![1_i64.into(), 2_i64.into(), 3_i64.into()]] {
            let answer = database.read().await.unwrap().rows(sql, args).await;
            assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_of_each_type_comes_back_as_null() {
    on_both(|database| async move {
        scratch(&database).await;
        let sql = "INSERT INTO scratch (id, n, t, b) VALUES ($1, $2, $3, $4)";
        let nulls = vec![1_i64.into(), Arg::Int(None), Arg::Text(None), Arg::Bytes(None)];
        tell(&database, sql, nulls).await;

        let rows = ask(&database, "SELECT id, n, t, b FROM scratch", vec![]).await;
        assert_eq!(rows[0].opt_int("n").unwrap(), None);
        assert_eq!(rows[0].opt_time("n").unwrap(), None);
        assert_eq!(rows[0].opt_text("t").unwrap(), None);
        assert_eq!(rows[0].opt_bytes("b").unwrap(), None);
        for refused in [
            rows[0].int("n").map(drop),
            rows[0].text("t").map(drop),
            rows[0].bytes("b").map(drop),
            rows[0].text("id").map(drop),
            rows[0].bytes("id").map(drop),
            rows[0].int("another").map(drop),
        ] {
            assert!(matches!(refused, Err(StoreError::Inconsistent { .. })), "{refused:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extreme_and_large_values_come_back_as_they_went_in() {
    on_both(|database| async move {
        scratch(&database).await;
        let text = "ä\u{1F511}'\"\\\n".repeat(MIB / 8);
        let bytes: Vec<u8> = (0..4 * MIB).map(|n| n.to_le_bytes()[0]).collect();
        let sql = "INSERT INTO scratch (id, n, t, b) VALUES ($1, $2, $3, $4)";
        for (id, n, t, b) in
            [(1_i64, i64::MAX, text.as_str(), bytes.as_slice()), (2, i64::MIN, "", b"")]
        {
            tell(&database, sql, vec![id.into(), n.into(), t.into(), b.into()]).await;
        }
        let rows = ask(&database, "SELECT n, t, b FROM scratch ORDER BY id", vec![]).await;
        assert_eq!(rows[0].int("n").unwrap(), i64::MAX);
        assert!(rows[0].text("t").unwrap() == text);
        assert!(rows[0].bytes("b").unwrap() == bytes);
        assert_eq!(rows[1].int("n").unwrap(), i64::MIN);
        assert_eq!(rows[1].opt_text("t").unwrap(), Some(""));
        assert_eq!(rows[1].opt_bytes("b").unwrap(), Some(b"".as_slice()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_nul_reaches_neither_engine() {
    on_both(|database| async move {
        scratch(&database).await;
        let sql = "SELECT id FROM scratch WHERE t = $1";
        let answer = database.read().await.unwrap().rows(sql, vec!["a\0b".into()]).await;
        assert!(matches!(answer, Err(StoreError::NulInText)));

        let mut tx = database.write().await.unwrap();
        let sql = "INSERT INTO scratch (id, t) VALUES (1, $1)";
        assert!(matches!(tx.execute(sql, vec!["\0".into()]).await, Err(StoreError::NulInText)));
        assert!(matches!(tx.commit().await, Err(StoreError::TransactionFailed)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fraction_is_no_value_of_ours() {
    on_both(|database| async move {
        let sql = "SELECT 0.5 AS half";
        let answer = database.read().await.unwrap().rows(sql, vec![]).await;
        assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_rows_are_counted_and_returned_ones_are_read() {
    on_both(|database| async move {
        scratch(&database).await;
        for id in 1..=3_i64 {
            tell(&database, "INSERT INTO scratch (id, n) VALUES ($1, 0)", vec![id.into()]).await;
        }
        let sql = "UPDATE scratch SET n = n + 1 WHERE id < $1";
        assert_eq!(tell(&database, sql, vec![3_i64.into()]).await, 2);
        assert_eq!(tell(&database, sql, vec![0_i64.into()]).await, 0);

        let mut tx = database.write().await.unwrap();
        let rows = tx.rows("DELETE FROM scratch WHERE n = 1 RETURNING id", vec![]).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert!(tx.row("SELECT id FROM scratch WHERE id < 3", vec![]).await.unwrap().is_none());
        tx.commit().await.unwrap();
    })
    .await;
}
