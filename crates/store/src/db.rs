//! The only module that knows there are two engines.
//!
//! A statement is one text with `$1`-style arguments and means the same to both. Integers are 64
//! bit, booleans are 0 and 1, times are integers, documents are texts.

mod postgres;
mod sqlite;
mod value;

use std::path::Path;

use protocol::time::Timestamp;

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

    /// Runs a statement on a PostgreSQL server that no transaction can hold, such as making a database.
    /// It may take as long as it needs.
    pub async fn run_alone_on_postgres(url: &str, sql: &str) -> Result<()> {
        postgres::run_alone(url, sql).await
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
        Ok(WriteTx(Some(engine)))
    }
}

/// Reads, outside any transaction.
pub struct ReadTx(Engine);

/// One atomic change.
///
/// The first error undoes it, as does an answer that nobody waited for: every statement after that
/// and the commit answer [`StoreError::TransactionFailed`]. Left to itself, PostgreSQL would turn
/// such a commit into a rollback and call it a success.
pub struct WriteTx(Option<WriteEngine>);

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
        let mut engine = self.take()?;
        refuse_nul(&args)?;
        let rows = match &mut engine {
            WriteEngine::Sqlite(tx) => tx.run(sql, args).await?.rows,
            WriteEngine::Postgres(tx) => tx.rows(sql, &args).await?,
        };
        self.0 = Some(engine);
        Ok(rows)
    }
}

impl WriteTx {
    /// Runs a statement that answers no rows; says how many it changed.
    pub async fn execute(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<u64> {
        let mut engine = self.take()?;
        refuse_nul(&args)?;
        let changed = match &mut engine {
            WriteEngine::Sqlite(tx) => tx.run(sql, args).await?.changed,
            WriteEngine::Postgres(tx) => tx.execute(sql, &args).await?,
        };
        self.0 = Some(engine);
        Ok(changed)
    }

    /// Runs a statement of which nothing needs to be known but that it worked; that, the commit
    /// tells. SQLite's writer then need not wait for us between the two.
    pub async fn append(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<()> {
        let mut engine = self.take()?;
        refuse_nul(&args)?;
        match &mut engine {
            WriteEngine::Sqlite(tx) => tx.append(sql, args)?,
            WriteEngine::Postgres(tx) => drop(tx.execute(sql, &args).await?),
        }
        self.0 = Some(engine);
        Ok(())
    }

    /// The database's own time, which is the same for all nodes.
    pub(crate) async fn clock(&mut self) -> Result<Timestamp> {
        let sql = match &self.0 {
            Some(WriteEngine::Postgres(_)) => postgres::CLOCK,
            Some(WriteEngine::Sqlite(_)) | None => sqlite::CLOCK,
        };
        let row = self.row(sql, vec![]).await?.ok_or(StoreError::TransactionFailed)?;
        row.time("now")
    }

    /// Runs the statements of a migration.
    pub(crate) async fn run_script(&mut self, sql: &'static str) -> Result<()> {
        let mut engine = self.take()?;
        match &mut engine {
            WriteEngine::Sqlite(tx) => tx.run_script(sql).await?,
            WriteEngine::Postgres(tx) => tx.run_script(sql).await?,
        }
        self.0 = Some(engine);
        Ok(())
    }

    /// Lets the statements of a migration take as long as they need.
    pub(crate) async fn lift_limits(&mut self) -> Result<()> {
        let mut engine = self.take()?;
        match &mut engine {
            WriteEngine::Sqlite(_) => {}
            WriteEngine::Postgres(tx) => tx.lift_limits().await?,
        }
        self.0 = Some(engine);
        Ok(())
    }

    /// Makes the change durable. When this returns, it is on disk.
    pub async fn commit(mut self) -> Result<()> {
        match self.take()? {
            WriteEngine::Sqlite(tx) => tx.commit().await,
            WriteEngine::Postgres(tx) => tx.commit().await,
        }
    }

    /// Undoes the change. Dropping does the same, without waiting for it.
    pub async fn rollback(self) -> Result<()> {
        match self.0 {
            None => Ok(()),
            Some(WriteEngine::Sqlite(tx)) => {
                drop(tx);
                Ok(())
            }
            Some(WriteEngine::Postgres(tx)) => tx.rollback().await,
        }
    }

    /// Whoever takes the transaction gives it back when its statement has answered well. Otherwise
    /// it is dropped on the spot, and keeps no other writer waiting.
    fn take(&mut self) -> Result<WriteEngine> {
        self.0.take().ok_or(StoreError::TransactionFailed)
    }
}

/// SQLite would take such a text and PostgreSQL would not.
fn refuse_nul(args: &[Arg]) -> Result<()> {
    if args.iter().any(Arg::has_nul) { Err(StoreError::NulInText) } else { Ok(()) }
}
