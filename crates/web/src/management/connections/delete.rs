//! `DELETE /connections/{id}`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use engine::app::App;
use engine::connections;
use serde_json::json;

use crate::management::answer::{Done, json};
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::path::InPath;

pub(in crate::management) enum DeleteConnections {}

impl Permission for DeleteConnections {
    const ANY_OF: &'static [&'static str] = &["delete:connections"];
}

/// Removes a connection. `202` as Auth0 has it, though all is done; `204` if there was none.
pub(in crate::management) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<DeleteConnections>,
    InPath(id): InPath<String>,
) -> Result<Response, ManagementError> {
    let (context, by) = (caller.context(), caller.administrator());
    let now = caller.now();
    if connections::delete(&app, context, by, &id.into(), now).await? {
        Ok(json(StatusCode::ACCEPTED, &json!({ "deleted_at": now.to_rfc3339() })))
    } else {
        Ok(Done.into_response())
    }
}
