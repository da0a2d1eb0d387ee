//! Rotates the keys while everybody goes on: 1. wrap every tenant key under the key-encryption key that
//! is active; 2. give each tenant new keys, which at first only open, so that every node knows them
//! before the first one seals; 3. seal every record anew; 4. look whether every record opens.
//!
//! Each step looks for what is left to do and does it in small transactions, conditional on what was
//! read. Cut off at any moment, it is begun again and goes on.

use std::time::Duration;

use model::ids::{ClientId, ConnectedAccountId, ConnectionId, TenantId};
use protocol::secret::ClientSecret;
use protocol::time::Timestamp;
use store::clients::StoredSecret;
use store::connected_accounts::StoredAccount;
use store::resealing::{self, SealedSecret};
use store::{StoreError, users};
use vault::keyring::{KeyId, Purpose, TenantKey};
use vault::seal::{Place, Sealed};

use crate::app::App;
use crate::keys::{KeyError, TenantKeys, signing_key_place, unwrap};
use crate::tokensets::TokensetError;
use crate::{client_auth, connection_secret, tokensets};

/// What is stored for longer than a journey takes is sealed by keys of these purposes. Those of the
/// others protect what lives for minutes.
const SEALING: [Purpose; 4] =
    [Purpose::Vault, Purpose::ProviderSecrets, Purpose::ClientSecrets, Purpose::SigningKeys];
/// A new key only opens for so long: every node looks for new keys at least every second.
pub const KNOWN_TO_ALL: Duration = Duration::from_secs(3);
/// How many records are read at once.
const PAGE: i64 = 200;

/// How many keys each key-encryption key wraps, and what the newest tenant keys do not seal yet.
#[derive(Debug, serde::Serialize)]
pub struct KeyStatus {
    /// The key-encryption key that wraps.
    pub active: String,
    /// Every key-encryption key in use, with the number of tenant keys that it wraps.
    pub wrapped: Vec<(String, i64)>,
    /// Tokensets that are sealed with an older tenant key.
    pub older_tokensets: i64,
}

/// A record that does not open.
#[derive(Debug, serde::Serialize)]
pub struct Unopened {
    /// Of which tenant.
    pub tenant: TenantId,
    /// In which table.
    pub table: &'static str,
    /// In which row.
    pub row: String,
    /// Why not.
    pub reason: String,
}

/// What a check of every record found.
#[derive(Debug, Default, serde::Serialize)]
pub struct Verification {
    /// How many records open.
    pub opened: usize,
    /// Those that do not.
    pub failures: Vec<Unopened>,
}

/// Says how far a rotation is.
///
/// # Errors
/// If the database or a key fails.
pub async fn status(app: &App, now: Timestamp) -> Result<KeyStatus, KeyError> {
    let mut read = app.store.read().await?;
    let wrapped = resealing::wrapped_by(&mut read).await?;
    let mut older_tokensets = 0;
    for tenant in resealing::tenants(&mut read).await? {
        let keys = app.keys.of(&mut read, &tenant, now).await?;
        let newest = *keys.newest(Purpose::Vault)?.id();
        older_tokensets += resealing::accounts_not_sealed_with(&mut read, &tenant, &newest).await?;
    }
    Ok(KeyStatus { active: app.keys.keks().active().id().to_owned(), wrapped, older_tokensets })
}

/// Wraps every tenant key under the active key-encryption key. Answers how many it wrapped.
///
/// # Errors
/// If the database fails, or a key-encryption key is in use that was not given.
pub async fn rewrap(app: &App) -> Result<usize, KeyError> {
    let keks = app.keys.keks();
    let mut count = 0;
    let tenants = resealing::tenants(&mut app.store.read().await?).await?;
    for tenant in tenants {
        let wrapped = store::keys::tenant_keys(&mut app.store.read().await?, &tenant).await?;
        for old in wrapped.iter().filter(|old| old.kek_id != keks.active().id()) {
            let key = unwrap(keks, &tenant, old)?;
            let kek = keks.active();
            let anew = kek.wrap(tenant.as_str(), &key, app.entropy.bytes())?;
            let mut tx = app.store.write().await?;
            count += usize::from(resealing::rewrap(&mut tx, &tenant, old, kek.id(), &anew).await?);
            tx.commit().await?;
        }
    }
    Ok(count)
}

