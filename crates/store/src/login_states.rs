//! Authorization requests on their way through the login pages of one browser.

use model::ids::TenantId;
use protocol::secret::{Hashed, kind};
use protocol::time::Timestamp;

use crate::Result;
use crate::db::{Query, WriteTx};

/// The request under a state, as the engine wrote it, if this browser began it and it has not ended.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    state: &Hashed<kind::LoginState>,
    browser: &Hashed<kind::BrowserToken>,
    now: Timestamp,
) -> Result<Option<String>> {
    let sql = "SELECT request FROM login_states \
        WHERE tenant = $1 AND state_hash = $2 AND browser_hash = $3 AND expires_at > $4";
    let args = vec![tenant.into(), state.into(), browser.into(), now.into()];
    q.row(sql, args).await?.map(|row| row.text("request").map(str::to_owned)).transpose()
}

/// Adds a request.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    state: &Hashed<kind::LoginState>,
    browser: &Hashed<kind::BrowserToken>,
    request: &str,
    expires_at: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO login_states (tenant, state_hash, browser_hash, request, expires_at) \
        VALUES ($1, $2, $3, $4, $5)";
    let args = vec![tenant.into(), state.into(), browser.into(), request.into(), expires_at.into()];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Ends a request. Of several that try, one is told `true`.
pub async fn consume(
    tx: &mut WriteTx,
    tenant: &TenantId,
    state: &Hashed<kind::LoginState>,
    browser: &Hashed<kind::BrowserToken>,
) -> Result<bool> {
    let sql = "DELETE FROM login_states \
        WHERE tenant = $1 AND state_hash = $2 AND browser_hash = $3";
    Ok(tx.execute(sql, vec![tenant.into(), state.into(), browser.into()]).await? == 1)
}
