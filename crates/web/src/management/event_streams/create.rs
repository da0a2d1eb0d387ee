//! `POST /event-streams`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::event_streams::{self, NewStream};
use serde_json::Value;

use super::input::{self, SETTINGS, TO_WHOM_AT_FIRST};
use super::output::show_new;
use crate::management::answer::Created;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;
use crate::management::shape;

pub(in crate::management) enum CreateEventStreams {}

impl Permission for CreateEventStreams {
    const ANY_OF: &'static [&'static str] = &["create:event_streams"];
}

/// Makes a stream. What its deliveries are signed with is shown here and never again.
pub(in crate::management) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<CreateEventStreams>,
    JsonBody(body): JsonBody,
) -> Result<Created<Value>, ManagementError> {
    let mut change = input::change(shape::check(body, &[&[TO_WHOM_AT_FIRST], SETTINGS])?)?;
    let destination = change.destination.take().ok_or_else(|| {
        ManagementError::invalid_body("", "Missing required property: destination")
    })?;
    let (context, by) = (caller.context(), caller.administrator());
    let new = event_streams::create(&app, context, by, destination, change, caller.now()).await?;
    let NewStream { stream, signing } = new;
    Ok(Created(show_new(&stream, signing)))
}
