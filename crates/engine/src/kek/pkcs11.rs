//! A key-encryption key that a key of a PKCS#11 token has encrypted: 1. its ciphertext lies in a file of
//! ours, worth nothing by itself; 2. at the start the token decrypts it; 3. from then on it is a key like
//! any other, in memory alone.
//!
//! The mechanism is AES-CBC-PAD, which tokens and `pkcs11-tool` have in common. It does not notice an
//! altered ciphertext; but what it decrypts to then is another key, whose id the database does not know.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use vault::keyring::Kek;
use zeroize::Zeroizing;

use super::{COMMAND_LIMIT, KekError, decode};

const BLOCK_LEN: usize = 16;
/// A ciphertext is no longer, in bytes.
const CIPHERTEXT_MAX: usize = 1024;

/// Which token decrypts, with which of its keys.
#[derive(Clone)]
pub struct TokenKey {
    module: PathBuf,
    token: String,
    key: String,
    pin: AuthPin,
}

/// Why a token did not decrypt.
#[derive(Debug, thiserror::Error)]
pub enum TokenFault {
    /// The module refuses.
    #[error("{0}")]
    Refused(#[from] Error),
    /// The module knows no such token.
    #[error("the module has no token of that label")]
    NoToken,
    /// The token has none or several such keys.
    #[error("the token has {0} secret keys of that label")]
    NotOneKey(usize),
    /// It takes too long.
    #[error("no answer within {} s", COMMAND_LIMIT.as_secs())]
    TooSlow,
    /// The module took its thread along.
    #[error("the module broke off")]
    Lost,
}

impl TokenKey {
    /// Takes the module's library, the labels of token and key, and the user's PIN.
    pub fn new(module: &Path, token: &str, key: &str, pin: &str) -> Self {
        let (token, key) = (token.to_owned(), key.to_owned());
        Self { module: module.to_owned(), token, key, pin: AuthPin::from(pin) }
    }

    /// Has the ciphertext of a file decrypted.
    pub async fn kek(&self, ciphertext: &Path) -> Result<Kek, KekError> {
        let text = fs::read_to_string(ciphertext)
            .map_err(|source| KekError::Unreadable { path: ciphertext.to_owned(), source })?;
        // The usual program breaks lines.
        let text: String = text.split_whitespace().collect();
        let bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
        let is_ciphertext = (2 * BLOCK_LEN..=CIPHERTEXT_MAX).contains(&bytes.len())
            && bytes.len().is_multiple_of(BLOCK_LEN);
        let (Some((iv, content)), true) = (bytes.split_first_chunk(), is_ciphertext) else {
            return Err(KekError::NotATokenCiphertext { path: ciphertext.to_owned() });
        };
        let plaintext = self
            .decrypted(*iv, content.to_vec())
            .await
            .map_err(|source| KekError::Token { token: self.token.clone(), source })?;
        let text = std::str::from_utf8(&plaintext).unwrap_or_default();
        decode(text, &format!("what the PKCS#11 token {} decrypted", self.token))
    }

    /// In a thread of its own: a module that hangs must not keep the process from ending.
    async fn decrypted(
        &self,
        iv: [u8; BLOCK_LEN],
        content: Vec<u8>,
    ) -> Result<Zeroizing<Vec<u8>>, TokenFault> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let this = self.clone();
        std::thread::spawn(move || {
            // Whoever asked may have gone.
            let _sent = answer.send(this.decrypt(iv, &content));
        });
        match tokio::time::timeout(COMMAND_LIMIT, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_gone)) => Err(TokenFault::Lost),
            Err(_elapsed) => Err(TokenFault::TooSlow),
        }
    }

    /// The module is left as it was found, so that another of its keys can be asked for.
    fn decrypt(
        &self,
        iv: [u8; BLOCK_LEN],
        content: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, TokenFault> {
        let module = Pkcs11::new(&self.module)?;
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
        let outcome = self.decrypt_by(&module, iv, content);
        let ended = module.finalize();
        let plaintext = outcome?;
        ended?;
        Ok(plaintext)
    }

    fn decrypt_by(
        &self,
        module: &Pkcs11,
        iv: [u8; BLOCK_LEN],
        content: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, TokenFault> {
        let mut found = None;
        for slot in module.get_slots_with_initialized_token()? {
            if module.get_token_info(slot)?.label() == self.token {
                found = Some(slot);
            }
        }
        let session = module.open_ro_session(found.ok_or(TokenFault::NoToken)?)?;
        session.login(UserType::User, Some(&self.pin))?;
        let label = Attribute::Label(self.key.clone().into_bytes());
        let keys = session.find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY), label])?;
        let [key] = keys[..] else { return Err(TokenFault::NotOneKey(keys.len())) };
        Ok(Zeroizing::new(session.decrypt(&Mechanism::AesCbcPad(iv), key, content)?))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({} {})", self.token, self.key)
    }
}
