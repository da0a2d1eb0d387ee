//! Tenants and the hosts they answer at.

use model::ids::TenantId;
use model::tenant::{BaseUrl, Tenant, TenantSettings};
use protocol::time::Timestamp;

use crate::db::{Query, Row, WriteTx};
use crate::{Result, StoreError};

/// The tenant that answers at `host[:port]`.
pub async fn find_by_authority(q: &mut impl Query, authority: &str) -> Result<Option<Tenant>> {
    let sql = "SELECT t.tenant, t.settings, h.base_url \
        FROM tenant_hosts asked \
        JOIN tenants t ON t.tenant = asked.tenant \
        JOIN tenant_hosts h ON h.tenant = t.tenant \
        WHERE asked.authority = $1 ORDER BY h.position";
    from_rows(&q.rows(sql, vec![authority.into()]).await?)
}

/// The tenant of a name.
pub async fn find(q: &mut impl Query, tenant: &TenantId) -> Result<Option<Tenant>> {
    let sql = "SELECT t.tenant, t.settings, h.base_url \
        FROM tenants t JOIN tenant_hosts h ON h.tenant = t.tenant \
        WHERE t.tenant = $1 ORDER BY h.position";
    from_rows(&q.rows(sql, vec![tenant.into()]).await?)
}

/// Whether there is any tenant at all.
pub async fn exist(q: &mut impl Query) -> Result<bool> {
    Ok(q.row("SELECT tenant FROM tenants LIMIT 1", vec![]).await?.is_some())
}

/// Lets nobody else who asks for it change the tenant's keys until the transaction is over. Answers
/// `false` if there is no such tenant.
pub async fn lock(tx: &mut WriteTx, tenant: &TenantId) -> Result<bool> {
    let sql = "UPDATE tenants SET settings = settings WHERE tenant = $1";
    Ok(tx.execute(sql, vec![tenant.into()]).await? == 1)
}

/// Makes a tenant with its base URLs.
pub async fn insert(tx: &mut WriteTx, tenant: &Tenant, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO tenants (tenant, settings, created_at) VALUES ($1, $2, $3)";
    let settings = serde_json::to_string(&tenant.settings)?;
    tx.execute(sql, vec![(&tenant.id).into(), settings.into(), now.into()]).await?;
    replace_base_urls(tx, tenant).await
}

/// Makes the tenant answer at its base URLs and nowhere else.
pub async fn replace_base_urls(tx: &mut WriteTx, tenant: &Tenant) -> Result<()> {
    let sql = "DELETE FROM tenant_hosts WHERE tenant = $1";
    tx.execute(sql, vec![(&tenant.id).into()]).await?;
    let sql = "INSERT INTO tenant_hosts (authority, tenant, base_url, position) \
        VALUES ($1, $2, $3, $4)";
    for (position, base) in (0_i64..).zip(&tenant.base_urls) {
        let args = vec![
            base.authority().into(),
            (&tenant.id).into(),
            base.issuer().into(),
            position.into(),
        ];
        tx.execute(sql, args).await?;
    }
    Ok(())
}

/// Replaces what an operator may set.
pub async fn update_settings(tx: &mut WriteTx, tenant: &Tenant) -> Result<u64> {
    let sql = "UPDATE tenants SET settings = $2 WHERE tenant = $1";
    let settings = serde_json::to_string(&tenant.settings)?;
    tx.execute(sql, vec![(&tenant.id).into(), settings.into()]).await
}

fn from_rows(rows: &[Row]) -> Result<Option<Tenant>> {
    let Some(first) = rows.first() else { return Ok(None) };
    let settings: TenantSettings = first.document("settings")?;
    let base_urls = rows.iter().map(base_url).collect::<Result<_>>()?;
    Ok(Some(Tenant { id: first.id("tenant")?, base_urls, settings }))
}

fn base_url(row: &Row) -> Result<BaseUrl> {
    let column = "base_url";
    BaseUrl::parse(row.text(column)?)
        .or(Err(StoreError::Inconsistent { column, reason: "not a base URL" }))
}
