//! A connection as it is shown.

use engine::app::App;
use engine::connections::{CLIENT_SECRET, reveal_secrets};
use model::ids::ClientId;
use protocol::secret::ClientSecret;
use serde_json::{Map, Value, json};
use store::connections::{self, StoredConnection};

use crate::management::caller::Caller;
use crate::management::error::ManagementError;
use crate::management::fields::Fields;

/// The caller may see our secrets at providers.
const READ_OPTIONS: &str = "read:connections_options";

/// The members of connections, as far as the caller may see them and asks to.
pub(in crate::management) async fn show_all<P>(
    app: &App,
    caller: &Caller<P>,
    fields: &Fields,
    stored: Vec<StoredConnection>,
) -> Result<Vec<Value>, ManagementError> {
    let tenant = caller.context().tenant_id();
    let secrets = if caller.holds(READ_OPTIONS) && fields.show("options") {
        let (context, by) = (caller.context(), caller.administrator());
        reveal_secrets(app, context, by, &stored, caller.now()).await?
    } else {
        stored.iter().map(|_| None).collect()
    };
    let mut read = app.store.read().await?;
    let mut shown = Vec::with_capacity(stored.len());
    for (stored, secret) in stored.iter().zip(secrets) {
        let clients = if fields.show("enabled_clients") {
            connections::clients(&mut read, tenant, &stored.connection.id).await?
        } else {
            Vec::new()
        };
        shown.push(fields.of(show(stored, secret, &clients)?));
    }
    Ok(shown)
}

fn show(
    stored: &StoredConnection,
    secret: Option<ClientSecret>,
    clients: &[ClientId],
) -> Result<Map<String, Value>, ManagementError> {
    let connection = &stored.connection;
    let members = serde_json::to_value(connection).and_then(serde_json::from_value);
    let mut members: Map<String, Value> =
        members.map_err(|error| ManagementError::internal(&error))?;
    members.entry("is_domain_connection").or_insert(json!(false));
    members.entry("realms").or_insert(json!([connection.name]));
    members.insert("enabled_clients".to_owned(), json!(clients));
    if let (Some(secret), Some(options)) = (secret, members.get_mut("options")) {
        options[CLIENT_SECRET] = json!(secret.disclose());
    }
    Ok(members)
}
