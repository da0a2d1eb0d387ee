//! `POST /clients/{id}/credentials`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::clients::{NewCredential, create_credential};
use serde_json::{Map, Value};

use crate::management::answer::Created;
use crate::management::caller::{Caller, Permission};
use crate::management::clients::members::of_credential;
use crate::management::clients::output::show_credential;
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;
use crate::management::path::InPath;
use crate::management::shape;

pub(in crate::management) enum CreateCredentials {}

impl Permission for CreateCredentials {
    const ANY_OF: &'static [&'static str] = &["create:client_credentials"];
}

/// Registers a credential. What it is used for is said in a change of the client.
pub(in crate::management) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<CreateCredentials>,
    InPath(id): InPath<String>,
    JsonBody(body): JsonBody,
) -> Result<Created<Map<String, Value>>, ManagementError> {
    let members = of_credential(&body);
    let body = Value::Object(shape::check(body, &[members])?);
    let new: NewCredential = serde_json::from_value(body)
        .map_err(|error| ManagementError::invalid_body("", &error.to_string()))?;
    let (context, by) = (caller.context(), caller.administrator());
    let credential = create_credential(&app, context, by, &id.into(), new, caller.now()).await?;
    Ok(Created(show_credential(&credential)))
}
