//! The keys of a tenant, one per purpose, and how the key-encryption key (KEK) wraps them.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::seal::SealError;

/// The length of a [`KeyId`] in bytes.
pub const KEY_ID_LEN: usize = 16;

/// How many random bytes wrapping a tenant key consumes.
pub const WRAP_RANDOM_LEN: usize = NONCE_LEN;

/// What a tenant key is for. Purposes never share a key, so that what one part of the product is
/// tricked into sealing or signing means nothing to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Tokens of providers.
    Vault,
    /// What we show to others who we are: client secrets at providers, what events are signed with.
    ProviderSecrets,
    /// Secrets of our own clients.
    ClientSecrets,
    /// Private keys that sign our tokens.
    SigningKeys,
    /// What is carried through a browser.
    Tickets,
    /// Cursors of lists.
    Cursors,
    /// DPoP nonces.
    DpopNonces,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::Vault,
        Self::ProviderSecrets,
        Self::ClientSecrets,
        Self::SigningKeys,
        Self::Tickets,
        Self::Cursors,
        Self::DpopNonces,
    ];

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::ProviderSecrets => "provider_secrets",
            Self::ClientSecrets => "client_secrets",
            Self::SigningKeys => "signing_keys",
            Self::Tickets => "tickets",
            Self::Cursors => "cursors",
            Self::DpopNonces => "dpop_nonces",
        }
    }

    /// The purpose of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

/// The public name of a tenant key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; KEY_ID_LEN]);

impl KeyId {
    /// Takes random bytes.
    pub fn new(bytes: [u8; KEY_ID_LEN]) -> Self {
        Self(bytes)
    }

    /// Takes stored bytes of the right length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; KEY_ID_LEN] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key of one tenant for one purpose, unwrapped; wiped when dropped.
pub struct TenantKey {
    id: KeyId,
    purpose: Purpose,
    material: Zeroizing<[u8; 32]>,
}

impl TenantKey {
    /// Takes 32 random bytes.
    pub fn new(id: KeyId, purpose: Purpose, material: [u8; 32]) -> Self {
        Self { id, purpose, material: Zeroizing::new(material) }
    }

    /// Its public name.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// What it is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    pub(crate) fn material(&self) -> &[u8] {
        self.material.as_slice()
    }

    /// A keyed hash (HMAC-SHA-256) of `parts`, length-prefixed.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context =
            hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.material()));
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut output = [0; 32];
        output.copy_from_slice(context.sign().as_ref());
        output
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantKey({} {})", self.purpose.as_str(), self.id)
    }
}

/// The key-encryption key: wraps tenant keys and nothing else.
pub struct Kek {
    id: String,
    cipher: LessSafeKey,
}

/// Why a wrapped key does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key-encryption key does not open this record")]
pub struct UnwrapError;

