//! The audit log.

use model::ids::{LogId, TenantId, UserId};
use model::log_event::{LogEvent, LogEventKind};

use crate::db::{Query, Row, WriteTx};
use crate::{Result, StoreError};

/// Adds an event. That it worked, the commit tells.
pub async fn insert(tx: &mut WriteTx, tenant: &TenantId, event: &LogEvent) -> Result<()> {
    let sql = "INSERT INTO log_events (tenant, log_id, at, type, user_id, document) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    let args = vec![
        tenant.into(),
        (&event.id).into(),
        event.at.into(),
        event.kind.code().into(),
        event.detail.user_id.as_deref().into(),
        serde_json::to_string(&event.detail)?.into(),
    ];
    tx.append(sql, args).await
}

/// The event of an id.
pub async fn find(q: &mut impl Query, tenant: &TenantId, id: &LogId) -> Result<Option<LogEvent>> {
    let sql = "SELECT log_id, at, type, document FROM log_events WHERE tenant = $1 AND log_id = $2";
    q.row(sql, vec![tenant.into(), id.into()]).await?.as_ref().map(from_row).transpose()
}

/// A page of events, newest first.
pub async fn page(
    q: &mut impl Query,
    tenant: &TenantId,
    offset: i64,
    limit: i64,
) -> Result<Vec<LogEvent>> {
    let sql = "SELECT log_id, at, type, document FROM log_events WHERE tenant = $1 \
        ORDER BY log_id DESC LIMIT $3 OFFSET $2";
    let rows = q.rows(sql, vec![tenant.into(), offset.into(), limit.into()]).await?;
    rows.iter().map(from_row).collect()
}

/// The events after one, oldest first.
pub async fn after(
    q: &mut impl Query,
    tenant: &TenantId,
    id: &LogId,
    limit: i64,
) -> Result<Vec<LogEvent>> {
    let sql = "SELECT log_id, at, type, document FROM log_events \
        WHERE tenant = $1 AND log_id > $2 ORDER BY log_id LIMIT $3";
    let rows = q.rows(sql, vec![tenant.into(), id.into(), limit.into()]).await?;
    rows.iter().map(from_row).collect()
}

/// A page of the events of a user, newest first.
pub async fn page_for_user(
    q: &mut impl Query,
    tenant: &TenantId,
    user_id: &UserId,
    offset: i64,
    limit: i64,
) -> Result<Vec<LogEvent>> {
    let sql = "SELECT log_id, at, type, document FROM log_events \
        WHERE tenant = $1 AND user_id = $2 ORDER BY log_id DESC LIMIT $4 OFFSET $3";
    let args = vec![tenant.into(), user_id.into(), offset.into(), limit.into()];
    q.rows(sql, args).await?.iter().map(from_row).collect()
}

/// How many events a tenant has.
pub async fn count(q: &mut impl Query, tenant: &TenantId) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS total FROM log_events WHERE tenant = $1";
    q.row(sql, vec![tenant.into()]).await?.map_or(Ok(0), |row| row.int("total"))
}

/// How many events a user has.
pub async fn count_for_user(
    q: &mut impl Query,
    tenant: &TenantId,
    user_id: &UserId,
) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS total FROM log_events WHERE tenant = $1 AND user_id = $2";
    let row = q.row(sql, vec![tenant.into(), user_id.into()]).await?;
    row.map_or(Ok(0), |row| row.int("total"))
}

fn from_row(row: &Row) -> Result<LogEvent> {
    let column = "type";
    let kind = LogEventKind::from_code(row.text(column)?)
        .ok_or(StoreError::Inconsistent { column, reason: "unknown" })?;
    Ok(LogEvent {
        id: row.id("log_id")?,
        at: row.time("at")?,
        kind,
        detail: row.document("document")?,
    })
}
