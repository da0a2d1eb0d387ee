//! The demo: a page that logs a person in, and the small API behind it.
//!
//! The page is in `crates/strongroom/demo/`. The API has one endpoint, and its
//! handler, [`events`], is what every API does that acts for a person at a
//! provider:
//!
//! 1. verify the caller's access token ([`caller`]);
//! 2. exchange it for the provider's, by the Token Vault grant;
//! 3. call the provider with that one, and forget it.

mod caller;
mod error;
mod http;

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use client::Strongroom;
use protocol::secret::ClientSecret;
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use url::Url;

use caller::TokenVerifier;
use error::ApiError;

pub(crate) use error::DemoError;

/// Tells the time.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the demo is told about the tenant it belongs to.
pub(crate) struct DemoConfig {
    /// Where browsers find the demo: its origin with a slash at the end.
    pub(crate) base_url: Url,
    /// The tenant's issuer.
    pub(crate) issuer: Url,
    /// The identifier of the demo's API; the audience of its access tokens.
    pub(crate) resource_server: String,
    /// The page's client: a public one.
    pub(crate) spa_client_id: String,
    /// The API's client: the Custom API Client of `resource_server`.
    pub(crate) api_client_id: String,
    /// Its secret.
    pub(crate) api_client_secret: ClientSecret,
    /// The connection behind which the calendar is.
    pub(crate) connection: String,
    /// The provider's events endpoint.
    pub(crate) events_endpoint: Url,
    /// The clock against which tokens are judged.
    pub(crate) clock: Clock,
}

/// Serves the demo on `listener` until `shutdown` completes.
pub(crate) async fn serve(
    listener: TcpListener,
    config: DemoConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), DemoError> {
    let app = router(config)?;
    axum::serve(listener, app).with_graceful_shutdown(shutdown).await.map_err(DemoError::Serve)
}

fn router(config: DemoConfig) -> Result<Router, DemoError> {
    let policy = content_security_policy(&config.issuer)?;
    let page_config = ([(header::CACHE_CONTROL, "no-store")], Json(PageConfig::of(&config)));
    Ok(Router::new()
        .route("/", get(asset("text/html; charset=utf-8", INDEX_HTML)))
        .route("/app.js", get(asset(JAVASCRIPT, APP_JS)))
        .route("/style.css", get(asset("text/css", STYLE_CSS)))
        .route("/icon.svg", get(asset("image/svg+xml", ICON_SVG)))
        .route("/vendor/auth0-spa-js.production.esm.js", get(asset(JAVASCRIPT, SDK_JS)))
        .route("/vendor/auth0-spa-js.worker.production.js", get(asset(JAVASCRIPT, WORKER_JS)))
        .route("/config.json", get(page_config))
        .route("/api/events", get(events))
        .layer(middleware::from_fn(move |request, next| guard(request, next, policy.clone())))
        .with_state(Arc::new(Demo::new(config)?)))
}

const INDEX_HTML: &str = include_str!("../../demo/index.html");
const APP_JS: &str = include_str!("../../demo/app.js");
const STYLE_CSS: &str = include_str!("../../demo/style.css");
const ICON_SVG: &str = include_str!("../../demo/icon.svg");
const SDK_JS: &str = include_str!("../../demo/vendor/auth0-spa-js.production.esm.js");
const WORKER_JS: &str = include_str!("../../demo/vendor/auth0-spa-js.worker.production.js");
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// What the page needs to know. Nothing in it is secret.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct PageConfig {
    issuer: Url,
    client_id: String,
    audience: String,
    connection: String,
    cache_location: &'static str,
}

impl PageConfig {
    fn of(config: &DemoConfig) -> Self {
        Self {
            issuer: config.issuer.clone(),
            client_id: config.spa_client_id.clone(),
            audience: config.resource_server.clone(),
            connection: config.connection.clone(),
            cache_location: "localstorage",
        }
    }
}

struct Demo {
    base_url: Url,
    connection: String,
    events_endpoint: Url,
    http: reqwest::Client,
    verifier: TokenVerifier,
    strongroom: Strongroom,
}

impl Demo {
    fn new(config: DemoConfig) -> Result<Self, DemoError> {
        let DemoConfig {
            base_url,
            issuer,
            resource_server,
            spa_client_id: _,
            api_client_id,
            api_client_secret,
            connection,
            events_endpoint,
            clock,
        } = config;
        let http = http::client().map_err(DemoError::HttpClient)?;
        let verifier = TokenVerifier::new(http.clone(), issuer.clone(), resource_server, clock);
        let strongroom =
            Strongroom::with_http_client(http.clone(), issuer, api_client_id, api_client_secret)
                .map_err(DemoError::Client)?;
        Ok(Self { base_url, connection, events_endpoint, http, verifier, strongroom })
    }
}

#[derive(Deserialize)]
struct EventsQuery {
    /// Which of several connected accounts: its e-mail address.
    account: Option<String>,
}

/// The provider's answer; this much of it is passed on.
#[derive(Deserialize, Serialize)]
struct Events {
    events: Vec<Event>,
}

#[derive(Deserialize, Serialize)]
struct Event {
    title: String,
    start: String,
}

async fn events(
    State(demo): State<Arc<Demo>>,
    Query(EventsQuery { account }): Query<EventsQuery>,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    let url = demo.base_url.join(request.uri().path()).map_err(ApiError::Url)?;
    let caller = demo.verifier.verify(request.method(), &url, request.headers()).await?;
    caller.must_have_scope("read:calendar")?;

    let token = demo
        .strongroom
        .exchange_access_token(caller.access_token(), &demo.connection, account.as_deref())
        .await?;

    let endpoint = demo.events_endpoint.clone();
    let events: Events =
        http::json(demo.http.get(endpoint).bearer_auth(token.access_token.expose()))
            .await
            .map_err(ApiError::Provider)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(events)))
}

fn asset(
    content_type: &'static str,
    body: &'static str,
) -> impl IntoResponse + Clone + Send + Sync + 'static {
    // Revalidated each time: the next build's page must not meet this one's script.
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")], body)
}

/// The page talks to itself and to the issuer, and to nobody else. The frame is
/// the SDK's way to ask whether somebody is logged in.
fn content_security_policy(issuer: &Url) -> Result<HeaderValue, DemoError> {
    let issuer = issuer.origin().ascii_serialization();
    let policy = format!(
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; \
         img-src 'self'; connect-src 'self' {issuer}; frame-src {issuer}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).map_err(DemoError::Issuer)
}

async fn guard(request: Request, next: Next, policy: HeaderValue) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The callback's URL carries a code: no other site gets to see it.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

#[cfg(test)]
mod tests;
