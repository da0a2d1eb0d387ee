//! Login sessions.

use model::ids::{SessionId, TenantId, UserId};
use model::session::Session;
use protocol::secret::{Hashed, kind};
use protocol::time::Timestamp;

use crate::Result;
use crate::db::{Query, WriteTx};

/// The session of a cookie.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    token: &Hashed<kind::SessionToken>,
) -> Result<Option<Session>> {
    let sql = "SELECT id, user_id, connection, authenticated_at, last_seen_at, expires_at \
        FROM sessions WHERE tenant = $1 AND token_hash = $2";
    let row = q.row(sql, vec![tenant.into(), token.into()]).await?;
    row.map(|row| {
        Ok(Session {
            id: row.id("id")?,
            user_id: row.id("user_id")?,
            connection: row.text("connection")?.to_owned(),
            authenticated_at: row.time("authenticated_at")?,
            last_seen_at: row.time("last_seen_at")?,
            expires_at: row.time("expires_at")?,
        })
    })
    .transpose()
}

/// Adds a session.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    token: &Hashed<kind::SessionToken>,
    session: &Session,
) -> Result<()> {
    let sql = "INSERT INTO sessions (tenant, token_hash, id, user_id, connection, \
        authenticated_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let args = vec![
        tenant.into(),
        token.into(),
        (&session.id).into(),
        (&session.user_id).into(),
        session.connection.as_str().into(),
        session.authenticated_at.into(),
        session.last_seen_at.into(),
        session.expires_at.into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Notes that a session was used.
pub async fn touch(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &SessionId,
    now: Timestamp,
) -> Result<u64> {
    let sql = "UPDATE sessions SET last_seen_at = $3 WHERE tenant = $1 AND id = $2";
    tx.execute(sql, vec![tenant.into(), id.into(), now.into()]).await
}

/// Ends a session.
pub async fn delete(tx: &mut WriteTx, tenant: &TenantId, id: &SessionId) -> Result<u64> {
    let sql = "DELETE FROM sessions WHERE tenant = $1 AND id = $2";
    tx.execute(sql, vec![tenant.into(), id.into()]).await
}

/// Ends every session of a user.
pub async fn delete_for_user(tx: &mut WriteTx, tenant: &TenantId, user_id: &UserId) -> Result<u64> {
    let sql = "DELETE FROM sessions WHERE tenant = $1 AND user_id = $2";
    tx.execute(sql, vec![tenant.into(), user_id.into()]).await
}

/// Ends every session of people who came by a connection.
pub async fn delete_for_connection(
    tx: &mut WriteTx,
    tenant: &TenantId,
    connection: &str,
) -> Result<u64> {
    let sql = "DELETE FROM sessions WHERE tenant = $1 AND connection = $2";
    tx.execute(sql, vec![tenant.into(), connection.into()]).await
}
