//! What happened to connected accounts. An event is written with what it tells of, together with its
//! delivery to every stream that wants it.

use model::account_event::{AccountEvent, AccountEventKind};
use model::ids::TenantId;
use protocol::time::Timestamp;

use crate::db::{Row, WriteTx};
use crate::{Result, StoreError};

/// Adds an event, to be delivered at once. That the same thing happened to the same version of a
/// tokenset in the same millisecond is told once.
pub async fn insert(tx: &mut WriteTx, tenant: &TenantId, event: &AccountEvent) -> Result<()> {
    let sql = "INSERT INTO account_events (tenant, id, type, at, account_id, user_id, \
        connection_id, connection, strategy, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, \
        $10) ON CONFLICT DO NOTHING";
    let args = vec![
        tenant.into(),
        (&event.id).into(),
        event.kind.as_str().into(),
        event.at.into(),
        (&event.account_id).into(),
        (&event.user_id).into(),
        (&event.connection_id).into(),
        event.connection.as_str().into(),
        event.strategy.as_str().into(),
        event.reason.as_deref().into(),
    ];
    tx.execute(sql, args).await?;
    let sql = "INSERT INTO event_deliveries (tenant, stream_id, event_id, account_id, \
        next_attempt_at) SELECT s.tenant, s.stream_id, CAST($2 AS TEXT), CAST($3 AS TEXT), \
        CAST($4 AS BIGINT) FROM event_subscriptions s WHERE s.tenant = $1 AND s.type = $5 \
        ON CONFLICT DO NOTHING";
    let args = vec![
        tenant.into(),
        (&event.id).into(),
        (&event.account_id).into(),
        event.at.into(),
        event.kind.as_str().into(),
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Removes events that happened before a moment, with their deliveries; at most 1000 of them, because
/// other writers wait meanwhile.
pub async fn remove_before(tx: &mut WriteTx, moment: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM account_events WHERE (tenant, id) IN \
        (SELECT tenant, id FROM account_events WHERE at <= $1 LIMIT 1000)";
    tx.execute(sql, vec![moment.into()]).await
}

pub(crate) fn from_row(row: &Row) -> Result<AccountEvent> {
    let column = "type";
    let kind = AccountEventKind::from_name(row.text(column)?)
        .ok_or(StoreError::Inconsistent { column, reason: "unknown" })?;
    Ok(AccountEvent {
        id: row.id("id")?,
        kind,
        at: row.time("at")?,
        account_id: row.id("account_id")?,
        user_id: row.id("user_id")?,
        connection_id: row.id("connection_id")?,
        connection: row.text("connection")?.to_owned(),
        strategy: row.text("strategy")?.to_owned(),
        reason: row.opt_text("reason")?.map(str::to_owned),
    })
}
