//! A database for one test, gone with it.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use store::Database;
use tempfile::TempDir;
use url::Url;

use crate::link::Link;

/// Names a PostgreSQL server whose role may create databases.
const POSTGRES_VARIABLE: &str = "STRONGROOM_TEST_POSTGRES";

const SQLITE_FILE: &str = "test.db";

/// The engines that a server can be started on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file in a folder of its own.
    Sqlite,
    /// A database of its own on the server that `STRONGROOM_TEST_POSTGRES` names.
    Postgres,
}

impl Engine {
    /// Those that can be had: PostgreSQL only where the variable is set.
    pub fn available() -> Vec<Self> {
        match postgres_server() {
            Some(_) => vec![Self::Sqlite, Self::Postgres],
            None => vec![Self::Sqlite],
        }
    }
}

/// Where the data is. Dropped, it is nowhere.
pub(crate) enum Place {
    Folder(TempDir),
    Server(OwnDatabase),
}

/// A database made for one test.
pub(crate) struct OwnDatabase {
    server: String,
    name: String,
}

impl Place {
    /// For an empty database.
    pub(crate) async fn make(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::Folder(tempfile::tempdir().unwrap()),
            Engine::Postgres => Self::Server(OwnDatabase::make().await),
        }
    }

    /// Connections of its own to the same database.
    pub(crate) async fn open(&self) -> Database {
        match self {
            Self::Folder(folder) => {
                Database::open_sqlite(&folder.path().join(SQLITE_FILE)).unwrap()
            }
            Self::Server(own) => Database::connect_postgres(&own.url()).await.unwrap(),
        }
    }

    /// The same, on PostgreSQL, over a wire that can be cut.
    pub(crate) async fn open_by_link(&self) -> (Database, Link) {
        let Self::Server(own) = self else { panic!("SQLite has no wire") };
        let mut url = Url::parse(&own.url()).unwrap();
        let link = Link::to(url.port().unwrap()).await;
        url.set_port(Some(link.port())).unwrap();
        (Database::connect_postgres(url.as_str()).await.unwrap(), link)
    }

    /// The folder with the database's files, if it has any.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder.path()),
            Self::Server(_) => None,
        }
    }
}

impl OwnDatabase {
    async fn make() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let server = postgres_server().expect(POSTGRES_VARIABLE);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("strongroom_testkit_{}_{number}", std::process::id());
        // A process that was killed may have had the same number.
        command(&server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        command(&server, format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        Self { server, name }
    }

    fn url(&self) -> String {
        let (host, _) = self.server.rsplit_once('/').unwrap();
        format!("{host}/{}", self.name)
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let Self { server, name } = self;
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        // The test's own runtime cannot be waited for inside itself.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(command(server, sql));
            });
        });
    }
}

fn postgres_server() -> Option<String> {
    std::env::var(POSTGRES_VARIABLE).ok().filter(|url| !url.is_empty())
}

async fn command(server: &str, sql: String) {
    Database::run_alone_on_postgres(server, &sql).await.unwrap();
}
