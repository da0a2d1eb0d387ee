//! Where people come from: the tenant's own users, and the emulated providers.

use connectors::Spec;
use engine::connection_secret::{CLIENT_SECRET, take_and_seal};
use model::connection::{Connection, Purpose, Strategy};
use model::ids::ClientId;
use protocol::oauth::scope::Scope;
use protocol::secret::ClientSecret;
use serde_json::{Map, Value, json};
use store::connections::{self, StoredConnection};

use super::clients::Clients;
use super::{CALENDAR_CONNECTION, DATABASE_CONNECTION, Plot, ProviderAccess, SeedError};

/// What the calendar is asked for unless an application says otherwise.
const CALENDAR_SCOPES: &str = "openid profile email offline_access read:calendar";
/// The domain of everybody's address at the emulator.
const EMULATED_DOMAIN: &str = "calendar.test";

/// Finds or makes the connection of the tenant's own users.
pub(super) async fn database(
    plot: &mut Plot<'_>,
    clients: &Clients,
) -> Result<Connection, SeedError> {
    let known = connections::find_by_name(&mut plot.tx, &plot.tenant.id, DATABASE_CONNECTION);
    let connection = match known.await? {
        Some(StoredConnection { connection, sealed_secret: _ }) => {
            if connection.strategy != Strategy::Database {
                return Err(SeedError::Occupied(DATABASE_CONNECTION.to_owned()));
            }
            enable(plot, &connection, clients.newcomers()).await?;
            return Ok(connection);
        }
        None => Connection {
            id: plot.app.entropy.id("con_", 16),
            name: DATABASE_CONNECTION.to_owned(),
            display_name: None,
            strategy: Strategy::Database,
            options: Map::new(),
            authentication: purpose(true),
            connected_accounts: purpose(false),
            metadata: Map::new(),
            kept: Map::new(),
        },
    };
    let stored = StoredConnection { connection, sealed_secret: None };
    connections::insert(&mut plot.tx, &plot.tenant.id, &stored, plot.now).await?;
    enable(plot, &stored.connection, clients.of_people()).await?;
    Ok(stored.connection)
}

/// Makes the connection to the calendar's provider, or leads the one that exists to where the
/// provider is today.
pub(super) async fn calendar(
    plot: &mut Plot<'_>,
    provider: &ProviderAccess,
    clients: &Clients,
) -> Result<(), SeedError> {
    let known = connections::find_by_name(&mut plot.tx, &plot.tenant.id, CALENDAR_CONNECTION);
    if let Some(StoredConnection { mut connection, sealed_secret: _ }) = known.await? {
        if connection.strategy.as_str() != "oidc" {
            return Err(SeedError::Occupied(CALENDAR_CONNECTION.to_owned()));
        }
        // What an earlier emulator said of itself is of no use.
        connection.options.remove("oidc_metadata");
        connection.options.extend(place_of(provider));
        return renew(plot, connection, provider, clients).await;
    }
    let mut options = place_of(provider);
    options.insert("type".to_owned(), json!("back_channel"));
    options.insert("scope".to_owned(), json!(CALENDAR_SCOPES));
    options.insert("revoke_on_disconnect".to_owned(), json!(true));
    let (name, title) = (CALENDAR_CONNECTION, "Calendar");
    add(plot, (name, title, "oidc"), options, provider, clients).await
}

/// Makes the connection to a provider that the emulator pretends to be. One that an operator has led
/// elsewhere stays as it is, and is in the way.
pub(super) async fn emulated(
    plot: &mut Plot<'_>,
    spec: &Spec,
    provider: &ProviderAccess,
    clients: &Clients,
) -> Result<(), SeedError> {
    let (name, client_id) = (&spec.strategy, json!(provider.client_id));
    let known = connections::find_by_name(&mut plot.tx, &plot.tenant.id, name);
    if let Some(StoredConnection { connection, sealed_secret: _ }) = known.await? {
        let is_ours = connection.strategy.as_str() == name
            && connection.options.get("client_id") == Some(&client_id);
        if !is_ours {
            return Err(SeedError::Occupied(name.clone()));
        }
        return renew(plot, connection, provider, clients).await;
    }
    let mut options = needed_options(spec);
    options.insert("client_id".to_owned(), client_id);
    add(plot, (name, &spec.name, name), options, provider, clients).await
}

