//! Removes tenant keys that nothing can name any more.

use std::time::Duration;

use protocol::time::Timestamp;
use serde_json::json;
use store::keys::{self, WrappedKey};
use store::{StoreError, resealing, revocations};

use super::{SEALING, note};
use crate::app::App;

/// What is not a stored record names a key no longer than this after the key's successor began to
/// seal: a connect under way lives for minutes, and a node that was away brings its journal back sooner.
const NAMED_AT_MOST: Duration = Duration::from_hours(30 * 24);

/// Removes every tenant key that was succeeded long ago and that no stored record names. Answers how
/// many it removed.
///
/// # Errors
/// If the database fails.
pub async fn remove_outlived_keys(app: &App, now: Timestamp) -> Result<usize, StoreError> {
    let mut count = 0;
    for tenant in resealing::tenants(&mut app.store.read().await?).await? {
        let mut tx = app.store.write().await?;
        let keys = keys::tenant_keys(&mut tx, &tenant).await?;
        let mut removed = Vec::new();
        for purpose in SEALING {
            let records = resealing::records_by_key(&mut tx, &tenant, purpose).await?;
            let is_named =
                |key: &WrappedKey| records.iter().any(|(id, _)| id.as_slice() == key.id.as_bytes());
            let of_purpose: Vec<_> = keys.iter().filter(|key| key.purpose == purpose).collect();
            for (key, successor) in of_purpose.iter().zip(of_purpose.iter().skip(1)) {
                let is_over = now.since(successor.seals_from) > NAMED_AT_MOST;
                if is_over
                    && !is_named(key)
                    && !revocations::names_key(&mut tx, &tenant, &key.id).await?
                    && keys::remove_tenant_key(&mut tx, &tenant, &key.id).await?
                {
                    removed
                        .push(json!({ "key_id": key.id.to_string(), "purpose": purpose.as_str() }));
                }
            }
        }
        if !removed.is_empty() {
            count += removed.len();
            let details = json!({ "tenant_keys": removed });
            note(app, &mut tx, &tenant, "Remove older tenant keys", details, now).await?;
        }
        tx.commit().await?;
    }
    Ok(count)
}
