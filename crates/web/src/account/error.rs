//! The error envelope of the My Account API, after RFC 7807. The kind owns status, type and title.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::{Chain, DPOP_NONCE};

/// The kinds of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    InvalidRequest,
    InvalidPayload,
    MissingToken,
    InvalidToken,
    InsufficientScope,
    SessionNotFound,
    NotFound,
    UnsupportedMediaType,
    Unavailable,
}

impl Kind {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "A0E-400-0001", "Bad Request"),
            Self::InvalidPayload => (StatusCode::BAD_REQUEST, "A0E-400-0003", "Validation Error"),
            Self::MissingToken => (StatusCode::UNAUTHORIZED, "A0E-401-0002", "Missing Token"),
            Self::InvalidToken => (StatusCode::UNAUTHORIZED, "A0E-401-0003", "Invalid Token"),
            Self::InsufficientScope => {
                (StatusCode::FORBIDDEN, "A0E-403-0002", "Insufficient Scope")
            }
            Self::SessionNotFound => (StatusCode::NOT_FOUND, "A0E-404-0001", "Not Found"),
            Self::NotFound => (StatusCode::NOT_FOUND, "A0E-404-0002", "Resource Not Found"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "A0E-415-0001", "Unsupported Media Type")
            }
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "A0E-503-0001", "Service Unavailable")
            }
        }
    }
}

/// An error of the My Account API.
#[derive(Debug)]
pub(crate) struct AccountError {
    kind: Kind,
    detail: String,
    problems: Vec<Problem>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What is wrong with one member of a request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    /// What.
    pub(crate) detail: String,
    /// Where, as an RFC 6901 pointer into the body.
    pub(crate) pointer: String,
}

#[derive(Serialize)]
struct Envelope {
    r#type: String,
    status: u16,
    title: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    validation_errors: Vec<Problem>,
}

impl AccountError {
    /// An error of a kind.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), problems: Vec::new(), headers: Vec::new() }
    }

    /// A body that does not have its shape.
    pub(crate) fn invalid_payload(problems: Vec<Problem>) -> Self {
        let detail = "Invalid request payload input";
        Self { problems, ..Self::new(Kind::InvalidPayload, detail) }
    }

    /// Our own fault, or the database's.
    pub(crate) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = %Chain(cause), "a request could not be served");
        Self::new(Kind::Unavailable, "The service is temporarily unavailable.")
            .with_header(header::RETRY_AFTER, "1")
    }

    /// The same error, telling how to authenticate.
    pub(crate) fn challenge(self, challenge: &str) -> Self {
        self.with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// The same error with the nonce that the next proof must carry (RFC 9449 §9).
    pub(crate) fn dpop_nonce(self, nonce: &str) -> Self {
        self.with_header(DPOP_NONCE, nonce)
    }

    fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

impl IntoResponse for AccountError {
    fn into_response(self) -> Response {
        let (status, code, title) = self.kind.parts();
        let envelope = Envelope {
            r#type: format!("https://auth0.com/api-errors/{code}"),
            status: status.as_u16(),
            title,
            detail: self.detail,
            validation_errors: self.problems,
        };
        let mut response = (status, axum::Json(envelope)).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Whatever of the API is not there.
pub(crate) async fn not_found() -> AccountError {
    AccountError::new(Kind::NotFound, "There is no such endpoint.")
}
