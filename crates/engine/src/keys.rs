//! The keys of the tenants: unwrapped for an hour at most, and the signing keys among them.

use std::sync::Arc;
use std::time::Duration;

use model::ids::TenantId;
use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::{SigningError, SigningKey};
use protocol::time::Timestamp;
use store::keys::{SealedSigningKey, Stage, WrappedKey};
use store::{Database, Query, StoreError, WriteTx};
use vault::keyring::{KEY_ID_LEN, Kek, KeyId, Purpose, TenantKey, UnwrapError};
use vault::seal::{OpenError, Place, SealError, Sealed, UserShare, open, seal};
use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::recent::Recent;

/// An unwrapped key is in memory no longer.
const KEPT: Duration = Duration::from_hours(1);

/// The key-encryption key, and what it opened lately.
#[derive(Debug)]
pub struct Keys {
    kek: Kek,
    opened: Recent<TenantId, TenantKeys>,
}

/// The keys of one tenant.
#[derive(Debug)]
pub struct TenantKeys {
    tenant: TenantId,
    keys: Vec<TenantKey>,
    signing: SigningKey,
    published: JwkSet,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database wants another key-encryption key.
    #[error("the database is sealed with the key-encryption key {wanted}, and {given} was given")]
    WrongKek {
        /// The one it wants.
        wanted: String,
        /// The one that was given.
        given: String,
    },
    /// The key-encryption key has the right name and does not open.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
    /// A tenant lacks a key.
    #[error("tenant {tenant} has no key for {purpose}")]
    Missing {
        /// The tenant.
        tenant: TenantId,
        /// What the key would be for.
        purpose: &'static str,
    },
    /// A record does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A record cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A signing key cannot be used.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl Keys {
    /// Takes the key-encryption key after opening its check record, so that nothing is ever written
    /// under a wrong one. A database without any check gets one.
    pub async fn unlock(
        store: &Database,
        kek: Kek,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, KeyError> {
        let mut tx = store.write().await?;
        let checks = store::keys::kek_checks(&mut tx).await?;
        let check_id = KeyId::new([0; KEY_ID_LEN]);
        let own = checks.iter().find(|(id, _)| id == kek.id());
        match (own, checks.first()) {
            (Some((_, wrapped)), _) => {
                kek.unwrap("", Purpose::Vault, check_id, wrapped)?;
            }
            (None, Some((wanted, _))) => {
                let given = kek.id().to_owned();
                return Err(KeyError::WrongKek { wanted: wanted.clone(), given });
            }
            (None, None) => {
                let known = TenantKey::new(check_id, Purpose::Vault, entropy.bytes());
                let wrapped = kek.wrap("", &known, entropy.bytes())?;
                store::keys::insert_kek_check(&mut tx, kek.id(), &wrapped, now).await?;
            }
        }
        tx.commit().await?;
        Ok(Self { kek, opened: Recent::new(KEPT) })
    }

    /// The keys of a tenant.
    pub async fn of(
        &self,
        q: &mut impl Query,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        if let Some(keys) = self.opened.get(tenant, now) {
            return Ok(keys);
        }
        let wrapped = store::keys::tenant_keys(q, tenant).await?;
        let signing = store::keys::signing_keys(q, tenant).await?;
        let keys = TenantKeys::open_all(&self.kek, tenant, &wrapped, &signing)?;
        Ok(self.opened.put(tenant.clone(), keys, now))
    }

    /// Gives a new tenant a key for each purpose, and its first two signing keys.
    pub async fn insert_for_new_tenant(
        &self,
        tx: &mut WriteTx,
        tenant: &TenantId,
        signing: &SigningMaterial,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<(), KeyError> {
        for purpose in Purpose::ALL {
            let key = TenantKey::new(KeyId::new(entropy.bytes()), purpose, entropy.bytes());
            let wrapped = self.kek.wrap(tenant.as_str(), &key, entropy.bytes())?;
            let kek_id = self.kek.id().to_owned();
            let record = WrappedKey { id: *key.id(), purpose, kek_id, wrapped };
            store::keys::insert_tenant_key(tx, tenant, &record, now).await?;
            if purpose == Purpose::SigningKeys {
                for (stage, pkcs8) in
                    [(Stage::Current, &signing.current), (Stage::Next, &signing.next)]
                {
                    let record = sealed_signing_key(tenant, &key, stage, pkcs8, entropy)?;
                    store::keys::insert_signing_key(tx, tenant, &record, now).await?;
                }
            }
        }
        Ok(())
    }
}

/// Two fresh signing keys in PKCS#8: the one that signs and the one that will.
#[derive(Debug)]
pub struct SigningMaterial {
    current: Zeroizing<Vec<u8>>,
    next: Zeroizing<Vec<u8>>,
}

impl SigningMaterial {
    /// Makes both at once; takes a while, and not on the threads that serve.
    pub async fn generate() -> Result<Self, KeyError> {
        let fresh = || async {
            let key: Result<_, KeyError> =
                match tokio::task::spawn_blocking(SigningKey::generate).await {
                    Ok(key) => Ok(key?),
                    // The task cannot be cancelled; if it panicked, so does its owner.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                };
            key
        };
        let (current, next) = tokio::join!(fresh(), fresh());
        Ok(Self { current: current?, next: next? })
    }
}

impl Clone for SigningMaterial {
    fn clone(&self) -> Self {
        Self { current: self.current.clone(), next: self.next.clone() }
    }
}

fn signing_key_place<'a>(tenant: &'a TenantId, kid: &'a str) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        table: "signing_keys",
        row: kid,
        user: "",
        connection: "",
        field: "sealed_key",
        generation: 0,
    }
}

fn sealed_signing_key(
    tenant: &TenantId,
    key: &TenantKey,
    stage: Stage,
    pkcs8: &[u8],
    entropy: &dyn Entropy,
) -> Result<SealedSigningKey, KeyError> {
    let kid: model::ids::Id<()> = entropy.id("", 21);
    let kid = kid.as_str();
    let public_jwk = SigningKey::from_pkcs8(pkcs8, kid)?.public_jwk();
    let sealed = seal(key, None, &signing_key_place(tenant, kid), pkcs8, entropy.bytes())?;
    Ok(SealedSigningKey { kid: kid.to_owned(), stage, public_jwk, sealed })
}

impl TenantKeys {
    fn open_all(
        kek: &Kek,
        tenant: &TenantId,
        wrapped: &[WrappedKey],
        sealed: &[SealedSigningKey],
    ) -> Result<Self, KeyError> {
        let keys = wrapped
            .iter()
            .map(|key| Ok(kek.unwrap(tenant.as_str(), key.purpose, key.id, &key.wrapped)?))
            .collect::<Result<Vec<_>, KeyError>>()?;
        let missing =
            || KeyError::Missing { tenant: tenant.clone(), purpose: Purpose::SigningKeys.as_str() };
        let current = sealed.iter().find(|key| key.stage == Stage::Current).ok_or_else(missing)?;
        let key_id = current.sealed.key_id()?;
        let opener = keys
            .iter()
            .find(|key| key.purpose() == Purpose::SigningKeys && *key.id() == key_id)
            .ok_or_else(missing)?;
        let pkcs8 = open(opener, None, &signing_key_place(tenant, &current.kid), &current.sealed)?;
        let signing = SigningKey::from_pkcs8(&pkcs8, current.kid.as_str())?;
        let published = JwkSet::new(sealed.iter().map(|key| key.public_jwk.clone()).collect());
        Ok(Self { tenant: tenant.clone(), keys, signing, published })
    }

