//! `PATCH /connections/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::connections;
use serde_json::Value;

use super::input;
use super::output::show_all;
use super::unknown;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::fields::Fields;
use crate::management::json::JsonBody;
use crate::management::path::InPath;

pub(in crate::management) enum UpdateConnections {}

impl Permission for UpdateConnections {
    const ANY_OF: &'static [&'static str] = &["update:connections"];
}

/// Changes a connection; `options` are replaced whole.
pub(in crate::management) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller<UpdateConnections>,
    InPath(id): InPath<String>,
    JsonBody(body): JsonBody,
) -> Result<Found<Value>, ManagementError> {
    let change = input::read_change(body)?;
    let (context, by) = (caller.context(), caller.administrator());
    let stored = connections::update(&app, context, by, &id.into(), change, caller.now()).await?;
    let shown = show_all(&app, &caller, &Fields::all(), vec![stored]).await?.pop();
    shown.map(Found).ok_or_else(unknown)
}
