//! Says how far a rotation is, and opens every record to see whether it does.

use std::collections::BTreeMap;

use model::ids::{ClientId, ConnectedAccountId, ConnectionId, EventStreamId, TenantId};
use store::{StoreError, resealing, users};
use vault::keyring::Purpose;

use super::{PAGE, SEALING, older_records};
use crate::app::App;
use crate::client_auth::{self, Held};
use crate::keys::{KeyError, TenantKeys, signing_key_place, unwrap};
use crate::{connection_keys, connection_secret, event_streams, tokensets};

/// Which keys there are, what they wrap, and what is left to be sealed anew.
#[derive(Debug, serde::Serialize)]
pub struct KeyStatus {
    /// Every key-encryption key that the database knows.
    pub keks: Vec<KekStatus>,
    /// Every purpose of tenant keys.
    pub purposes: Vec<PurposeStatus>,
}

/// A key-encryption key.
#[derive(Debug, serde::Serialize)]
pub struct KekStatus {
    /// Its id.
    pub id: String,
    /// Whether it is the one that wraps.
    pub active: bool,
    /// How many tenant keys it wraps.
    pub wraps: i64,
}

/// The tenant keys of one purpose, over all tenants.
#[derive(Debug, serde::Serialize)]
pub struct PurposeStatus {
    /// The purpose.
    pub purpose: &'static str,
    /// How many keys there are.
    pub tenant_keys: i64,
    /// How many stored records name an older key than the last; absent where nothing is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_records: Option<i64>,
}

impl KeyStatus {
    /// How many stored records name an older tenant key than the last of their purpose.
    pub fn older_records(&self) -> i64 {
        self.purposes.iter().filter_map(|purpose| purpose.older_records).sum()
    }
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

impl Unopened {
    pub(super) fn of(
        tenant: &TenantId,
        table: &'static str,
        row: &str,
        reason: &dyn std::error::Error,
    ) -> Self {
        Self { tenant: tenant.clone(), table, row: row.to_owned(), reason: reason.to_string() }
    }
}

/// What a check of every record found.
#[derive(Debug, Default, serde::Serialize)]
pub struct Verification {
    /// How many records open.
    pub opened: usize,
    /// Tenants that were erased: none of their records opens, as it is meant.
    pub erased: Vec<TenantId>,
    /// Those that do not.
    pub failures: Vec<Unopened>,
}

/// Says how far a rotation is.
///
/// # Errors
/// If the database fails.
pub async fn status(app: &App) -> Result<KeyStatus, StoreError> {
    let mut read = app.store.read().await?;
    let active = app.keys.keks().active().id();
    let checks = store::keys::kek_checks(&mut read).await?;
    let mut wraps: BTreeMap<String, i64> = checks.into_iter().map(|(id, _)| (id, 0)).collect();
    wraps.extend(resealing::wrapped_by(&mut read).await?);
    let keks = wraps.into_iter().map(|(id, wraps)| KekStatus { active: id == active, id, wraps });
    let keks = keks.collect();

    let counts = resealing::keys_by_purpose(&mut read).await?;
    let tenants = resealing::tenants(&mut read).await?;
    let mut purposes = Vec::new();
    for purpose in Purpose::ALL {
        let name = purpose.as_str();
        let tenant_keys =
            counts.iter().find(|(counted, _)| counted == name).map_or(0, |(_, count)| *count);
        let mut older = None;
        if SEALING.contains(&purpose) {
            let mut sum = 0;
            for tenant in &tenants {
                sum += older_records(&mut read, tenant, purpose).await?;
            }
            older = Some(sum);
        }
        purposes.push(PurposeStatus { purpose: name, tenant_keys, older_records: older });
    }
    Ok(KeyStatus { keks, purposes })
}

/// Opens every wrapped key and every record, and says which do not open.
///
/// # Errors
/// If the database fails.
pub async fn verify(app: &App) -> Result<Verification, KeyError> {
    let erased = store::keys::erased_tenants(&mut app.store.read().await?).await?;
    let mut found = Verification { erased, ..Verification::default() };
    for tenant in resealing::tenants(&mut app.store.read().await?).await? {
        for wrapped in store::keys::tenant_keys(&mut app.store.read().await?, &tenant).await? {
            let outcome = unwrap(app.keys.keks(), &tenant, &wrapped).map(drop);
            found.note(&tenant, "tenant_keys", &wrapped.id.to_string(), outcome);
        }
        match app.keys.known_to_all(&mut app.store.read().await?, &tenant).await {
            Ok(keys) => verify_tenant(app, &tenant, &keys, &mut found).await?,
            Err(error @ KeyError::Store(_)) => return Err(error),
            // Nothing of this tenant can be used: that is one finding for all that it has.
            Err(error) => {
                found.note(&tenant, "tenants", tenant.as_str(), Err(error));
            }
        }
    }
    Ok(found)
}

async fn verify_tenant(
    app: &App,
    tenant: &TenantId,
    keys: &TenantKeys,
    found: &mut Verification,
) -> Result<(), StoreError> {
    let mut read = app.store.read().await?;
    let present = resealing::client_secrets(&mut read, tenant).await?;
    let previous = resealing::previous_client_secrets(&mut read, tenant).await?;
    for (held, secrets) in [(Held::Present, present), (Held::Previous, previous)] {
        for secret in secrets {
            let id = ClientId::new(secret.id.as_str());
            let outcome = client_auth::reveal_secret(keys, tenant, &id, held, &secret.sealed);
            found.note(tenant, held.table(), &secret.id, outcome.map(drop));
        }
    }
    for secret in resealing::connection_secrets(&mut read, tenant).await? {
        let id = ConnectionId::new(secret.id.as_str());
        let place = connection_secret::place(tenant, &id);
        let outcome = keys.open(Purpose::ProviderSecrets, None, &place, &secret.sealed);
        found.note(tenant, "connections", &secret.id, outcome.map(drop));
    }
    for secret in resealing::stream_secrets(&mut read, tenant).await? {
        let id = EventStreamId::new(secret.id.as_str());
        let place = event_streams::place(tenant, &id);
        let outcome = keys.open(Purpose::ProviderSecrets, None, &place, &secret.sealed);
        found.note(tenant, "event_streams", &secret.id, outcome.map(drop));
    }
    for key in store::connection_keys::of_tenant(&mut read, tenant).await? {
        let place = connection_keys::place(tenant, &key.connection_id, &key.kid);
        let outcome = keys.open(Purpose::ProviderSecrets, None, &place, &key.sealed);
        found.note(tenant, "connection_keys", &key.kid, outcome.map(drop));
    }
    for key in store::keys::signing_keys(&mut read, tenant).await? {
        let place = signing_key_place(tenant, &key.kid);
        let outcome = keys.open(Purpose::SigningKeys, None, &place, &key.sealed);
        found.note(tenant, "signing_keys", &key.kid, outcome.map(drop));
    }
    let mut after = ConnectedAccountId::new("");
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
            Err(error) => self.failures.push(Unopened::of(tenant, table, row, &error)),
        }
    }
}
