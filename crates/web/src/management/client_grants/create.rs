//! `POST /client-grants`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::client_grants::{self, ClientGrantChange, NewClientGrant};
use serde_json::Value;

use super::SETTINGS;
use super::output::show;
use crate::management::answer::Created;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;
use crate::management::patch::Members;
use crate::management::shape::{self, Member, Shape};

/// What can be set when a grant is made, and not later. Grants for a whole kind of clients
/// (`default_for`) are not supported, so each names its client.
const ON_CREATE: &[Member] = &[
    Member::required("client_id", Shape::Text { least: 1, most: 128 }),
    Member::required("audience", Shape::Text { least: 1, most: 600 }),
    Member::new("subject_type", Shape::OneOf(&["client", "user"])),
];

pub(in crate::management) enum CreateClientGrants {}

impl Permission for CreateClientGrants {
    const ANY_OF: &'static [&'static str] = &["create:client_grants"];
}

/// Makes a client grant.
pub(in crate::management) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<CreateClientGrants>,
    JsonBody(body): JsonBody,
) -> Result<Created<Value>, ManagementError> {
    let new = read(body)?;
    let (context, by) = (caller.context(), caller.administrator());
    let grant = client_grants::create(&app, context, by, new, caller.now()).await?;
    show(context, &grant).map(Created)
}

fn read(body: Value) -> Result<NewClientGrant, ManagementError> {
    let mut members = Members::new(shape::check(body, &[ON_CREATE, SETTINGS])?);
    Ok(NewClientGrant {
        client_id: members.required("client_id")?,
        audience: members.required("audience")?,
        subject_type: members.optional("subject_type")?.unwrap_or_default(),
        change: ClientGrantChange {
            scope: members.change("scope")?,
            allow_all_scopes: members.change("allow_all_scopes")?,
            kept: members.rest(),
        },
    })
}
