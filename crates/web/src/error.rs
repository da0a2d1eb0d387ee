//! The error envelope of OAuth endpoints (RFC 6749 §5.2). The code owns its status; the description
//! is for developers; the cause is for the operator and stays here.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::oauth::answer::OAuthErrorBody;
use protocol::oauth::error::ErrorCode;

/// The response header that carries a nonce for the next proof (RFC 9449 §8).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// An error of an OAuth endpoint.
#[derive(Debug)]
pub(crate) struct OAuthError {
    code: ErrorCode,
    status: StatusCode,
    description: String,
    reconnect_uri: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl OAuthError {
    /// An error with its code's own status.
    pub(crate) fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(code.default_status());
        Self {
            code,
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            description: description.into(),
            reconnect_uri: None,
            headers: Vec::new(),
        }
    }

    /// The same error with a header; a value that is none is left out.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The same error with a page that helps the owner of a connected account.
    #[must_use]
    pub(crate) fn with_reconnect(self, reconnect_uri: String) -> Self {
        Self { reconnect_uri: Some(reconnect_uri), ..self }
    }

    /// Our own fault, or the database's: the operator learns the cause, the caller that it may help
    /// to try again.
    pub(crate) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = %Chain(cause), "a request could not be served");
        Self::new(ErrorCode::TemporarilyUnavailable, "The service is temporarily unavailable.")
            .with_header(header::RETRY_AFTER, "1")
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let mut body = OAuthErrorBody::new(self.code, self.description);
        body.reconnect_uri = self.reconnect_uri;
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

/// A JSON answer of an OAuth endpoint: exactly `application/json`, because an SDK compares it so, and
/// never stored (RFC 6749 §5.1).
pub(crate) struct Json<T>(pub(crate) T);

impl<T: serde::Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let headers = [
                    (header::CONTENT_TYPE, "application/json"),
                    (header::CACHE_CONTROL, "no-store"),
                    (header::PRAGMA, "no-cache"),
                ];
                (headers, body).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// An error with everything that led to it, on one line.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
