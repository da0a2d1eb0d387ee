//! `GET /event-streams/{id}/deliveries` and `GET /event-streams/{id}/deliveries/{event_id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use model::ids::{AccountEventId, EventStreamId};
use serde_json::Value;
use store::event_deliveries;

use super::find;
use super::output::show_delivery;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::{Code, ManagementError};
use crate::management::paging::PER_PAGE_MAX;
use crate::management::path::InPath;
use crate::management::query::Query;

const TAKE_DEFAULT: usize = 50;

pub(in crate::management) enum ReadDeliveries {}

impl Permission for ReadDeliveries {
    const ANY_OF: &'static [&'static str] = &["read:event_streams", "read:event_deliveries"];
}

/// Lists the deliveries that were given up, after the one that `from` names.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadDeliveries>,
    InPath(id): InPath<String>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    // There is one status to ask for, and it is asked for anyway.
    query.word("statuses", &["failed"])?;
    let after = AccountEventId::new(query.text("from")?.unwrap_or_default());
    let take = query.number("take", 1..=PER_PAGE_MAX)?.unwrap_or(TAKE_DEFAULT);
    query.finish()?;
    let (context, id) = (caller.context(), EventStreamId::new(id));
    let mut read = app.store.read().await?;
    find(&mut read, context, &id).await?;
    let limit = i64::try_from(take).unwrap_or(i64::MAX);
    let tenant = context.tenant_id();
    let failed = event_deliveries::failed_after(&mut read, tenant, &id, &after, limit).await?;
    Ok(Found(failed.iter().map(|delivery| show_delivery(&id, delivery)).collect()))
}

/// Shows what became of one event.
pub(in crate::management) async fn show_one(
    State(app): State<Arc<App>>,
    caller: Caller<ReadDeliveries>,
    InPath((id, event_id)): InPath<(String, String)>,
) -> Result<Found<Value>, ManagementError> {
    let (context, id) = (caller.context(), EventStreamId::new(id));
    let mut read = app.store.read().await?;
    find(&mut read, context, &id).await?;
    let event_id = AccountEventId::new(event_id);
    let found = event_deliveries::find(&mut read, context.tenant_id(), &id, &event_id).await?;
    let delivery = found.ok_or_else(|| {
        ManagementError::new(Code::InexistentEventStream, "The stream has no such event.")
    })?;
    Ok(Found(show_delivery(&id, &delivery)))
}
