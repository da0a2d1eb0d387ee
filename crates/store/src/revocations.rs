//! Grants that are to end at their provider, because their accounts were removed here.

use std::collections::BTreeMap;

use model::ids::{ConnectedAccountId, ConnectionId, ProviderSubject, TenantId, UserId};
use protocol::time::Timestamp;
use vault::keyring::KeyId;
use vault::seal::{Sealed, UserShare};

use crate::connections::{self, StoredConnection};
use crate::db::{Query, Row, WriteTx};
use crate::{Result, connected_accounts, connection_keys};

/// A grant that is to end.
#[derive(Debug)]
pub struct Revocation {
    /// Of which tenant.
    pub tenant: TenantId,
    /// The account that it was of.
    pub account_id: ConnectedAccountId,
    /// Whose it was.
    pub user_id: UserId,
    /// Of which connection.
    pub connection_id: ConnectionId,
    /// Whom the provider gave it to; empty, if that could not be told.
    pub subject: ProviderSubject,
    /// The version that the tokens are sealed for.
    pub version: i64,
    /// The tokens.
    pub sealed_tokens: Sealed,
    /// What opens them beside the tenant's key.
    pub share: UserShare,
    /// What the provider told beside: it may tell where the grant is.
    pub facts: BTreeMap<String, String>,
    /// When the account was removed.
    pub created_at: Timestamp,
    /// How often was tried.
    pub attempts: i64,
}

/// What is due, of every tenant: that which waits longest first.
pub async fn due(q: &mut impl Query, now: Timestamp, limit: i64) -> Result<Vec<Revocation>> {
    let sql = "SELECT tenant, account_id, user_id, connection_id, subject, version, \
        sealed_tokens, user_share, facts, created_at, attempts FROM revocations \
        WHERE next_attempt_at <= $1 \
        ORDER BY next_attempt_at LIMIT $2";
    q.rows(sql, vec![now.into(), limit.into()]).await?.iter().map(from_row).collect()
}

