//! Every HTTP surface of Strongroom.
//!
//! Floor 5. A surface is a module: `oauth` (login and tokens), `account` (My Account),
//! `management`, [`pages`] (what people see). None of them imports another; what they share stands
//! beside them. A handler turns bytes into typed input, asks `engine`, and turns the outcome into
//! bytes again; it holds no SQL and decides nothing.

mod account;
mod asked;
mod bearer;
mod body;
pub mod client_certificates;
mod cookies;
mod cors;
mod deliver;
mod dpop;
mod error;
mod forms;
mod headers;
pub mod listen;
mod logged_out;
mod management;
mod oauth;
mod page;
mod page_error;
mod page_paths;
pub mod pages;
pub mod proxies;
mod routes;
mod visitor;

use std::sync::Arc;

use axum::extract::FromRef;
use engine::app::App;

use crate::client_certificates::ClientCertificates;
use crate::pages::views::{BrokenTranslation, Translations};
use crate::proxies::TrustedProxies;

/// What every handler can reach.
#[derive(Clone)]
pub struct AppState {
    app: Arc<App>,
    translations: Arc<Translations>,
    edge: Arc<Edge>,
}

impl FromRef<AppState> for Arc<App> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.app)
    }
}

impl FromRef<AppState> for Arc<Translations> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.translations)
    }
}

impl FromRef<AppState> for Arc<Edge> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.edge)
    }
}

/// What stands between those who ask and us.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// The proxies of the operator's own.
    pub proxies: TrustedProxies,
    /// The certificates of clients.
    pub certificates: ClientCertificates,
}

/// All surfaces in one router.
///
/// # Errors
/// If a bundled translation lacks a message.
pub fn router(app: Arc<App>, edge: Edge) -> Result<axum::Router, BrokenTranslation> {
    let translations = Arc::new(Translations::bundled()?);
    Ok(routes::router(AppState { app, translations, edge: Arc::new(edge) }))
}