impl Kek {
    /// Takes 32 random bytes. The id is derived from them, so that a wrong key is named for what it
    /// is before anything is tried with it.
    pub fn new(material: &[u8; 32]) -> Result<Self, SealError> {
        let fingerprint = digest(&SHA256, &[b"strongroom kek id".as_slice(), material].concat());
        let mut short = [0; 8];
        short.copy_from_slice(&fingerprint.as_ref()[..8]);
        let id = format!("{:016x}", u64::from_be_bytes(short));
        Ok(Self { id, cipher: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, material)?) })
    }

    /// Its public name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Wraps a tenant key for its tenant and purpose.
    pub fn wrap(
        &self,
        tenant: &str,
        key: &TenantKey,
        random: [u8; WRAP_RANDOM_LEN],
    ) -> Result<Vec<u8>, SealError> {
        let mut content = Zeroizing::new(key.material().to_vec());
        let aad = Aad::from(self.context(tenant, key.purpose, &key.id));
        let nonce = Nonce::assume_unique_for_key(random);
        let tag = self.cipher.seal_in_place_separate_tag(nonce, aad, &mut content)?;
        Ok([random.as_slice(), content.as_slice(), tag.as_ref()].concat())
    }

    /// Unwraps a tenant key for its tenant and purpose.
    pub fn unwrap(
        &self,
        tenant: &str,
        purpose: Purpose,
        id: KeyId,
        wrapped: &[u8],
    ) -> Result<TenantKey, UnwrapError> {
        let (nonce, sealed) = wrapped.split_at_checked(NONCE_LEN).ok_or(UnwrapError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).or(Err(UnwrapError))?;
        let mut content = Zeroizing::new(sealed.to_vec());
        let aad = Aad::from(self.context(tenant, purpose, &id));
        let opened = self.cipher.open_in_place(nonce, aad, &mut content).or(Err(UnwrapError))?;
        let material: [u8; 32] = (&*opened).try_into().or(Err(UnwrapError))?;
        Ok(TenantKey::new(id, purpose, material))
    }

    fn context(&self, tenant: &str, purpose: Purpose, id: &KeyId) -> Vec<u8> {
        let parts: [&[u8]; 4] =
            [self.id.as_bytes(), tenant.as_bytes(), purpose.as_str().as_bytes(), id.as_bytes()];
        parts
            .into_iter()
            .flat_map(|part| {
                (part.len() as u64).to_be_bytes().into_iter().chain(part.iter().copied())
            })
            .collect()
    }
}

/// The key-encryption keys of a node: one that wraps, and those that still open what they wrapped.
#[derive(Debug)]
pub struct KekSet {
    active: Kek,
    others: Vec<Kek>,
}

impl KekSet {
    /// `active` wraps whatever is wrapped from now on.
    pub fn new(active: Kek, others: Vec<Kek>) -> Self {
        Self { active, others }
    }

    /// The one that wraps.
    pub fn active(&self) -> &Kek {
        &self.active
    }

    /// The one of this name.
    pub fn find(&self, id: &str) -> Option<&Kek> {
        std::iter::once(&self.active).chain(&self.others).find(|kek| kek.id() == id)
    }
}

impl From<Kek> for KekSet {
    fn from(active: Kek) -> Self {
        Self::new(active, Vec::new())
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kek({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped() -> (Kek, KeyId, Vec<u8>) {
        let kek = Kek::new(&[1; 32]).unwrap();
        let key = TenantKey::new(KeyId::new([2; KEY_ID_LEN]), Purpose::Vault, [3; 32]);
        let wrapped = kek.wrap("acme", &key, [4; WRAP_RANDOM_LEN]).unwrap();
        (kek, *key.id(), wrapped)
    }

    #[test]
    fn a_wrapped_key_opens_for_its_tenant_and_purpose_alone() {
        let (kek, id, wrapped) = wrapped();
        let key = kek.unwrap("acme", Purpose::Vault, id, &wrapped).unwrap();
        assert_eq!(key.material(), [3; 32]);
        assert!(kek.unwrap("other", Purpose::Vault, id, &wrapped).is_err());
        assert!(kek.unwrap("acme", Purpose::SigningKeys, id, &wrapped).is_err());
        assert!(kek.unwrap("acme", Purpose::Vault, KeyId::new([9; 16]), &wrapped).is_err());
        assert!(Kek::new(&[2; 32]).unwrap().unwrap("acme", Purpose::Vault, id, &wrapped).is_err());
        assert!(kek.unwrap("acme", Purpose::Vault, id, &wrapped[..5]).is_err());
    }

    #[test]
    fn keyed_hashes_depend_on_where_parts_end() {
        let key = TenantKey::new(KeyId::new([2; KEY_ID_LEN]), Purpose::DpopNonces, [3; 32]);
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
    }

    #[test]
    fn names_of_purposes_round_trip() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_name(purpose.as_str()), Some(purpose));
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let (kek, ..) = wrapped();
        assert_eq!(format!("{kek:?}"), format!("Kek({})", kek.id()));
    }
}
