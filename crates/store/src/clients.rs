//! Clients and their secrets.

use model::client::Client;
use model::ids::{ClientId, TenantId};
use protocol::time::Timestamp;
use vault::seal::Sealed;

use crate::Result;
use crate::db::{Arg, Query, Row, WriteTx};

/// A client with what its secret is known by.
#[derive(Debug)]
pub struct StoredClient {
    /// The record.
    pub client: Client,
    /// The secret; public clients have none.
    pub secret: Option<StoredSecret>,
}

/// A client secret: a keyed hash to verify with, and a sealed copy for whoever may read it.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    /// HMAC-SHA-256 of the secret.
    pub mac: [u8; 32],
    /// The secret, sealed.
    pub sealed: Sealed,
}

/// A client.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    client_id: &ClientId,
) -> Result<Option<StoredClient>> {
    let sql = "SELECT document, secret_mac, sealed_secret FROM clients \
        WHERE tenant = $1 AND client_id = $2";
    q.row(sql, vec![tenant.into(), client_id.into()]).await?.as_ref().map(from_row).transpose()
}

/// A client, locked until the transaction ends: what is changed on top of it undoes nobody's change.
pub async fn find_for_update(
    tx: &mut WriteTx,
    tenant: &TenantId,
    client_id: &ClientId,
) -> Result<Option<StoredClient>> {
    let sql = "UPDATE clients SET updated_at = updated_at \
        WHERE tenant = $1 AND client_id = $2 RETURNING document, secret_mac, sealed_secret";
    tx.row(sql, vec![tenant.into(), client_id.into()]).await?.as_ref().map(from_row).transpose()
}

/// Every client of a tenant, oldest first.
pub async fn list(q: &mut impl Query, tenant: &TenantId) -> Result<Vec<StoredClient>> {
    let sql = "SELECT document, secret_mac, sealed_secret FROM clients \
        WHERE tenant = $1 ORDER BY created_at, client_id";
    q.rows(sql, vec![tenant.into()]).await?.iter().map(from_row).collect()
}

/// Adds a client.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    stored: &StoredClient,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO clients \
        (tenant, client_id, document, secret_mac, sealed_secret, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $6)";
    tx.execute(sql, args(tenant, stored, now)?).await?;
    Ok(())
}

/// Replaces a client.
pub async fn update(
    tx: &mut WriteTx,
    tenant: &TenantId,
    stored: &StoredClient,
    now: Timestamp,
) -> Result<u64> {
    let sql = "UPDATE clients \
        SET document = $3, secret_mac = $4, sealed_secret = $5, updated_at = $6 \
        WHERE tenant = $1 AND client_id = $2";
    tx.execute(sql, args(tenant, stored, now)?).await
}

/// Removes a client with its grants.
pub async fn delete(tx: &mut WriteTx, tenant: &TenantId, client_id: &ClientId) -> Result<u64> {
    let sql = "DELETE FROM clients WHERE tenant = $1 AND client_id = $2";
    tx.execute(sql, vec![tenant.into(), client_id.into()]).await
}

fn args(tenant: &TenantId, stored: &StoredClient, now: Timestamp) -> Result<Vec<Arg>> {
    let secret = stored.secret.as_ref();
    Ok(vec![
        tenant.into(),
        (&stored.client.client_id).into(),
        serde_json::to_string(&stored.client)?.into(),
        secret.map(|secret| secret.mac.as_slice()).into(),
        secret.map(|secret| secret.sealed.as_bytes()).into(),
        now.into(),
    ])
}

fn from_row(row: &Row) -> Result<StoredClient> {
    let secret = match row.opt_bytes("secret_mac")? {
        None => None,
        Some(_) => Some(StoredSecret {
            mac: row.array("secret_mac")?,
            sealed: row.sealed("sealed_secret")?,
        }),
    };
    Ok(StoredClient { client: row.document("document")?, secret })
}
