//! The SQLite file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use model::user::User;
use store::db::EngineKind;
use store::{Database, Query as _, StoreError, users};
use vault::seal::UserShare;

use crate::common::{Folder, Place, at};
use crate::samples::{settle, user};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn setting(database: &Database, sql: &'static str, column: &'static str) -> i64 {
    let row = database.read().await.unwrap().row(sql, vec![]).await.unwrap();
    row.unwrap().int(column).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_is_its_owners_alone() {
    let folder = Folder::make();
    let home = folder.path().join("made/for/it");
    let file = home.join("strongroom.db");
    let database = Place::File(file.clone()).open_migrated().await;
    assert_eq!(database.kind(), EngineKind::Sqlite);
    assert_eq!(mode(&home), 0o700);
    for name in ["strongroom.db", "strongroom.db-wal", "strongroom.db-shm"] {
        assert_eq!(mode(&home.join(name)), 0o600, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_exists_keeps_its_mode() {
    let folder = Folder::make();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o750)).unwrap();
    Place::File(folder.path().join("strongroom.db")).open().await;
    assert_eq!(mode(folder.path()), 0o750);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_are_in_force() {
    let folder = Folder::make();
    let database = Place::File(folder.path().join("strongroom.db")).open_migrated().await;
    assert_eq!(setting(&database, "PRAGMA page_size", "page_size").await, 8192);
    assert_eq!(setting(&database, "PRAGMA foreign_keys", "foreign_keys").await, 1);
    assert_eq!(setting(&database, "PRAGMA temp_store", "temp_store").await, 2);
    assert_eq!(setting(&database, "PRAGMA mmap_size", "mmap_size").await, 256 << 20);

    let mut writer = database.write().await.unwrap();
    for (sql, column, expected) in [
        ("PRAGMA synchronous", "synchronous", 2),
        ("PRAGMA foreign_keys", "foreign_keys", 1),
        ("PRAGMA secure_delete", "secure_delete", 1),
    ] {
        let row = writer.row(sql, vec![]).await.unwrap().unwrap();
        assert_eq!(row.int(column).unwrap(), expected, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_cannot_write() {
    let folder = Folder::make();
    let database = Place::File(folder.path().join("strongroom.db")).open_migrated().await;
    let answer = database.read().await.unwrap().rows("DELETE FROM tenants", vec![]).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_opens_again_with_what_was_stored() {
    let folder = Folder::make();
    let place = Place::File(folder.path().join("strongroom.db"));
    let first = place.open_migrated().await;
    let tenant = settle(&first, "acme").await;
    // A second process opens it before the first has let go.
    let second = place.open_migrated().await;
    drop(first);
    store::migrate::migrate(&second, at(5)).await.unwrap();
    let mut read = second.read().await.unwrap();
    assert!(users::find(&mut read, &tenant, &"u1".into()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_of_a_deleted_user_is_not_left_in_the_file() {
    let folder = Folder::make();
    let file = folder.path().join("strongroom.db");
    let database = Place::File(file.clone()).open_migrated().await;
    let tenant = settle(&database, "acme").await;
    let share = *b"a share that must not outlive us";
    let holds_share = |file: &Path| {
        let content = std::fs::read(file).unwrap();
        content.windows(32).any(|window| window == share)
    };
    let mut tx = database.write().await.unwrap();
    let ada = User { identities: vec![], ..user("ada", "") };
    let user_share = UserShare::new(share);
    users::insert(&mut tx, &tenant, &ada, &user_share).await.unwrap();
    tx.commit().await.unwrap();
    close(database, &file).await;
    assert!(holds_share(&file));

    let database = Place::File(file.clone()).open().await;
    let mut tx = database.write().await.unwrap();
    users::delete(&mut tx, &tenant, &ada.user_id).await.unwrap();
    tx.commit().await.unwrap();
    close(database, &file).await;
    assert!(!holds_share(&file));
}

/// Waits until the threads have let go of the file, and have moved the log into it.
async fn close(database: Database, file: &Path) {
    drop(database);
    let closed = async {
        while file.with_extension("db-wal").exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), closed).await.unwrap();
}

#[test]
fn what_cannot_be_opened_is_told_in_one_sentence() {
    let folder = Folder::make();
    let other = folder.path().join("not-a-database");
    std::fs::write(&other, "x".repeat(4096)).unwrap();
    for (file, because) in [
        (other.join("strongroom.db"), "Not a directory"),
        (folder.path().to_owned(), "unable to open database file"),
        (other.clone(), "file is not a database"),
    ] {
        let Err(error) = Database::open_sqlite(&file) else { panic!("{} opened", file.display()) };
        let error = error.to_string();
        let expected = format!("cannot open the database {}: ", file.display());
        assert!(error.starts_with(&expected) && error.contains(because), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "x".repeat(4096));
}
