//! Where the key-encryption key comes from: 32 bytes in base64, in a file or the environment.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use vault::keyring::Kek;
use vault::seal::SealError;
use zeroize::Zeroizing;

use crate::entropy::Entropy;

/// Why there is no key-encryption key. Each says in one sentence what to do.
#[derive(Debug, thiserror::Error)]
pub enum KekError {
    /// The file cannot be read.
    #[error("the key file {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("the key file {path} cannot be written: {source}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than its owner can read the file.
    #[error("the key file {path} is readable by others; run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// What was found is not a key.
    #[error("{origin} does not hold a key: 32 bytes in base64 are expected")]
    NotAKey {
        /// Where it was found.
        origin: String,
    },
    /// The cryptographic library refused the key.
    #[error("the key-encryption key cannot be used")]
    Refused(#[from] SealError),
}

/// Reads the key of a file.
pub fn from_file(path: &Path) -> Result<Kek, KekError> {
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| KekError::Unreadable { path: path.to_owned(), source })?;
    if is_exposed(path)? {
        return Err(KekError::Exposed { path: path.to_owned() });
    }
    decode(&text, &path.display().to_string())
}

/// Reads a key handed over as text; `origin` is named in the error.
pub fn from_text(text: &str, origin: &str) -> Result<Kek, KekError> {
    decode(text, origin)
}

/// Reads the key of a file, making the file if there is none. Only for a database that is new as
/// well: a populated one must find its own key.
pub fn from_file_or_new(path: &Path, entropy: &dyn Entropy) -> Result<Kek, KekError> {
    let text = Zeroizing::new(BASE64_STANDARD.encode(entropy.bytes::<32>()));
    match create_private(path, &text) {
        Ok(()) => from_file(path),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => from_file(path),
        Err(source) => Err(KekError::Unwritable { path: path.to_owned(), source }),
    }
}

/// A key that lives as long as the process, for databases that do.
pub fn ephemeral(entropy: &dyn Entropy) -> Result<Kek, KekError> {
    Ok(Kek::new(&Zeroizing::new(entropy.bytes::<32>()))?)
}

fn decode(text: &str, origin: &str) -> Result<Kek, KekError> {
    let not_a_key = || KekError::NotAKey { origin: origin.to_owned() };
    let bytes = BASE64_STANDARD.decode(text.trim()).map(Zeroizing::new);
    let bytes = bytes.or(Err(not_a_key()))?;
    let material: &[u8; 32] = bytes.as_slice().try_into().or(Err(not_a_key()))?;
    Ok(Kek::new(material)?)
}

#[cfg(unix)]
fn is_exposed(path: &Path) -> Result<bool, KekError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path)
        .map_err(|source| KekError::Unreadable { path: path.to_owned(), source })?;
    Ok(metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_: &Path) -> Result<bool, KekError> {
    Ok(false)
}

fn create_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
