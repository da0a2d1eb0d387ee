//! `POST /resource-servers`

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::resource_servers;
use serde_json::{Map, Value};

use super::input;
use super::output::show;
use crate::management::answer::Created;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;

pub(in crate::management) enum CreateResourceServers {}

impl Permission for CreateResourceServers {
    const ANY_OF: &'static [&'static str] = &["create:resource_servers"];
}

/// Makes a resource server.
pub(in crate::management) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<CreateResourceServers>,
    JsonBody(body): JsonBody,
) -> Result<Created<Map<String, Value>>, ManagementError> {
    let (identifier, change) = input::read_new(body)?;
    let (context, by) = (caller.context(), caller.administrator());
    let server =
        resource_servers::create(&app, context, by, identifier, change, caller.now()).await?;
    show(context, &server, &HashMap::new()).map(Created)
}
