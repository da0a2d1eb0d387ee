//! Rotates the keys while everybody goes on: 1. wrap every tenant key under the key-encryption key that
//! is active; 2. give each tenant new keys, which at first only open, so that every node knows them
//! before the first one seals; 3. seal every record anew; 4. remove keys that nothing can name any more;
//! 5. look whether every record opens.
//!
//! Each step looks for what is left to do and does it in small transactions, conditional on what was
//! read. Cut off at any moment, it is begun again and goes on. The audit log of every tenant tells what
//! was done to its keys.

mod erasure;
mod inspection;
mod outlived;
mod reseal;
mod signing;

use std::collections::BTreeSet;
use std::time::Duration;

use model::ids::TenantId;
use model::log_event::LogEventKind;
use protocol::time::Timestamp;
use serde_json::{Value, json};
use store::keys::WrappedKey;
use store::{Query, StoreError, WriteTx, resealing, tenants};
use vault::keyring::{KeyId, Purpose, TenantKey};

use crate::app::App;
use crate::audit::Event;
use crate::context::Context;
use crate::keys::{KeyError, unwrap};

pub use erasure::{Erasure, erase};
pub use inspection::{KekStatus, KeyStatus, PurposeStatus, Unopened, Verification, status, verify};
pub use outlived::remove_outlived_keys;
pub use reseal::{Resealed, reseal};
pub use signing::{PUBLISHED_BEFORE, SigningRotation, rotate_signing};

/// What is stored for longer than a journey takes is sealed by keys of these purposes. Those of the
/// others protect what lives for minutes.
const SEALING: [Purpose; 4] =
    [Purpose::Vault, Purpose::ProviderSecrets, Purpose::ClientSecrets, Purpose::SigningKeys];
/// A new key only opens for so long: every node looks for new keys at least every second.
pub const KNOWN_TO_ALL: Duration = Duration::from_secs(3);
/// How many records are read at once.
const PAGE: i64 = 200;

/// What became of a wish to forget a key-encryption key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retirement {
    /// It is forgotten.
    Retired,
    /// It still wraps so many tenant keys.
    InUse(i64),
    /// It is the one that wraps whatever is wrapped next.
    Active,
    /// The database does not know it.
    Unknown,
}

/// Wraps every tenant key under the active key-encryption key. Answers how many it wrapped.
///
/// # Errors
/// If the database fails, or a key-encryption key is in use that was not given.
pub async fn rewrap(app: &App, now: Timestamp) -> Result<usize, KeyError> {
    let mut count = 0;
    for tenant in resealing::tenants(&mut app.store.read().await?).await? {
        count += rewrap_tenant(app, &tenant, now).await?;
    }
    Ok(count)
}

async fn rewrap_tenant(app: &App, tenant: &TenantId, now: Timestamp) -> Result<usize, KeyError> {
    let (keks, kek) = (app.keys.keks(), app.keys.keks().active());
    let mut wrapped = store::keys::tenant_keys(&mut app.store.read().await?, tenant).await?;
    wrapped.retain(|old| old.kek_id != kek.id());
    if wrapped.is_empty() {
        return Ok(0);
    }
    let mut former = BTreeSet::new();
    let mut count = 0;
    let mut tx = app.store.write().await?;
    for old in &wrapped {
        let key = unwrap(keks, tenant, old)?;
        let anew = kek.wrap(tenant.as_str(), &key, app.entropy.bytes())?;
        if resealing::rewrap(&mut tx, tenant, old, kek.id(), &anew).await? {
            former.insert(&old.kek_id);
            count += 1;
        }
    }
    if count > 0 {
        let details = json!({ "kek_id": kek.id(), "former_kek_ids": former, "tenant_keys": count });
        note(app, &mut tx, tenant, "Wrap the tenant keys anew", details, now).await?;
    }
    tx.commit().await?;
    Ok(count)
}

