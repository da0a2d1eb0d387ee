//! Administers resource servers (APIs). Those that Strongroom is itself can be tuned, not remade.

mod change;
mod rules;

use model::client_grant::ClientGrant;
use model::ids::ResourceServerId;
use model::log_event::LogEventKind;
use model::resource_server::ResourceServer;
use protocol::time::Timestamp;
use serde_json::{Value, json};
use store::{Query, StoreError, resource_servers};

pub use change::ResourceServerChange;

use crate::administrator::Administrator;
use crate::app::App;
use crate::context::Context;
use crate::invalid::Invalid;

/// Why a resource server is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ResourceServerError {
    /// There is no such resource server.
    #[error("the resource server does not exist")]
    Unknown,
    /// The record cannot be so.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The identifier is another's.
    #[error("a resource server with the same identifier exists")]
    IdentifierTaken,
    /// It is part of Strongroom.
    #[error("it is a system API: {0} cannot be changed")]
    System(&'static str),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The resource server of an id, or of an identifier as the caller names it.
pub async fn find(
    q: &mut impl Query,
    context: &Context,
    id_or_identifier: &str,
) -> Result<Option<ResourceServer>, StoreError> {
    let tenant = context.tenant_id();
    let by_id = resource_servers::find(q, tenant, &id_or_identifier.into()).await?;
    if by_id.is_some() {
        return Ok(by_id);
    }
    let identifier = context.tenant.canonical_audience(id_or_identifier);
    resource_servers::find_by_identifier(q, tenant, &identifier).await
}

/// Makes a resource server.
pub async fn create(
    app: &App,
    context: &Context,
    by: &Administrator,
    identifier: String,
    change: ResourceServerChange,
    now: Timestamp,
) -> Result<ResourceServer, ResourceServerError> {
    rules::check_identifier(context, &identifier)?;
    // That of a system API, by whichever base URL, is taken.
    let identifier = context.tenant.canonical_audience(&identifier);
    let mut server = change::initial(app.entropy.hex_id(24), identifier);
    change.apply(&mut server);
    rules::check(&server)?;
    let mut tx = app.store.write().await?;
    resource_servers::insert(&mut tx, context.tenant_id(), &server, now).await.map_err(
        |error| {
            if error.is_duplicate() { ResourceServerError::IdentifierTaken } else { error.into() }
        },
    )?;
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Create a resource server")
        .details(target(&server))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(server)
}

/// Changes a resource server.
pub async fn update(
    app: &App,
    context: &Context,
    by: &Administrator,
    id_or_identifier: &str,
    change: ResourceServerChange,
    now: Timestamp,
) -> Result<ResourceServer, ResourceServerError> {
    let mut tx = app.store.write().await?;
    let mut server = find_for_update(&mut tx, context, id_or_identifier)
        .await?
        .ok_or(ResourceServerError::Unknown)?;
    let changed: Vec<String> = change.names().into_iter().map(str::to_owned).collect();
    if server.is_system {
        rules::check_system_change(context, &server, &changed)?;
    }
    let before = server.clone();
    change.apply(&mut server);
    rules::check(&server)?;
    if server.is_system {
        rules::check_system_result(context, &before, &server)?;
    }
    resource_servers::update(&mut tx, context.tenant_id(), &server).await?;
    let mut details = target(&server);
    details["changed"] = json!(changed);
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Update a resource server")
        .details(details)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(server)
}

/// Removes a resource server with the grants for it. Answers `false` if there was none.
pub async fn delete(
    app: &App,
    context: &Context,
    by: &Administrator,
    id_or_identifier: &str,
    now: Timestamp,
) -> Result<bool, ResourceServerError> {
    let mut tx = app.store.write().await?;
    let Some(server) = find_for_update(&mut tx, context, id_or_identifier).await? else {
        return Ok(false);
    };
    if server.is_system {
        return Err(ResourceServerError::System("it"));
    }
    resource_servers::delete(&mut tx, context.tenant_id(), &server.id).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Delete a resource server")
        .details(target(&server))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether a resource server's own scopes include those of a grant.
pub(crate) fn has_scopes_of(server: &ResourceServer, grant: &ClientGrant) -> Result<(), Invalid> {
    let is_known = |scope: &String| server.scopes.iter().any(|known| known.value == *scope);
    match grant.scope.iter().position(|scope| !is_known(scope)) {
        None => Ok(()),
        Some(position) => {
            let property = format!("scope[{position}]");
            Err(Invalid::new(property, "the resource server has no such scope"))
        }
    }
}

async fn find_for_update(
    tx: &mut store::WriteTx,
    context: &Context,
    id_or_identifier: &str,
) -> Result<Option<ResourceServer>, StoreError> {
    match find(tx, context, id_or_identifier).await? {
        None => Ok(None),
        Some(known) => {
            let id: &ResourceServerId = &known.id;
            resource_servers::find_for_update(tx, context.tenant_id(), id).await
        }
    }
}

fn target(server: &ResourceServer) -> Value {
    json!({ "resource_server": { "id": server.id, "identifier": server.identifier } })
}
