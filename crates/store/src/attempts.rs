//! Counts of what may be tried a few times only, such as a password.

use model::ids::TenantId;
use protocol::time::Timestamp;

use crate::db::{Query, WriteTx};
use crate::{Result, StoreError};

/// Counts one more attempt and answers how many there have been, this one included. The count
/// begins anew once `expires_at` of its first attempt has passed. One statement counts, so of
/// several attempts at once each gets a number of its own.
pub async fn count(
    tx: &mut WriteTx,
    tenant: &TenantId,
    kind: &str,
    key: &[u8; 32],
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<i64> {
    let sql = "INSERT INTO attempts (tenant, kind, key_hash, made, expires_at) \
        VALUES ($1, $2, $3, 1, $4) \
        ON CONFLICT (tenant, kind, key_hash) DO UPDATE SET \
        made = CASE WHEN attempts.expires_at <= $5 THEN 1 ELSE attempts.made + 1 END, \
        expires_at = CASE WHEN attempts.expires_at <= $5 THEN $4 ELSE attempts.expires_at END \
        RETURNING made";
    let key = key.as_slice();
    let args = vec![tenant.into(), kind.into(), key.into(), expires_at.into(), now.into()];
    let reason = "an attempt was counted and has no number";
    let row = tx.row(sql, args).await?;
    row.ok_or(StoreError::Inconsistent { column: "made", reason })?.int("made")
}

/// Forgets the attempts: one of them was good.
pub async fn forget(
    tx: &mut WriteTx,
    tenant: &TenantId,
    kind: &str,
    key: &[u8; 32],
) -> Result<u64> {
    let sql = "DELETE FROM attempts WHERE tenant = $1 AND kind = $2 AND key_hash = $3";
    tx.execute(sql, vec![tenant.into(), kind.into(), key.as_slice().into()]).await
}
