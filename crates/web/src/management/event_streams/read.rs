//! `GET /event-streams` and `GET /event-streams/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use model::event_stream::EventStream;
use serde_json::Value;
use store::event_streams;

use super::find;
use super::output::show;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::paging::{PER_PAGE_MAX, Paging};
use crate::management::path::InPath;
use crate::management::query::Query;

const TAKE_DEFAULT: usize = 50;

pub(in crate::management) enum ReadEventStreams {}

impl Permission for ReadEventStreams {
    const ANY_OF: &'static [&'static str] = &["read:event_streams"];
}

/// Lists the streams.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadEventStreams>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let paging = Paging::read_checkpoint(&mut query, TAKE_DEFAULT, PER_PAGE_MAX)?;
    query.finish()?;
    let mut read = app.store.read().await?;
    let stored = event_streams::list(&mut read, caller.context().tenant_id()).await?;
    let streams = stored.into_iter().map(|stored| stored.stream).collect();
    let page = paging.cut(streams, |stream: &EventStream| stream.id.as_str())?;
    let shown = page.items.iter().map(show).collect();
    Ok(Found(page.frame.around("eventStreams", shown)))
}

/// Shows a stream.
pub(in crate::management) async fn show_one(
    State(app): State<Arc<App>>,
    caller: Caller<ReadEventStreams>,
    InPath(id): InPath<String>,
) -> Result<Found<Value>, ManagementError> {
    let stream = find(&mut app.store.read().await?, caller.context(), &id.into()).await?;
    Ok(Found(show(&stream)))
}
