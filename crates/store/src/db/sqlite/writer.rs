//! The one writer, and group commit.
//!
//! The writer runs transactions one after the other, each in a savepoint of its own, and commits
//! those that wait together with one sync to disk. Nobody is told that a transaction is committed
//! before the group is.

use std::iter;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::file::BUSY_TIMEOUT;
use super::{Outcome, statement};
use crate::db::value::Arg;
use crate::error::reason;
use crate::{Result, StoreError};

/// How many transactions share one sync to disk at most.
const GROUP_MAX: usize = 64;
/// A transaction whose owner asks nothing for so long is undone: it stops every other writer.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// Once another process has held the file's lock for too long, nobody waits for it as long again: a
/// request that writes several times waits for five seconds in all.
const STILL_BUSY_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    connection: Connection,
    idle_max: Duration,
}

/// A transaction as the writer sees it: its commands, until it commits or is dropped. The first of
/// them is there already.
pub(super) struct Job {
    commands: Receiver<Command>,
}

pub(super) enum Command {
    Run {
        sql: &'static str,
        args: Vec<Arg>,
        reply: oneshot::Sender<Result<Outcome>>,
    },
    /// A statement whose failure shows at the commit.
    Append {
        sql: &'static str,
        args: Vec<Arg>,
    },
    Script {
        sql: &'static str,
        reply: oneshot::Sender<Result<()>>,
    },
    Commit {
        reply: oneshot::Sender<Result<()>>,
    },
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, idle_max: IDLE_MAX }
    }

    /// Works until nobody can bring a job any more.
    pub(super) fn work(&self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            self.write_group(first, jobs);
        }
    }

    /// Runs the transactions that wait and commits them together.
    fn write_group(&self, first: Job, jobs: &Receiver<Job>) {
        let group = iter::once(first).chain(jobs.try_iter()).take(GROUP_MAX);
        // IMMEDIATE takes the lock now: a transaction that reads first and writes later would fail
        // at once when another process wrote in between.
        let begun = self.connection.execute_batch("BEGIN IMMEDIATE");
        let patience = if begun.is_ok() { BUSY_TIMEOUT } else { STILL_BUSY_TIMEOUT };
        let set = self.connection.busy_timeout(patience);
        if let Err(error) = begun.and(set) {
            let reason = reason(&error);
            group.for_each(|job| job.refuse(&reason));
            return;
        }
        let mut waiting = Vec::new();
        for job in group {
            waiting.extend(self.write_one(&job));
            if !self.in_group() {
                break;
            }
        }
        let failure = self.commit_group().err();
        for reply in waiting {
            let outcome =
                failure.clone().map_or(Ok(()), |error| Err(StoreError::Unavailable(error)));
            let _ = reply.send(outcome);
        }
    }

    /// Runs one transaction. Answers whom to tell once the group is on disk; nothing if the
    /// transaction was undone.
    fn write_one(&self, job: &Job) -> Option<oneshot::Sender<Result<()>>> {
        if let Err(error) = self.connection.execute_batch("SAVEPOINT tx") {
            job.refuse(&reason(&error));
            return None;
        }
        let mut failed = None;
        loop {
            // An owner that hung up wants no answer.
            match job.commands.recv_timeout(self.idle_max) {
                Ok(Command::Run { reply, .. }) if failed.is_some() => {
                    let _ = reply.send(Err(StoreError::TransactionFailed));
                }
                Ok(Command::Commit { reply }) if failed.is_some() => {
                    let _ = reply.send(Err(failed.take().unwrap_or(StoreError::TransactionFailed)));
                    break;
                }
                Ok(Command::Append { sql, args }) => {
                    failed = failed.or_else(|| statement::run(&self.connection, sql, &args).err());
                }
                Ok(Command::Run { sql, args, reply }) => {
                    let _ = reply.send(statement::run(&self.connection, sql, &args));
                }
                Ok(Command::Script { sql, reply }) => {
                    let outcome = self.connection.execute_batch(sql);
                    let _ = reply.send(outcome.map_err(StoreError::from));
                }
                Ok(Command::Commit { reply }) => {
                    match self.connection.execute_batch("RELEASE tx") {
                        Ok(()) => return Some(reply),
                        Err(error) => {
                            let _ = reply.send(Err(error.into()));
                            break;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
            if !self.in_group() {
                return None;
            }
        }
        self.undo_one();
        None
    }

    /// Undoes the transaction and leaves the rest of its group alone; if that cannot be done, the
    /// group goes with it rather than half a transaction into the database.
    fn undo_one(&self) {
        if !self.in_group() {
            return;
        }
        if let Err(error) = self.connection.execute_batch("ROLLBACK TO tx; RELEASE tx") {
            tracing::error!(%error, "a transaction could not be undone alone");
            self.undo_group();
        }
    }

    fn commit_group(&self) -> std::result::Result<(), String> {
        if !self.in_group() {
            return Err("a failure undid the transactions that were waiting".to_owned());
        }
        self.connection.execute_batch("COMMIT").map_err(|error| {
            self.undo_group();
            reason(&error)
        })
    }

    fn undo_group(&self) {
        if !self.in_group() {
            return;
        }
        if let Err(error) = self.connection.execute_batch("ROLLBACK") {
            tracing::error!(%error, "a group of transactions could not be undone");
        }
    }

    /// Whether the group's transaction is still open. Some failures (a full disk, an I/O error) make
    /// SQLite undo everything back to BEGIN, and each statement after that would be committed alone.
    fn in_group(&self) -> bool {
        !self.connection.is_autocommit()
    }
}

impl Job {
    pub(super) fn new(commands: Receiver<Command>) -> Self {
        Self { commands }
    }

    /// Answers a transaction that could not begin.
    fn refuse(&self, reason: &str) {
        let refusal = || StoreError::Unavailable(reason.to_owned());
        match self.commands.try_recv() {
            Ok(Command::Run { reply, .. }) => drop(reply.send(Err(refusal()))),
            Ok(Command::Script { reply, .. } | Command::Commit { reply }) => {
                drop(reply.send(Err(refusal())));
            }
            // Its commit comes next, or never.
            Ok(Command::Append { .. }) => self.refuse(reason),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    type Answer<T> = oneshot::Receiver<Result<T>>;

    /// A database whose disk is full beyond sixteen pages.
    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        let small =
            "PRAGMA max_page_count = 16; CREATE TABLE notes (content BLOB NOT NULL) STRICT;";
        connection.execute_batch(small).unwrap();
        Writer { connection, idle_max: Duration::from_millis(1) }
    }

    fn write(commands: &Sender<Command>, size: usize) -> Answer<Outcome> {
        let (reply, answer) = oneshot::channel();
        let args = vec![vec![0; size].as_slice().into()];
        let sql = "INSERT INTO notes (content) VALUES ($1)";
        commands.send(Command::Run { sql, args, reply }).unwrap();
        answer
    }

    fn commit(commands: &Sender<Command>) -> Answer<()> {
        let (reply, answer) = oneshot::channel();
        commands.send(Command::Commit { reply }).unwrap();
        answer
    }

    /// A transaction of one write, complete before its turn.
    fn queue(jobs: &Sender<Job>, size: usize) -> (Answer<Outcome>, Answer<()>) {
        let (commands, receiver) = channel();
        let answers = (write(&commands, size), commit(&commands));
        jobs.send(Job::new(receiver)).unwrap();
        answers
    }

    fn notes(writer: &Writer) -> i64 {
        writer.connection.query_row("SELECT COUNT(*) FROM notes", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_group_that_the_disk_has_no_room_for_is_told_so_and_the_next_goes_on() {
        let writer = writer();
        let (jobs, receiver) = channel();
        let (before, before_commit) = queue(&jobs, 10);
        let (too_large, too_large_commit) = queue(&jobs, 1 << 20);
        let (after, after_commit) = queue(&jobs, 10);
        drop(jobs);
        writer.work(&receiver);

        assert!(before.blocking_recv().unwrap().is_ok());
        let lost = before_commit.blocking_recv().unwrap();
        assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
        let refused = too_large.blocking_recv().unwrap().map(|outcome| outcome.changed);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert!(too_large_commit.blocking_recv().is_err());
        assert!(after.blocking_recv().unwrap().is_ok());
        assert!(after_commit.blocking_recv().unwrap().is_ok());
        assert_eq!(notes(&writer), 1);
    }

    #[test]
    fn a_transaction_whose_owner_asks_nothing_is_undone() {
        let writer = writer();
        let (jobs, receiver) = channel();
        let (commands, idle) = channel();
        let written = write(&commands, 10);
        jobs.send(Job::new(idle)).unwrap();
        let (_, next) = queue(&jobs, 10);
        drop(jobs);
        writer.work(&receiver);

        assert!(written.blocking_recv().unwrap().is_ok());
        let (reply, _) = oneshot::channel();
        assert!(commands.send(Command::Commit { reply }).is_err());
        assert!(next.blocking_recv().unwrap().is_ok());
        assert_eq!(notes(&writer), 1);
    }

    #[test]
    fn a_group_that_cannot_begin_is_refused_whole() {
        let writer = writer();
        writer.connection.execute_batch("BEGIN").unwrap();
        let (jobs, receiver) = channel();
        let answers = [queue(&jobs, 10), queue(&jobs, 10)];
        drop(jobs);
        writer.work(&receiver);

        for (written, _) in answers {
            let refused = written.blocking_recv().unwrap().map(|outcome| outcome.changed);
            assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        }
    }
}
