//! What is to be delivered to the receivers of event streams, and what became of it.
//!
//! Of one account a stream is told one thing after the other: an event waits for as long as an earlier
//! one of the same account is neither delivered nor given up.

use model::account_event::{AccountEvent, AccountEventKind, id_prefix};
use model::ids::{AccountEventId, EventStreamId, TenantId};
use protocol::time::Timestamp;

use crate::Result;
use crate::account_events;
use crate::db::{Query, Row, WriteTx};

/// An event on its way to the receiver of a stream.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What happened.
    pub event: AccountEvent,
    /// How often was tried.
    pub attempts: i64,
    /// When was last tried.
    pub attempted_at: Option<Timestamp>,
    /// When is tried next; nothing once it was delivered or given up.
    pub next_attempt_at: Option<Timestamp>,
    /// What the last attempt failed with.
    pub last_fault: Option<String>,
}

/// What is due for a stream, oldest first, and of each account one event.
pub async fn due(
    q: &mut impl Query,
    tenant: &TenantId,
    stream: &EventStreamId,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Delivery>> {
    let sql = "SELECT e.*, d.attempts, d.attempted_at, d.next_attempt_at, d.last_fault \
        FROM event_deliveries d JOIN account_events e ON e.tenant = d.tenant AND e.id = d.event_id \
        WHERE d.tenant = $1 AND d.stream_id = $2 AND d.next_attempt_at <= $3 AND NOT EXISTS ( \
        SELECT 1 FROM event_deliveries earlier WHERE earlier.tenant = d.tenant \
        AND earlier.stream_id = d.stream_id AND earlier.account_id = d.account_id \
        AND earlier.event_id < d.event_id AND earlier.next_attempt_at IS NOT NULL) \
        ORDER BY d.next_attempt_at LIMIT $4";
    let args = vec![tenant.into(), stream.into(), now.into(), limit.into()];
    q.rows(sql, args).await?.iter().map(from_row).collect()
}

/// Takes a delivery for an attempt: nobody else tries before `until`. Answers `false` if somebody else
/// has it.
pub async fn claim(
    tx: &mut WriteTx,
    tenant: &TenantId,
    stream: &EventStreamId,
    due: &Delivery,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE event_deliveries SET attempts = attempts + 1, next_attempt_at = $5, \
        attempted_at = $6 WHERE tenant = $1 AND stream_id = $2 AND event_id = $3 \
        AND attempts = $4 AND next_attempt_at IS NOT NULL";
    let args = vec![
        tenant.into(),
        stream.into(),
        (&due.event.id).into(),
        due.attempts.into(),
        until.into(),
        now.into(),
    ];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Notes what came of an attempt: nothing, if the receiver took it, or a fault; and when to try again,
/// if at all.
pub async fn note(
    tx: &mut WriteTx,
    tenant: &TenantId,
    stream: &EventStreamId,
    event: &AccountEventId,
    fault: Option<&str>,
    next_attempt_at: Option<Timestamp>,
) -> Result<u64> {
    let sql = "UPDATE event_deliveries SET last_fault = $4, next_attempt_at = $5 \
        WHERE tenant = $1 AND stream_id = $2 AND event_id = $3 AND next_attempt_at IS NOT NULL";
    let args =
        vec![tenant.into(), stream.into(), event.into(), fault.into(), next_attempt_at.into()];
    tx.execute(sql, args).await
}

/// A page of the deliveries that were given up, after an event.
pub async fn failed_after(
    q: &mut impl Query,
    tenant: &TenantId,
    stream: &EventStreamId,
    after: &AccountEventId,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let sql = "SELECT e.*, d.attempts, d.attempted_at, d.next_attempt_at, d.last_fault \
        FROM event_deliveries d JOIN account_events e ON e.tenant = d.tenant AND e.id = d.event_id \
        WHERE d.tenant = $1 AND d.stream_id = $2 AND d.event_id > $3 \
        AND d.next_attempt_at IS NULL AND d.last_fault IS NOT NULL ORDER BY d.event_id LIMIT $4";
    let args = vec![tenant.into(), stream.into(), after.into(), limit.into()];
    q.rows(sql, args).await?.iter().map(from_row).collect()
}

/// The delivery of an event.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    stream: &EventStreamId,
    event: &AccountEventId,
) -> Result<Option<Delivery>> {
    let sql = "SELECT e.*, d.attempts, d.attempted_at, d.next_attempt_at, d.last_fault \
        FROM event_deliveries d JOIN account_events e ON e.tenant = d.tenant AND e.id = d.event_id \
        WHERE d.tenant = $1 AND d.stream_id = $2 AND d.event_id = $3";
    let args = vec![tenant.into(), stream.into(), event.into()];
    q.row(sql, args).await?.as_ref().map(from_row).transpose()
}

/// Delivers once more what happened from a moment (inclusive) to another (exclusive), of one kind,
/// whether or not it was delivered. What is under way stays as it is. Answers how many events those are.
pub async fn again(
    tx: &mut WriteTx,
    tenant: &TenantId,
    stream: &EventStreamId,
    kind: AccountEventKind,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<u64> {
    let sql = "INSERT INTO event_deliveries (tenant, stream_id, event_id, account_id, \
        next_attempt_at) SELECT tenant, CAST($2 AS TEXT), id, account_id, CAST($6 AS BIGINT) \
        FROM account_events WHERE tenant = $1 AND id >= $3 AND id < $4 AND type = $5 \
        ON CONFLICT (tenant, stream_id, event_id) DO UPDATE SET attempts = 0, last_fault = NULL, \
        next_attempt_at = excluded.next_attempt_at WHERE event_deliveries.next_attempt_at IS NULL";
    let args = vec![
        tenant.into(),
        stream.into(),
        id_prefix(from).into(),
        id_prefix(to).into(),
        kind.as_str().into(),
        now.into(),
    ];
    tx.execute(sql, args).await
}

/// Delivers one event once more. Answers `false` if the stream has none of that id, or it is under way.
pub async fn one_again(
    tx: &mut WriteTx,
    tenant: &TenantId,
    stream: &EventStreamId,
    event: &AccountEventId,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE event_deliveries SET attempts = 0, last_fault = NULL, next_attempt_at = $4 \
        WHERE tenant = $1 AND stream_id = $2 AND event_id = $3 AND next_attempt_at IS NULL";
    let args = vec![tenant.into(), stream.into(), event.into(), now.into()];
    Ok(tx.execute(sql, args).await? == 1)
}

fn from_row(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        event: account_events::from_row(row)?,
        attempts: row.int("attempts")?,
        attempted_at: row.opt_time("attempted_at")?,
        next_attempt_at: row.opt_time("next_attempt_at")?,
        last_fault: row.opt_text("last_fault")?.map(str::to_owned),
    })
}