    /// The key to seal or to hash with: of its purpose the newest.
    pub fn newest(&self, purpose: Purpose) -> Result<&TenantKey, KeyError> {
        self.keys.iter().rev().find(|key| key.purpose() == purpose).ok_or_else(|| {
            KeyError::Missing { tenant: self.tenant.clone(), purpose: purpose.as_str() }
        })
    }

    /// Every key of a purpose, newest first: what an older one hashed must still be recognised.
    pub fn all(&self, purpose: Purpose) -> impl Iterator<Item = &TenantKey> {
        self.keys.iter().rev().filter(move |key| key.purpose() == purpose)
    }

    /// Seals for a place.
    pub fn seal(
        &self,
        purpose: Purpose,
        share: Option<&UserShare>,
        place: &Place<'_>,
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Sealed, KeyError> {
        Ok(seal(self.newest(purpose)?, share, place, plaintext, entropy.bytes())?)
    }

    /// Opens in its place, with the key that the record names.
    pub fn open(
        &self,
        purpose: Purpose,
        share: Option<&UserShare>,
        place: &Place<'_>,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let id = sealed.key_id()?;
        let key = self.all(purpose).find(|key| *key.id() == id).ok_or(OpenError::WrongKey)?;
        Ok(open(key, share, place, sealed)?)
    }

    /// The key that signs tokens.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// The public keys of current, next and previous signing keys.
    pub fn published(&self) -> &JwkSet {
        &self.published
    }
}
