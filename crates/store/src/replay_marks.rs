//! One-time values that were seen.

use model::ids::TenantId;
use protocol::time::Timestamp;

use crate::Result;
use crate::db::WriteTx;

/// Notes a one-time value until `expires_at`. Answers `false` if it was seen before: one statement
/// decides, so of several that bring it at once, one is told `true`.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    kind: &str,
    mark_hash: &[u8; 32],
    expires_at: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO replay_marks (tenant, kind, mark_hash, expires_at) \
        VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let args = vec![tenant.into(), kind.into(), mark_hash.as_slice().into(), expires_at.into()];
    Ok(tx.execute(sql, args).await? == 1)
}
