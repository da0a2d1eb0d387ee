//! Connected accounts and their sealed tokensets.

use std::collections::BTreeMap;

use model::connected_account::{AccessExpiry, ConnectedAccount, Health, Lease, Renewal, Setback};
use model::ids::{ConnectedAccountId, ConnectionId, ProviderSubject, TenantId, TokensetId, UserId};
use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;
use vault::seal::Sealed;

use crate::db::{Arg, Query, Row, WriteTx};
use crate::{Result, StoreError};

/// An account with its sealed tokens.
#[derive(Clone, Debug)]
pub struct StoredAccount {
    /// The record.
    pub account: ConnectedAccount,
    /// The tokens.
    pub sealed_tokens: Sealed,
}

/// The account of an id.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    id: &ConnectedAccountId,
) -> Result<Option<StoredAccount>> {
    let sql = "SELECT * FROM account_records WHERE tenant = $1 AND id = $2";
    q.row(sql, vec![tenant.into(), id.into()]).await?.as_ref().map(from_row).transpose()
}

/// The account of a tokenset.
pub async fn find_by_tokenset(
    q: &mut impl Query,
    tenant: &TenantId,
    tokenset_id: &TokensetId,
) -> Result<Option<StoredAccount>> {
    let sql = "SELECT * FROM account_records WHERE tenant = $1 AND tokenset_id = $2";
    q.row(sql, vec![tenant.into(), tokenset_id.into()]).await?.as_ref().map(from_row).transpose()
}

/// The accounts of a user, oldest first.
pub async fn list_for_user(
    q: &mut impl Query,
    tenant: &TenantId,
    user_id: &UserId,
) -> Result<Vec<StoredAccount>> {
    let sql =
        "SELECT * FROM account_records WHERE tenant = $1 AND user_id = $2 ORDER BY created_at, id";
    q.rows(sql, vec![tenant.into(), user_id.into()]).await?.iter().map(from_row).collect()
}

/// The accounts of a user on one connection, oldest first.
pub async fn list_for_connection(
    q: &mut impl Query,
    tenant: &TenantId,
    user_id: &UserId,
    connection_id: &ConnectionId,
) -> Result<Vec<StoredAccount>> {
    let sql = "SELECT * FROM account_records \
        WHERE tenant = $1 AND user_id = $2 AND connection_id = $3 ORDER BY created_at, id";
    let args = vec![tenant.into(), user_id.into(), connection_id.into()];
    q.rows(sql, args).await?.iter().map(from_row).collect()
}

/// The account of a provider's subject that a user has on a connection.
pub async fn find_by_subject(
    q: &mut impl Query,
    tenant: &TenantId,
    user_id: &UserId,
    connection_id: &ConnectionId,
    subject: &ProviderSubject,
) -> Result<Option<StoredAccount>> {
    let sql = "SELECT * FROM account_records \
        WHERE tenant = $1 AND user_id = $2 AND connection_id = $3 AND subject = $4";
    let args = vec![tenant.into(), user_id.into(), connection_id.into(), subject.into()];
    q.row(sql, args).await?.as_ref().map(from_row).transpose()
}

/// Adds an account. Answers `false` if its user has connected it meanwhile.
pub async fn insert(tx: &mut WriteTx, tenant: &TenantId, stored: &StoredAccount) -> Result<bool> {
    let sql = "INSERT INTO connected_accounts (tenant, id, tokenset_id, user_id, connection_id, \
        subject, email, email_verified, scopes, created_at, connected_at, issued_at, \
        access_expires_at, access_expiry_kind, refresh_expires_at, has_refresh_token, dead_since, \
        dead_reason, last_used_at, version, sealed_tokens, label, facts) \
        VALUES ($1, $2, $16, $17, $18, $19, $4, $5, $6, $20, $7, $8, $9, $10, $11, $12, $21, $22, \
        $23, $3, $13, $14, $15) \
        ON CONFLICT (tenant, user_id, connection_id, subject) DO NOTHING";
    let account = &stored.account;
    let (dead_since, dead_reason) = dead(&account.health);
    let mut args = tokenset_args(tenant, stored, account.version);
    args.extend([
        (&account.tokenset_id).into(),
        (&account.user_id).into(),
        (&account.connection_id).into(),
        (&account.subject).into(),
        account.created_at.into(),
        dead_since.into(),
        dead_reason.into(),
        account.last_used_at.into(),
    ]);
    Ok(tx.execute(sql, args).await? == 1)
}

