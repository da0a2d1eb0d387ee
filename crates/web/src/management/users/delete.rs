//! `DELETE /users/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::users;

use crate::management::answer::Done;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::path::InPath;

pub(in crate::management) enum DeleteUsers {}

impl Permission for DeleteUsers {
    const ANY_OF: &'static [&'static str] = &["delete:users"];
}

/// Removes a user. That there was none is no error: the user is gone.
pub(in crate::management) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<DeleteUsers>,
    InPath(id): InPath<String>,
) -> Result<Done, ManagementError> {
    let (context, by) = (caller.context(), caller.administrator());
    users::delete(&app, context, by, &id.into(), caller.now()).await?;
    Ok(Done)
}
