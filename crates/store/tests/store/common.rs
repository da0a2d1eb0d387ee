//! A fresh database per test and engine, removed afterwards.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use protocol::time::Timestamp;
use store::Database;
use tokio_postgres::NoTls;

const POSTGRES: &str = "STRONGROOM_TEST_POSTGRES";

/// Runs a test on a migrated database of either engine.
pub(crate) async fn on_both<F, Fut>(test: F)
where
    F: Fn(Database) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    on_both_places(move |place| async move { test(place.open_migrated().await).await }).await;
}

/// Runs a test at an empty place of either kind. What the test answers is run as a task, so that the
/// place is removed even if it panics.
pub(crate) async fn on_both_places<F, Fut>(test: F)
where
    F: Fn(Place) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let folder = Folder::make();
    let place = Place::File(folder.path().join("strongroom.db"));
    run("SQLite", test(place)).await.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    drop(folder);

    let Some(server) = postgres() else { return };
    let (place, name) = make_database(&server).await;
    let outcome = run("PostgreSQL", test(place)).await;
    command(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

async fn run(
    engine: &str,
    test: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn std::any::Any + Send>> {
    tokio::spawn(test).await.map_err(|error| {
        say(&format!("failed on {engine}"));
        error.into_panic()
    })
}

/// Where a database is, or may be made.
#[derive(Clone)]
pub(crate) enum Place {
    File(PathBuf),
    Server(String),
}

impl Place {
    /// Opens the database as one more node would.
    pub(crate) async fn open(&self) -> Database {
        match self {
            Self::File(file) => Database::open_sqlite(file).unwrap(),
            Self::Server(url) => Database::connect_postgres(url).await.unwrap(),
        }
    }

    pub(crate) async fn open_migrated(&self) -> Database {
        let database = self.open().await;
        store::migrate::migrate(&database, at(0)).await.unwrap();
        database
    }
}

/// A folder that goes away with its owner.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn make() -> Self {
        let folder = std::env::temp_dir().join(unique_name());
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The server's URL, whose database is not ours to write in. Says once if there is none.
pub(crate) fn postgres() -> Option<String> {
    static SAID: Once = Once::new();
    let server = std::env::var(POSTGRES).ok().filter(|url| !url.is_empty());
    if server.is_none() {
        SAID.call_once(|| say(&format!("{POSTGRES} is not set: not run on PostgreSQL")));
    }
    server
}

async fn make_database(server: &str) -> (Place, String) {
    let name = unique_name();
    // A process that was killed may have had the same number.
    command(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    // A locale whose order is not that of the bytes, if the server has one (15 and later can).
    let plain = format!("CREATE DATABASE {name} TEMPLATE template0");
    let english = format!("{plain} LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
    if try_command(server, &english).await.is_err() {
        command(server, &plain).await;
    }
    let (host, _) = server.rsplit_once('/').unwrap();
    (Place::Server(format!("{host}/{name}")), name)
}

async fn command(server: &str, sql: &str) {
    try_command(server, sql).await.unwrap();
}

async fn try_command(server: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await?;
    let connection = tokio::spawn(connection);
    let outcome = client.batch_execute(sql).await;
    drop(client);
    connection.await.unwrap()?;
    outcome
}

fn unique_name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    format!("strongroom_store_{}_{number}", std::process::id())
}

/// Past the test runner, which hides what a passing test prints.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A moment, in seconds.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// How many of a hundred concurrent attempts answer `true`.
pub(crate) async fn winners<Fut>(attempt: impl Fn(usize) -> Fut) -> usize
where
    Fut: Future<Output = bool> + Send + 'static,
{
    let attempts: Vec<_> = (0..100).map(|number| tokio::spawn(attempt(number))).collect();
    let mut winners = 0;
    for attempt in attempts {
        winners += usize::from(attempt.await.unwrap());
    }
    winners
}
