//! The PostgreSQL server.

use store::db::EngineKind;
use store::{Database, StoreError};

use crate::common::postgres;

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
