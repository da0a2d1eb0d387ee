//! `PATCH /resource-servers/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::clients::resource_server_clients;
use engine::resource_servers;
use serde_json::{Map, Value};

use super::input;
use super::output::show;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;
use crate::management::path::InPath;

pub(in crate::management) enum UpdateResourceServers {}

impl Permission for UpdateResourceServers {
    const ANY_OF: &'static [&'static str] = &["update:resource_servers"];
}

/// Changes a resource server.
pub(in crate::management) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller<UpdateResourceServers>,
    InPath(id): InPath<String>,
    JsonBody(body): JsonBody,
) -> Result<Found<Map<String, Value>>, ManagementError> {
    let change = input::read_change(body)?;
    let (context, by) = (caller.context(), caller.administrator());
    let server = resource_servers::update(&app, context, by, &id, change, caller.now()).await?;
    let clients = resource_server_clients(&mut app.store.read().await?, context).await?;
    show(context, &server, &clients).map(Found)
}