/// Forgets a key-encryption key, unless it wraps something or is the one that wraps.
///
/// # Errors
/// If the database fails.
pub async fn retire(app: &App, kek_id: &str, now: Timestamp) -> Result<Retirement, StoreError> {
    if app.keys.keks().active().id() == kek_id {
        return Ok(Retirement::Active);
    }
    let mut tx = app.store.write().await?;
    if resealing::retire(&mut tx, kek_id).await? {
        for tenant in resealing::tenants(&mut tx).await? {
            let details = json!({ "kek_id": kek_id });
            note(app, &mut tx, &tenant, "Forget a key-encryption key", details, now).await?;
        }
        tx.commit().await?;
        return Ok(Retirement::Retired);
    }
    let wrapped = resealing::wrapped_by(&mut tx).await?;
    let in_use = wrapped.into_iter().find(|(id, _)| id == kek_id);
    Ok(in_use.map_or(Retirement::Unknown, |(_, count)| Retirement::InUse(count)))
}

/// Gives every tenant new keys that seal from `now` on and a little later, and answers how many.
/// [`reseal()`] may begin after [`KNOWN_TO_ALL`]. Where records still name an older key, an earlier
/// rotation was cut off: it is to be finished, and needs no further key.
///
/// # Errors
/// If the database or a key fails.
pub async fn add_tenant_keys(app: &App, now: Timestamp) -> Result<usize, KeyError> {
    let mut count = 0;
    for tenant in resealing::tenants(&mut app.store.read().await?).await? {
        let mut tx = app.store.write().await?;
        tenants::lock(&mut tx, &tenant).await?;
        let mut added = Vec::new();
        for purpose in SEALING {
            // One that was erased meanwhile gets none.
            let Some(last) = last_key(&mut tx, &tenant, purpose).await? else { continue };
            if older_records(&mut tx, &tenant, purpose).await? > 0 {
                continue;
            }
            let id = KeyId::new(app.entropy.bytes());
            let key = TenantKey::new(id, purpose, app.entropy.bytes());
            // Whatever the clock here says, the key comes after those that there are.
            let after = last.seals_from.saturating_add(Duration::from_millis(1));
            let seals_from = now.saturating_add(KNOWN_TO_ALL).max(after);
            let record = app.keys.wrapped(&tenant, &key, seals_from, &*app.entropy)?;
            store::keys::insert_tenant_key(&mut tx, &tenant, &record).await?;
            added.push(json!({ "key_id": id.to_string(), "purpose": purpose.as_str() }));
        }
        if !added.is_empty() {
            count += added.len();
            let details = json!({ "tenant_keys": added });
            note(app, &mut tx, &tenant, "Add tenant keys", details, now).await?;
        }
        tx.commit().await?;
    }
    Ok(count)
}

/// Tells a tenant's audit log what is done to its keys, in the transaction that does it.
async fn note(
    app: &App,
    tx: &mut WriteTx,
    tenant: &TenantId,
    description: &str,
    details: Value,
    now: Timestamp,
) -> Result<(), StoreError> {
    let stored = tenants::find(tx, tenant).await?;
    // A tenant without a host has a log that nobody can read.
    let Some(context) = stored.and_then(Context::of_ourselves) else { return Ok(()) };
    Event::new(LogEventKind::ManagementWrite, &context)
        .describe(description)
        .details(details)
        .write(app, tx, &context, now)
        .await
}

/// How many stored records of a purpose name another key than its last, whether or not that one
/// seals already.
async fn older_records(
    q: &mut impl Query,
    tenant: &TenantId,
    purpose: Purpose,
) -> Result<i64, StoreError> {
    match last_key(q, tenant, purpose).await? {
        Some(last) => {
            let records = resealing::records_by_key(q, tenant, purpose).await?;
            let others = records.iter().filter(|(id, _)| id.as_slice() != last.id.as_bytes());
            Ok(others.map(|(_, count)| count).sum())
        }
        None => Ok(0),
    }
}

async fn last_key(
    q: &mut impl Query,
    tenant: &TenantId,
    purpose: Purpose,
) -> Result<Option<WrappedKey>, StoreError> {
    let keys = store::keys::tenant_keys(q, tenant).await?;
    Ok(keys.into_iter().rfind(|key| key.purpose == purpose))
}
