//! What the demo answers when it cannot answer with events.

use std::error::Error;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{InvalidHeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use client::{ExchangeError, SetupError};
use serde_json::json;

use super::caller::Denied;
use super::http::CallError;

/// Why the demo does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// The issuer's origin cannot stand in a header.
    #[error("the issuer cannot be named in a Content-Security-Policy")]
    Issuer(#[source] InvalidHeaderValue),
    /// The HTTP client could not be built.
    #[error("the demo's HTTP client could not be set up")]
    HttpClient(#[source] reqwest::Error),
    /// The Strongroom client could not be built.
    #[error("the demo's Strongroom client could not be set up")]
    Client(#[source] SetupError),
    /// The listener failed.
    #[error("the demo stopped serving")]
    Serve(#[source] std::io::Error),
}

/// Why there are no events.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("the request's path is not one of a URL")]
    Url(#[source] url::ParseError),
    #[error("the caller is not allowed in")]
    Denied(#[from] Denied),
    #[error("the exchange failed")]
    Exchange(#[from] ExchangeError),
    #[error("the provider's API failed")]
    Provider(#[source] CallError),
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::Url(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Denied(denied) => denied.answer(),
            // What the person can mend gets a code of its own; 409, because
            // their token is good and the request is too.
            Self::Exchange(ExchangeError::NotConnected(_)) => {
                (StatusCode::CONFLICT, "not_connected")
            }
            Self::Exchange(ExchangeError::ReconnectRequired(_)) => {
                (StatusCode::CONFLICT, "reconnect_required")
            }
            Self::Exchange(ExchangeError::InvalidSubject(_)) => {
                (StatusCode::UNAUTHORIZED, "invalid_token")
            }
            Self::Exchange(ExchangeError::Unavailable { .. } | ExchangeError::Unreachable(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
            Self::Exchange(
                ExchangeError::ClientRejected(_)
                | ExchangeError::Denied(_)
                | ExchangeError::Refused(_)
                | ExchangeError::Unsigned(_)
                | ExchangeError::AnswerTooLong { .. }
                | ExchangeError::UnexpectedAnswer { .. },
            ) => (StatusCode::BAD_GATEWAY, "exchange_failed"),
            Self::Provider(_) => (StatusCode::BAD_GATEWAY, "provider_failed"),
        };
        tracing::info!(status = status.as_u16(), code, cause = causes(&self), "no events");
        let mut response = (status, Json(json!({ "error": code }))).into_response();
        if let Self::Denied(denied) = &self {
            response.headers_mut().insert(WWW_AUTHENTICATE, denied.challenge());
        }
        response
    }
}

/// The error and what caused it, in one line.
fn causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}
