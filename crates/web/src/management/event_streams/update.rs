//! `PATCH /event-streams/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::event_streams;
use serde_json::Value;

use super::input::{self, SETTINGS, TO_WHOM};
use super::output::show;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;
use crate::management::path::InPath;
use crate::management::shape;

pub(in crate::management) enum UpdateEventStreams {}

impl Permission for UpdateEventStreams {
    const ANY_OF: &'static [&'static str] = &["update:event_streams"];
}

/// Changes a stream. Its destination is replaced whole, what is shown there included.
pub(in crate::management) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller<UpdateEventStreams>,
    InPath(id): InPath<String>,
    JsonBody(body): JsonBody,
) -> Result<Found<Value>, ManagementError> {
    let change = input::change(shape::check_change(body, &[&[TO_WHOM], SETTINGS])?)?;
    let (context, by) = (caller.context(), caller.administrator());
    let now = caller.now();
    let stream = event_streams::update(&app, context, by, &id.into(), change, now).await?;
    Ok(Found(show(&stream)))
}