/// Replaces a tokenset with its successor, which brings the account back to health. Answers `false`
/// if the stored version is no longer the one before the successor's: somebody else was faster, and
/// what they wrote stays.
pub async fn replace_tokenset(
    tx: &mut WriteTx,
    tenant: &TenantId,
    stored: &StoredAccount,
) -> Result<bool> {
    let sql = "UPDATE connected_accounts SET email = $4, email_verified = $5, scopes = $6, \
        connected_at = $7, issued_at = $8, access_expires_at = $9, access_expiry_kind = $10, \
        refresh_expires_at = $11, has_refresh_token = $12, sealed_tokens = $13, label = $14, \
        facts = $15, dead_since = NULL, dead_reason = NULL, uncertain_since = NULL, failures = 0, \
        last_fault = NULL, next_attempt_at = NULL, version = $3 \
        WHERE tenant = $1 AND id = $2 AND version + 1 = $3";
    Ok(tx.execute(sql, tokenset_args(tenant, stored, stored.account.version)).await? == 1)
}

/// Notes what the provider was asked for when an account was connected.
pub async fn note_asked(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &ConnectedAccountId,
    scopes: &ScopeSet,
) -> Result<u64> {
    let sql = "INSERT INTO asked_scopes (tenant, account_id, scopes) VALUES ($1, $2, $3) \
        ON CONFLICT (tenant, account_id) DO UPDATE SET scopes = excluded.scopes";
    tx.execute(sql, vec![tenant.into(), id.into(), scopes.to_string().into()]).await
}

/// What the provider was asked for when an account was connected, if that was noted.
pub async fn asked(
    q: &mut impl Query,
    tenant: &TenantId,
    id: &ConnectedAccountId,
) -> Result<Option<ScopeSet>> {
    let sql = "SELECT scopes FROM asked_scopes WHERE tenant = $1 AND account_id = $2";
    let found = q.row(sql, vec![tenant.into(), id.into()]).await?;
    found.map(|row| Ok(ScopeSet::parse_lenient(row.text("scopes")?))).transpose()
}

/// Lets the accounts of a connection that need a reconnect be tried once more. Why they needed one
/// stays until that has worked.
pub async fn try_again(
    tx: &mut WriteTx,
    tenant: &TenantId,
    connection_id: &ConnectionId,
) -> Result<u64> {
    let sql = "UPDATE connected_accounts SET dead_since = NULL \
        WHERE tenant = $1 AND connection_id = $2 AND dead_since IS NOT NULL";
    tx.execute(sql, vec![tenant.into(), connection_id.into()]).await
}

/// Notes that a tokenset was used.
pub async fn note_use(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &ConnectedAccountId,
    now: Timestamp,
) -> Result<u64> {
    let sql = "UPDATE connected_accounts SET last_used_at = $3 WHERE tenant = $1 AND id = $2";
    tx.execute(sql, vec![tenant.into(), id.into(), now.into()]).await
}

/// `$1` to `$15`: what every write of a tokenset carries.
pub(crate) fn tokenset_args(tenant: &TenantId, stored: &StoredAccount, version: i64) -> Vec<Arg> {
    let account = &stored.account;
    let expiry_kind = match account.access_expiry {
        AccessExpiry::At(_) => "at",
        AccessExpiry::Assumed(_) => "assumed",
        AccessExpiry::Never => "never",
    };
    vec![
        tenant.into(),
        (&account.id).into(),
        version.into(),
        account.email.as_deref().into(),
        account.email_verified.into(),
        account.scopes.to_string().into(),
        account.connected_at.into(),
        account.issued_at.into(),
        account.access_expiry.instant().into(),
        expiry_kind.into(),
        account.refresh_expires_at.into(),
        account.has_refresh_token.into(),
        (&stored.sealed_tokens).into(),
        account.label.as_str().into(),
        written_facts(&account.facts).into(),
    ]
}