/// Makes a connection of this name, title and strategy, for the applications of people.
async fn add(
    plot: &mut Plot<'_>,
    (name, title, strategy): (&str, &str, &str),
    options: Map<String, Value>,
    provider: &ProviderAccess,
    clients: &Clients,
) -> Result<(), SeedError> {
    let connection = Connection {
        id: plot.app.entropy.id("con_", 16),
        name: name.to_owned(),
        display_name: Some(title.to_owned()),
        strategy: Strategy::Provider(strategy.to_owned()),
        options,
        authentication: purpose(true),
        connected_accounts: purpose(true),
        metadata: Map::new(),
        kept: Map::new(),
    };
    let stored = sealed(plot, connection, &provider.client_secret)?;
    connections::insert(&mut plot.tx, &plot.tenant.id, &stored, plot.now).await?;
    enable(plot, &stored.connection, clients.of_people()).await
}

/// Gives a connection that exists the secret of today's emulator.
async fn renew(
    plot: &mut Plot<'_>,
    connection: Connection,
    provider: &ProviderAccess,
    clients: &Clients,
) -> Result<(), SeedError> {
    let stored = sealed(plot, connection, &provider.client_secret)?;
    connections::update(&mut plot.tx, &plot.tenant.id, &stored).await?;
    enable(plot, &stored.connection, clients.newcomers()).await
}

/// What a connection has to say beside our registration: what fills the gaps in the addresses, whom to
/// let in, what to ask for, and that the access is to last.
fn needed_options(spec: &Spec) -> Map<String, Value> {
    let mut options = Map::new();
    for variable in spec.variables.values().filter(|variable| variable.default.is_none()) {
        let option = variable.options.first();
        options.extend(option.map(|option| (option.clone(), json!(variable.example))));
    }
    let must_match = spec.account.must_match.iter().filter_map(|wanted| wanted.options.first());
    options.extend(must_match.map(|option| (option.clone(), json!(EMULATED_DOMAIN))));

    let mut scopes: Vec<&str> = spec.scopes.default.iter().map(Scope::as_str).collect();
    if scopes.is_empty() && spec.scopes.always.is_empty() {
        scopes.extend(spec.scopes.words.keys().next().map(String::as_str));
    }
    let asks_for_lasting = !spec.offline.scopes.is_empty() || !spec.offline.parameters.is_empty();
    if asks_for_lasting {
        options.insert("offline_access".to_owned(), json!(true));
        // A scope that is not open to every application has to be asked for by its name.
        scopes
            .extend(spec.offline.scopes.first().filter(|_| !spec.offline.open).map(String::as_str));
    }
    if !scopes.is_empty() {
        options.insert("scope".to_owned(), json!(scopes));
    }
    options
}

fn place_of(provider: &ProviderAccess) -> Map<String, Value> {
    let discovery_url = format!("{}.well-known/openid-configuration", provider.issuer);
    Map::from_iter([
        ("discovery_url".to_owned(), json!(discovery_url)),
        ("client_id".to_owned(), json!(provider.client_id)),
    ])
}

fn purpose(active: bool) -> Purpose {
    Purpose { active, kept: Map::new() }
}

fn sealed(
    plot: &Plot<'_>,
    mut connection: Connection,
    secret: &ClientSecret,
) -> Result<StoredConnection, SeedError> {
    let Plot { app, tenant, keys, tx: _, now: _ } = plot;
    connection.options.insert(CLIENT_SECRET.to_owned(), json!(secret.expose()));
    let sealed_secret = take_and_seal(keys, &tenant.id, &mut connection, &*app.entropy)?;
    Ok(StoredConnection { connection, sealed_secret })
}

async fn enable<'a>(
    plot: &mut Plot<'_>,
    connection: &Connection,
    clients: impl IntoIterator<Item = &'a ClientId>,
) -> Result<(), SeedError> {
    for client_id in clients {
        connections::enable(&mut plot.tx, &plot.tenant.id, &connection.id, client_id).await?;
    }
    Ok(())
}
