//! Where randomness comes from, and what is minted of it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::ids::Id;
use protocol::secret::Secret;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Fills buffers with bytes that nobody can guess.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the whole buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator, through the cryptographic library.
#[derive(Clone, Copy, Debug)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        use aws_lc_rs::rand::{SecureRandom, SystemRandom};
        // A generator that fails leaves nothing that could safely go on.
        if SystemRandom::new().fill(buffer).is_err() {
            std::process::abort();
        }
    }
}

impl dyn Entropy {
    /// A fixed number of random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// What waits are spread by.
    pub fn jitter(&self) -> u16 {
        u16::from_be_bytes(self.bytes())
    }

    /// A secret of 256 random bits behind a prefix that tells people and scanners what it is.
    pub fn secret<K>(&self, prefix: &str) -> Secret<K> {
        Secret::new(format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(self.bytes::<32>())))
    }

    /// An identifier: a prefix and `length` characters of `0-9A-Za-z`.
    pub fn id<K>(&self, prefix: &str, length: usize) -> Id<K> {
        Id::new(format!("{prefix}{}", self.text(BASE62, length)))
    }

    /// An identifier of `length` hexadecimal characters.
    pub fn hex_id<K>(&self, length: usize) -> Id<K> {
        Id::new(self.text(b"0123456789abcdef", length))
    }

    /// A UUID (RFC 9562, version 4).
    pub fn uuid(&self) -> String {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid().to_string()
    }

    /// Random digits.
    pub fn digits(&self, length: usize) -> String {
        self.text(b"0123456789", length)
    }

    /// Characters of an alphabet, each equally likely: bytes beyond its largest multiple are drawn
    /// again.
    fn text(&self, alphabet: &[u8], length: usize) -> String {
        let fair = 256 - 256 % alphabet.len();
        let mut text = String::with_capacity(length);
        while text.len() < length {
            for byte in self.bytes::<32>() {
                let byte = usize::from(byte);
                if byte < fair && text.len() < length {
                    text.push(char::from(alphabet[byte % alphabet.len()]));
                }
            }
        }
        text
    }
}
