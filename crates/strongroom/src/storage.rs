//! The database and the keys that open it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use engine::entropy::Entropy;
use engine::kek::{
    self, AwsEnvironmentError, AwsKms, COMMAND_LIMIT, KekError, NotATransitUrl, TokenKey, Transit,
};
use protocol::time::Timestamp;
use store::migrate::migrate;
use store::{Database, StoreError};
use vault::keyring::{Kek, KekSet};
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
    /// Printed by this program with its arguments.
    Command(String),
    /// In this file, encrypted by the key of Transit at this URL.
    Transit {
        url: String,
        ciphertext: PathBuf,
    },
    /// In this file, encrypted by this key of AWS KMS.
    AwsKms {
        key: String,
        ciphertext: PathBuf,
    },
    /// In this file, encrypted by this key of this token, which the module talks to.
    Pkcs11 {
        module: PathBuf,
        token: String,
        key: String,
        ciphertext: PathBuf,
    },
    /// The key itself, from this variable.
    Environment(Zeroizing<String>),
    /// Nowhere: it is made now and gone with the process.
    Passing,
}

pub(crate) use engine::kek::VARIABLE as KEK_VARIABLE;

/// The variable that holds the token for Transit, as the programs of Vault and OpenBao have it.
const TRANSIT_TOKEN_VARIABLE: &str = "VAULT_TOKEN";

/// The variables that hold the PIN of a PKCS#11 token, and a file with it.
const PIN_VARIABLE: &str = "STRONGROOM_PKCS11_PIN";
const PIN_FILE_VARIABLE: &str = "STRONGROOM_PKCS11_PIN_FILE";

/// Why there is no key for the database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KekLocationError {
    #[error(transparent)]
    Kek(#[from] KekError),
    #[error(transparent)]
    Transit(#[from] NotATransitUrl),
    #[error(transparent)]
    AwsKms(#[from] AwsEnvironmentError),
    #[error("for the PKCS#11 token neither {PIN_VARIABLE} nor {PIN_FILE_VARIABLE} is set")]
    NoPin,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the database is sealed with the key-encryption key {wanted}, and {} does not exist; \
         put the key back, or start with an empty database", file.display()
    )]
    Lost { wanted: String, file: PathBuf },
}

impl KekLocation {
    /// The key file, if it should be there and is not.
    fn missing_file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => (!file.exists()).then_some(file),
            Self::Command(_)
            | Self::Transit { .. }
            | Self::AwsKms { .. }
            | Self::Pkcs11 { .. }
            | Self::Environment(_)
            | Self::Passing => None,
        }
    }
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

/// Reads the key-encryption keys. A key file is made only for the key that wraps, and only for a
/// database that was never sealed.
pub(crate) async fn keks(
    active: &KekLocation,
    others: &[KekLocation],
    database: &Database,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<KekSet, KekLocationError> {
    let in_use = keks_in_use(database).await?;
    let mut opened = Vec::new();
    for location in others {
        if location.missing_file().is_none() {
            opened.push(kek(location, entropy, now).await?);
        }
    }
    let missing = std::iter::once(active).chain(others).filter_map(KekLocation::missing_file);
    for file in missing {
        if in_use.is_empty() && Some(file) == active.missing_file() {
            continue;
        }
        let is_opened = |id: &String| opened.iter().any(|kek| kek.id() == id);
        let file = file.to_owned();
        return Err(match in_use.into_iter().find(|id| !is_opened(id)) {
            Some(wanted) => KekLocationError::Lost { wanted, file },
            None => KekError::Unreadable { path: file, source: ErrorKind::NotFound.into() }.into(),
        });
    }
    let active = match active.missing_file() {
        Some(file) => kek::from_file_or_new(file, entropy)?,
        None => kek(active, entropy, now).await?,
    };
    Ok(KekSet::new(active, opened))
}

async fn kek(
    location: &KekLocation,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Kek, KekLocationError> {
    let kek = match location {
        KekLocation::Environment(text) => kek::from_text(text, KEK_VARIABLE),
        KekLocation::Command(command) => kek::from_command(command, COMMAND_LIMIT).await,
        KekLocation::Passing => kek::ephemeral(entropy),
        KekLocation::File(file) => kek::from_file(file),
        KekLocation::Transit { url, ciphertext } => {
            let token = std::env::var(TRANSIT_TOKEN_VARIABLE).ok().map(Zeroizing::new);
            Transit::new(url, token)?.kek(ciphertext).await
        }
        KekLocation::AwsKms { key, ciphertext } => {
            let kms = AwsKms::from_variables(key, |name| std::env::var(name).ok())?;
            kms.kek(ciphertext, now).await
        }
        KekLocation::Pkcs11 { module, token, key, ciphertext } => {
            TokenKey::new(module, token, key, &pin()?).kek(ciphertext).await
        }
    };
    Ok(kek?)
}

/// The user's PIN of a PKCS#11 token.
fn pin() -> Result<Zeroizing<String>, KekLocationError> {
    if let Ok(pin) = std::env::var(PIN_VARIABLE) {
        return Ok(Zeroizing::new(pin));
    }
    let file = std::env::var_os(PIN_FILE_VARIABLE).ok_or(KekLocationError::NoPin)?;
    let text = kek::private_text(Path::new(&file))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// The key-encryption keys that the database names: those that wrap something first.
async fn keks_in_use(database: &Database) -> Result<Vec<String>, StoreError> {
    let mut read = database.read().await?;
    let wrapping = store::resealing::wrapped_by(&mut read).await?;
    let checked = store::keys::kek_checks(&mut read).await?;
    Ok(wrapping
        .into_iter()
        .map(|(id, _)| id)
        .chain(checked.into_iter().map(|(id, _)| id))
        .collect())
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
