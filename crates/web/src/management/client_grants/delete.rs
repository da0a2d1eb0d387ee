//! `DELETE /client-grants/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::client_grants;

use crate::management::answer::Done;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::path::InPath;

pub(in crate::management) enum DeleteClientGrants {}

impl Permission for DeleteClientGrants {
    const ANY_OF: &'static [&'static str] = &["delete:client_grants"];
}

/// Removes a client grant. That there was none is no error: it is gone.
pub(in crate::management) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<DeleteClientGrants>,
    InPath(id): InPath<String>,
) -> Result<Done, ManagementError> {
    let (context, by) = (caller.context(), caller.administrator());
    client_grants::delete(&app, context, by, &id.into(), caller.now()).await?;
    Ok(Done)
}
