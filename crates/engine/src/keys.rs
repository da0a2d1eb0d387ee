//! The keys of the tenants: unwrapped for an hour at most, and the signing keys among them.

use std::sync::Arc;
use std::time::Duration;

use model::ids::TenantId;
use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::{SigningError, SigningKey};
use protocol::time::Timestamp;
use store::keys::{SealedSigningKey, Stage, WrappedKey};
use store::{Database, Query, StoreError, WriteTx};
use vault::keyring::{KEY_ID_LEN, KekSet, KeyId, Purpose, TenantKey, UnwrapError};
use vault::seal::{OpenError, Place, SealError, Sealed, UserShare, open, seal};
use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::recent::Recent;

/// An unwrapped key is in memory no longer.
const KEPT: Duration = Duration::from_hours(1);
/// Whether a tenant has other keys by now is looked up no less often.
pub(crate) const LOOKED_UP: Duration = Duration::from_secs(1);
/// For keys that are not known is looked no more often than this, whatever records name.
const SOUGHT: Duration = Duration::from_millis(250);
/// What one node sees in the database, all others see so much later at the latest.
const SEEN_BY_ALL: Duration = Duration::from_secs(2);

/// The key-encryption keys, and what they opened lately.
#[derive(Debug)]
pub struct Keys {
    keks: KekSet,
    opened: Recent<TenantId, TenantKeys>,
    /// When the keys of a tenant were last found to be those that were opened.
    current: Recent<TenantId, ()>,
    /// When a record last named a key of the tenant that is not among them.
    sought: Recent<TenantId, ()>,
}

/// The keys of one tenant.
#[derive(Debug)]
pub struct TenantKeys {
    tenant: TenantId,
    /// Oldest first.
    keys: Vec<TenantKey>,
    version: Version,
    signing: SigningKey,
    published: JwkSet,
}

/// Which keys a tenant has, and which of them are in use: another version is to be opened anew.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    tenant_keys: Vec<KeyId>,
    /// Of those, the ones that only open as yet.
    waiting: Vec<KeyId>,
    /// Those that came while this node looked, and when it first saw them.
    arrived: Vec<(KeyId, Timestamp)>,
    signing_keys: Vec<(String, Stage)>,
}

