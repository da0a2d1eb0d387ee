//! The Management API: how a tenant is administered by programs.
//!
//! Each endpoint is one file below its noun: what it takes, what it demands of the caller, what it
//! answers. What they share stands here: who calls ([`caller`]), the shape of bodies ([`shape`]) and
//! lists ([`paging`]), the error envelope ([`error`]), and that every refused change is noted
//! ([`refusals`]).

mod answer;
mod caller;
mod client_grants;
mod clients;
mod connections;
mod error;
mod event_streams;
mod fields;
mod json;
mod logs;
mod paging;
mod patch;
mod path;
mod query;
mod rate_limit;
mod refusals;
mod resource_servers;
mod shape;
mod token_vault;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};

use crate::AppState;
use error::{Code, ManagementError};

/// A body is no longer, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The routes below `/api/v2`.
pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    let counts = Arc::new(rate_limit::Counts::default());
    Router::new()
        .merge(clients())
        .merge(grants_and_resource_servers())
        .merge(connections())
        .merge(users_and_logs())
        .merge(event_streams())
        .fallback(no_such_endpoint)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(state.clone(), refusals::note))
        .layer(from_fn_with_state((state.clone(), counts), rate_limit::limit))
}

fn clients() -> Router<AppState> {
    use clients::{connections, create, credentials, delete, read, rotate_secret, update};
    let one = get(read::show_one).patch(update::update).delete(delete::delete);
    let credential = get(credentials::read::show_one)
        .patch(credentials::update::update)
        .delete(credentials::delete::delete);
    Router::new()
        .route("/clients", get(read::list).post(create::create))
        .route("/clients/{id}", one)
        .route("/clients/{id}/rotate-secret", post(rotate_secret::rotate))
        .route("/clients/{id}/connections", get(connections::list))
        .route(
            "/clients/{id}/credentials",
            get(credentials::read::list).post(credentials::create::create),
        )
        .route("/clients/{id}/credentials/{credential_id}", credential)
}

fn grants_and_resource_servers() -> Router<AppState> {
    use {client_grants as grants, resource_servers as servers};
    let grant =
        get(grants::read::show_one).patch(grants::update::update).delete(grants::delete::delete);
    let server =
        get(servers::read::show_one).patch(servers::update::update).delete(servers::delete::delete);
    Router::new()
        .route("/client-grants", get(grants::read::list).post(grants::create::create))
        .route("/client-grants/{id}", grant)
        .route("/resource-servers", get(servers::read::list).post(servers::create::create))
        .route("/resource-servers/{id}", server)
}

fn connections() -> Router<AppState> {
    use connections::{clients, create, delete, keys, read, update};
    let one = get(read::show_one).patch(update::update).delete(delete::delete);
    Router::new()
        .route("/connections", get(read::list).post(create::create))
        .route("/connections/{id}", one)
        .route("/connections/{id}/clients", get(clients::list).patch(clients::update))
        .route("/connections/{id}/keys", get(keys::list).post(keys::create))
        .route("/connections/{id}/keys/rotate", post(keys::rotate))
}

fn users_and_logs() -> Router<AppState> {
    use users::{by_email, connected_accounts, tokensets};
    let one = get(users::read::show_one).patch(users::update::update).delete(users::delete::delete);
    let tokenset = delete(tokensets::delete);
    Router::new()
        .route("/users", get(users::list::list).post(users::create::create))
        .route("/users-by-email", get(by_email::list))
        .route("/users/{id}", one)
        .route("/users/{id}/connected-accounts", get(connected_accounts::list))
        .route("/users/{id}/federated-connections-tokensets", get(tokensets::list))
        .route("/users/{id}/federated-connections-tokensets/{tokenset_id}", tokenset)
        .route("/users/{id}/logs", get(users::logs::list))
        .route("/logs", get(logs::read::list))
        .route("/logs/{id}", get(logs::read::show_one))
        .route("/token-vault/explain-exchange", post(token_vault::explain::explain))
}

fn event_streams() -> Router<AppState> {
    use event_streams::{create, delete, deliveries, read, redeliver, update};
    let one = get(read::show_one).patch(update::update).delete(delete::delete);
    Router::new()
        .route("/event-streams", get(read::list).post(create::create))
        .route("/event-streams/{id}", one)
        .route("/event-streams/{id}/deliveries", get(deliveries::list))
        .route("/event-streams/{id}/deliveries/{event_id}", get(deliveries::show_one))
        .route("/event-streams/{id}/redeliver", post(redeliver::redeliver))
        .route("/event-streams/{id}/redeliver/{event_id}", post(redeliver::redeliver_one))
}

async fn no_such_endpoint() -> ManagementError {
    ManagementError::new(Code::NoSuchEndpoint, "Not Found")
}

async fn method_not_allowed() -> ManagementError {
    ManagementError::new(Code::MethodNotAllowed, "Method Not Allowed")
}
