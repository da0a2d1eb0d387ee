//! Erases a tenant: without its keys nothing that they sealed can be read, here or on any node.

use model::ids::TenantId;
use protocol::time::Timestamp;
use serde_json::json;
use store::{StoreError, keys, tenants};

use super::note;
use crate::app::App;

/// What became of a wish to erase a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// So many keys are gone.
    Erased(u64),
    /// It had been erased before.
    AlreadyErased,
    /// There is no such tenant.
    Unknown,
}

/// Deletes all keys of a tenant. Nodes that have them in memory forget them when they next look, which
/// is every second.
///
/// # Errors
/// If the database fails.
pub async fn erase(app: &App, tenant: &TenantId, now: Timestamp) -> Result<Erasure, StoreError> {
    let mut tx = app.store.write().await?;
    if !tenants::lock(&mut tx, tenant).await? {
        return Ok(Erasure::Unknown);
    }
    let count = keys::erase(&mut tx, tenant).await?;
    if count == 0 {
        return Ok(Erasure::AlreadyErased);
    }
    let details = json!({ "tenant_keys": count });
    note(app, &mut tx, tenant, "Erase the tenant: delete its keys", details, now).await?;
    tx.commit().await?;
    Ok(Erasure::Erased(count))
}
