//! Records that were moved or changed in the database open nowhere.

use std::time::Duration;

use model::log_event::LogEventKind;
use protocol::secret::ProviderAccessToken;
use store::connected_accounts::{self, StoredAccount};
use testkit::{Answer, Emulated, Engine, Exchange, Login, TestServer};
use vault::seal::Sealed;

use crate::scene::{LoggedIn, Refusal, Scene, notes, owner_of, says};

const UNAVAILABLE: Refusal = Refusal {
    status: 503,
    error: "temporarily_unavailable",
    description: "The service is temporarily unavailable.",
};

/// Every account with its sealed tokens.
async fn stored(server: &TestServer) -> Vec<StoredAccount> {
    let tenant = &server.seeded().tenant.id;
    let mut read = server.app().store.read().await.unwrap();
    let mut all = Vec::new();
    for person in &server.seeded().people {
        let listed = connected_accounts::list_for_user(&mut read, tenant, &person.user_id).await;
        all.extend(listed.unwrap());
    }
    all
}

/// Puts sealed tokens into a row, as whoever can write to the database could.
async fn put(server: &TestServer, row: &StoredAccount, sealed: &Sealed) {
    let mut tx = server.app().store.write().await.unwrap();
    let sql = "UPDATE connected_accounts SET sealed_tokens = $1 WHERE id = $2";
    let args = vec![sealed.into(), (&row.account.id).into()];
    assert_eq!(tx.execute(sql, args).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

/// Refused, with the true cause in the log, and with nothing asked of the provider.
async fn is_refused(server: &TestServer, is_expired: bool, attempt: impl Future<Output = Answer>) {
    let calls = server.provider().calls_of("refresh").await;
    let kind = LogEventKind::VaultExchangeFailed;
    let cause = "the sealed record does not belong here or was altered";
    let on_renewal = format!("the tokenset could not be renewed: {cause}");
    let cause = if is_expired { &on_renewal } else { cause };
    let answer = notes(server, kind, cause, attempt).await;
    says(&answer, UNAVAILABLE);
    assert_eq!(server.provider().calls_of("refresh").await, calls);
}

/// Two people's rows, two accounts of one person: whichever two are swapped, neither opens, whether
/// the token is still good or would have to be renewed.
#[tokio::test]
async fn swapped_records_open_for_neither() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        let server = &scene.server;
        scene.ada.connect_as("grace").await;
        let grace = LoggedIn::of(server, &Login::web().by_person(server.grace())).await;
        grace.connect_as("ada").await;
        let rows = stored(server).await;
        assert_eq!(rows.len(), 3);
        let exchange = async |row: &StoredAccount| {
            let exchange = Exchange::calendar().login_hint(row.account.subject.as_str());
            let is_adas = row.account.user_id == server.seeded().people[0].user_id;
            if is_adas { &scene.ada } else { &grace }.exchange(&exchange).await
        };
        for is_expired in [false, true] {
            if is_expired {
                server.clock().advance(Duration::from_hours(1));
            }
            for (one, other) in [(0, 1), (0, 2), (1, 2)] {
                let (one, other) = (&rows[one], &rows[other]);
                put(server, one, &other.sealed_tokens).await;
                put(server, other, &one.sealed_tokens).await;
                is_refused(server, is_expired, exchange(one)).await;
                is_refused(server, is_expired, exchange(other)).await;
                put(server, one, &one.sealed_tokens).await;
                put(server, other, &other.sealed_tokens).await;
            }
        }
        assert_eq!(server.provider().calls_of("refresh").await, 0);
        for row in &rows {
            let token = exchange(row).await.expect(200).member("access_token");
            assert_eq!(owner_of(server, &token).await, row.account.subject.as_str());
        }
    }
}

/// A record of before a refresh does not come back.
#[tokio::test]
async fn an_older_record_does_not_open_in_the_place_of_its_successor() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let older = stored(server).await.remove(0);
    server.clock().advance(Duration::from_hours(1));
    scene.ada.calendar_token().await;
    let newer = stored(server).await.remove(0);
    put(server, &newer, &older.sealed_tokens).await;
    is_refused(server, false, scene.ada.exchange_calendar()).await;
    put(server, &newer, &newer.sealed_tokens).await;
    scene.is_intact().await;
}

