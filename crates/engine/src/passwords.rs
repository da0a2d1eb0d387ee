//! Passwords: Argon2id with OWASP's parameters, a few at a time.

use std::sync::Arc;

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};
use protocol::secret::Password;
use tokio::sync::Semaphore;

use crate::entropy::Entropy;

/// How many hashes are computed at once: each takes 19 MiB and a core.
const CONCURRENT_MAX: usize = 2;
/// A password is no longer, in bytes: hashing is work that strangers can ask for.
pub const PASSWORD_BYTES_MAX: usize = 128;
/// A new password is no shorter, in characters.
pub const PASSWORD_CHARS_MIN: usize = 8;

/// Whether a new password may be taken. A longer one would be cut by other servers; here it is refused.
pub(crate) fn is_acceptable(password: &Password) -> bool {
    let text = password.expose();
    text.chars().count() >= PASSWORD_CHARS_MIN && text.len() <= PASSWORD_BYTES_MAX
}

/// Hashes and verifies passwords on threads of their own.
pub struct PasswordHashing {
    slots: Arc<Semaphore>,
}

/// Why a password could not be hashed or verified; nothing the person did.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The library refused.
    #[error("hashing failed: {0}")]
    Library(#[from] argon2::password_hash::Error),
    /// The parameters are not ones that the library takes.
    #[error("hashing parameters: {0}")]
    Parameters(#[from] argon2::Error),
    /// The stored hash is none.
    #[error("the stored hash is malformed: {0}")]
    Stored(#[from] argon2::password_hash::phc::Error),
    /// The hashing threads are gone.
    #[error("hashing was interrupted")]
    Interrupted,
}

impl PasswordHashing {
    pub(crate) fn new() -> Self {
        Self { slots: Arc::new(Semaphore::new(CONCURRENT_MAX)) }
    }

    /// Hashes a new password into PHC form.
    pub async fn hash(
        &self,
        password: Password,
        entropy: &dyn Entropy,
    ) -> Result<String, PasswordError> {
        let salt = entropy.bytes::<16>();
        self.run(move || {
            let hash: PasswordHash =
                argon2id()?.hash_password_with_salt(password.expose().as_bytes(), &salt)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether a password is the one of a hash. Without a hash, as for a person who does not exist,
    /// it takes as long and says no: time must not tell who has an account.
    pub async fn verify(
        &self,
        password: Password,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        self.run(move || {
            let Some(hash) = hash else {
                let decoy: PasswordHash =
                    argon2id()?.hash_password_with_salt(password.expose().as_bytes(), &[0; 16])?;
                std::hint::black_box(decoy);
                return Ok(false);
            };
            let hash = PasswordHash::new(&hash)?;
            match argon2id()?.verify_password(password.expose().as_bytes(), &hash) {
                Ok(()) => Ok(true),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.or(Err(PasswordError::Interrupted))?;
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(slot);
            result
        });
        task.await.or(Err(PasswordError::Interrupted))?
    }
}

/// Argon2id, 19 MiB, two passes, one lane: OWASP's first recommendation.
fn argon2id() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(19 * 1024, 2, 1, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}