pub(crate) fn written_facts(facts: &BTreeMap<String, String>) -> String {
    serde_json::Value::from_iter(facts.clone()).to_string()
}

pub(crate) fn read_facts(row: &Row) -> Result<BTreeMap<String, String>> {
    Ok(serde_json::from_str(row.text("facts")?)?)
}

fn dead(health: &Health) -> (Option<Timestamp>, Option<&str>) {
    match health {
        Health::Active => (None, None),
        Health::OnTrial { reason } => (None, Some(reason)),
        Health::NeedsReconnect { reason, since } => (Some(*since), Some(reason)),
    }
}

pub(crate) fn from_row(row: &Row) -> Result<StoredAccount> {
    let column = "access_expiry_kind";
    let access_expiry = match (row.text(column)?, row.opt_time("access_expires_at")?) {
        ("at", Some(end)) => AccessExpiry::At(end),
        ("assumed", Some(end)) => AccessExpiry::Assumed(end),
        ("never", None) => AccessExpiry::Never,
        _ => return Err(StoreError::Inconsistent { column, reason: "contradicts the time" }),
    };
    let health = match (row.opt_time("dead_since")?, row.opt_text("dead_reason")?) {
        (None, None) => Health::Active,
        (None, Some(reason)) => Health::OnTrial { reason: reason.to_owned() },
        (Some(since), Some(reason)) => Health::NeedsReconnect { reason: reason.to_owned(), since },
        (Some(_), None) => {
            let (column, reason) = ("dead_reason", "missing");
            return Err(StoreError::Inconsistent { column, reason });
        }
    };
    let scopes = ScopeSet::parse(row.text("scopes")?)
        .or(Err(StoreError::Inconsistent { column: "scopes", reason: "not a scope" }))?;
    let account = ConnectedAccount {
        id: row.id("id")?,
        tokenset_id: row.id("tokenset_id")?,
        user_id: row.id("user_id")?,
        connection_id: row.id("connection_id")?,
        connection: row.text("connection")?.to_owned(),
        strategy: row.text("strategy")?.to_owned(),
        subject: row.id("subject")?,
        email: row.opt_text("email")?.map(str::to_owned),
        email_verified: row.bool("email_verified")?,
        label: row.text("label")?.to_owned(),
        facts: read_facts(row)?,
        scopes,
        created_at: row.time("created_at")?,
        connected_at: row.time("connected_at")?,
        issued_at: row.time("issued_at")?,
        access_expiry,
        refresh_expires_at: row.opt_time("refresh_expires_at")?,
        has_refresh_token: row.bool("has_refresh_token")?,
        health,
        last_used_at: row.opt_time("last_used_at")?,
        version: row.int("version")?,
        renewal: renewal(row)?,
    };
    Ok(StoredAccount { account, sealed_tokens: row.sealed("sealed_tokens")? })
}

fn renewal(row: &Row) -> Result<Renewal> {
    let lease = match (row.opt_text("lease_owner")?, row.opt_time("lease_until")?) {
        (Some(owner), Some(until)) => Some(Lease { owner: owner.to_owned(), until }),
        _ => None,
    };
    let setback = match (row.opt_text("last_fault")?, row.opt_time("next_attempt_at")?) {
        (Some(code), Some(next_attempt_at)) => {
            let failures = u32::try_from(row.int("failures")?).unwrap_or(u32::MAX);
            Some(Setback { code: code.to_owned(), failures, next_attempt_at })
        }
        _ => None,
    };
    Ok(Renewal { lease, uncertain_since: row.opt_time("uncertain_since")?, setback })
}
