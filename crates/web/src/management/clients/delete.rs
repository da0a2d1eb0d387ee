//! `DELETE /clients/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::clients;

use crate::management::answer::Done;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::path::InPath;

pub(in crate::management) enum DeleteClients {}

impl Permission for DeleteClients {
    const ANY_OF: &'static [&'static str] = &["delete:clients"];
}

/// Removes a client. That there was none is no error: it is gone.
pub(in crate::management) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<DeleteClients>,
    InPath(id): InPath<String>,
) -> Result<Done, ManagementError> {
    let (context, by) = (caller.context(), caller.administrator());
    clients::delete(&app, context, by, &id.into(), caller.now()).await?;
    Ok(Done)
}
