//! The database and the key that opens it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use engine::entropy::Entropy;
use engine::kek::{self, KekError};
use protocol::time::Timestamp;
use store::migrate::migrate;
use store::{Database, StoreError};
use vault::keyring::Kek;
use zeroize::Zeroizing;

/// Where the database is. Not printable: a URL may hold a password.
#[derive(Clone)]
pub(crate) enum DatabaseLocation {
    SqliteFile(PathBuf),
    Postgres(String),
}

/// A text that names no database.
#[derive(Debug, thiserror::Error)]
#[error("a database is postgres://… or sqlite:FILE")]
pub(crate) struct InvalidLocation;

impl FromStr for DatabaseLocation {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        match text.strip_prefix("sqlite:") {
            Some(file) if !file.is_empty() => Ok(Self::SqliteFile(file.into())),
            _ => Err(InvalidLocation),
        }
    }
}

/// Where the key-encryption key is.
#[derive(Clone)]
pub(crate) enum KekLocation {
    File(PathBuf),
    /// The key itself, from this variable.
    Environment(Zeroizing<String>),
    /// Nowhere: it is made now and gone with the process.
    Passing,
}

/// The variable that may hold the key-encryption key.
pub(crate) const KEK_VARIABLE: &str = "STRONGROOM_KEK";

/// Why there is no key for the database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KekLocationError {
    #[error(transparent)]
    Kek(#[from] KekError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the database is sealed with the key-encryption key {wanted}, and {} does not exist; \
         put the key back, or start with an empty database", file.display()
    )]
    Lost { wanted: String, file: PathBuf },
}

impl DatabaseLocation {
    /// Whether there is certainly no database yet.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::SqliteFile(file) => !file.exists(),
            Self::Postgres(_) => false,
        }
    }

    /// Where renewed tokensets wait when the database is gone, unless the operator names a folder:
    /// beside the database's file, or in the working directory.
    pub(crate) fn journal(&self) -> PathBuf {
        match self {
            Self::SqliteFile(file) => {
                let mut folder = file.as_os_str().to_owned();
                folder.push(".unstored");
                folder.into()
            }
            Self::Postgres(_) => "strongroom.unstored".into(),
        }
    }
}

/// Opens the database, made and brought to this version's schema if need be.
pub(crate) async fn open(
    location: &DatabaseLocation,
    now: Timestamp,
) -> Result<Database, StoreError> {
    let database = match location {
        DatabaseLocation::SqliteFile(file) => Database::open_sqlite(file)?,
        DatabaseLocation::Postgres(url) => Database::connect_postgres(url).await?,
    };
    migrate(&database, now).await?;
    Ok(database)
}

/// Reads the key-encryption key. A key file is made only for a database that was never sealed.
pub(crate) async fn kek(
    location: &KekLocation,
    database: &Database,
    entropy: &dyn Entropy,
) -> Result<Kek, KekLocationError> {
    match location {
        KekLocation::Environment(text) => Ok(kek::from_text(text, KEK_VARIABLE)?),
        KekLocation::Passing => Ok(kek::ephemeral(entropy)?),
        KekLocation::File(file) if file.exists() => Ok(kek::from_file(file)?),
        KekLocation::File(file) => new_key_file(file, database, entropy).await,
    }
}

async fn new_key_file(
    file: &Path,
    database: &Database,
    entropy: &dyn Entropy,
) -> Result<Kek, KekLocationError> {
    let checks = store::keys::kek_checks(&mut database.read().await?).await?;
    match checks.into_iter().next() {
        Some((wanted, _)) => Err(KekLocationError::Lost { wanted, file: file.to_owned() }),
        None => Ok(kek::from_file_or_new(file, entropy)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_by_its_scheme() {
        let is_postgres = |text: &str| match text.parse() {
            Ok(DatabaseLocation::Postgres(_)) => Some(true),
            Ok(DatabaseLocation::SqliteFile(_)) => Some(false),
            Err(InvalidLocation) => None,
        };
        assert_eq!(is_postgres("postgres://localhost/db"), Some(true));
        assert_eq!(is_postgres("postgresql://localhost/db"), Some(true));
        assert_eq!(is_postgres("sqlite:strongroom.db"), Some(false));
        for text in ["", "sqlite:", "strongroom.db", "mysql://localhost"] {
            assert_eq!(is_postgres(text), None, "{text}");
        }
    }
}
