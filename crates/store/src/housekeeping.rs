//! Takes away what has ended.

use std::time::Duration;

use protocol::time::Timestamp;

use crate::Result;
use crate::db::WriteTx;

/// A redeemed code is kept for this long, so that its replay is still recognised as one.
const REDEEMED_CODE_KEPT: Duration = Duration::from_hours(24);
/// A connect that brought tokens is kept for this long, so that they can be given back.
const ABANDONED_CONNECT_KEPT: Duration = Duration::from_hours(24);
/// A family of refresh tokens is kept for this long after its end, so that whoever still uses it is
/// recorded with the true cause.
const ENDED_FAMILY_KEPT: Duration = Duration::from_hours(30 * 24);

/// Removes what nobody can use any more, at most 1000 rows of each table, because other writers
/// wait meanwhile. Answers how many rows went; unless it was none, there may be more.
pub async fn sweep(tx: &mut WriteTx, now: Timestamp) -> Result<u64> {
    let codes_before = now.saturating_sub(REDEEMED_CODE_KEPT);
    let families_before = now.saturating_sub(ENDED_FAMILY_KEPT);
    let connects_before = now.saturating_sub(ABANDONED_CONNECT_KEPT);
    let mut removed = 0;
    for (sql, until) in [
        (LOGIN_STATES, now),
        (PUSHED_REQUESTS, now),
        (PROVIDER_STATES, now),
        (CONNECT_TRANSACTIONS, now),
        (ABANDONED_CONNECTS, connects_before),
        (SESSIONS, now),
        (PREVIOUS_SECRETS, now),
        (REPLAY_MARKS, now),
        (ATTEMPTS, now),
        (AUTHORIZATION_CODES, codes_before),
        (EXPIRED_FAMILIES, families_before),
        (REVOKED_FAMILIES, families_before),
    ] {
        removed += tx.execute(sql, vec![until.into()]).await?;
    }
    Ok(removed)
}

const LOGIN_STATES: &str = "DELETE FROM login_states WHERE (tenant, state_hash) IN \
    (SELECT tenant, state_hash FROM login_states WHERE expires_at <= $1 LIMIT 1000)";
const PUSHED_REQUESTS: &str = "DELETE FROM pushed_requests WHERE (tenant, request_hash) IN \
    (SELECT tenant, request_hash FROM pushed_requests WHERE expires_at <= $1 LIMIT 1000)";
const PROVIDER_STATES: &str = "DELETE FROM provider_states WHERE (tenant, state_hash) IN \
    (SELECT tenant, state_hash FROM provider_states WHERE expires_at <= $1 LIMIT 1000)";
const CONNECT_TRANSACTIONS: &str = "DELETE FROM connect_transactions WHERE (tenant, id) IN \
    (SELECT tenant, id FROM connect_transactions WHERE expires_at <= $1 AND sealed_tokens IS NULL \
    LIMIT 1000)";
const ABANDONED_CONNECTS: &str = "DELETE FROM connect_transactions WHERE (tenant, id) IN \
    (SELECT tenant, id FROM connect_transactions WHERE expires_at <= $1 LIMIT 1000)";
const SESSIONS: &str = "DELETE FROM sessions WHERE (tenant, token_hash) IN \
    (SELECT tenant, token_hash FROM sessions WHERE expires_at <= $1 LIMIT 1000)";
const PREVIOUS_SECRETS: &str = "DELETE FROM previous_client_secrets \
    WHERE (tenant, client_id) IN \
    (SELECT tenant, client_id FROM previous_client_secrets WHERE expires_at <= $1 LIMIT 1000)";
const REPLAY_MARKS: &str = "DELETE FROM replay_marks WHERE (tenant, kind, mark_hash) IN \
    (SELECT tenant, kind, mark_hash FROM replay_marks WHERE expires_at <= $1 LIMIT 1000)";
const ATTEMPTS: &str = "DELETE FROM attempts WHERE (tenant, kind, key_hash) IN \
    (SELECT tenant, kind, key_hash FROM attempts WHERE expires_at <= $1 LIMIT 1000)";
const AUTHORIZATION_CODES: &str = "DELETE FROM authorization_codes WHERE (tenant, code_hash) IN \
    (SELECT tenant, code_hash FROM authorization_codes WHERE expires_at <= $1 LIMIT 1000)";
const EXPIRED_FAMILIES: &str = "DELETE FROM grant_families WHERE (tenant, id) IN \
    (SELECT tenant, id FROM grant_families WHERE expires_at <= $1 LIMIT 1000)";
const REVOKED_FAMILIES: &str = "DELETE FROM grant_families WHERE (tenant, id) IN \
    (SELECT tenant, id FROM grant_families WHERE revoked_at <= $1 LIMIT 1000)";