impl Version {
    /// A key waits for its time, and, because that was set by somebody else's clock, also for as long
    /// after it was first seen as the other nodes may need to see it.
    fn of(
        wrapped: &[WrappedKey],
        signing: &[SealedSigningKey],
        previous: Option<&Self>,
        now: Timestamp,
    ) -> Self {
        let mut arrived = Vec::new();
        if let Some(previous) = previous {
            for WrappedKey { id, .. } in wrapped {
                let seen = previous.arrived.iter().find(|(arrived, _)| arrived == id);
                match seen {
                    Some((_, at)) if now.since(*at) < SEEN_BY_ALL => arrived.push((*id, *at)),
                    None if !previous.tenant_keys.contains(id) => arrived.push((*id, now)),
                    Some(_) | None => {}
                }
            }
        }
        let is_waiting = |key: &&WrappedKey| {
            key.seals_from > now || arrived.iter().any(|(arrived, _)| *arrived == key.id)
        };
        Self {
            tenant_keys: wrapped.iter().map(|key| key.id).collect(),
            waiting: wrapped.iter().filter(is_waiting).map(|key| key.id).collect(),
            signing_keys: signing.iter().map(|key| (key.kid.clone(), key.stage)).collect(),
            arrived,
        }
    }
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
    /// The tenant was erased.
    #[error("the keys of tenant {tenant} were erased: nothing that they sealed can be read")]
    Erased {
        /// The tenant.
        tenant: TenantId,
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
    /// Takes the key-encryption keys after opening their check records, so that nothing is ever
    /// written under a wrong one, and after finding among them all that wrap something. The one that
    /// wraps gets a check if it has none yet, which in a populated database takes another that has.
    pub async fn unlock(
        store: &Database,
        keks: impl Into<KekSet>,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, KeyError> {
        let keks = keks.into();
        let mut tx = store.write().await?;
        let checks = store::keys::kek_checks(&mut tx).await?;
        let check_id = KeyId::new([0; KEY_ID_LEN]);
        let mut known = 0;
        for (id, wrapped) in &checks {
            if let Some(kek) = keks.find(id) {
                kek.unwrap("", Purpose::Vault, check_id, wrapped)?;
                known += 1;
            }
        }
        let has_check = checks.iter().any(|(id, _)| id == keks.active().id());
        let in_use = store::resealing::wrapped_by(&mut tx).await?;
        let in_use = in_use.into_iter().map(|(id, _)| id);
        let wanted = match (known, checks.into_iter().next()) {
            (0, Some((id, _))) => Some(id),
            _ => in_use.into_iter().find(|id| keks.find(id).is_none()),
        };
        if let Some(wanted) = wanted {
            return Err(KeyError::WrongKek { wanted, given: keks.active().id().to_owned() });
        }
        if !has_check {
            let value = TenantKey::new(check_id, Purpose::Vault, entropy.bytes());
            let wrapped = keks.active().wrap("", &value, entropy.bytes())?;
            store::keys::insert_kek_check(&mut tx, keks.active().id(), &wrapped, now).await?;
        }
        tx.commit().await?;
        let (opened, current) = (Recent::new(KEPT), Recent::new(LOOKED_UP));
        Ok(Self { keks, opened, current, sought: Recent::new(SOUGHT) })
    }

    /// The key-encryption keys.
    pub(crate) fn keks(&self) -> &KekSet {
        &self.keks
    }

    /// The keys of a tenant.
    pub async fn of(
        &self,
        q: &mut impl Query,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        let opened = self.opened.get(tenant, now);
        if let Some(keys) = &opened
            && self.current.get(tenant, now).is_some()
        {
            return Ok(Arc::clone(keys));
        }
        let wrapped = store::keys::tenant_keys(q, tenant).await?;
        if wrapped.is_empty() {
            self.opened.remove(tenant);
        }
        let signing = store::keys::signing_keys(q, tenant).await?;
        let previous = opened.as_ref().map(|keys| &keys.version);
        let version = Version::of(&wrapped, &signing, previous, now);
        self.current.put(tenant.clone(), (), now);
        if let Some(keys) = opened.filter(|keys| keys.version == version) {
            return Ok(keys);
        }
        let keys = TenantKeys::open_all(&self.keks, tenant, &wrapped, &signing, version)?;
        Ok(self.opened.put(tenant.clone(), keys, now))
    }

    /// The keys of a tenant, to open records with. If one names a key that this node does not know yet,
    /// the keys are looked up before their time; not each time, because a damaged record may name a
    /// key that nobody has.
    pub async fn for_records(
        &self,
        q: &mut impl Query,
        tenant: &TenantId,
        records: &[&Sealed],
        now: Timestamp,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        let keys = self.of(q, tenant, now).await?;
        let is_sought = records.iter().any(|record| keys.lacks_key_of(record));
        if !is_sought || self.sought.get(tenant, now).is_some() {
            return Ok(keys);
        }
        self.sought.put(tenant.clone(), (), now);
        self.current.remove(tenant);
        self.of(q, tenant, now).await
    }

    /// Forgets what was opened an hour ago, and the keys of tenants that were erased since.
    pub async fn forget(&self, store: &Database, now: Timestamp) -> Result<(), StoreError> {
        if self.opened.sweep(now) {
            for tenant in store::keys::erased_tenants(&mut store.read().await?).await? {
                self.opened.remove(&tenant);
            }
        }
        Ok(())
    }

    /// The keys of a tenant as they stand in the database, none of them waiting: for who knows that
    /// every node has seen them.
    pub(crate) async fn known_to_all(
        &self,
        q: &mut impl Query,
        tenant: &TenantId,
    ) -> Result<TenantKeys, KeyError> {
        let wrapped = store::keys::tenant_keys(q, tenant).await?;
        let signing = store::keys::signing_keys(q, tenant).await?;
        let at_last = Timestamp::from_millis(i64::MAX);
        let version = Version::of(&wrapped, &signing, None, at_last);
        TenantKeys::open_all(&self.keks, tenant, &wrapped, &signing, version)
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
            let record = self.wrapped(tenant, &key, now, entropy)?;
            store::keys::insert_tenant_key(tx, tenant, &record).await?;
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

    /// A tenant key as the database takes it.
    pub(crate) fn wrapped(
        &self,
        tenant: &TenantId,
        key: &TenantKey,
        seals_from: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<WrappedKey, KeyError> {
        let kek = self.keks.active();
        let wrapped = kek.wrap(tenant.as_str(), key, entropy.bytes())?;
        let kek_id = kek.id().to_owned();
        Ok(WrappedKey { id: *key.id(), purpose: key.purpose(), kek_id, wrapped, seals_from })
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
        let (current, next) = tokio::join!(fresh_signing_key(), fresh_signing_key());
        Ok(Self { current: current?, next: next? })
    }
}

/// A fresh signing key in PKCS#8, not made on the threads that serve.
pub(crate) async fn fresh_signing_key() -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match tokio::task::spawn_blocking(SigningKey::generate).await {
        Ok(key) => Ok(key?),
        // The task cannot be cancelled; if it panicked, so does its owner.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

impl Clone for SigningMaterial {
    fn clone(&self) -> Self {
        Self { current: self.current.clone(), next: self.next.clone() }
    }
}

pub(crate) fn signing_key_place<'a>(tenant: &'a TenantId, kid: &'a str) -> Place<'a> {
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

pub(crate) fn sealed_signing_key(
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

/// Unwraps a tenant key with the key-encryption key that it names.
pub(crate) fn unwrap(
    keks: &KekSet,
    tenant: &TenantId,
    key: &WrappedKey,
) -> Result<TenantKey, KeyError> {
    let kek = keks.find(&key.kek_id).ok_or_else(|| KeyError::WrongKek {
        wanted: key.kek_id.clone(),
        given: keks.active().id().to_owned(),
    })?;
    Ok(kek.unwrap(tenant.as_str(), key.purpose, key.id, &key.wrapped)?)
}

impl TenantKeys {
    fn open_all(
        keks: &KekSet,
        tenant: &TenantId,
        wrapped: &[WrappedKey],
        sealed: &[SealedSigningKey],
        version: Version,
    ) -> Result<Self, KeyError> {
        if wrapped.is_empty() {
            return Err(KeyError::Erased { tenant: tenant.clone() });
        }
        let keys = wrapped
            .iter()
            .map(|key| unwrap(keks, tenant, key))
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
        Ok(Self { tenant: tenant.clone(), keys, version, signing, published })
    }

    /// The key to seal or to hash with: of its purpose the newest that all nodes know.
    pub fn newest(&self, purpose: Purpose) -> Result<&TenantKey, KeyError> {
        let seals = |key: &&TenantKey| !self.version.waiting.contains(key.id());
        self.all(purpose).find(seals).ok_or_else(|| KeyError::Missing {
            tenant: self.tenant.clone(),
            purpose: purpose.as_str(),
        })
    }

    /// Every key of a purpose, newest first: what an older one hashed must still be recognised.
    pub fn all(&self, purpose: Purpose) -> impl Iterator<Item = &TenantKey> {
        self.keys.iter().rev().filter(move |key| key.purpose() == purpose)
    }

    fn lacks_key_of(&self, record: &Sealed) -> bool {
        record.key_id().is_ok_and(|id| self.keys.iter().all(|key| *key.id() != id))
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
