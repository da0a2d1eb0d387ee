//! Streams of events, and the secrets of their receivers.

use model::event_stream::{EventStream, StreamStatus};
use model::ids::{EventStreamId, TenantId};
use protocol::time::Timestamp;
use vault::seal::Sealed;

use crate::Result;
use crate::db::{Arg, Query, Row, WriteTx};

/// A stream with its sealed secrets.
#[derive(Debug)]
pub struct StoredStream {
    /// The record.
    pub stream: EventStream,
    /// What deliveries are signed with, and what the receiver is shown.
    pub sealed_secret: Sealed,
}

/// The stream of an id.
pub async fn find(
    q: &mut impl Query,
    tenant: &TenantId,
    id: &EventStreamId,
) -> Result<Option<StoredStream>> {
    let sql = "SELECT document, sealed_secret FROM event_streams WHERE tenant = $1 AND id = $2";
    q.row(sql, vec![tenant.into(), id.into()]).await?.as_ref().map(from_row).transpose()
}

/// The stream of an id, locked until the transaction ends.
pub async fn find_for_update(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &EventStreamId,
) -> Result<Option<StoredStream>> {
    let sql = "UPDATE event_streams SET document = document \
        WHERE tenant = $1 AND id = $2 RETURNING document, sealed_secret";
    tx.row(sql, vec![tenant.into(), id.into()]).await?.as_ref().map(from_row).transpose()
}

/// Every stream of a tenant, oldest first.
pub async fn list(q: &mut impl Query, tenant: &TenantId) -> Result<Vec<StoredStream>> {
    let sql = "SELECT document, sealed_secret FROM event_streams \
        WHERE tenant = $1 ORDER BY created_at, id";
    q.rows(sql, vec![tenant.into()]).await?.iter().map(from_row).collect()
}

/// The streams of every tenant that are enabled and not paused and to which something is to be
/// delivered.
pub async fn due(q: &mut impl Query, now: Timestamp) -> Result<Vec<(TenantId, StoredStream)>> {
    let sql = "SELECT tenant, document, sealed_secret FROM event_streams \
        WHERE (paused_until IS NULL OR paused_until <= $1) AND EXISTS (SELECT 1 \
        FROM event_deliveries d WHERE d.tenant = event_streams.tenant \
        AND d.stream_id = event_streams.id AND d.next_attempt_at <= $1) AND EXISTS (SELECT 1 \
        FROM event_subscriptions s WHERE s.tenant = event_streams.tenant \
        AND s.stream_id = event_streams.id)";
    let rows = q.rows(sql, vec![now.into()]).await?;
    rows.iter().map(|row| Ok((row.id("tenant")?, from_row(row)?))).collect()
}

/// Adds a stream.
pub async fn insert(tx: &mut WriteTx, tenant: &TenantId, stored: &StoredStream) -> Result<()> {
    let sql = "INSERT INTO event_streams (tenant, id, document, sealed_secret, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    let stream = &stored.stream;
    let mut args = args(tenant, stored)?;
    args.push(stream.created_at.into());
    tx.execute(sql, args).await?;
    subscribe(tx, tenant, stream).await
}

/// Replaces a stream.
pub async fn update(tx: &mut WriteTx, tenant: &TenantId, stored: &StoredStream) -> Result<()> {
    let sql = "UPDATE event_streams SET document = $3, sealed_secret = $4, failures = 0, \
        paused_until = NULL WHERE tenant = $1 AND id = $2";
    let stream = &stored.stream;
    tx.execute(sql, args(tenant, stored)?).await?;
    let sql = "DELETE FROM event_subscriptions WHERE tenant = $1 AND stream_id = $2";
    tx.execute(sql, vec![tenant.into(), (&stream.id).into()]).await?;
    subscribe(tx, tenant, stream).await
}

async fn subscribe(tx: &mut WriteTx, tenant: &TenantId, stream: &EventStream) -> Result<()> {
    if stream.status == StreamStatus::Disabled {
        return Ok(());
    }
    let sql = "INSERT INTO event_subscriptions (tenant, stream_id, type) \
        VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    for subscription in &stream.subscriptions {
        let kind = subscription.event_type.as_str();
        tx.execute(sql, vec![tenant.into(), (&stream.id).into(), kind.into()]).await?;
    }
    Ok(())
}

/// Notes that the receiver of a stream took something. Nothing is written where nothing was wrong.
pub async fn note_success(tx: &mut WriteTx, tenant: &TenantId, id: &EventStreamId) -> Result<u64> {
    let sql = "UPDATE event_streams SET failures = 0, paused_until = NULL \
        WHERE tenant = $1 AND id = $2 AND failures > 0";
    tx.execute(sql, vec![tenant.into(), id.into()]).await
}

/// Notes that the receiver of a stream did not take something. Answers how often that was in a row.
pub async fn note_failure(tx: &mut WriteTx, tenant: &TenantId, id: &EventStreamId) -> Result<i64> {
    let sql = "UPDATE event_streams SET failures = failures + 1 \
        WHERE tenant = $1 AND id = $2 RETURNING failures";
    let row = tx.row(sql, vec![tenant.into(), id.into()]).await?;
    row.map_or(Ok(0), |row| row.int("failures"))
}

/// Leaves the receiver of a stream alone until a moment.
pub async fn pause(
    tx: &mut WriteTx,
    tenant: &TenantId,
    id: &EventStreamId,
    until: Timestamp,
) -> Result<u64> {
    let sql = "UPDATE event_streams SET paused_until = $3 WHERE tenant = $1 AND id = $2";
    tx.execute(sql, vec![tenant.into(), id.into(), until.into()]).await
}

/// Removes a stream with what is to be delivered.
pub async fn delete(tx: &mut WriteTx, tenant: &TenantId, id: &EventStreamId) -> Result<u64> {
    let sql = "DELETE FROM event_streams WHERE tenant = $1 AND id = $2";
    tx.execute(sql, vec![tenant.into(), id.into()]).await
}

fn args(tenant: &TenantId, stored: &StoredStream) -> Result<Vec<Arg>> {
    Ok(vec![
        tenant.into(),
        (&stored.stream.id).into(),
        serde_json::to_string(&stored.stream)?.into(),
        (&stored.sealed_secret).into(),
    ])
}

fn from_row(row: &Row) -> Result<StoredStream> {
    Ok(StoredStream {
        stream: row.document("document")?,
        sealed_secret: row.sealed("sealed_secret")?,
    })
}
