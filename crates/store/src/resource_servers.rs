//! Resource servers.

use model::ids::{ResourceServerId, TenantId};
use model::resource_server::ResourceServer;
use protocol::time::Timestamp;

use crate::Result;
use crate::db::{Query, Row, WriteTx};

/// The resource server of an identifier in its stored form.
pub async fn find_by_identifier(
    q: &mut impl Query,
    tenant: &TenantId,
    identifier: &str,
) -> Result<Option<ResourceServer>> {
    let sql = "SELECT document FROM resource_servers WHERE tenant = $1 AND identifier = $2";
    q.row(sql, vec![tenant.into(), identifier.into()]).await?.as_ref().map(from_row).transpose()
}

/// The resource server of an id.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    id: &ResourceServerId,
) -> Result<Option<ResourceServer>> {
    let sql = "SELECT document FROM resource_servers WHERE tenant = $1 AND id = $2";
    q.row(sql, vec![tenant.into(), id.into()]).await?.as_ref().map(from_row).transpose()
}

/// The resource server of an id, locked until the transaction ends: what is changed on top of it
/// undoes nobody's change.
pub async fn find_for_update(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &ResourceServerId,
) -> Result<Option<ResourceServer>> {
    let sql = "UPDATE resource_servers SET document = document \
        WHERE tenant = $1 AND id = $2 RETURNING document";
    tx.row(sql, vec![tenant.into(), id.into()]).await?.as_ref().map(from_row).transpose()
}

/// Every resource server of a tenant, oldest first.
pub async fn list(q: &mut impl Query, tenant: &TenantId) -> Result<Vec<ResourceServer>> {
    let sql = "SELECT document FROM resource_servers WHERE tenant = $1 ORDER BY created_at, id";
    q.rows(sql, vec![tenant.into()]).await?.iter().map(from_row).collect()
}

/// Adds a resource server.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    server: &ResourceServer,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO resource_servers (tenant, id, identifier, document, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    let args = vec![
        tenant.into(),
        (&server.id).into(),
        server.identifier.as_str().into(),
        serde_json::to_string(server)?.into(),
        now.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Replaces a resource server; its identifier stays.
pub async fn update(tx: &mut WriteTx, tenant: &TenantId, server: &ResourceServer) -> Result<u64> {
    let sql = "UPDATE resource_servers SET document = $3 WHERE tenant = $1 AND id = $2";
    let document = serde_json::to_string(server)?;
    tx.execute(sql, vec![tenant.into(), (&server.id).into(), document.into()]).await
}

/// Removes a resource server with the grants for it.
pub async fn delete(tx: &mut WriteTx, tenant: &TenantId, id: &ResourceServerId) -> Result<u64> {
    let sql = "DELETE FROM resource_servers WHERE tenant = $1 AND id = $2";
    tx.execute(sql, vec![tenant.into(), id.into()]).await
}

fn from_row(row: &Row) -> Result<ResourceServer> {
    row.document("document")
}
