//! The only module that knows there are two engines.
//!
//! A statement is one text with `$1`-style arguments and means the same to both. Integers are 64
//! bit, booleans are 0 and 1, times are integers, documents are texts.

mod postgres;
mod sqlite;
mod value;

use std::path::Path;

pub use value::{Arg, Row, Value};

use crate::{Result, StoreError};

/// A database of either kind. Cheap to clone.
#[derive(Clone)]
pub struct Database(Engine);

#[derive(Clone)]
enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// Which engine a database runs on; for migrations and for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// Embedded.
    Sqlite,
    /// A server.
    Postgres,
}

impl Database {
    /// Opens the SQLite database in a file, making it if there is none.
    pub fn open_sqlite(file: &Path) -> Result<Self> {
        Ok(Self(Engine::Sqlite(sqlite::Sqlite::open(file)?)))
    }

    /// Connects to PostgreSQL by a `postgres://` URL.
    pub async fn connect_postgres(url: &str) -> Result<Self> {
        Ok(Self(Engine::Postgres(postgres::Postgres::connect(url).await?)))
    }

    /// The engine.
    pub fn kind(&self) -> EngineKind {
        match self.0 {
            Engine::Sqlite(_) => EngineKind::Sqlite,
            Engine::Postgres(_) => EngineKind::Postgres,
        }
    }

    /// For reading: each statement sees the latest commit. Holds no connection between statements.
    #[expect(clippy::unused_async, reason = "as `write`: an engine may have to wait here")]
    pub async fn read(&self) -> Result<ReadTx> {
        Ok(ReadTx(self.0.clone()))
    }

    /// For writing: all or nothing. Dropped without [`WriteTx::commit`], it never happened.
    ///
    /// A transaction holds SQLite's only writer: nothing but statements may be awaited within.
    pub async fn write(&self) -> Result<WriteTx> {
        let engine = match &self.0 {
            Engine::Sqlite(sqlite) => WriteEngine::Sqlite(sqlite.begin()),
            Engine::Postgres(postgres) => WriteEngine::Postgres(postgres.begin().await?),
        };
        Ok(WriteTx { engine, sound: true })
    }
}

/// Reads, outside any transaction.
pub struct ReadTx(Engine);

/// One atomic change.
///
/// The first error ends it: every statement after it and the commit answer
/// [`StoreError::TransactionFailed`]. The same holds if the answer of a statement was not waited for.
pub struct WriteTx {
    engine: WriteEngine,
    sound: bool,
}

enum WriteEngine {
    Sqlite(sqlite::Transaction),
    Postgres(postgres::Transaction),
}

/// What can be asked: by a [`ReadTx`], or by a [`WriteTx`] that wants to see its own writes.
pub trait Query: Send {
    /// Every row of the answer.
    fn rows(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> impl Future<Output = Result<Vec<Row>>> + Send;

    /// The first row of the answer.
    fn row(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> impl Future<Output = Result<Option<Row>>> + Send {
        async move { Ok(self.rows(sql, args).await?.into_iter().next()) }
    }
}

impl Query for ReadTx {
    async fn rows(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>> {
        refuse_nul(&args)?;
        match &self.0 {
            Engine::Sqlite(sqlite) => sqlite.read(sql, args).await,
            Engine::Postgres(postgres) => postgres.read(sql, &args).await,
        }
    }
}

impl Query for WriteTx {
    async fn rows(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>> {
        self.doubt()?;
        refuse_nul(&args)?;
        let rows = match &mut self.engine {
            WriteEngine::Sqlite(tx) => tx.run(sql, args).await?.rows,
            WriteEngine::Postgres(tx) => tx.rows(sql, &args).await?,
        };
        self.sound = true;
        Ok(rows)
    }
}

impl WriteTx {
    /// Runs a statement that answers no rows; says how many it changed.
    pub async fn execute(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<u64> {
        self.doubt()?;
        refuse_nul(&args)?;
        let changed = match &mut self.engine {
            WriteEngine::Sqlite(tx) => tx.run(sql, args).await?.changed,
            WriteEngine::Postgres(tx) => tx.execute(sql, &args).await?,
        };
        self.sound = true;
        Ok(changed)
    }

    /// Runs the statements of a migration.
    pub(crate) async fn run_script(&mut self, sql: &'static str) -> Result<()> {
        self.doubt()?;
        match &mut self.engine {
            WriteEngine::Sqlite(tx) => tx.run_script(sql).await?,
            WriteEngine::Postgres(tx) => tx.run_script(sql).await?,
        }
        self.sound = true;
        Ok(())
    }

    /// Lets the statements of a migration take as long as they need.
    pub(crate) async fn lift_limits(&mut self) -> Result<()> {
        self.doubt()?;
        match &mut self.engine {
            WriteEngine::Sqlite(_) => {}
            WriteEngine::Postgres(tx) => tx.lift_limits().await?,
        }
        self.sound = true;
        Ok(())
    }

    /// Makes the change durable. When this returns, it is on disk.
    pub async fn commit(mut self) -> Result<()> {
        self.doubt()?;
        match self.engine {
            WriteEngine::Sqlite(tx) => tx.commit().await,
            WriteEngine::Postgres(tx) => tx.commit().await,
        }
    }

    /// Undoes the change. Dropping does the same, without waiting for it.
    pub async fn rollback(self) -> Result<()> {
        match self.engine {
            WriteEngine::Sqlite(tx) => {
                drop(tx);
                Ok(())
            }
            WriteEngine::Postgres(tx) => tx.rollback().await,
        }
    }

    /// A statement leaves the transaction unsound until it has answered well. PostgreSQL makes a
    /// rollback of a commit after an error, and calls it a success.
    fn doubt(&mut self) -> Result<()> {
        if std::mem::take(&mut self.sound) { Ok(()) } else { Err(StoreError::TransactionFailed) }
    }
}

/// SQLite would take such a text and PostgreSQL would not.
fn refuse_nul(args: &[Arg]) -> Result<()> {
    if args.iter().any(Arg::has_nul) { Err(StoreError::NulInText) } else { Ok(()) }
}
