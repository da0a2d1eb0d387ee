//! Connections, the secrets we hold for them, and the clients they serve.

use model::connection::Connection;
use model::ids::{ClientId, ConnectionId, TenantId};
use protocol::time::Timestamp;
use vault::seal::Sealed;

use crate::db::{Arg, Query, Row, WriteTx};
use crate::{Result, connection_keys};

/// A connection with its sealed secret.
#[derive(Debug)]
pub struct StoredConnection {
    /// The record; no secret stands in its options.
    pub connection: Connection,
    /// Our client secret at the provider, sealed.
    pub sealed_secret: Option<Sealed>,
}

/// The connection of a name.
pub async fn find_by_name(
    q: &mut impl Query,
    tenant: &TenantId,
    name: &str,
) -> Result<Option<StoredConnection>> {
    let sql = "SELECT document, sealed_secret FROM connections WHERE tenant = $1 AND name = $2";
    q.row(sql, vec![tenant.into(), name.into()]).await?.as_ref().map(from_row).transpose()
}

/// The connection of an id.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    id: &ConnectionId,
) -> Result<Option<StoredConnection>> {
    let sql = "SELECT document, sealed_secret FROM connections WHERE tenant = $1 AND id = $2";
    q.row(sql, vec![tenant.into(), id.into()]).await?.as_ref().map(from_row).transpose()
}

/// The connection of an id, locked until the transaction ends: what is changed on top of it undoes
/// nobody's change.
pub async fn find_for_update(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &ConnectionId,
) -> Result<Option<StoredConnection>> {
    let sql = "UPDATE connections SET document = document \
        WHERE tenant = $1 AND id = $2 RETURNING document, sealed_secret";
    tx.row(sql, vec![tenant.into(), id.into()]).await?.as_ref().map(from_row).transpose()
}

/// Every connection of a tenant, oldest first.
pub async fn list(q: &mut impl Query, tenant: &TenantId) -> Result<Vec<StoredConnection>> {
    let sql = "SELECT document, sealed_secret FROM connections \
        WHERE tenant = $1 ORDER BY created_at, id";
    q.rows(sql, vec![tenant.into()]).await?.iter().map(from_row).collect()
}

/// The connections that serve a client, oldest first.
pub async fn list_for_client(
    q: &mut impl Query,
    tenant: &TenantId,
    client_id: &ClientId,
) -> Result<Vec<StoredConnection>> {
    let sql = "SELECT c.document, c.sealed_secret FROM connections c \
        JOIN connection_clients e ON e.tenant = c.tenant AND e.connection_id = c.id \
        WHERE c.tenant = $1 AND e.client_id = $2 ORDER BY c.created_at, c.id";
    q.rows(sql, vec![tenant.into(), client_id.into()]).await?.iter().map(from_row).collect()
}

/// Whether a connection serves a client.
pub async fn serves(
    q: &mut impl Query,
    tenant: &TenantId,
    id: &ConnectionId,
    client_id: &ClientId,
) -> Result<bool> {
    let sql = "SELECT client_id FROM connection_clients \
        WHERE tenant = $1 AND connection_id = $2 AND client_id = $3";
    Ok(q.row(sql, vec![tenant.into(), id.into(), client_id.into()]).await?.is_some())
}

/// The clients that a connection serves.
pub async fn clients(
    q: &mut impl Query,
    tenant: &TenantId,
    id: &ConnectionId,
) -> Result<Vec<ClientId>> {
    let sql = "SELECT client_id FROM connection_clients \
        WHERE tenant = $1 AND connection_id = $2 ORDER BY client_id";
    let rows = q.rows(sql, vec![tenant.into(), id.into()]).await?;
    rows.iter().map(|row| row.id("client_id")).collect()
}

/// Makes a connection serve a client. Serving it already is fine.
pub async fn enable(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &ConnectionId,
    client_id: &ClientId,
) -> Result<()> {
    let sql = "INSERT INTO connection_clients (tenant, connection_id, client_id) \
        VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    tx.execute(sql, vec![tenant.into(), id.into(), client_id.into()]).await?;
    Ok(())
}

/// Makes a connection serve a client no longer.
pub async fn disable(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &ConnectionId,
    client_id: &ClientId,
) -> Result<()> {
    let sql = "DELETE FROM connection_clients \
        WHERE tenant = $1 AND connection_id = $2 AND client_id = $3";
    tx.execute(sql, vec![tenant.into(), id.into(), client_id.into()]).await?;
    Ok(())
}

/// Adds a connection.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    stored: &StoredConnection,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO connections \
        (tenant, id, document, sealed_secret, revokes, name, strategy, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let connection = &stored.connection;
    let mut args = args(tenant, stored)?;
    args.extend([connection.name.as_str().into(), connection.strategy.as_str().into(), now.into()]);
    tx.execute(sql, args).await?;
    Ok(())
}

/// Replaces a connection; name and strategy stay.
pub async fn update(tx: &mut WriteTx, tenant: &TenantId, stored: &StoredConnection) -> Result<u64> {
    let sql = "UPDATE connections SET document = $3, sealed_secret = $4, revokes = $5 \
        WHERE tenant = $1 AND id = $2";
    tx.execute(sql, args(tenant, stored)?).await
}

/// Removes a connection with the accounts and tokens that came by it.
pub async fn delete(tx: &mut WriteTx, tenant: &TenantId, id: &ConnectionId) -> Result<u64> {
    let sql = "DELETE FROM connections WHERE tenant = $1 AND id = $2";
    let removed = tx.execute(sql, vec![tenant.into(), id.into()]).await?;
    connection_keys::remove(tx, tenant, id).await?;
    Ok(removed)
}

fn args(tenant: &TenantId, stored: &StoredConnection) -> Result<Vec<Arg>> {
    Ok(vec![
        tenant.into(),
        (&stored.connection.id).into(),
        serde_json::to_string(&stored.connection)?.into(),
        stored.sealed_secret.as_ref().map(Sealed::as_bytes).into(),
        stored.connection.revokes_on_disconnect().into(),
    ])
}

pub(crate) fn from_row(row: &Row) -> Result<StoredConnection> {
    let sealed_secret =
        row.opt_bytes("sealed_secret")?.map(|bytes| Sealed::from_bytes(bytes.to_vec()));
    Ok(StoredConnection { connection: row.document("document")?, sealed_secret })
}
