//! Which accounts may have to go, because nothing can be done with their grants any more or nobody
//! wants to. What is found is only looked at; who takes it away asks the record first.

use model::ids::TenantId;
use protocol::time::Timestamp;

use crate::Result;
use crate::connected_accounts::{StoredAccount, from_row};
use crate::db::Query;

/// Accounts whose grants ended before a moment, as the provider said: an access token that ended, and
/// no refresh token, or one that ended as well.
pub async fn ended(
    q: &mut impl Query,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<(TenantId, StoredAccount)>> {
    let sql = "SELECT * FROM account_records WHERE has_refresh_token = 0 \
        AND access_expires_at <= $1 AND access_expiry_kind = 'at' LIMIT $2";
    let mut found = q.rows(sql, vec![before.into(), limit.into()]).await?;
    let sql = "SELECT * FROM account_records WHERE has_refresh_token = 1 \
        AND refresh_expires_at <= $1 AND access_expires_at <= $1 LIMIT $2";
    found.extend(q.rows(sql, vec![before.into(), limit.into()]).await?);
    found.iter().map(|row| Ok((row.id("tenant")?, from_row(row)?))).collect()
}

/// Accounts that nobody used since a moment, nor connected.
pub async fn unused(
    q: &mut impl Query,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<(TenantId, StoredAccount)>> {
    let sql = "SELECT * FROM account_records \
        WHERE COALESCE(last_used_at, connected_at) <= $1 AND connected_at <= $1 LIMIT $2";
    let found = q.rows(sql, vec![since.into(), limit.into()]).await?;
    found.iter().map(|row| Ok((row.id("tenant")?, from_row(row)?))).collect()
}
