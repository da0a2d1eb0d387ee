//! `GET /clients/{id}/credentials` and `GET /clients/{id}/credentials/{credential_id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::clients::ClientError;
use serde_json::{Map, Value};
use store::{client_credentials, clients};

use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::clients::output::show_credential;
use crate::management::clients::unknown;
use crate::management::error::ManagementError;
use crate::management::path::InPath;

pub(in crate::management) enum ReadCredentials {}

impl Permission for ReadCredentials {
    const ANY_OF: &'static [&'static str] = &["read:client_credentials"];
}

/// Lists the credentials of a client, all of them: there are few.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadCredentials>,
    InPath(id): InPath<String>,
) -> Result<Found<Vec<Map<String, Value>>>, ManagementError> {
    let (tenant, id) = (caller.context().tenant_id(), id.into());
    let mut read = app.store.read().await?;
    clients::find(&mut read, tenant, &id).await?.ok_or_else(unknown)?;
    let credentials = client_credentials::list(&mut read, tenant, &id).await?;
    Ok(Found(credentials.iter().map(show_credential).collect()))
}

/// Shows a credential.
pub(in crate::management) async fn show_one(
    State(app): State<Arc<App>>,
    caller: Caller<ReadCredentials>,
    InPath((client_id, id)): InPath<(String, String)>,
) -> Result<Found<Map<String, Value>>, ManagementError> {
    let tenant = caller.context().tenant_id();
    let mut read = app.store.read().await?;
    let found = client_credentials::find(&mut read, tenant, &client_id.into(), &id.into()).await?;
    let credential = found.ok_or(ClientError::UnknownCredential)?;
    Ok(Found(show_credential(&credential)))
}
