//! `PATCH /users/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::users;
use serde_json::{Map, Value};

use super::input::{self, UserInput};
use super::output::show;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;
use crate::management::path::InPath;

const UPDATE: &str = "update:users";

pub(in crate::management) enum UpdateUsers {}

impl Permission for UpdateUsers {
    const ANY_OF: &'static [&'static str] = &[UPDATE, "update:users_app_metadata"];
}

/// Changes a user. Whoever may write `app_metadata` alone changes nothing else.
pub(in crate::management) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller<UpdateUsers>,
    InPath(id): InPath<String>,
    JsonBody(body): JsonBody,
) -> Result<Found<Map<String, Value>>, ManagementError> {
    let UserInput { change, goes_beyond_app_metadata } = input::read_change(body)?;
    if goes_beyond_app_metadata {
        caller.require_any(&[UPDATE])?;
    }
    let (context, by) = (caller.context(), caller.administrator());
    let user = users::update(&app, context, by, &id.into(), change, caller.now()).await?;
    show(&user).map(Found)
}