/// Takes a revocation for an attempt: nobody else tries before `until`. Answers `false` if somebody
/// else has it.
pub async fn claim(tx: &mut WriteTx, due: &Revocation, until: Timestamp) -> Result<bool> {
    let sql = "UPDATE revocations SET attempts = attempts + 1, next_attempt_at = $4 \
        WHERE tenant = $1 AND account_id = $2 AND attempts = $3";
    let args =
        vec![(&due.tenant).into(), (&due.account_id).into(), due.attempts.into(), until.into()];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Puts off the next attempt, unless the tokens were replaced meanwhile.
pub async fn postpone(tx: &mut WriteTx, due: &Revocation, until: Timestamp) -> Result<u64> {
    let sql = "UPDATE revocations SET next_attempt_at = $4 \
        WHERE tenant = $1 AND account_id = $2 AND version = $3";
    let args =
        vec![(&due.tenant).into(), (&due.account_id).into(), due.version.into(), until.into()];
    tx.execute(sql, args).await
}

/// Forgets a revocation, unless its tokens were replaced meanwhile.
pub async fn end(tx: &mut WriteTx, due: &Revocation) -> Result<bool> {
    let sql = "DELETE FROM revocations WHERE tenant = $1 AND account_id = $2 AND version = $3";
    let args = vec![(&due.tenant).into(), (&due.account_id).into(), due.version.into()];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Adds a grant that is to end, at once.
pub async fn insert(tx: &mut WriteTx, new: &Revocation) -> Result<()> {
    let sql = "INSERT INTO revocations (tenant, account_id, user_id, connection_id, subject, \
        version, sealed_tokens, user_share, created_at, next_attempt_at, facts) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)";
    let args = vec![
        (&new.tenant).into(),
        (&new.account_id).into(),
        (&new.user_id).into(),
        (&new.connection_id).into(),
        (&new.subject).into(),
        new.version.into(),
        (&new.sealed_tokens).into(),
        new.share.as_bytes().as_slice().into(),
        new.created_at.into(),
        connected_accounts::written_facts(&new.facts).into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// What a renewal brought for an account that was removed meanwhile: those are the tokens to revoke, if
/// any of its connection are.
pub async fn supersede(
    tx: &mut WriteTx,
    tenant: &TenantId,
    successor: &connected_accounts::StoredAccount,
    share: &UserShare,
    now: Timestamp,
) -> Result<bool> {
    let account = &successor.account;
    let sql = "SELECT id FROM connections WHERE tenant = $1 AND id = $2 AND revokes = 1 \
        UNION SELECT id FROM departed_connections WHERE tenant = $1 AND id = $2";
    if tx.row(sql, vec![tenant.into(), (&account.connection_id).into()]).await?.is_none() {
        return Ok(false);
    }
    let sql = "INSERT INTO revocations (tenant, account_id, user_id, connection_id, subject, \
        version, sealed_tokens, user_share, created_at, next_attempt_at, facts) \
        VALUES ($1, $2, $3, $4, $9, $5, $6, $7, $8, $8, $10) \
        ON CONFLICT (tenant, account_id) DO UPDATE SET version = excluded.version, sealed_tokens = excluded.sealed_tokens, \
        next_attempt_at = excluded.next_attempt_at WHERE revocations.version < excluded.version";
    let args = vec![
        tenant.into(),
        (&account.id).into(),
        (&account.user_id).into(),
        (&account.connection_id).into(),
        account.version.into(),
        (&successor.sealed_tokens).into(),
        share.as_bytes().as_slice().into(),
        now.into(),
        (&account.subject).into(),
        connected_accounts::written_facts(&account.facts).into(),
    ];
    Ok(tx.execute(sql, args).await? == 1)
}

/// The same for tokens that come so late that only the revocation knows the account's user. Answers
/// `false` if there is none, or it has newer ones.
pub async fn replace(
    tx: &mut WriteTx,
    tenant: &TenantId,
    account_id: &ConnectedAccountId,
    version: i64,
    sealed_tokens: &Sealed,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE revocations SET version = $3, sealed_tokens = $4, next_attempt_at = $5 \
        WHERE tenant = $1 AND account_id = $2 AND version < $3";
    let args =
        vec![tenant.into(), account_id.into(), version.into(), sealed_tokens.into(), now.into()];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Whether an account of the same person at the provider is connected by a connection: its tokens may
/// live by the same grant. If nobody knows whose the grant is, any account's may.
pub async fn is_shared(
    q: &mut impl Query,
    due: &Revocation,
    connection_id: &ConnectionId,
) -> Result<bool> {
    let (tenant, subject) = ((&due.tenant).into(), (&due.subject).into());
    if due.subject.as_str().is_empty() {
        let sql = "SELECT id FROM connected_accounts \
            WHERE tenant = $1 AND connection_id = $2 LIMIT 1";
        return Ok(q.row(sql, vec![tenant, connection_id.into()]).await?.is_some());
    }
    let sql = "SELECT id FROM connected_accounts \
        WHERE tenant = $1 AND connection_id = $2 AND subject = $3 LIMIT 1";
    let args = vec![tenant, connection_id.into(), subject];
    Ok(q.row(sql, args).await?.is_some())
}

/// Whether somebody is about to connect an account of the connection, or the user one of any, whose
/// tokens wait for it: it may be the same one.
pub async fn is_awaited(q: &mut impl Query, due: &Revocation) -> Result<bool> {
    let sql = "SELECT id FROM connect_transactions \
        WHERE tenant = $1 AND (user_id = $2 OR connection_id = $3) AND account IS NOT NULL LIMIT 1";
    let args = vec![(&due.tenant).into(), (&due.user_id).into(), (&due.connection_id).into()];
    Ok(q.row(sql, args).await?.is_some())
}

/// Whether anything that revoking takes names a tenant key. Key rotations leave it as it is.
pub async fn names_key(q: &mut impl Query, tenant: &TenantId, key: &KeyId) -> Result<bool> {
    let sql = "SELECT account_id AS id FROM revocations \
        WHERE tenant = $1 AND substr(sealed_tokens, 3, 16) = $2 \
        UNION ALL SELECT id FROM departed_connections \
        WHERE tenant = $1 AND substr(sealed_secret, 3, 16) = $2 LIMIT 1";
    Ok(q.row(sql, vec![tenant.into(), key.as_bytes().as_slice().into()]).await?.is_some())
}

/// Keeps a connection that is about to be removed for the revocations that need it.
pub async fn keep_connection(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &ConnectionId,
    now: Timestamp,
) -> Result<u64> {
    let sql = "INSERT INTO departed_connections (tenant, id, document, sealed_secret, removed_at) \
        SELECT tenant, id, document, sealed_secret, CAST($3 AS BIGINT) FROM connections \
        WHERE tenant = $1 AND id = $2 AND revokes = 1";
    tx.execute(sql, vec![tenant.into(), id.into(), now.into()]).await
}

/// The connection of a revocation, whether it is still there or not.
pub async fn connection_of(
    q: &mut impl Query,
    tenant: &TenantId,
    id: &ConnectionId,
) -> Result<Option<StoredConnection>> {
    if let Some(found) = connections::find(q, tenant, id).await? {
        return Ok(Some(found));
    }
    let sql = "SELECT document, sealed_secret FROM departed_connections \
        WHERE tenant = $1 AND id = $2";
    let found = q.row(sql, vec![tenant.into(), id.into()]).await?;
    found.as_ref().map(connections::from_row).transpose()
}

/// Forgets connections that were removed before a moment and that no revocation needs any more.
pub async fn forget_connections(tx: &mut WriteTx, removed_before: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM departed_connections WHERE removed_at <= $1 AND NOT EXISTS \
        (SELECT 1 FROM revocations r WHERE r.tenant = departed_connections.tenant \
        AND r.connection_id = departed_connections.id)";
    let forgotten = tx.execute(sql, vec![removed_before.into()]).await?;
    if forgotten > 0 {
        connection_keys::forget(tx).await?;
    }
    Ok(forgotten)
}

fn from_row(row: &Row) -> Result<Revocation> {
    Ok(Revocation {
        tenant: row.id("tenant")?,
        account_id: row.id("account_id")?,
        user_id: row.id("user_id")?,
        connection_id: row.id("connection_id")?,
        subject: row.id("subject")?,
        version: row.int("version")?,
        sealed_tokens: row.sealed("sealed_tokens")?,
        share: UserShare::new(row.array("user_share")?),
        facts: connected_accounts::read_facts(row)?,
        created_at: row.time("created_at")?,
        attempts: row.int("attempts")?,
    })
}
