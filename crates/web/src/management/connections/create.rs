//! `POST /connections`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::connections;
use serde_json::Value;

use super::input;
use super::output::show_all;
use super::unknown;
use crate::management::answer::Created;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::fields::Fields;
use crate::management::json::JsonBody;

pub(in crate::management) enum CreateConnections {}

impl Permission for CreateConnections {
    const ANY_OF: &'static [&'static str] = &["create:connections"];
}

/// Makes a connection.
pub(in crate::management) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<CreateConnections>,
    JsonBody(body): JsonBody,
) -> Result<Created<Value>, ManagementError> {
    let new = input::read_new(body)?;
    let (context, by) = (caller.context(), caller.administrator());
    let stored = connections::create(&app, context, by, new, caller.now()).await?;
    let shown = show_all(&app, &caller, &Fields::all(), vec![stored]).await?.pop();
    shown.map(Created).ok_or_else(unknown)
}
