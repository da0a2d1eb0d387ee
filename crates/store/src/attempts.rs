//! Counts of what may be tried a few times only, such as a password.

use model::ids::TenantId;
use protocol::time::Timestamp;

use crate::db::{Query, Row, WriteTx};
use crate::{Result, StoreError};

/// How many attempts there have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The number.
    pub made: i64,
    /// When the count begins anew.
    pub until: Timestamp,
}

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
) -> Result<Counted> {
    let sql = "INSERT INTO attempts (tenant, kind, key_hash, made, expires_at) \
        VALUES ($1, $2, $3, 1, $4) \
        ON CONFLICT (tenant, kind, key_hash) DO UPDATE SET \
        made = CASE WHEN attempts.expires_at <= $5 THEN 1 ELSE attempts.made + 1 END, \
        expires_at = CASE WHEN attempts.expires_at <= $5 THEN $4 ELSE attempts.expires_at END \
        RETURNING made, expires_at";
    let key = key.as_slice();
    let args = vec![tenant.into(), kind.into(), key.into(), expires_at.into(), now.into()];
    let reason = "an attempt was counted and has no number";
    let row = tx.row(sql, args).await?;
    from_row(&row.ok_or(StoreError::Inconsistent { column: "made", reason })?)
}

/// The count as it stands; `None` if it would begin anew.
pub async fn peek(
    q: &mut impl Query,
    tenant: &TenantId,
    kind: &str,
    key: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Counted>> {
    let sql = "SELECT made, expires_at FROM attempts \
        WHERE tenant = $1 AND kind = $2 AND key_hash = $3 AND expires_at > $4";
    let args = vec![tenant.into(), kind.into(), key.as_slice().into(), now.into()];
    q.row(sql, args).await?.as_ref().map(from_row).transpose()
}

fn from_row(row: &Row) -> Result<Counted> {
    Ok(Counted { made: row.int("made")?, until: row.time("expires_at")? })
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
