//! The database file: made for its owner alone, opened with what durability needs.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::reason;
use crate::{Result, StoreError};

/// For how long another process may hold the file's lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(4);
/// More than there are statements.
const STATEMENT_CACHE: usize = 256;

/// `synchronous = FULL`: a commit is synced to disk before it is one. A record with its sealed tokens
/// is one to four KiB; the default page holds one or two, which makes deep trees.
const WRITER_SETTINGS: &str = "
    PRAGMA page_size = 8192;
    PRAGMA synchronous = FULL;
    -- What is deleted is overwritten: a user's share must not outlive the user in a free page.
    PRAGMA secure_delete = ON;
    PRAGMA journal_size_limit = 67108864;
";

/// Sizes: 8 MiB of pages per connection, 256 MiB of the file mapped (shared by all of them).
const SETTINGS: &str = "
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -8192;
    PRAGMA mmap_size = 268435456;
    PRAGMA trusted_schema = OFF;
";

/// Opens the file for the writer. A file or folder that does not exist is made so that only its owner
/// may read it; SQLite gives the log beside it the same mode.
pub(super) fn open_writer(file: &Path) -> Result<Connection> {
    make(file).map_err(|error| refused(file, reason(&error)))?;
    let writer = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER_SETTINGS)
        .map_err(|error| refused(file, reason(&error)))?;
    // SQLite opens what it may not write for reading, and would tell only at the first write.
    let read_only = writer.is_readonly("main").map_err(|error| refused(file, reason(&error)))?;
    if read_only {
        return Err(refused(file, "the file may not be written".to_owned()));
    }
    // Where the file system cannot share memory, SQLite stays in another mode and says so here.
    let mode: String = writer
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(|error| refused(file, reason(&error)))?;
    if mode != "wal" {
        return Err(refused(file, "the file system allows no write-ahead log".to_owned()));
    }
    Ok(writer)
}

/// Opens the file for a reader; [`open_writer`] has made it.
pub(super) fn open_reader(file: &Path) -> Result<Connection> {
    connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY, "")
        .map_err(|error| refused(file, reason(&error)))
}

fn make(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn connect(file: &Path, access: OpenFlags, settings: &str) -> rusqlite::Result<Connection> {
    // One thread uses a connection at a time, so it needs no locks of its own.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(settings)?;
    connection.execute_batch(SETTINGS)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

fn refused(file: &Path, reason: String) -> StoreError {
    StoreError::Open { place: file.display().to_string(), reason }
}
