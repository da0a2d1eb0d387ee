//! The connections that a person can connect accounts of, in this application.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Json;
use engine::app::App;
use engine::connect_account::configured_scopes;
use engine::my_account::Operation;
use model::connection::Connection;
use serde::Serialize;
use store::connections;

use super::caller::caller;
use super::error::AccountError;
use super::paging::Page;
use crate::asked::Asked;
use crate::dpop::Target;

#[derive(Serialize)]
struct ConnectionView {
    name: String,
    strategy: String,
    scopes: Vec<String>,
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> Self {
        let scopes = configured_scopes(&connection);
        let scopes = scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        Self { name: connection.name, strategy: connection.strategy.into(), scopes }
    }
}

#[derive(Serialize)]
pub(crate) struct ConnectionList {
    connections: Vec<ConnectionView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /me/v1/connected-accounts/connections`
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asked: Asked,
    headers: HeaderMap,
    Query(page): Query<Page>,
) -> Result<Json<ConnectionList>, AccountError> {
    let target = Target { method: "GET", path: "me/v1/connected-accounts/connections" };
    let caller = caller(&app, &asked, &headers, target, Operation::Look).await?;
    let mut read = app.store.read().await.map_err(|error| AccountError::internal(&error))?;
    let (tenant, client_id) = (asked.context.tenant_id(), &caller.client().client_id);
    let stored = connections::list_for_client(&mut read, tenant, client_id).await;
    let stored = stored.map_err(|error| AccountError::internal(&error))?;
    let connections = stored
        .into_iter()
        .map(|stored| stored.connection)
        .filter(|connection| connection.connected_accounts.active)
        .collect();
    let (page, next) = page.cut(connections, |connection: &Connection| &connection.name)?;
    Ok(Json(ConnectionList {
        connections: page.into_iter().map(ConnectionView::from).collect(),
        next,
    }))
}
