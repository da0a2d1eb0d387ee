//! Browsers on their way to a provider and back.

use model::ids::{ConnectionId, TenantId};
use protocol::secret::{Hashed, kind};
use protocol::time::Timestamp;
use vault::seal::Sealed;

use crate::Result;
use crate::db::{Query, WriteTx};

/// What was remembered when the browser was sent away.
#[derive(Debug)]
pub struct ProviderState {
    /// To whose provider.
    pub connection_id: ConnectionId,
    /// What for, as the engine wrote it.
    pub purpose: String,
    /// The PKCE verifier and the nonce, sealed.
    pub sealed_verifier: Sealed,
}

/// Adds a state.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    state: &Hashed<kind::LoginState>,
    browser: &Hashed<kind::BrowserToken>,
    record: &ProviderState,
    expires_at: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO provider_states (tenant, state_hash, browser_hash, connection_id, \
        purpose, sealed_verifier, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let args = vec![
        tenant.into(),
        state.into(),
        browser.into(),
        (&record.connection_id).into(),
        record.purpose.as_str().into(),
        (&record.sealed_verifier).into(),
        expires_at.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Takes a state out, if this browser was sent with it and it has not ended. Of several that try,
/// one gets it. A state that another browser brings stays for its owner.
pub async fn consume(
    tx: &mut WriteTx,
    tenant: &TenantId,
    state: &Hashed<kind::LoginState>,
    browser: &Hashed<kind::BrowserToken>,
    now: Timestamp,
) -> Result<Option<ProviderState>> {
    let sql = "DELETE FROM provider_states \
        WHERE tenant = $1 AND state_hash = $2 AND browser_hash = $3 AND expires_at > $4 \
        RETURNING connection_id, purpose, sealed_verifier";
    let row = tx.row(sql, vec![tenant.into(), state.into(), browser.into(), now.into()]).await?;
    row.map(|row| {
        Ok(ProviderState {
            connection_id: row.id("connection_id")?,
            purpose: row.text("purpose")?.to_owned(),
            sealed_verifier: row.sealed("sealed_verifier")?,
        })
    })
    .transpose()
}

/// What a browser was sent for with a state that another one brings, as the engine wrote it.
pub async fn purpose_of(
    q: &mut impl Query,
    tenant: &TenantId,
    state: &Hashed<kind::LoginState>,
    now: Timestamp,
) -> Result<Option<String>> {
    let sql = "SELECT purpose FROM provider_states \
        WHERE tenant = $1 AND state_hash = $2 AND expires_at > $3";
    let row = q.row(sql, vec![tenant.into(), state.into(), now.into()]).await?;
    row.map(|row| row.text("purpose").map(str::to_owned)).transpose()
}