/// Refused with a cause that tells of the record, whether the token is still good or would have to be
/// renewed; nothing of a token is in the answer.
async fn is_unreadable(scene: &Scene, case: &str) {
    let server = &scene.server;
    let answer = scene.ada.exchange_calendar().await;
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (503, Some(UNAVAILABLE.error)),
        "{case}"
    );
    assert!(answer.json().get("access_token").is_none(), "{case}");
    let event = server.latest_event(LogEventKind::VaultExchangeFailed).await.detail;
    let cause = event.description.unwrap_or_default();
    let causes = [
        "the sealed record is malformed",
        "the sealed record names another key",
        "the sealed record does not belong here or was altered",
    ];
    assert!(causes.iter().any(|known| cause.ends_with(known)), "{case}: {cause}");
}

/// F22: whichever byte of a record is changed, it does not open, and its neighbour does.
#[tokio::test]
async fn f22_a_changed_byte_anywhere_opens_nothing() {
    let scene = Scene::web().await;
    let server = &scene.server;
    let grace = LoggedIn::of(server, &Login::web().by_person(server.grace())).await;
    grace.connect_as("grace").await;
    let row = stored(server).await.remove(0);
    let bytes = row.sealed_tokens.as_bytes().to_vec();
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1 << (position % 8);
        put(server, &row, &Sealed::from_bytes(changed)).await;
        is_unreadable(&scene, &format!("byte {position}")).await;
        if position % 50 == 0 {
            grace.calendar_token().await;
        }
    }
    assert_eq!(server.provider().calls_of("refresh").await, 0);
    put(server, &row, &row.sealed_tokens).await;
    scene.is_intact().await;
}

/// F23: a record that is cut off, too long, of an unknown version or names an unknown key does not open;
/// a missing one the database does not take.
#[tokio::test]
async fn f23_what_is_no_record_opens_nothing() {
    for engine in Engine::available() {
        let server = TestServer::builder().engine(engine).start().await;
        let scene = Scene::of(server, &Login::web()).await;
        let server = &scene.server;
        let grace = LoggedIn::of(server, &Login::web().by_person(server.grace())).await;
        grace.connect_as("grace").await;
        let row = stored(server).await.remove(0);
        let bytes = row.sealed_tokens.as_bytes().to_vec();
        let with = |position: usize, byte: u8| {
            let mut changed = bytes.clone();
            changed[position] = byte;
            changed
        };
        let mut cases: Vec<(String, Vec<u8>)> = [0, 1, 2, 17, 18, 77, 78, 79, bytes.len() - 1]
            .map(|length| (format!("cut to {length}"), bytes[..length].to_vec()))
            .into();
        cases.extend([
            ("one byte longer".to_owned(), [&bytes[..], &[0]].concat()),
            ("a mebibyte longer".to_owned(), [&bytes[..], &vec![7; 1 << 20]].concat()),
            ("nothing but zeros".to_owned(), vec![0; bytes.len()]),
            ("version 0".to_owned(), with(0, 0)),
            ("version 2".to_owned(), with(0, 2)),
            ("algorithm 255".to_owned(), with(1, 255)),
            ("an unknown key".to_owned(), [&bytes[..2], &[9; 16], &bytes[18..]].concat()),
        ]);
        for is_expired in [false, true] {
            if is_expired {
                server.clock().advance(Duration::from_hours(1));
            }
            for (case, record) in &cases {
                put(server, &row, &Sealed::from_bytes(record.clone())).await;
                is_unreadable(&scene, &format!("{case}, {engine:?}")).await;
            }
            assert_eq!(server.provider().calls_of("refresh").await, 0);
            put(server, &row, &row.sealed_tokens).await;
        }
        let mut tx = server.app().store.write().await.unwrap();
        let sql = "UPDATE connected_accounts SET sealed_tokens = NULL";
        assert!(tx.execute(sql, vec![]).await.is_err(), "{engine:?}");
        drop(tx);
        grace.calendar_token().await;
        scene.is_intact().await;
    }
}

/// Nothing of a token stands in the database in clear.
#[tokio::test]
async fn no_token_of_the_provider_stands_in_the_database() {
    let scene = Scene::web().await;
    let server = &scene.server;
    server.clock().advance(Duration::from_hours(1));
    let token = scene.ada.calendar_token().await;
    assert!(!ProviderAccessToken::new(token.as_str()).expose().is_empty());
    let waiting = scene.ada.begin().await;
    scene.ada.consent_to(&waiting).await;
    let mut secrets: Vec<String> = server
        .provider()
        .tokens()
        .await
        .iter()
        .map(|line| line["value"].as_str().unwrap().to_owned())
        .collect();
    secrets.push(server.provider().client_secret().expose().to_owned());
    secrets.push(server.seeded().web.client_secret.expose().to_owned());
    secrets.push(Emulated::password_of("ada"));
    assert!(secrets.len() > 8);
    for file in std::fs::read_dir(server.database_folder().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "a secret stands in the database");
        }
    }
}
