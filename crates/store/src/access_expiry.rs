//! Ends access tokens ahead of their time, as a rehearsal of what an hour would do.

use model::ids::TenantId;
use protocol::time::Timestamp;

use crate::Result;
use crate::db::WriteTx;

/// Lets every access token in the tenant's vault that would live longer end at `at`. Answers how many
/// there were. Nothing sealed changes, and neither do versions: it is as if time had passed.
pub async fn bring_forward(tx: &mut WriteTx, tenant: &TenantId, at: Timestamp) -> Result<u64> {
    let sql = "UPDATE connected_accounts SET access_expires_at = $2, access_expiry_kind = 'at' \
        WHERE tenant = $1 AND access_expires_at > $2";
    tx.execute(sql, vec![tenant.into(), at.into()]).await
}
