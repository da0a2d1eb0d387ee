//! `PATCH /clients/{id}/credentials/{credential_id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::change::Change;
use engine::clients::update_credential;
use protocol::time::Timestamp;
use serde_json::{Map, Value};

use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::clients::output::show_credential;
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;
use crate::management::patch::Members;
use crate::management::path::InPath;
use crate::management::shape::{self, Member, TEXT};

const EXPIRY: &[Member] = &[Member::nullable("expires_at", TEXT)];

pub(in crate::management) enum UpdateCredentials {}

impl Permission for UpdateCredentials {
    const ANY_OF: &'static [&'static str] = &["update:client_credentials"];
}

/// Changes when a credential ends; `null` is never.
pub(in crate::management) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller<UpdateCredentials>,
    InPath((client_id, id)): InPath<(String, String)>,
    JsonBody(body): JsonBody,
) -> Result<Found<Map<String, Value>>, ManagementError> {
    let mut members = Members::new(shape::check_change(body, &[EXPIRY])?);
    let expires_at = match members.change::<String>("expires_at")? {
        Change::Keep => {
            let why = "Missing required property: expires_at";
            return Err(ManagementError::invalid_body("", why));
        }
        Change::Clear => None,
        Change::Set(text) => Some(
            Timestamp::parse_rfc3339(&text)
                .map_err(|error| ManagementError::invalid_body("expires_at", &error.to_string()))?,
        ),
    };
    let (context, by) = (caller.context(), caller.administrator());
    let (client_id, id) = (client_id.into(), id.into());
    let which = (&client_id, &id);
    let credential = update_credential(&app, context, by, which, expires_at, caller.now()).await?;
    Ok(Found(show_credential(&credential)))
}
