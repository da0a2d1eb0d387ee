//! `GET /logs` and `GET /logs/{id}`
//!
//! By offset the newest come first; by checkpoint (`from`, an event's id, and `take`) those after the
//! event, oldest first, as whoever copies the log needs them. Either is a bare array.

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use serde_json::Value;
use store::log_events;

use super::output::members;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::{Code, ManagementError};
use crate::management::fields::Fields;
use crate::management::paging::{Frame, PER_PAGE_MAX, Paging, Totals, as_integer};
use crate::management::path::InPath;
use crate::management::query::Query;

pub(in crate::management) enum ReadLogs {}

impl Permission for ReadLogs {
    const ANY_OF: &'static [&'static str] = &["read:logs", "read:logs_users"];
}

/// Lists events.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadLogs>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let paging = Paging::read(&mut query)?;
    let fields = Fields::read(&mut query)?;
    query.word("sort", &["date:-1"])?;
    for name in ["q", "search"] {
        if query.text(name)?.is_some() {
            return Err(ManagementError::invalid_query(name, "Searching logs is not supported"));
        }
    }
    query.finish()?;
    let tenant = caller.context().tenant_id();
    let mut read = app.store.read().await?;
    let (events, frame) = match paging {
        Paging::Offset { start, limit, include_totals } => {
            let (offset, rows) = (as_integer(start), as_integer(limit));
            let events = log_events::page(&mut read, tenant, offset, rows).await?;
            let frame = if include_totals {
                let total = log_events::count(&mut read, tenant).await?;
                Frame::Totals(Totals { start, limit, total: usize::try_from(total).unwrap_or(0) })
            } else {
                Frame::Bare
            };
            (events, frame)
        }
        Paging::Checkpoint { from, take } => {
            let from = from.unwrap_or_default().into();
            let rows = as_integer(take.min(PER_PAGE_MAX));
            (log_events::after(&mut read, tenant, &from, rows).await?, Frame::Bare)
        }
    };
    let shown = events.iter().map(|event| Ok(fields.of(members(event)?)));
    let shown = shown.collect::<Result<Vec<_>, ManagementError>>()?;
    Ok(Found(frame.around("logs", shown)))
}

/// Shows an event.
pub(in crate::management) async fn show_one(
    State(app): State<Arc<App>>,
    caller: Caller<ReadLogs>,
    InPath(id): InPath<String>,
) -> Result<Found<Value>, ManagementError> {
    let tenant = caller.context().tenant_id();
    let found = log_events::find(&mut app.store.read().await?, tenant, &id.into()).await?;
    let event = found.ok_or_else(|| {
        ManagementError::new(Code::InexistentLogEvent, "The log event does not exist.")
    })?;
    super::output::show(&event).map(Found)
}
