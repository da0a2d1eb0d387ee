//! Which tokensets are to be renewed before anybody asks for them.

use model::ids::{ConnectionId, TenantId};
use protocol::time::Timestamp;

use crate::Result;
use crate::connected_accounts::{StoredAccount, from_row};
use crate::db::Query;

/// Accounts that are in use, whose access tokens end before a moment: the soonest first.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// The moment.
    pub before: Timestamp,
    /// Used since.
    pub used_since: Timestamp,
    /// How many at most.
    pub limit: i64,
}

/// The accounts that are in use and end soon, with their tenants; not of tenants that were erased.
pub async fn ending(
    q: &mut impl Query,
    ending: Ending,
    now: Timestamp,
) -> Result<Vec<(TenantId, StoredAccount)>> {
    let sql = "SELECT * FROM account_records WHERE access_expires_at <= $1 \
        AND has_refresh_token = 1 AND dead_since IS NULL AND last_used_at >= $2 \
        AND (next_attempt_at IS NULL OR next_attempt_at <= $3) \
        AND EXISTS (SELECT 1 FROM tenant_keys WHERE tenant_keys.tenant = account_records.tenant) \
        ORDER BY access_expires_at LIMIT $4";
    let Ending { before, used_since, limit } = ending;
    let rows =
        q.rows(sql, vec![before.into(), used_since.into(), now.into(), limit.into()]).await?;
    rows.iter().map(|row| Ok((row.id("tenant")?, from_row(row)?))).collect()
}

/// The connections of a strategy, with their tenants; not of tenants that were erased.
pub async fn connections_of(
    q: &mut impl Query,
    strategy: &str,
) -> Result<Vec<(TenantId, ConnectionId)>> {
    let sql = "SELECT tenant, id FROM connections WHERE strategy = $1 \
        AND EXISTS (SELECT 1 FROM tenant_keys WHERE tenant_keys.tenant = connections.tenant)";
    let rows = q.rows(sql, vec![strategy.into()]).await?;
    rows.iter().map(|row| Ok((row.id("tenant")?, row.id("id")?))).collect()
}

/// The accounts of a connection whose refresh tokens were last used before a moment, longest ago
/// first.
pub async fn idle(
    q: &mut impl Query,
    tenant: &TenantId,
    connection_id: &ConnectionId,
    issued_before: Timestamp,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<StoredAccount>> {
    let sql = "SELECT * FROM account_records WHERE tenant = $1 AND connection_id = $2 \
        AND issued_at <= $3 AND has_refresh_token = 1 AND dead_since IS NULL \
        AND (next_attempt_at IS NULL OR next_attempt_at <= $4) ORDER BY issued_at LIMIT $5";
    let args =
        vec![tenant.into(), connection_id.into(), issued_before.into(), now.into(), limit.into()];
    q.rows(sql, args).await?.iter().map(from_row).collect()
}
