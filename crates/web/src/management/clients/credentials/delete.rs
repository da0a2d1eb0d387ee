//! `DELETE /clients/{id}/credentials/{credential_id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::clients::delete_credential;

use crate::management::answer::Done;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::path::InPath;

pub(in crate::management) enum DeleteCredentials {}

impl Permission for DeleteCredentials {
    const ANY_OF: &'static [&'static str] = &["delete:client_credentials"];
}

/// Removes a credential that is not in use. That there was none is no error: it is gone.
pub(in crate::management) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<DeleteCredentials>,
    InPath((client_id, id)): InPath<(String, String)>,
) -> Result<Done, ManagementError> {
    let (context, by) = (caller.context(), caller.administrator());
    delete_credential(&app, context, by, &client_id.into(), &id.into(), caller.now()).await?;
    Ok(Done)
}
