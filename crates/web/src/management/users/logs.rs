//! `GET /users/{id}/logs`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use model::ids::UserId;
use serde_json::Value;
use store::log_events;

use crate::management::answer::Found;
use crate::management::caller::Caller;
use crate::management::error::ManagementError;
use crate::management::logs::output::show;
use crate::management::logs::read::ReadLogs;
use crate::management::paging::{Frame, Paging, Totals, as_integer};
use crate::management::path::InPath;
use crate::management::query::Query;

/// Lists the events of a user, newest first; of one who was deleted, too.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadLogs>,
    InPath(id): InPath<String>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let paging = Paging::read_offset(&mut query)?;
    query.word("sort", &["date:-1"])?;
    query.finish()?;
    let (tenant, id) = (caller.context().tenant_id(), UserId::new(id));
    let (start, limit, include_totals) = paging.offset();
    let mut read = app.store.read().await?;
    let (offset, rows) = (as_integer(start), as_integer(limit));
    let events = log_events::page_for_user(&mut read, tenant, &id, offset, rows).await?;
    let frame = if include_totals {
        let total = log_events::count_for_user(&mut read, tenant, &id).await?;
        Frame::Totals(Totals { start, limit, total: usize::try_from(total).unwrap_or(0) })
    } else {
        Frame::Bare
    };
    let shown = events.iter().map(show).collect::<Result<_, _>>()?;
    Ok(Found(frame.around("logs", shown)))
}
