//! The right to renew a tokenset: taken by one statement in the tokenset's own row, and proven by a
//! [`RefreshLease`], without which nothing that follows from a refresh can be written.
//!
//! Whoever takes the lease raises the row's fence. All that comes of the refresh names the fence, so
//! that a node which was stopped for longer than its lease lasted can no longer write anything.

use std::time::Duration;

use model::ids::{ConnectedAccountId, TenantId};
use protocol::time::Timestamp;

use crate::Result;
use crate::connected_accounts::{StoredAccount, tokenset_args};
use crate::db::{Query, WriteTx};

/// The proof that a node may spend the refresh token of one version of a tokenset.
#[derive(Debug)]
pub struct RefreshLease {
    account_id: ConnectedAccountId,
    fence: i64,
    uncertain_since: Option<Timestamp>,
}

impl RefreshLease {
    /// Since when nobody knows whether the refresh token is spent, if an earlier attempt was cut off.
    pub fn uncertain_since(&self) -> Option<Timestamp> {
        self.uncertain_since
    }
}

/// An attempt that failed for the moment.
#[derive(Clone, Debug)]
pub struct Failure<'a> {
    /// The fault's code.
    pub code: &'a str,
    /// Before this moment nobody is to try again.
    pub next_attempt_at: Timestamp,
    /// Since when it is unknown whether the refresh token is spent.
    pub uncertain_since: Option<Timestamp>,
}

/// Takes the lease for `length`, by the database's clock. Answers nothing if another node has it, the
/// grant is dead, or the stored version is no longer `version`.
///
/// A node renews a tokenset once at a time, so a lease that bears its own name is left over from a
/// renewal that it could not bring to an end. That one, and one that ran out without being given back,
/// was cut off, at the latest at `now`: whether its refresh token is spent is uncertain.
pub async fn take(
    tx: &mut WriteTx,
    tenant: &TenantId,
    stored: &StoredAccount,
    owner: &str,
    length: Duration,
    now: Timestamp,
) -> Result<Option<RefreshLease>> {
    let clock = tx.clock().await?;
    let sql = "UPDATE connected_accounts SET fence = fence + 1, lease_owner = $4, \
        lease_until = $5, uncertain_since = CASE WHEN lease_until IS NULL THEN uncertain_since \
        ELSE COALESCE(uncertain_since, $6) END \
        WHERE tenant = $1 AND id = $2 AND version = $3 AND dead_since IS NULL \
        AND (lease_until IS NULL OR lease_until <= $7 OR lease_owner = $4) RETURNING fence, uncertain_since";
    let account = &stored.account;
    let args = vec![
        tenant.into(),
        (&account.id).into(),
        account.version.into(),
        owner.into(),
        clock.saturating_add(length).into(),
        now.into(),
        clock.into(),
    ];
    let taken = tx.row(sql, args).await?;
    taken
        .map(|row| {
            let uncertain_since = row.opt_time("uncertain_since")?;
            Ok(RefreshLease {
                account_id: account.id.clone(),
                fence: row.int("fence")?,
                uncertain_since,
            })
        })
        .transpose()
}

/// Replaces the tokenset with its successor and gives the lease back. Answers `false` if the lease is
/// another's by now, or the version before the successor's is no longer the stored one.
pub async fn commit(
    tx: &mut WriteTx,
    tenant: &TenantId,
    lease: &RefreshLease,
    successor: &StoredAccount,
) -> Result<bool> {
    let sql = "UPDATE connected_accounts SET email = $4, email_verified = $5, scopes = $6, \
        connected_at = $7, issued_at = $8, access_expires_at = $9, access_expiry_kind = $10, \
        refresh_expires_at = $11, has_refresh_token = $12, sealed_tokens = $13, label = $14, \
        facts = $15, dead_since = NULL, dead_reason = NULL, uncertain_since = NULL, failures = 0, \
        last_fault = NULL, next_attempt_at = NULL, lease_owner = NULL, lease_until = NULL, \
        version = $3 WHERE tenant = $1 AND id = $2 AND version + 1 = $3 AND fence = $16";
    let mut args = tokenset_args(tenant, successor, successor.account.version);
    args.push(lease.fence.into());
    Ok(tx.execute(sql, args).await? == 1)
}

/// Marks the account as needing a reconnect and gives the lease back. Answers `false` if the lease is
/// another's by now or the tokenset changed meanwhile: then it is not the one that the provider
/// refused.
pub async fn kill(
    tx: &mut WriteTx,
    tenant: &TenantId,
    lease: &RefreshLease,
    version: i64,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE connected_accounts SET dead_since = $5, dead_reason = $6, \
        lease_owner = NULL, lease_until = NULL, uncertain_since = NULL, failures = 0, \
        last_fault = NULL, next_attempt_at = NULL \
        WHERE tenant = $1 AND id = $2 AND version = $3 AND fence = $4 AND dead_since IS NULL";
    let id = &lease.account_id;
    let fence = lease.fence.into();
    let args = vec![tenant.into(), id.into(), version.into(), fence, now.into(), reason.into()];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Notes that the attempt failed for the moment, and gives the lease back. Answers `false` if the lease
/// is another's by now.
pub async fn postpone(
    tx: &mut WriteTx,
    tenant: &TenantId,
    lease: &RefreshLease,
    failure: &Failure<'_>,
) -> Result<bool> {
    let sql = "UPDATE connected_accounts SET failures = failures + 1, last_fault = $4, \
        next_attempt_at = $5, uncertain_since = $6, lease_owner = NULL, lease_until = NULL \
        WHERE tenant = $1 AND id = $2 AND fence = $3";
    let args = vec![
        tenant.into(),
        (&lease.account_id).into(),
        lease.fence.into(),
        failure.code.into(),
        failure.next_attempt_at.into(),
        failure.uncertain_since.into(),
    ];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Gives the lease back; nothing was sent, or what was sent changed nothing.
pub async fn release(tx: &mut WriteTx, tenant: &TenantId, lease: &RefreshLease) -> Result<bool> {
    let sql = "UPDATE connected_accounts SET lease_owner = NULL, lease_until = NULL \
        WHERE tenant = $1 AND id = $2 AND fence = $3";
    let args = vec![tenant.into(), (&lease.account_id).into(), lease.fence.into()];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Ends whatever lease there is: the tokenset that it was taken for has been replaced.
pub async fn clear(tx: &mut WriteTx, tenant: &TenantId, id: &ConnectedAccountId) -> Result<u64> {
    let sql = "UPDATE connected_accounts SET lease_owner = NULL, lease_until = NULL \
        WHERE tenant = $1 AND id = $2";
    tx.execute(sql, vec![tenant.into(), id.into()]).await
}

/// Lets the leases of a node run out that is known to have ended. What it was doing is uncertain.
pub async fn run_out(tx: &mut WriteTx, owner: &str) -> Result<u64> {
    let sql = "UPDATE connected_accounts SET lease_until = 0 WHERE lease_owner = $1";
    tx.execute(sql, vec![owner.into()]).await
}
