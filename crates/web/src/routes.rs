//! Every route, in one table.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, delete, get, post};

use crate::{AppState, account, cors, headers, management, oauth, page_paths, pages};

/// The router of all surfaces.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .merge(browser())
        .merge(cross_origin().layer(from_fn_with_state(state.clone(), cors::cross_origin)))
        .nest("/api/v2", management::routes(&state))
        .layer(from_fn(headers::defaults))
        .with_state(state)
}

/// What a browser is led to: pages, redirects, form posts of our own.
fn browser() -> Router<AppState> {
    Router::new()
        .route("/authorize", get(oauth::authorize::by_query).post(oauth::authorize::by_form))
        .route("/login/callback", get(oauth::provider_callback::by_query))
        .route("/v2/logout", get(oauth::logout::v2))
        .route("/oidc/logout", get(oauth::logout::by_query).post(oauth::logout::by_form))
        .route(page_paths::LOGIN, get(pages::login::show).post(pages::login::submit))
        .route(page_paths::LOGIN_PROVIDER, get(pages::login::go_to_provider))
        .route(page_paths::SIGNUP, get(pages::signup::show).post(pages::signup::submit))
        .route(page_paths::LOGOUT, post(pages::logout::decide))
        .route(
            "/connected-accounts/connect",
            get(pages::connect::show).post(pages::connect::decide),
        )
        .route("/connected-accounts/reconnect", get(pages::reconnect::follow))
        .route("/connected-accounts/reconnected", get(pages::reconnect::done))
        .route("/assets/{name}", get(pages::assets::serve))
}

/// What applications call, from servers and from browsers of registered origins.
fn cross_origin() -> Router<AppState> {
    Router::new()
        .route("/.well-known/openid-configuration", get(oauth::discovery::metadata))
        .route("/.well-known/oauth-authorization-server", get(oauth::discovery::metadata))
        .route("/.well-known/jwks.json", get(oauth::discovery::keys))
        .route("/oauth/token", post(oauth::token::exchange))
        .route("/oauth/par", post(oauth::par::push_request))
        .route("/oauth/revoke", post(oauth::revoke::revoke))
        .route("/userinfo", get(oauth::userinfo::show).post(oauth::userinfo::show))
        .route("/me/v1/connected-accounts/connect", post(account::connect::start))
        .route("/me/v1/connected-accounts/complete", post(account::connect::complete))
        .route("/me/v1/connected-accounts/accounts", get(account::accounts::list))
        .route("/me/v1/connected-accounts/accounts/{id}", delete(account::accounts::delete))
        .route("/me/v1/connected-accounts/connections", get(account::connections::list))
        .route("/me/{*path}", any(account::error::not_found))
}
