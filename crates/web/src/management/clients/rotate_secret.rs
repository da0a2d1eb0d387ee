//! `POST /clients/{id}/rotate-secret`

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use engine::app::App;
use engine::clients::{self, ClientWithSecret};
use serde_json::{Map, Value};

use super::output::{Detail, show};
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::OptionalJsonBody;
use crate::management::patch::Members;
use crate::management::path::InPath;
use crate::management::shape::{self, Member, Shape, TEXT};

const DAY_SECONDS: i64 = 24 * 60 * 60;
const MEMBERS: &[Member] = &[
    Member::new("previous_secret_seconds", Shape::Integer { least: 0, most: 30 * DAY_SECONDS }),
    // A published SDK repeats it here.
    Member::new("id", TEXT),
];

pub(in crate::management) enum RotateSecrets {}

impl Permission for RotateSecrets {
    const ANY_OF: &'static [&'static str] = &["update:client_keys"];
}

/// Gives a client a fresh secret, which the answer shows. The old one is worth nothing at once,
/// unless the body lets it be accepted for a while.
pub(in crate::management) async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller<RotateSecrets>,
    InPath(id): InPath<String>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Found<Map<String, Value>>, ManagementError> {
    let overlap = overlap(body, &id)?;
    let (context, by) = (caller.context(), caller.administrator());
    let ClientWithSecret { client, credentials: _, secret } =
        clients::rotate_secret(&app, context, by, &id.into(), overlap, caller.now()).await?;
    show(context, &client, secret, Detail::Full).map(Found)
}

fn overlap(body: Value, id: &str) -> Result<Duration, ManagementError> {
    if body.is_null() {
        return Ok(Duration::ZERO);
    }
    let mut members = Members::new(shape::check(body, &[MEMBERS])?);
    let repeated: Option<String> = members.optional("id")?;
    if repeated.is_some_and(|repeated| repeated != id) {
        return Err(ManagementError::invalid_body("id", "It is not the client of the path"));
    }
    let seconds = members.optional("previous_secret_seconds")?;
    Ok(seconds.map_or(Duration::ZERO, Duration::from_secs))
}
