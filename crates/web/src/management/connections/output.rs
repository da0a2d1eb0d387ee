//! A connection as it is shown.

use engine::app::App;
use engine::connection_secret::SecretOptions;
use engine::connections::reveal_options;
use model::ids::ClientId;
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
        let secrets = reveal_options(app, context, by, &stored, caller.now()).await?;
        secrets.into_iter().map(SecretOptions::disclose).collect()
    } else {
        vec![Map::new(); stored.len()]
    };
    let mut read = app.store.read().await?;
    let mut shown = Vec::with_capacity(stored.len());
    for (stored, secrets) in stored.iter().zip(secrets) {
        let clients = if fields.show("enabled_clients") {
            connections::clients(&mut read, tenant, &stored.connection.id).await?
        } else {
            Vec::new()
        };
        shown.push(fields.of(show(stored, secrets, &clients)?));
    }
    Ok(shown)
}

fn show(
    stored: &StoredConnection,
    secrets: Map<String, Value>,
    clients: &[ClientId],
) -> Result<Map<String, Value>, ManagementError> {
    let connection = &stored.connection;
    let members = serde_json::to_value(connection).and_then(serde_json::from_value);
    let mut members: Map<String, Value> =
        members.map_err(|error| ManagementError::internal(&error))?;
    members.entry("is_domain_connection").or_insert(json!(false));
    members.entry("realms").or_insert(json!([connection.name]));
    members.insert("enabled_clients".to_owned(), json!(clients));
    if let Some(Value::Object(options)) = members.get_mut("options") {
        options.extend(secrets);
    }
    Ok(members)
}
