//! Client grants.

use model::client_grant::{ClientGrant, SubjectType};
use model::ids::{ClientGrantId, ClientId, TenantId};
use protocol::time::Timestamp;

use crate::Result;
use crate::db::{Query, Row, WriteTx};

/// The grant of a client at a resource server, if there is one.
pub async fn find_for(
    q: &mut impl Query,
    tenant: &TenantId,
    client_id: &ClientId,
    audience: &str,
    subject_type: SubjectType,
) -> Result<Option<ClientGrant>> {
    let sql = "SELECT document FROM client_grants \
        WHERE tenant = $1 AND client_id = $2 AND audience = $3 AND subject_type = $4";
    let args = vec![tenant.into(), client_id.into(), audience.into(), subject_type.as_str().into()];
    q.row(sql, args).await?.as_ref().map(from_row).transpose()
}

/// The grant of an id.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    id: &ClientGrantId,
) -> Result<Option<ClientGrant>> {
    let sql = "SELECT document FROM client_grants WHERE tenant = $1 AND id = $2";
    q.row(sql, vec![tenant.into(), id.into()]).await?.as_ref().map(from_row).transpose()
}

/// The grant of an id, locked until the transaction ends: what is changed on top of it undoes
/// nobody's change.
pub async fn find_for_update(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &ClientGrantId,
) -> Result<Option<ClientGrant>> {
    let sql = "UPDATE client_grants SET document = document \
        WHERE tenant = $1 AND id = $2 RETURNING document";
    tx.row(sql, vec![tenant.into(), id.into()]).await?.as_ref().map(from_row).transpose()
}

/// Every grant of a tenant, oldest first.
pub async fn list(q: &mut impl Query, tenant: &TenantId) -> Result<Vec<ClientGrant>> {
    let sql = "SELECT document FROM client_grants WHERE tenant = $1 ORDER BY created_at, id";
    q.rows(sql, vec![tenant.into()]).await?.iter().map(from_row).collect()
}

/// Adds a grant.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    grant: &ClientGrant,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO client_grants \
        (tenant, id, client_id, audience, subject_type, document, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let args = vec![
        tenant.into(),
        (&grant.id).into(),
        (&grant.client_id).into(),
        grant.audience.as_str().into(),
        grant.subject_type.as_str().into(),
        serde_json::to_string(grant)?.into(),
        now.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Replaces a grant; client, audience and subject type stay.
pub async fn update(tx: &mut WriteTx, tenant: &TenantId, grant: &ClientGrant) -> Result<u64> {
    let sql = "UPDATE client_grants SET document = $3 WHERE tenant = $1 AND id = $2";
    let document = serde_json::to_string(grant)?;
    tx.execute(sql, vec![tenant.into(), (&grant.id).into(), document.into()]).await
}

/// Removes a grant.
pub async fn delete(tx: &mut WriteTx, tenant: &TenantId, id: &ClientGrantId) -> Result<u64> {
    let sql = "DELETE FROM client_grants WHERE tenant = $1 AND id = $2";
    tx.execute(sql, vec![tenant.into(), id.into()]).await
}

fn from_row(row: &Row) -> Result<ClientGrant> {
    row.document("document")
}
