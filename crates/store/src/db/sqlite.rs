//! SQLite: threads that read, and one that writes.
//!
//! The writer runs transactions one after the other, each in a savepoint, and commits those that
//! wait together with one sync to disk (group commit). `synchronous=FULL`: what a caller was told is
//! stored survives the loss of power.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement, ToSql};
use tokio::sync::oneshot;

use super::value::{Arg, Row, Value};
use crate::{Result, StoreError};

const READERS: usize = 3;
/// How many transactions share one sync to disk at most.
const GROUP_MAX: usize = 64;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A transaction whose owner asks nothing for so long is undone: it would stop every other writer.
const TRANSACTION_IDLE_MAX: Duration = Duration::from_secs(10);
const STATEMENT_CACHE: usize = 256;

#[derive(Clone)]
pub(super) struct Sqlite {
    reads: Sender<ReadJob>,
    writes: Sender<WriteJob>,
}

struct ReadJob {
    sql: &'static str,
    args: Vec<Arg>,
    reply: oneshot::Sender<Result<Vec<Row>>>,
}

/// A transaction as the writer sees it: its statements, until it commits or is dropped.
struct WriteJob {
    commands: Receiver<Command>,
}

enum Command {
    Run { sql: &'static str, args: Vec<Arg>, reply: oneshot::Sender<Result<Outcome>> },
    Script { sql: &'static str, reply: oneshot::Sender<Result<()>> },
    Commit { reply: oneshot::Sender<Result<()>> },
}

/// What a statement did.
pub(super) struct Outcome {
    pub(super) rows: Vec<Row>,
    pub(super) changed: u64,
}

pub(super) struct Transaction {
    commands: Sender<Command>,
}

/// The thread at the other end is gone.
#[derive(Debug, thiserror::Error)]
#[error("the database thread has stopped")]
struct Stopped;

fn stopped<E>(_: E) -> StoreError {
    StoreError::Unavailable(Box::new(Stopped))
}

impl Sqlite {
    pub(super) fn open(file: &Path) -> Result<Self> {
        let writer = connect(file, OpenFlags::default())?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        let (writes, write_jobs) = channel();
        spawn("sqlite-writer", move || write_loop(&writer, &write_jobs))?;
        let (reads, read_jobs) = channel();
        let read_jobs = Arc::new(Mutex::new(read_jobs));
        for _ in 0..READERS {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let reader = connect(file, flags)?;
            let read_jobs = Arc::clone(&read_jobs);
            spawn("sqlite-reader", move || read_loop(&reader, &read_jobs))?;
        }
        Ok(Self { reads, writes })
    }

    pub(super) async fn read(&self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>> {
        let (reply, answer) = oneshot::channel();
        self.reads.send(ReadJob { sql, args, reply }).map_err(stopped)?;
        answer.await.map_err(stopped)?
    }

    pub(super) fn begin(&self) -> Result<Transaction> {
        let (commands, receiver) = channel();
        self.writes.send(WriteJob { commands: receiver }).map_err(stopped)?;
        Ok(Transaction { commands })
    }
}

impl Transaction {
    pub(super) async fn run(&self, sql: &'static str, args: Vec<Arg>) -> Result<Outcome> {
        self.ask(|reply| Command::Run { sql, args, reply }).await
    }

    pub(super) async fn run_script(&self, sql: &'static str) -> Result<()> {
        self.ask(|reply| Command::Script { sql, reply }).await
    }

    pub(super) async fn commit(self) -> Result<()> {
        self.ask(|reply| Command::Commit { reply }).await
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(stopped)?;
        answer.await.map_err(stopped)?
    }
}

fn connect(file: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(PathBuf::from(file), flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    Ok(())
}

fn read_loop(connection: &Connection, jobs: &Mutex<Receiver<ReadJob>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(ReadJob { sql, args, reply }) = job else { return };
        // A caller that hung up wants no answer.
        let _ = reply.send(run(connection, sql, &args).map(|outcome| outcome.rows));
    }
}

fn write_loop(connection: &Connection, jobs: &Receiver<WriteJob>) {
    while let Ok(first) = jobs.recv() {
        write_group(connection, first, jobs);
    }
}

/// Runs the transactions that wait and commits them together.
fn write_group(connection: &Connection, first: WriteJob, jobs: &Receiver<WriteJob>) {
    // IMMEDIATE takes the lock now: a transaction that reads first and writes later would fail at
    // once when another process wrote in between.
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        refuse(&first, error);
        return;
    }
    let mut waiting = Vec::new();
    let mut next = Some(first);
    while let Some(job) = next {
        waiting.extend(write_one(connection, &job));
        next = if waiting.len() < GROUP_MAX { jobs.try_recv().ok() } else { None };
    }
    match connection.execute_batch("COMMIT") {
        Ok(()) => {
            for reply in waiting {
                let _ = reply.send(Ok(()));
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            let _ = connection.execute_batch("ROLLBACK");
            for reply in waiting {
                let _ = reply.send(Err(StoreError::Unavailable(Box::new(Arc::clone(&error)))));
            }
        }
    }
}

/// Runs one transaction in a savepoint. Answers whom to tell once the group is on disk; nothing if
/// the transaction was undone.
fn write_one(connection: &Connection, job: &WriteJob) -> Option<oneshot::Sender<Result<()>>> {
    if let Err(error) = connection.execute_batch("SAVEPOINT tx") {
        refuse(job, error);
        return None;
    }
    loop {
        match job.commands.recv_timeout(TRANSACTION_IDLE_MAX) {
            Ok(Command::Run { sql, args, reply }) => {
                let _ = reply.send(run(connection, sql, &args));
            }
            Ok(Command::Script { sql, reply }) => {
                let _ = reply.send(connection.execute_batch(sql).map_err(StoreError::from));
            }
            Ok(Command::Commit { reply }) => match connection.execute_batch("RELEASE tx") {
                Ok(()) => return Some(reply),
                Err(error) => {
                    let _ = reply.send(Err(error.into()));
                    break;
                }
            },
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    if let Err(error) = connection.execute_batch("ROLLBACK TO tx; RELEASE tx") {
        tracing::error!(%error, "a transaction could not be undone");
    }
    None
}

/// Answers a transaction that could not begin.
fn refuse(job: &WriteJob, error: rusqlite::Error) {
    let Ok(command) = job.commands.recv_timeout(TRANSACTION_IDLE_MAX) else { return };
    let error = StoreError::Unavailable(Box::new(error));
    match command {
        Command::Run { reply, .. } => drop(reply.send(Err(error))),
        Command::Script { reply, .. } | Command::Commit { reply } => {
            drop(reply.send(Err(error)));
        }
    }
}

fn run(connection: &Connection, sql: &str, args: &[Arg]) -> Result<Outcome> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, args)?;
    let width = statement.column_count();
    if width == 0 {
        let changed = statement.raw_execute()? as u64;
        return Ok(Outcome { rows: Vec::new(), changed });
    }
    let columns: Arc<[String]> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut answer = statement.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = answer.next()? {
        let values = (0..width).map(|index| Ok(value(row.get_ref(index)?)));
        rows.push(Row::new(Arc::clone(&columns), values.collect::<rusqlite::Result<_>>()?));
    }
    let changed = rows.len() as u64;
    Ok(Outcome { rows, changed })
}

/// To SQLite `$2` is a name, numbered by its first appearance; to PostgreSQL, and to us, it is the
/// second argument wherever it stands.
fn bind(statement: &mut Statement<'_>, args: &[Arg]) -> Result<()> {
    for index in 1..=statement.parameter_count() {
        let number: Option<usize> = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$'))
            .and_then(|number| number.parse().ok());
        let arg = number.and_then(|number| args.get(number.checked_sub(1)?));
        let arg = arg.ok_or(rusqlite::Error::InvalidParameterCount(args.len(), index))?;
        statement.raw_bind_parameter(index, arg)?;
    }
    Ok(())
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Text(value) => Value::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
    }
}

impl ToSql for Arg {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Int(value) => value.to_sql(),
            Self::Text(value) => value.to_sql(),
            Self::Bytes(value) => value.to_sql(),
        }
    }
}
