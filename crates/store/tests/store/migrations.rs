//! Bringing a database to the schema of this binary.

use std::path::Path;
use std::time::Duration;

use store::migrate::migrate;
use store::{Query as _, StoreError};

use crate::common::{Place, at, on_both, on_both_places};

/// How many there are: each is a file whose name begins with its number.
fn migrations() -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().starts_with(|c: char| c.is_ascii_digit())).count()
}

/// Every migration was applied once, and the tables work.
async fn is_whole(place: &Place) {
    let database = place.open().await;
    let sql = "SELECT COUNT(*) AS applied FROM migrations";
    let row = database.read().await.unwrap().row(sql, vec![]).await.unwrap().unwrap();
    assert_eq!(usize::try_from(row.int("applied").unwrap()).unwrap(), migrations());
    crate::samples::settle(&database, "acme").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_apply_each_migration_once() {
    on_both_places(|place: Place| async move {
        let mut nodes = Vec::new();
        for _ in 0..6 {
            nodes.push(place.open().await);
        }
        let start = async |node| migrate(&node, at(0)).await;
        let nodes: Vec<_> = nodes.into_iter().map(|node| tokio::spawn(start(node))).collect();
        for node in nodes {
            node.await.unwrap().unwrap();
        }
        is_whole(&place).await;
    })
    .await;
}

/// F35: a node that is cut off while it migrates leaves nothing half done, and two that come after it
/// at once find all of it to do, or none.
#[tokio::test(flavor = "multi_thread")]
async fn f35_a_migration_that_is_cut_off_is_made_whole_by_the_next_nodes() {
    for microseconds in [0, 300, 1_000, 3_000, 6_000, 10_000, 15_000, 25_000, 40_000] {
        on_both_places(move |place: Place| async move {
            let [cut_off, first, second] =
                [place.open().await, place.open().await, place.open().await];
            let start = |node| tokio::spawn(async move { migrate(&node, at(0)).await });
            let cut_off = start(cut_off);
            tokio::time::sleep(Duration::from_micros(microseconds)).await;
            cut_off.abort();
            let (first, second) = (start(first), start(second));
            first.await.unwrap().unwrap();
            second.await.unwrap().unwrap();
            is_whole(&place).await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_from_a_newer_version_is_refused_and_left_alone() {
    on_both(|database| async move {
        let mut tx = database.write().await.unwrap();
        let sql = "INSERT INTO migrations (name, applied_at) VALUES ('9999_far_future', 1)";
        tx.execute(sql, vec![]).await.unwrap();
        tx.commit().await.unwrap();
        let error = migrate(&database, at(9)).await.unwrap_err();
        assert!(matches!(error, StoreError::Schema(_)));
        assert!(error.to_string().contains("9999_far_future"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_again_changes_nothing() {
    on_both(|database| async move {
        let tenant = crate::samples::settle(&database, "acme").await;
        migrate(&database, at(9)).await.unwrap();
        let mut read = database.read().await.unwrap();
        assert!(store::tenants::find(&mut read, &tenant).await.unwrap().is_some());
        let sql = "SELECT applied_at FROM migrations";
        let row = read.row(sql, vec![]).await.unwrap().unwrap();
        assert_eq!(row.time("applied_at").unwrap(), at(0));
    })
    .await;
}
