//! Where `dev` keeps its data.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Options;
use crate::storage::{DatabaseLocation, KekLocation};

/// The folder where none is named.
pub(super) const DEFAULT_FOLDER: &str = ".strongroom";

/// A folder that nobody else may read:
///
/// - `strongroom.db`: the database, unless it is PostgreSQL;
/// - `kek`: the key-encryption key, without which the database is worth nothing;
/// - `ca/`: the local CA, a folder for each host;
/// - `control.json`: while it runs, how a second terminal commands it ([`super::control`]);
/// - `.gitignore`: keeps all of it out of repositories.
pub(crate) struct Place {
    folder: Folder,
    database: DatabaseLocation,
    is_new: bool,
}

enum Folder {
    Kept(PathBuf),
    /// Removed when dropped.
    Passing(TempDir),
}

/// A folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    #[error("the folder {} cannot be made; pass another --data", folder.display())]
    Make { folder: PathBuf, source: io::Error },
    #[error("the folder {} cannot be written; pass another --data", folder.display())]
    Write { folder: PathBuf, source: io::Error },
}

impl Place {
    /// Makes the folder, or checks the one that exists.
    pub(super) fn prepare(options: &Options) -> Result<Self, PlaceError> {
        let folder = if options.ephemeral {
            Folder::Passing(passing_folder()?)
        } else {
            Folder::Kept(kept_folder(options.data.as_deref())?)
        };
        let file = folder.path().join("strongroom.db");
        let database = options.database.clone().unwrap_or(DatabaseLocation::SqliteFile(file));
        let is_new = database.is_missing();
        Ok(Self { folder, database, is_new })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the database is.
    pub(super) fn database(&self) -> &DatabaseLocation {
        &self.database
    }

    /// Whether the database is certainly empty.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Where the key is. One for a passing database is nowhere but in memory.
    pub(super) fn kek(&self) -> KekLocation {
        match &self.folder {
            Folder::Kept(folder) => KekLocation::File(folder.join("kek")),
            Folder::Passing(_) => KekLocation::Passing,
        }
    }
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(folder) => folder,
            Self::Passing(folder) => folder.path(),
        }
    }
}

/// Makes a folder, with those above it, that only we may enter.
pub(super) fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a new file that only we may read.
pub(super) fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn kept_folder(data: Option<&Path>) -> Result<PathBuf, PlaceError> {
    let folder = data.unwrap_or(Path::new(DEFAULT_FOLDER)).to_owned();
    if let Err(source) = make_private_folder(&folder) {
        return Err(PlaceError::Make { folder, source });
    }
    // What stands in it is written by libraries with words of their own: better to hear it here.
    match tempfile::tempfile_in(&folder).and_then(|_| ignore_all(&folder)) {
        Ok(()) => Ok(folder),
        Err(source) => Err(PlaceError::Write { folder, source }),
    }
}

fn ignore_all(folder: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).open(folder.join(".gitignore")) {
        Ok(mut file) => file.write_all(b"*\n"),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn passing_folder() -> Result<TempDir, PlaceError> {
    let private = fs::Permissions::from_mode(0o700);
    let made = tempfile::Builder::new().prefix("strongroom-").permissions(private).tempdir();
    made.map_err(|source| PlaceError::Make { folder: std::env::temp_dir(), source })
}
