//! `POST /clients`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::clients::{self, ClientWithSecret, UPDATE_PRIVILEGED_ACCESS};
use serde_json::{Map, Value};

use super::input;
use super::output::{Detail, show, show_registered};
use crate::management::answer::Created;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;

pub(in crate::management) enum CreateClients {}

impl Permission for CreateClients {
    const ANY_OF: &'static [&'static str] = &["create:clients"];
}

/// Makes a client. The answer shows the secret, whatever the caller may read: nobody else has it.
pub(in crate::management) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<CreateClients>,
    JsonBody(body): JsonBody,
) -> Result<Created<Map<String, Value>>, ManagementError> {
    let input = input::read_new(body)?;
    if input.changes_vault_access() {
        caller.require_any(&[UPDATE_PRIVILEGED_ACCESS])?;
    }
    let (context, by) = (caller.context(), caller.administrator());
    let ClientWithSecret { client, credentials, secret } =
        clients::create(&app, context, by, input.change, input.secret, caller.now()).await?;
    let mut members = show(context, &client, secret, Detail::Full)?;
    show_registered(&mut members, &credentials);
    Ok(Created(members))
}
