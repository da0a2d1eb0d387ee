//! The PostgreSQL server.

use store::db::EngineKind;
use store::{Database, Query as _, StoreError};

use crate::common::{on_both, postgres};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_came_back_is_used_again() {
    on_both(|database| async move {
        if database.kind() == EngineKind::Sqlite {
            return;
        }
        let mut readers = Vec::new();
        for _ in 0..8 {
            let database = database.clone();
            readers.push(tokio::spawn(async move { tell_to_go(&database).await }));
        }
        for reader in readers {
            reader.await.unwrap();
        }
        // At worst, each connection of the pool is found dead once.
        let mut answers = Vec::new();
        for _ in 0..32 {
            let mut tx = match database.write().await {
                Ok(tx) => tx,
                Err(error) => {
                    answers.push(Err(error));
                    continue;
                }
            };
            let row = tx.row("SELECT 'here' AS answer", vec![]).await;
            answers.push(row.map(|row| row.unwrap().text("answer").unwrap().to_owned()));
        }
        for answer in &answers {
            assert!(matches!(answer, Ok(_) | Err(StoreError::Unavailable(_))), "{answer:?}");
        }
        assert!(matches!(answers.last(), Some(Ok(_))), "{answers:?}");
    })
    .await;
}

/// Ends every other session of the database.
async fn tell_to_go(database: &Database) {
    let sql = "SELECT pg_terminate_backend(pid)::text AS gone FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    if let Err(error) = database.read().await.unwrap().rows(sql, vec![]).await {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
}

async fn check_refused(url: &str, place: &str) {
    let Err(error) = Database::connect_postgres(url).await else { panic!("{url} opened") };
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    let sentence = format!("{error} {error:?}");
    assert!(
        error.to_string().starts_with(&format!("cannot open the database {place}: ")),
        "{error}"
    );
    assert!(!sentence.contains("hunter2"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    check_refused("postgres://ada:hunter2@127.0.0.1:1/vault", "vault at 127.0.0.1:1").await;
    check_refused("postgres://ada:hunter2@127.0.0.1:port/vault", "at the URL").await;
    check_refused("mysql://ada:hunter2@127.0.0.1/vault", "at the URL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_refused() {
    let Some(server) = postgres() else { return };
    assert_eq!(Database::connect_postgres(&server).await.unwrap().kind(), EngineKind::Postgres);
    let (host, _) = server.rsplit_once('/').unwrap();
    let address = host.rsplit_once('@').unwrap().1;
    check_refused(&format!("{host}/no_such_database"), &format!("no_such_database at {address}"))
        .await;
}
