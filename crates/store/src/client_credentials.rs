//! Keys and certificates of clients.

use model::client_credential::ClientCredential;
use model::ids::{ClientCredentialId, ClientId, TenantId};

use crate::Result;
use crate::db::{Query, WriteTx};

/// The credential of an id.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    client_id: &ClientId,
    id: &ClientCredentialId,
) -> Result<Option<ClientCredential>> {
    let sql = "SELECT document FROM client_credentials \
        WHERE tenant = $1 AND client_id = $2 AND id = $3";
    let row = q.row(sql, vec![tenant.into(), client_id.into(), id.into()]).await?;
    row.as_ref().map(|row| row.document("document")).transpose()
}

/// Every credential of a client, oldest first.
pub async fn list(
    q: &mut impl Query,
    tenant: &TenantId,
    client_id: &ClientId,
) -> Result<Vec<ClientCredential>> {
    let sql = "SELECT document FROM client_credentials \
        WHERE tenant = $1 AND client_id = $2 ORDER BY created_at, id";
    let rows = q.rows(sql, vec![tenant.into(), client_id.into()]).await?;
    rows.iter().map(|row| row.document("document")).collect()
}

/// Adds a credential.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    client_id: &ClientId,
    credential: &ClientCredential,
) -> Result<()> {
    let sql = "INSERT INTO client_credentials (tenant, client_id, id, document, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    let args = vec![
        tenant.into(),
        client_id.into(),
        (&credential.id).into(),
        serde_json::to_string(credential)?.into(),
        credential.created_at.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Replaces a credential.
pub async fn update(
    tx: &mut WriteTx,
    tenant: &TenantId,
    client_id: &ClientId,
    credential: &ClientCredential,
) -> Result<u64> {
    let sql = "UPDATE client_credentials SET document = $4 \
        WHERE tenant = $1 AND client_id = $2 AND id = $3";
    let document = serde_json::to_string(credential)?;
    let args = vec![tenant.into(), client_id.into(), (&credential.id).into(), document.into()];
    tx.execute(sql, args).await
}

/// Removes a credential.
pub async fn delete(
    tx: &mut WriteTx,
    tenant: &TenantId,
    client_id: &ClientId,
    id: &ClientCredentialId,
) -> Result<u64> {
    let sql = "DELETE FROM client_credentials WHERE tenant = $1 AND client_id = $2 AND id = $3";
    tx.execute(sql, vec![tenant.into(), client_id.into(), id.into()]).await
}
