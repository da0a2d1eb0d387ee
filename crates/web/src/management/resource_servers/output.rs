//! A resource server as it is shown.

use std::collections::HashMap;

use engine::context::Context;
use model::ids::ClientId;
use model::resource_server::ResourceServer;
use serde_json::{Map, Value, json};

use crate::management::error::ManagementError;

/// The members of a resource server. `clients` are the Custom API Clients by the identifier of the
/// resource server that they are.
pub(super) fn show(
    context: &Context,
    server: &ResourceServer,
    clients: &HashMap<String, ClientId>,
) -> Result<Map<String, Value>, ManagementError> {
    let members = serde_json::to_value(server).and_then(serde_json::from_value);
    let mut members: Map<String, Value> =
        members.map_err(|error| ManagementError::internal(&error))?;
    let identifier = context.tenant.local_audience(&server.identifier, &context.base);
    members.insert("identifier".to_owned(), json!(identifier));
    members.insert("is_system".to_owned(), json!(server.is_system));
    if let Some(client_id) = clients.get(&server.identifier) {
        members.insert("client_id".to_owned(), json!(client_id));
    }
    Ok(members)
}
