//! `POST /clients/{id}/rotate-secret`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::clients::{self, ClientWithSecret};
use serde_json::{Map, Value};

use super::output::{Detail, show};
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::path::InPath;

pub(in crate::management) enum RotateSecrets {}

impl Permission for RotateSecrets {
    const ANY_OF: &'static [&'static str] = &["update:client_keys"];
}

/// Gives a client a fresh secret, which the answer shows.
pub(in crate::management) async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller<RotateSecrets>,
    InPath(id): InPath<String>,
) -> Result<Found<Map<String, Value>>, ManagementError> {
    let (context, by) = (caller.context(), caller.administrator());
    let ClientWithSecret { client, credentials: _, secret } =
        clients::rotate_secret(&app, context, by, &id.into(), caller.now()).await?;
    show(context, &client, secret, Detail::Full).map(Found)
}
