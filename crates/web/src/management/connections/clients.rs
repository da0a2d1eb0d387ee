//! `GET` and `PATCH /connections/{id}/clients`

use std::sync::Arc;

use axum::extract::State;
use engine::app::App;
use engine::connections::set_clients;
use model::ids::ClientId;
use serde::Deserialize;
use serde_json::{Value, json};
use store::connections;

use super::read::ReadConnections;
use super::unknown;
use super::update::UpdateConnections;
use crate::management::answer::{Done, Found};
use crate::management::caller::Caller;
use crate::management::error::ManagementError;
use crate::management::json::JsonBody;
use crate::management::paging::Paging;
use crate::management::path::InPath;
use crate::management::query::Query;
use crate::management::shape::{Member, Shape};

const TAKE_DEFAULT: usize = 50;
const TAKE_MAX: usize = 1000;
const CHANGES: Shape = Shape::List {
    of: &Shape::Record(&[
        Member::required("client_id", Shape::Text { least: 1, most: 128 }),
        Member::required("status", Shape::Boolean),
    ]),
    most: 50,
};

/// Whether a connection is to serve a client.
#[derive(Deserialize)]
struct ClientChange {
    client_id: ClientId,
    status: bool,
}

/// Lists the clients that a connection serves.
pub(in crate::management) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<ReadConnections>,
    InPath(id): InPath<String>,
    mut query: Query,
) -> Result<Found<Value>, ManagementError> {
    let paging = Paging::read_checkpoint(&mut query, TAKE_DEFAULT, TAKE_MAX)?;
    query.finish()?;
    let (tenant, id) = (caller.context().tenant_id(), id.into());
    let mut read = app.store.read().await?;
    connections::find(&mut read, tenant, &id).await?.ok_or_else(unknown)?;
    let clients = connections::clients(&mut read, tenant, &id).await?;
    let page = paging.cut(clients, ClientId::as_str)?;
    let shown = page.items.iter().map(|client_id| json!({ "client_id": client_id })).collect();
    Ok(Found(page.frame.around("clients", shown)))
}

/// Changes which clients a connection serves.
pub(in crate::management) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller<UpdateConnections>,
    InPath(id): InPath<String>,
    JsonBody(body): JsonBody,
) -> Result<Done, ManagementError> {
    let changes = read(body)?;
    let (context, by) = (caller.context(), caller.administrator());
    set_clients(&app, context, by, &id.into(), &changes, caller.now()).await?;
    Ok(Done)
}

fn read(body: Value) -> Result<Vec<(ClientId, bool)>, ManagementError> {
    CHANGES.check(&body, "")?;
    let changes: Vec<ClientChange> = serde_json::from_value(body)
        .map_err(|error| ManagementError::invalid_body("", &error.to_string()))?;
    // A121: an empty change is no change.
    if changes.is_empty() {
        return Err(ManagementError::invalid_body("", "Array is too short (0), minimum 1"));
    }
    Ok(changes.into_iter().map(|change| (change.client_id, change.status)).collect())
}
