//! `POST /users`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::users;
use serde_json::{Map, Value};

use super::input;
use super::output::show;
use crate::management::answer::Created;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;

pub(in crate::management) enum CreateUsers {}

impl Permission for CreateUsers {
    const ANY_OF: &'static [&'static str] = &["create:users"];
}

/// Makes a user in a database connection.
pub(in crate::management) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<CreateUsers>,
    JsonBody(body): JsonBody,
) -> Result<Created<Map<String, Value>>, ManagementError> {
    let new = input::read_new(body)?;
    let (context, by) = (caller.context(), caller.administrator());
    let user = users::create(&app, context, by, new, caller.now()).await?;
    show(&user).map(Created)
}
