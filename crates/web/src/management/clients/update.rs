//! `PATCH /clients/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::clients::{self, UPDATE_PRIVILEGED_ACCESS};
use serde_json::{Map, Value};

use super::input::{self, ClientInput};
use super::output::{Detail, show};
use super::read::secrets;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::fields::Fields;
use crate::management::json::JsonBody;
use crate::management::path::InPath;

const UPDATE: &str = "update:clients";
const UPDATE_KEYS: &str = "update:client_keys";
const UPDATE_CREDENTIALS: &str = "update:client_credentials";

pub(in crate::management) enum UpdateClients {}

impl Permission for UpdateClients {
    const ANY_OF: &'static [&'static str] = &[UPDATE, UPDATE_KEYS];
}

/// Changes a client. The secret and everything else are two permissions.
pub(in crate::management) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller<UpdateClients>,
    InPath(id): InPath<String>,
    JsonBody(body): JsonBody,
) -> Result<Found<Map<String, Value>>, ManagementError> {
    let input = input::read_change(body)?;
    if input.changes_vault_access() {
        caller.require_any(&[UPDATE_PRIVILEGED_ACCESS])?;
    }
    // A key is as good as a secret: whoever sets it can act as the client.
    if input.changes_authentication() {
        caller.require_any(&[UPDATE_KEYS, UPDATE_CREDENTIALS])?;
    }
    let ClientInput { change, secret, changes_settings } = input;
    if changes_settings {
        caller.require_any(&[UPDATE])?;
    }
    if secret.is_some() {
        caller.require_any(&[UPDATE_KEYS])?;
    }
    let (context, by) = (caller.context(), caller.administrator());
    let id = id.into();
    let stored = clients::update(&app, context, by, &id, change, secret, caller.now()).await?;
    let stored = [stored];
    let secret = secrets(&app, &caller, &Fields::all(), &stored).await?.pop().flatten();
    show(context, &stored[0].client, secret, Detail::Full).map(Found)
}
