//! Where the key-encryption key comes from: 32 bytes in base64, in a file or the environment, or
//! printed by a program; or what Transit, AWS KMS or a PKCS#11 token decrypts.

mod aws_kms;
mod pkcs11;
mod remote;
mod transit;

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use vault::keyring::Kek;
use vault::seal::SealError;
use zeroize::Zeroizing;

use crate::entropy::Entropy;

pub use aws_kms::{AwsEnvironmentError, AwsKms};
pub use pkcs11::{TokenFault, TokenKey};
pub use remote::RemoteFault;
pub use transit::{NotATransitUrl, Transit};

/// The variable that may hold the key itself.
pub const VARIABLE: &str = "STRONGROOM_KEK";

/// A program that prints the key takes no longer.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(10);

/// More than a key in base64 with white space around it is not read from a program, in bytes.
const COMMAND_OUTPUT_MAX: usize = 1024;

/// Why there is no key-encryption key. Each says in one sentence what to do.
#[derive(Debug, thiserror::Error)]
pub enum KekError {
    /// The file cannot be read.
    #[error("the file {path} cannot be read: {source}")]
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
    #[error("the file {path} is readable by others; run: chmod 600 {path}")]
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
    /// The program cannot be run, or what it printed cannot be read.
    #[error("the key command {program} cannot be run: {source}")]
    NotRun {
        /// The program, without its arguments.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The program says that it failed.
    #[error("the key command {program} failed: {status}")]
    Failed {
        /// The program, without its arguments.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The program did not end in time.
    #[error("the key command {program} did not end within {} s", limit.as_secs_f32())]
    TooSlow {
        /// The program, without its arguments.
        program: String,
        /// The time that it had.
        limit: Duration,
    },
    /// The file does not hold what Transit encrypts to.
    #[error("{path} does not hold a ciphertext of Transit: vault:v1:… is expected")]
    NotACiphertext {
        /// The file.
        path: PathBuf,
    },
    /// Transit does not decrypt.
    #[error("Transit at {host} does not decrypt the key: {source}")]
    Transit {
        /// Where it is.
        host: String,
        /// Why not.
        source: RemoteFault,
    },
    /// The file does not hold what AWS KMS encrypts to.
    #[error("{path} does not hold a ciphertext of AWS KMS in base64")]
    NotAnAwsCiphertext {
        /// The file.
        path: PathBuf,
    },
    /// AWS KMS does not decrypt.
    #[error("AWS KMS at {host} does not decrypt the key: {source}")]
    AwsKms {
        /// Where it is.
        host: String,
        /// Why not.
        source: RemoteFault,
    },
    /// The file does not hold what a PKCS#11 token encrypts to.
    #[error(
        "{path} does not hold an initialization vector and a ciphertext of AES-CBC-PAD in base64"
    )]
    NotATokenCiphertext {
        /// The file.
        path: PathBuf,
    },
    /// A PKCS#11 token does not decrypt.
    #[error("the PKCS#11 token {token} does not decrypt the key: {source}")]
    Token {
        /// Its label.
        token: String,
        /// Why not.
        source: TokenFault,
    },
    /// The cryptographic library refused the key.
    #[error("the key-encryption key cannot be used")]
    Refused(#[from] SealError),
}

/// Reads the key of a file.
pub fn from_file(path: &Path) -> Result<Kek, KekError> {
    decode(&private_text(path)?, &path.display().to_string())
}

/// Reads a file that nobody but its owner may read.
pub fn private_text(path: &Path) -> Result<Zeroizing<String>, KekError> {
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| KekError::Unreadable { path: path.to_owned(), source })?;
    if is_exposed(path)? {
        return Err(KekError::Exposed { path: path.to_owned() });
    }
    Ok(text)
}

/// Reads a key handed over as text; `origin` is named in the error.
pub fn from_text(text: &str, origin: &str) -> Result<Kek, KekError> {
    decode(text, origin)
}

/// Runs a program with its arguments, separated by white space and taken as they are, without a
/// shell, and reads the key from its standard output. What it says on standard error is shown.
///
/// # Errors
/// If it cannot be run, fails, takes longer than `limit` or prints something else than a key.
pub async fn from_command(command: &str, limit: Duration) -> Result<Kek, KekError> {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default().to_owned();
    let run = async {
        let mut child = Command::new(&program)
            .args(words)
            .env_remove(VARIABLE)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        // With room for all that is read, the key is never copied to where it would not be wiped.
        let mut printed = Zeroizing::new(Vec::with_capacity(2 * COMMAND_OUTPUT_MAX));
        if let Some(stdout) = child.stdout.take() {
            stdout.take(COMMAND_OUTPUT_MAX as u64).read_to_end(&mut printed).await?;
        }
        Ok((printed, child.wait().await?))
    };
    let (printed, status) = match tokio::time::timeout(limit, run).await {
        Ok(ended) => {
            ended.map_err(|source| KekError::NotRun { program: program.clone(), source })?
        }
        Err(_elapsed) => return Err(KekError::TooSlow { program, limit }),
    };
    if !status.success() {
        return Err(KekError::Failed { program, status });
    }
    decode(std::str::from_utf8(&printed).unwrap_or_default(), &format!("what {program} printed"))
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

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

    async fn check(command: &str, expected: Result<(), &str>) {
        let outcome = from_command(command, Duration::from_millis(500)).await;
        let told = outcome.map(drop).map_err(|error| error.to_string());
        match expected {
            Ok(()) => assert_eq!(told, Ok(()), "{command}"),
            Err(words) => assert!(told.as_ref().is_err_and(|e| e.contains(words)), "{told:?}"),
        }
    }

    #[tokio::test]
    async fn f21_a_program_hands_over_a_key_or_is_named() {
        check(&format!("echo {KEY}"), Ok(())).await;
        check(&format!("  echo   {KEY}  "), Ok(())).await;
        check("echo no key", Err("what echo printed does not hold a key")).await;
        check("echo", Err("does not hold a key")).await;
        check("false", Err("the key command false failed")).await;
        check("sleep 60", Err("the key command sleep did not end within 0.5 s")).await;
        check("cat /dev/zero", Err("the key command cat failed")).await;
        check("/no/such/program", Err("the key command /no/such/program cannot be run")).await;
        // There is no shell that would make something of this.
        check(&format!("echo {KEY} ; true"), Err("does not hold a key")).await;
    }
}
