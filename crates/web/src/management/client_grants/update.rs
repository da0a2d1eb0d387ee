//! `PATCH /client-grants/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::client_grants::{self, ClientGrantChange};
use serde_json::Value;

use super::SETTINGS;
use super::output::show;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;
use crate::management::patch::Members;
use crate::management::path::InPath;
use crate::management::shape;

pub(in crate::management) enum UpdateClientGrants {}

impl Permission for UpdateClientGrants {
    const ANY_OF: &'static [&'static str] = &["update:client_grants"];
}

/// Changes a client grant.
pub(in crate::management) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller<UpdateClientGrants>,
    InPath(id): InPath<String>,
    JsonBody(body): JsonBody,
) -> Result<Found<Value>, ManagementError> {
    let mut members = Members::new(shape::check_change(body, &[SETTINGS])?);
    let change = ClientGrantChange {
        scope: members.change("scope")?,
        allow_all_scopes: members.change("allow_all_scopes")?,
        kept: members.rest(),
    };
    let (context, by) = (caller.context(), caller.administrator());
    let grant = client_grants::update(&app, context, by, &id.into(), change, caller.now()).await?;
    show(context, &grant).map(Found)
}
