//! Administers connections.
//!
//! Their options are replaced whole (as Auth0 documents), so a change without the client secret is a
//! change to none. Whoever may not read the secret can therefore not keep it by accident either.

mod change;
mod options;

use actions::ActionError;
use model::connection::{Connection, Strategy};
use model::ids::{ClientId, ConnectionId};
use model::log_event::LogEventKind;
use protocol::time::Timestamp;
use serde_json::{Map, Value, json};
use store::connections::StoredConnection;
use store::departures::Leaving;
use store::{
    StoreError, WriteTx, clients, connected_accounts, connections, revocations, sessions, users,
};

pub use change::{ConnectionChange, NewConnection};
pub use options::DiscoveryError;
use options::OptionsRefused;

use crate::administrator::Administrator;
use crate::app::App;
use crate::change::Change;
use crate::connection_secret::{self, SecretOptions};
use crate::context::Context;
use crate::departures;
use crate::invalid::Invalid;
use crate::keys::KeyError;

/// Why a connection is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// There is no such connection.
    #[error("the connection does not exist")]
    Unknown,
    /// The record cannot be so.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No provider of that name is known.
    #[error("the strategy {0:?} is not supported")]
    UnknownStrategy(String),
    /// The name is another connection's.
    #[error("a connection with the same name exists")]
    NameTaken,
    /// A client that it is to serve does not exist.
    #[error("the client {0} does not exist")]
    UnknownClient(ClientId),
    /// The provider does not describe itself where it should.
    #[error("discovery failed")]
    Discovery(#[from] DiscoveryError),
    /// A script cannot be checked at present.
    #[error("the script cannot be checked: {0}")]
    Script(#[source] ActionError),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for ConnectionError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

impl From<OptionsRefused> for ConnectionError {
    fn from(error: OptionsRefused) -> Self {
        match error {
            OptionsRefused::Invalid(invalid) => Self::Invalid(invalid),
            OptionsRefused::Discovery(error) => Self::Discovery(error),
            OptionsRefused::Script(error) => Self::Script(error),
        }
    }
}

/// Makes a connection.
pub async fn create(
    app: &App,
    context: &Context,
    by: &Administrator,
    new: NewConnection,
    now: Timestamp,
) -> Result<StoredConnection, ConnectionError> {
    let NewConnection { name, strategy, mut change } = new;
    if let Strategy::Provider(name) = &strategy
        && app.catalogue.get(name).is_none()
    {
        return Err(ConnectionError::UnknownStrategy(name.clone()));
    }
    let given = match std::mem::take(&mut change.options) {
        Change::Set(given) => given,
        Change::Keep | Change::Clear => Map::new(),
    };
    change.options = Change::Set(options::complete(app, context, &strategy, given).await?);
    let clients = std::mem::take(&mut change.enabled_clients);
    let mut connection = change::initial(app.entropy.id("con_", 16), name, strategy);
    change.apply(&mut connection);
    options::check_purposes(&connection)?;
    let stored = seal(app, context, connection, now).await?;
    let mut tx = app.store.write().await?;
    let tenant = context.tenant_id();
    connections::insert(&mut tx, tenant, &stored, now).await.map_err(|error| {
        if error.is_duplicate() { ConnectionError::NameTaken } else { error.into() }
    })?;
    replace_clients(&mut tx, context, &stored.connection.id, clients).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .connection(&stored.connection)
        .describe("Create a connection")
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(stored)
}

/// Changes a connection.
pub async fn update(
    app: &App,
    context: &Context,
    by: &Administrator,
    id: &ConnectionId,
    mut change: ConnectionChange,
    now: Timestamp,
) -> Result<StoredConnection, ConnectionError> {
    let tenant = context.tenant_id();
    let known = connections::find(&mut app.store.read().await?, tenant, id).await?;
    let strategy = known.ok_or(ConnectionError::Unknown)?.connection.strategy;
    let replaces_options = !change.options.is_keep();
    if let Change::Set(given) = change.options {
        // Reads from the network, so it comes before the transaction; the strategy never changes.
        change.options = Change::Set(options::complete(app, context, &strategy, given).await?);
    }
    let details = json!({ "changed": change.names() });
    let clients = std::mem::take(&mut change.enabled_clients);
    let mut tx = app.store.write().await?;
    let found = connections::find_for_update(&mut tx, tenant, id).await?;
    let mut stored = found.ok_or(ConnectionError::Unknown)?;
    let sealed: Vec<_> = stored.sealed_secret.iter().collect();
    let keys = app.keys.for_records(&mut tx, tenant, &sealed, now).await?;
    let before = connection_secret::credentials(&keys, tenant, &stored)?;
    change.apply(&mut stored.connection);
    options::check_purposes(&stored.connection)?;
    if replaces_options {
        stored.sealed_secret =
            connection_secret::take_and_seal(&keys, tenant, &mut stored.connection, &*app.entropy)?;
    }
    connections::update(&mut tx, tenant, &stored).await?;
    if connection_secret::credentials(&keys, tenant, &stored)? != before {
        // What the provider refused to one application it may grant to another.
        connected_accounts::try_again(&mut tx, tenant, id).await?;
    }
    replace_clients(&mut tx, context, id, clients).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .connection(&stored.connection)
        .describe("Update a connection")
        .details(details)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(stored)
}

/// Makes a connection serve clients, or serve them no longer.
pub async fn set_clients(
    app: &App,
    context: &Context,
    by: &Administrator,
    id: &ConnectionId,
    changes: &[(ClientId, bool)],
    now: Timestamp,
) -> Result<(), ConnectionError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let found = connections::find_for_update(&mut tx, tenant, id).await?;
    let stored = found.ok_or(ConnectionError::Unknown)?;
    for (client_id, is_served) in changes {
        if *is_served {
            enable(&mut tx, context, id, client_id).await?;
        } else {
            connections::disable(&mut tx, tenant, id, client_id).await?;
        }
    }
    let changes: Map<String, Value> =
        changes.iter().map(|(client, on)| (client.to_string(), Value::Bool(*on))).collect();
    by.event(LogEventKind::ManagementWrite, context)
        .connection(&stored.connection)
        .describe("Update the clients of a connection")
        .details(json!({ "clients": changes }))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Removes a connection with the accounts and tokens that came by it, and with the users who have no
/// other way to log in. Answers `false` if there was none.
pub async fn delete(
    app: &App,
    context: &Context,
    by: &Administrator,
    id: &ConnectionId,
    now: Timestamp,
) -> Result<bool, ConnectionError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let Some(stored) = connections::find_for_update(&mut tx, tenant, id).await? else {
        return Ok(false);
    };
    revocations::keep_connection(&mut tx, tenant, id, now).await?;
    let leaving = Leaving::Connection(id);
    let reason = "connection_deleted";
    let accounts = departures::leave(app, &mut tx, tenant, leaving, reason, now).await?;
    sessions::delete_for_connection(&mut tx, tenant, &stored.connection.name).await?;
    users::delete_known_by_connection_alone(&mut tx, tenant, id).await?;
    connections::delete(&mut tx, tenant, id).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .connection(&stored.connection)
        .describe("Delete a connection")
        .details(json!({ "connected_accounts": accounts }))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// The secret options of connections, in their order, for an administrator who may read them. The
/// audit log tells that they were read.
pub async fn reveal_options(
    app: &App,
    context: &Context,
    by: &Administrator,
    stored: &[StoredConnection],
    now: Timestamp,
) -> Result<Vec<SecretOptions>, ConnectionError> {
    let tenant = context.tenant_id();
    let sealed: Vec<_> = stored.iter().filter_map(|one| one.sealed_secret.as_ref()).collect();
    let keys = app.keys_for_records(tenant, &sealed, now).await?;
    let opened = stored.iter().map(|stored| connection_secret::open(&keys, tenant, stored));
    let secrets = opened.collect::<Result<Vec<_>, _>>()?;
    let read = stored.iter().filter(|stored| stored.sealed_secret.is_some());
    let ids: Vec<&str> = read.map(|stored| stored.connection.id.as_str()).collect();
    if !ids.is_empty() {
        by.event(LogEventKind::ManagementSecretRead, context)
            .describe("Read the secrets of connections")
            .details(json!({ "connections": ids }))
            .commit(app, context, now)
            .await?;
    }
    Ok(secrets)
}

async fn seal(
    app: &App,
    context: &Context,
    mut connection: Connection,
    now: Timestamp,
) -> Result<StoredConnection, KeyError> {
    let tenant = context.tenant_id();
    let keys = app.tenant_keys(tenant, now).await?;
    let sealed_secret =
        connection_secret::take_and_seal(&keys, tenant, &mut connection, &*app.entropy)?;
    Ok(StoredConnection { connection, sealed_secret })
}

async fn replace_clients(
    tx: &mut WriteTx,
    context: &Context,
    id: &ConnectionId,
    change: Change<Vec<ClientId>>,
) -> Result<(), ConnectionError> {
    let wanted = match change {
        Change::Keep => return Ok(()),
        Change::Clear => Vec::new(),
        Change::Set(wanted) => wanted,
    };
    let tenant = context.tenant_id();
    for client_id in connections::clients(tx, tenant, id).await? {
        if !wanted.contains(&client_id) {
            connections::disable(tx, tenant, id, &client_id).await?;
        }
    }
    for client_id in &wanted {
        enable(tx, context, id, client_id).await?;
    }
    Ok(())
}

async fn enable(
    tx: &mut WriteTx,
    context: &Context,
    id: &ConnectionId,
    client_id: &ClientId,
) -> Result<(), ConnectionError> {
    let tenant = context.tenant_id();
    if clients::find(tx, tenant, client_id).await?.is_none() {
        return Err(ConnectionError::UnknownClient(client_id.clone()));
    }
    Ok(connections::enable(tx, tenant, id, client_id).await?)
}
