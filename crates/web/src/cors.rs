//! Cross-origin requests: what a registered browser application may call and read.
//!
//! A preflight names no client, so any origin that some client of the tenant registered is let
//! through. Answers never allow credentials: tokens travel in headers, cookies do not.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::app::App;
use engine::origins;

use crate::AppState;
use crate::asked::Asked;
use crate::error::Chain;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE, OPTIONS");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, dpop, auth0-client");
/// Without these a browser hides from the SDK what RFC 9449 §8.2 has it read.
const EXPOSED: HeaderValue = HeaderValue::from_static("DPoP-Nonce, WWW-Authenticate, Location");
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("300");

/// Answers preflights and marks answers as readable for registered origins.
pub(crate) async fn cross_origin(
    State(app): State<Arc<App>>,
    State(_): State<AppState>,
    asked: Asked,
    request: Request,
    next: Next,
) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        let mut response = next.run(request).await;
        mark(response.headers_mut(), None, false);
        return response;
    };
    let allowed = match origin.to_str() {
        Ok(origin) => origins::is_registered(&app, &asked.context, origin, asked.now).await,
        Err(_) => Ok(false),
    };
    let allowed = allowed.unwrap_or_else(|error| {
        tracing::error!(cause = %Chain(&error), "registered origins could not be read");
        false
    });
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response =
        if is_preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    mark(response.headers_mut(), allowed.then_some(origin), is_preflight);
    response
}

fn mark(headers: &mut HeaderMap, origin: Option<HeaderValue>, is_preflight: bool) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    if is_preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    }
}
