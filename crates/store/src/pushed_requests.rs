//! Authorization requests that a client pushed, until a browser comes for them.

use model::ids::{ClientId, TenantId};
use protocol::secret::{Hashed, kind};
use protocol::time::Timestamp;

use crate::Result;
use crate::db::{Query, WriteTx};

/// Adds a request, as the engine wrote it.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    request_hash: &Hashed<kind::PushedRequest>,
    client_id: &ClientId,
    request: &str,
    expires_at: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO pushed_requests (tenant, request_hash, client_id, request, expires_at) \
        VALUES ($1, $2, $3, $4, $5)";
    let args = vec![
        tenant.into(),
        request_hash.into(),
        client_id.into(),
        request.into(),
        expires_at.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Takes the request of a client. Of several that come for it, one gets it.
pub async fn take(
    tx: &mut WriteTx,
    tenant: &TenantId,
    request_hash: &Hashed<kind::PushedRequest>,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Option<String>> {
    let sql = "DELETE FROM pushed_requests \
        WHERE tenant = $1 AND request_hash = $2 AND client_id = $3 AND expires_at > $4 \
        RETURNING request";
    let args = vec![tenant.into(), request_hash.into(), client_id.into(), now.into()];
    tx.row(sql, args).await?.map(|row| row.text("request").map(str::to_owned)).transpose()
}
