//! Password credentials of database connections.

use model::ids::{ConnectionId, TenantId, UserId};
use protocol::time::Timestamp;

use crate::Result;
use crate::db::{Query, WriteTx};

/// A credential: whose it is, and the Argon2id hash in PHC form.
#[derive(Debug)]
pub struct StoredPassword {
    /// The user.
    pub user_id: UserId,
    /// The hash.
    pub hash: String,
}

/// The credential of an identifier (a normalized e-mail address) in a connection.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    connection_id: &ConnectionId,
    identifier: &str,
) -> Result<Option<StoredPassword>> {
    let sql = "SELECT user_id, hash FROM passwords \
        WHERE tenant = $1 AND connection_id = $2 AND identifier = $3";
    let row = q.row(sql, vec![tenant.into(), connection_id.into(), identifier.into()]).await?;
    row.map(|row| {
        Ok(StoredPassword { user_id: row.id("user_id")?, hash: row.text("hash")?.to_owned() })
    })
    .transpose()
}

/// Adds a credential. Answers `false` if the identifier is taken.
pub async fn insert(
    tx: &mut WriteTx,
    tenant: &TenantId,
    connection_id: &ConnectionId,
    identifier: &str,
    password: &StoredPassword,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO passwords (tenant, connection_id, identifier, user_id, hash, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    let args = vec![
        tenant.into(),
        connection_id.into(),
        identifier.into(),
        (&password.user_id).into(),
        password.hash.as_str().into(),
        now.into(),
    ];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Replaces the password of a user.
pub async fn update(
    tx: &mut WriteTx,
    tenant: &TenantId,
    user_id: &UserId,
    hash: &str,
    now: Timestamp,
) -> Result<u64> {
    let sql = "UPDATE passwords SET hash = $3, updated_at = $4 WHERE tenant = $1 AND user_id = $2";
    tx.execute(sql, vec![tenant.into(), user_id.into(), hash.into(), now.into()]).await
}

/// Changes the identifier of a user, wherever the user has one. Answers `false` if somebody else has
/// it in any of these connections, or if the user has none.
///
/// # Errors
/// On PostgreSQL somebody else may take it at the same moment: [`crate::StoreError::is_duplicate`].
pub async fn rename(
    tx: &mut WriteTx,
    tenant: &TenantId,
    user_id: &UserId,
    identifier: &str,
) -> Result<bool> {
    let sql = "UPDATE passwords SET identifier = $3 WHERE tenant = $1 AND user_id = $2 \
        AND NOT EXISTS (SELECT 1 FROM passwords own JOIN passwords taken \
        ON taken.tenant = own.tenant AND taken.connection_id = own.connection_id \
        WHERE own.tenant = $1 AND own.user_id = $2 \
        AND taken.identifier = $3 AND taken.user_id <> $2)";
    Ok(tx.execute(sql, vec![tenant.into(), user_id.into(), identifier.into()]).await? > 0)
}
