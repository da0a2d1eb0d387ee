//! `DELETE /resource-servers/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::resource_servers;

use crate::management::answer::Done;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::path::InPath;

pub(in crate::management) enum DeleteResourceServers {}

impl Permission for DeleteResourceServers {
    const ANY_OF: &'static [&'static str] = &["delete:resource_servers"];
}

/// Removes a resource server. That there was none is no error: it is gone.
pub(in crate::management) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<DeleteResourceServers>,
    InPath(id): InPath<String>,
) -> Result<Done, ManagementError> {
    let (context, by) = (caller.context(), caller.administrator());
    resource_servers::delete(&app, context, by, &id, caller.now()).await?;
    Ok(Done)
}
