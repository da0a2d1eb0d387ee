//! `GET /resource-servers` and `GET /resource-servers/{id}`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::clients::resource_server_clients;
use engine::resource_servers::find;
use model::resource_server::ResourceServer;
use serde_json::Value;
use store::resource_servers;

use super::output::show;
use super::unknown;
use crate::management::answer::Found;
use crate::management::caller::{Caller, Permission};
use crate::management::error::ManagementError;
use crate::management::fields::Fields;
use crate::management::paging::Paging;
use crate::management::path::InPath;
use crate::management::query::Query;

pub(in crate::management) enum ReadResourceServers {}

impl Permission for ReadResourceServers {
    const ANY_OF: &'static [&'static str] = &["read:resource_servers"];
}

/// Lists resource servers; `identifiers` may be repeated.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadResourceServers>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let context = caller.context();
    let paging = Paging::read_offset(&mut query)?;
    let fields = Fields::read(&mut query)?;
    let identifiers: Vec<String> = ["identifiers", "identifiers[]"]
        .into_iter()
        .flat_map(|name| query.texts(name))
        .map(|identifier| context.tenant.canonical_audience(&identifier))
        .collect();
    query.finish()?;
    let mut read = app.store.read().await?;
    let mut wanted = resource_servers::list(&mut read, context.tenant_id()).await?;
    wanted.retain(|server| identifiers.is_empty() || identifiers.contains(&server.identifier));
    let clients = resource_server_clients(&mut read, context).await?;
    let page = paging.cut(wanted, |server: &ResourceServer| server.id.as_str())?;
    let shown = page.items.iter().map(|server| Ok(fields.of(show(context, server, &clients)?)));
    let shown = shown.collect::<Result<Vec<_>, ManagementError>>()?;
    Ok(Found(page.frame.around("resource_servers", shown)))
}

/// Shows a resource server.
pub(in crate::management) async fn show_one(
    State(app): State<Arc<App>>,
    caller: Caller<ReadResourceServers>,
    InPath(id): InPath<String>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let context = caller.context();
    let fields = Fields::read(&mut query)?;
    query.finish()?;
    let mut read = app.store.read().await?;
    let server = find(&mut read, context, &id).await?.ok_or_else(unknown)?;
    let clients = resource_server_clients(&mut read, context).await?;
    Ok(Found(fields.of(show(context, &server, &clients)?)))
}
