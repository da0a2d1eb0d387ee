//! Secrets that clients had before their present ones, and that are still accepted for a while. A
//! client has one at most.

use model::ids::{ClientId, TenantId};
use protocol::time::Timestamp;

use crate::Result;
use crate::clients::StoredSecret;
use crate::db::{Query, WriteTx};

/// The previous secret of a client, unless it has ended.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Option<StoredSecret>> {
    let sql = "SELECT secret_mac, sealed_secret FROM previous_client_secrets \
        WHERE tenant = $1 AND client_id = $2 AND expires_at > $3";
    let row = q.row(sql, vec![tenant.into(), client_id.into(), now.into()]).await?;
    row.map(|row| {
        Ok(StoredSecret { mac: row.array("secret_mac")?, sealed: row.sealed("sealed_secret")? })
    })
    .transpose()
}

/// Keeps the previous secret of a client that has none.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    client_id: &ClientId,
    secret: &StoredSecret,
    expires_at: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO previous_client_secrets \
        (tenant, client_id, secret_mac, sealed_secret, expires_at) VALUES ($1, $2, $3, $4, $5)";
    let args = vec![
        tenant.into(),
        client_id.into(),
        secret.mac.as_slice().into(),
        (&secret.sealed).into(),
        expires_at.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Ends the previous secret of a client.
pub async fn delete(tx: &mut WriteTx, tenant: &TenantId, client_id: &ClientId) -> Result<u64> {
    let sql = "DELETE FROM previous_client_secrets WHERE tenant = $1 AND client_id = $2";
    tx.execute(sql, vec![tenant.into(), client_id.into()]).await
}
