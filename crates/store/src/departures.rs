//! Accounts that are taken away: marked first, so that nobody writes them any more, then told of, and
//! noted for revocation where their connection wants that. The mark is one transaction's own.

use model::account_event::{AccountEventKind, id_prefix};
use model::connected_account::ConnectedAccount;
use model::ids::{ConnectedAccountId, ConnectionId, TenantId, UserId};
use protocol::time::Timestamp;

use crate::Result;
use crate::db::WriteTx;

/// Which accounts leave.
#[derive(Clone, Copy, Debug)]
pub enum Leaving<'a> {
    /// One, of its owner.
    Account(&'a UserId, &'a ConnectedAccountId),
    /// One, as it was looked at: if it was renewed or used since, it stays.
    Unchanged(&'a ConnectedAccount),
    /// All of a user.
    User(&'a UserId),
    /// All of a connection, and all of the users who are known by it alone.
    Connection(&'a ConnectionId),
}

/// Marks the accounts that leave, and takes the right to write them from whoever renews them. Answers
/// how many there are.
pub async fn mark(
    tx: &mut WriteTx,
    tenant: &TenantId,
    leaving: Leaving<'_>,
    mark: &str,
) -> Result<u64> {
    match leaving {
        Leaving::Account(user_id, id) => {
            let sql = "UPDATE connected_accounts SET leaving = $2, fence = fence + 1 \
                WHERE tenant = $1 AND id = $4 AND user_id = $3";
            tx.execute(sql, vec![tenant.into(), mark.into(), user_id.into(), id.into()]).await
        }
        Leaving::Unchanged(account) => {
            let sql = "UPDATE connected_accounts SET leaving = $2, fence = fence + 1 \
                WHERE tenant = $1 AND id = $3 AND version = $4 AND COALESCE(last_used_at, 0) = $5";
            let last_used_at = account.last_used_at.map_or(0, Timestamp::as_millis);
            let args = vec![
                tenant.into(),
                mark.into(),
                (&account.id).into(),
                account.version.into(),
                last_used_at.into(),
            ];
            tx.execute(sql, args).await
        }
        Leaving::User(user_id) => {
            let sql = "UPDATE connected_accounts SET leaving = $2, fence = fence + 1 \
                WHERE tenant = $1 AND user_id = $3";
            tx.execute(sql, vec![tenant.into(), mark.into(), user_id.into()]).await
        }
        Leaving::Connection(id) => {
            // There may be very many.
            tx.lift_limits().await?;
            let sql = "UPDATE connected_accounts SET leaving = $2, fence = fence + 1 \
                WHERE tenant = $1 AND id IN ( \
                SELECT id FROM connected_accounts WHERE tenant = $1 AND connection_id = $3 \
                UNION SELECT a.id FROM identities i JOIN connected_accounts a \
                ON a.tenant = i.tenant AND a.user_id = i.user_id \
                WHERE i.tenant = $1 AND i.connection_id = $3 AND NOT EXISTS ( \
                SELECT 1 FROM identities other WHERE other.tenant = i.tenant \
                AND other.user_id = i.user_id AND other.connection_id <> i.connection_id))";
            tx.execute(sql, vec![tenant.into(), mark.into(), id.into()]).await
        }
    }
}

/// Tells of every marked account that it is removed.
pub async fn tell(
    tx: &mut WriteTx,
    tenant: &TenantId,
    mark: &str,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    let kind = AccountEventKind::Deleted.as_str();
    // As the ids that `model::account_event` makes.
    let sql = "INSERT INTO account_events (tenant, id, type, at, account_id, user_id, \
        connection_id, connection, strategy, reason) \
        SELECT a.tenant, CAST($3 AS TEXT) || substr('00000000' || CAST(a.version AS TEXT), \
        length(CAST(a.version AS TEXT)) + 1) || '2_' || replace(a.id, 'cac_', ''), \
        CAST($4 AS TEXT), CAST($5 AS BIGINT), a.id, a.user_id, a.connection_id, c.name, \
        c.strategy, CAST($6 AS TEXT) FROM connected_accounts a \
        JOIN connections c ON c.tenant = a.tenant AND c.id = a.connection_id \
        WHERE a.tenant = $1 AND a.leaving = $2 ON CONFLICT DO NOTHING";
    let prefix = id_prefix(now);
    let args = vec![
        tenant.into(),
        mark.into(),
        prefix.as_str().into(),
        kind.into(),
        now.into(),
        reason.into(),
    ];
    tx.execute(sql, args).await?;
    let sql = "INSERT INTO event_deliveries (tenant, stream_id, event_id, account_id, \
        next_attempt_at) SELECT e.tenant, s.stream_id, e.id, e.account_id, e.at \
        FROM account_events e JOIN event_subscriptions s ON s.tenant = e.tenant AND s.type = e.type \
        WHERE e.tenant = $1 AND e.id >= $2 AND e.id < $3 AND e.type = $4 ON CONFLICT DO NOTHING";
    let after = format!("{prefix}~");
    let args = vec![tenant.into(), prefix.into(), after.into(), kind.into()];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Notes the grants of the marked accounts whose connections tell their providers, to be revoked.
pub async fn revoke(
    tx: &mut WriteTx,
    tenant: &TenantId,
    mark: &str,
    now: Timestamp,
) -> Result<u64> {
    let sql = "INSERT INTO revocations (tenant, account_id, user_id, connection_id, subject, \
        version, sealed_tokens, user_share, created_at, next_attempt_at, facts) \
        SELECT a.tenant, a.id, a.user_id, a.connection_id, a.subject, a.version, a.sealed_tokens, u.user_share, CAST($3 AS BIGINT), \
        CAST($3 AS BIGINT), a.facts FROM connected_accounts a \
        JOIN connections c ON c.tenant = a.tenant AND c.id = a.connection_id AND c.revokes = 1 \
        JOIN users u ON u.tenant = a.tenant AND u.user_id = a.user_id \
        WHERE a.tenant = $1 AND a.leaving = $2";
    tx.execute(sql, vec![tenant.into(), mark.into(), now.into()]).await
}

/// Removes the marked accounts with their tokens.
pub async fn delete(tx: &mut WriteTx, tenant: &TenantId, mark: &str) -> Result<u64> {
    let sql = "DELETE FROM connected_accounts WHERE tenant = $1 AND leaving = $2";
    tx.execute(sql, vec![tenant.into(), mark.into()]).await
}
