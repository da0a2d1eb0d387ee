//! `DELETE /event-streams/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::event_streams;

use crate::management::answer::Done;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::path::InPath;

pub(in crate::management) enum DeleteEventStreams {}

impl Permission for DeleteEventStreams {
    const ANY_OF: &'static [&'static str] = &["delete:event_streams"];
}

/// Removes a stream. That there was none is no error: it is gone.
pub(in crate::management) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<DeleteEventStreams>,
    InPath(id): InPath<String>,
) -> Result<Done, ManagementError> {
    let (context, by) = (caller.context(), caller.administrator());
    event_streams::delete(&app, context, by, &id.into(), caller.now()).await?;
    Ok(Done)
}