/// Forgets a key-encryption key. Answers `false`, and changes nothing, while it wraps something.
///
/// # Errors
/// If the database fails.
pub async fn retire(app: &App, kek_id: &str) -> Result<bool, StoreError> {
    let mut tx = app.store.write().await?;
    let retired = resealing::retire(&mut tx, kek_id).await?;
    tx.commit().await?;
    Ok(retired)
}

/// Gives every tenant new keys that seal from `now` on and a little later. [`reseal`] may begin after
/// [`KNOWN_TO_ALL`].
///
/// # Errors
/// If the database or a key fails.
pub async fn add_tenant_keys(app: &App, now: Timestamp) -> Result<(), KeyError> {
    for tenant in resealing::tenants(&mut app.store.read().await?).await? {
        let mut tx = app.store.write().await?;
        for purpose in SEALING {
            let id = KeyId::new(app.entropy.bytes());
            let key = TenantKey::new(id, purpose, app.entropy.bytes());
            let seals_from = now.saturating_add(KNOWN_TO_ALL);
            let record = app.keys.wrapped(&tenant, &key, seals_from, &*app.entropy)?;
            store::keys::insert_tenant_key(&mut tx, &tenant, &record).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Seals every record with the newest key of its tenant and purpose; `progress` is told how many were
/// sealed so far. What somebody else writes meanwhile, they have sealed with it themselves.
///
/// # Errors
/// If the database or a key fails, or a record does not open.
pub async fn reseal(
    app: &App,
    now: Timestamp,
    mut progress: impl FnMut(usize),
) -> Result<usize, TokensetError> {
    let mut count = 0;
    for tenant in resealing::tenants(&mut app.store.read().await?).await? {
        let keys = app.tenant_keys(&tenant, now).await?;
        count += reseal_secrets(app, &tenant, &keys).await?;
        progress(count);
        let newest = *keys.newest(Purpose::Vault)?.id();
        let mut after = ConnectedAccountId::new("");
        loop {
            let mut read = app.store.read().await?;
            let page = resealing::accounts_after(&mut read, &tenant, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.account.id.clone();
            for stored in page.iter().filter(|stored| stored.sealed_tokens.key_id() != Ok(newest)) {
                count += usize::from(reseal_account(app, &tenant, &keys, stored).await?);
            }
            progress(count);
        }
    }
    Ok(count)
}

async fn reseal_account(
    app: &App,
    tenant: &TenantId,
    keys: &TenantKeys,
    stored: &StoredAccount,
) -> Result<bool, TokensetError> {
    let mut read = app.store.read().await?;
    let Some(share) = users::share(&mut read, tenant, &stored.account.user_id).await? else {
        return Ok(false);
    };
    let tokens = tokensets::open(keys, tenant, &share, stored)?;
    let sealed = tokensets::seal(app, keys, tenant, &share, &stored.account, &tokens)?;
    let mut tx = app.store.write().await?;
    let written = resealing::reseal_account(&mut tx, tenant, stored, &sealed).await?;
    tx.commit().await?;
    Ok(written)
}

async fn reseal_secrets(
    app: &App,
    tenant: &TenantId,
    keys: &TenantKeys,
) -> Result<usize, KeyError> {
    let mut count = 0;
    let mut read = app.store.read().await?;
    let is_old = |old: &SealedSecret, purpose| -> Result<bool, KeyError> {
        Ok(old.sealed.key_id() != Ok(*keys.newest(purpose)?.id()))
    };
    for old in resealing::client_secrets(&mut read, tenant).await? {
        if is_old(&old, Purpose::ClientSecrets)? {
            let id = ClientId::new(old.id.as_str());
            let secret = open_client_secret(keys, tenant, &id, &old.sealed)?;
            let anew = client_auth::store_secret(keys, tenant, &id, &secret, &*app.entropy)?;
            let mut tx = app.store.write().await?;
            let StoredSecret { mac, sealed } = &anew;
            count += usize::from(
                resealing::reseal_client(&mut tx, tenant, &old, mac.as_slice(), sealed).await?,
            );
            tx.commit().await?;
        }
    }
    for old in resealing::connection_secrets(&mut read, tenant).await? {
        if is_old(&old, Purpose::ProviderSecrets)? {
            let id = ConnectionId::new(old.id.as_str());
            let place = connection_secret::place(tenant, &id);
            let sealed = sealed_anew(app, keys, Purpose::ProviderSecrets, &place, &old.sealed)?;
            let mut tx = app.store.write().await?;
            count +=
                usize::from(resealing::reseal_connection(&mut tx, tenant, &old, &sealed).await?);
            tx.commit().await?;
        }
    }
    for key in store::keys::signing_keys(&mut read, tenant).await? {
        let old = SealedSecret { id: key.kid, sealed: key.sealed };
        if is_old(&old, Purpose::SigningKeys)? {
            let place = signing_key_place(tenant, &old.id);
            let sealed = sealed_anew(app, keys, Purpose::SigningKeys, &place, &old.sealed)?;
            let mut tx = app.store.write().await?;
            count +=
                usize::from(resealing::reseal_signing_key(&mut tx, tenant, &old, &sealed).await?);
            tx.commit().await?;
        }
    }
    Ok(count)
}

fn open_client_secret(
    keys: &TenantKeys,
    tenant: &TenantId,
    id: &ClientId,
    sealed: &Sealed,
) -> Result<ClientSecret, KeyError> {
    let place = client_auth::secret_place(tenant, id);
    let opened = keys.open(Purpose::ClientSecrets, None, &place, sealed)?;
    Ok(ClientSecret::new(String::from_utf8_lossy(&opened)))
}

fn sealed_anew(
    app: &App,
    keys: &TenantKeys,
    purpose: Purpose,
    place: &Place<'_>,
    sealed: &Sealed,
) -> Result<Sealed, KeyError> {
    let plaintext = keys.open(purpose, None, place, sealed)?;
    keys.seal(purpose, None, place, &plaintext, &*app.entropy)
}

/// Opens every record, and says which do not open.
///
/// # Errors
/// If the database fails, or a tenant's keys do not open.
pub async fn verify(app: &App, now: Timestamp) -> Result<Verification, KeyError> {
    let mut found = Verification::default();
    for tenant in resealing::tenants(&mut app.store.read().await?).await? {
        let keys = app.tenant_keys(&tenant, now).await?;
        let mut read = app.store.read().await?;
        for secret in resealing::client_secrets(&mut read, &tenant).await? {
            let id = ClientId::new(secret.id.as_str());
            let outcome = open_client_secret(&keys, &tenant, &id, &secret.sealed).map(drop);
            found.note(&tenant, "clients", &secret.id, outcome);
        }
        for secret in resealing::connection_secrets(&mut read, &tenant).await? {
            let id = ConnectionId::new(secret.id.as_str());
            let place = connection_secret::place(&tenant, &id);
            let outcome = keys.open(Purpose::ProviderSecrets, None, &place, &secret.sealed);
            found.note(&tenant, "connections", &secret.id, outcome.map(drop));
        }
        for key in store::keys::signing_keys(&mut read, &tenant).await? {
            let place = signing_key_place(&tenant, &key.kid);
            let outcome = keys.open(Purpose::SigningKeys, None, &place, &key.sealed);
            found.note(&tenant, "signing_keys", &key.kid, outcome.map(drop));
        }
        verify_accounts(app, &tenant, &keys, &mut found).await?;
    }
    Ok(found)
}

async fn verify_accounts(
    app: &App,
    tenant: &TenantId,
    keys: &TenantKeys,
    found: &mut Verification,
) -> Result<(), StoreError> {
    let mut after = ConnectedAccountId::new("");
    let mut read = app.store.read().await?;
    loop {
        let page = resealing::accounts_after(&mut read, tenant, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.account.id.clone();
        for stored in &page {
            let id = stored.account.id.as_str();
            let share = users::share(&mut read, tenant, &stored.account.user_id).await?;
            let Some(share) = share else { continue };
            let outcome = tokensets::open(keys, tenant, &share, stored).map(drop);
            found.note(tenant, "connected_accounts", id, outcome);
        }
    }
}

impl Verification {
    fn note<E: std::error::Error>(
        &mut self,
        tenant: &TenantId,
        table: &'static str,
        row: &str,
        outcome: Result<(), E>,
    ) {
        match outcome {
            Ok(()) => self.opened += 1,
            Err(error) => self.failures.push(Unopened {
                tenant: tenant.clone(),
                table,
                row: row.to_owned(),
                reason: error.to_string(),
            }),
        }
    }
}
