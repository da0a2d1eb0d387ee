//! SQLite: a few threads that read, and one that writes.
//!
//! SQLite blocks whoever calls it, so it is called on threads of its own and never on the runtime's.
//! A reader sees the latest commit and waits for nobody, the writer included (write-ahead log).

mod file;
mod statement;
mod writer;

use std::convert::Infallible;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::oneshot;

use self::writer::{Command, Job, Writer};
use super::value::{Arg, Row};
use crate::{Result, StoreError};

const READERS: usize = 4;
/// Asks for the time, in milliseconds.
pub(super) const CLOCK: &str = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now";

#[derive(Clone)]
pub(super) struct Sqlite {
    reads: Sender<ReadJob>,
    writes: Sender<Job>,
}

struct ReadJob {
    sql: &'static str,
    args: Vec<Arg>,
    reply: oneshot::Sender<Result<Vec<Row>>>,
}

/// What a statement did.
pub(super) struct Outcome {
    pub(super) rows: Vec<Row>,
    pub(super) changed: u64,
}

/// A transaction as its owner sees it. Dropped without a commit, it is undone.
pub(super) struct Transaction {
    writes: Sender<Job>,
    commands: Sender<Command>,
    /// What the writer will read the commands from, until the first of them is given. Only then does
    /// the transaction queue: from its turn on it keeps everybody else waiting.
    unqueued: Option<Receiver<Command>>,
}

impl Sqlite {
    pub(super) fn open(file: &Path) -> Result<Self> {
        let writer = Writer::new(file::open_writer(file)?);
        let (reading, readers_gone) = channel::<Infallible>();
        let (reads, read_jobs) = channel();
        let read_jobs = Arc::new(Mutex::new(read_jobs));
        for _ in 0..READERS {
            let reader = file::open_reader(file)?;
            let (read_jobs, reading) = (Arc::clone(&read_jobs), reading.clone());
            spawn("sqlite-reader", move || {
                read_loop(&reader, &read_jobs);
                drop(reader);
                drop(reading);
            })?;
        }
        drop(reading);
        let (writes, write_jobs) = channel();
        spawn("sqlite-writer", move || {
            writer.work(&write_jobs);
            // Whoever closes the file last, and may write, moves the log into it.
            let _ = readers_gone.recv();
        })?;
        Ok(Self { reads, writes })
    }

    pub(super) async fn read(&self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>> {
        let (reply, answer) = oneshot::channel();
        self.reads.send(ReadJob { sql, args, reply }).map_err(stopped)?;
        answer.await.map_err(stopped)?
    }

    pub(super) fn begin(&self) -> Transaction {
        let (commands, receiver) = channel();
        Transaction { writes: self.writes.clone(), commands, unqueued: Some(receiver) }
    }
}

impl Transaction {
    pub(super) async fn run(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Outcome> {
        self.ask(|reply| Command::Run { sql, args, reply }).await
    }

    /// Runs a statement without waiting for it.
    pub(super) fn append(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<()> {
        self.send(Command::Append { sql, args })
    }

    pub(super) async fn run_script(&mut self, sql: &'static str) -> Result<()> {
        self.ask(|reply| Command::Script { sql, reply }).await
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        if self.unqueued.is_some() {
            return Ok(());
        }
        self.ask(|reply| Command::Commit { reply }).await
    }

    async fn ask<T>(
        &mut self,
        command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply))?;
        answer.await.map_err(ended)?
    }

    fn send(&mut self, command: Command) -> Result<()> {
        self.commands.send(command).map_err(ended)?;
        match self.unqueued.take() {
            Some(commands) => self.writes.send(Job::new(commands)).map_err(stopped),
            None => Ok(()),
        }
    }
}

fn read_loop(connection: &Connection, jobs: &Mutex<Receiver<ReadJob>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(ReadJob { sql, args, reply }) = job else { return };
        if reply.is_closed() {
            // The caller hung up while the job was waiting.
            continue;
        }
        let rows = statement::run(connection, sql, &args).map(|outcome| outcome.rows);
        let _ = reply.send(rows);
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    thread.map(drop).map_err(|error| StoreError::unavailable(&error))
}

/// The thread at the other end of a channel is gone.
fn stopped<E>(_: E) -> StoreError {
    StoreError::Unavailable("the database thread has stopped".to_owned())
}

/// The writer has let go of the transaction.
fn ended<E>(_: E) -> StoreError {
    StoreError::Unavailable(
        "the transaction was undone: it was idle for too long, or the database failed".to_owned(),
    )
}
