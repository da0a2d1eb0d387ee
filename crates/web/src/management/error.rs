//! The error envelope of the Management API. The code owns its status; the message is for whoever
//! sent the request; the cause is for the operator and stays here.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::invalid::Invalid;
use engine::keys::KeyError;
use serde_json::json;
use store::StoreError;

use super::answer;
use crate::asked::Unaddressed;
use crate::error::Chain;

/// Words of a request stand in a message no longer, in characters.
const QUOTED_CHARS_MAX: usize = 300;

/// What can be wrong with a request, in the published names where there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    InvalidBody,
    InvalidQueryString,
    InvalidPaging,
    InvalidUri,
    OperationNotSupported,
    MissingAuthentication,
    InvalidToken,
    InsufficientScope,
    InexistentClient,
    InexistentClientGrant,
    InexistentConnection,
    InexistentCredential,
    InexistentEventStream,
    InexistentLogEvent,
    InexistentResourceServer,
    InexistentUser,
    NoSuchEndpoint,
    MethodNotAllowed,
    Conflict,
    UserExists,
    BodyTooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    Unavailable,
}

impl Code {
    /// The status, and the published name.
    fn parts(self) -> (StatusCode, Option<&'static str>) {
        match self {
            Self::InvalidBody => (StatusCode::BAD_REQUEST, Some("invalid_body")),
            Self::InvalidQueryString => (StatusCode::BAD_REQUEST, Some("invalid_query_string")),
            Self::InvalidPaging => (StatusCode::BAD_REQUEST, Some("invalid_paging")),
            Self::InvalidUri => (StatusCode::BAD_REQUEST, Some("invalid_uri")),
            Self::OperationNotSupported => {
                (StatusCode::BAD_REQUEST, Some("operation_not_supported"))
            }
            Self::MissingAuthentication => (StatusCode::UNAUTHORIZED, None),
            Self::InvalidToken => (StatusCode::UNAUTHORIZED, Some("invalid_token")),
            Self::InsufficientScope => (StatusCode::FORBIDDEN, Some("insufficient_scope")),
            Self::InexistentClient => (StatusCode::NOT_FOUND, Some("inexistent_client")),
            Self::InexistentClientGrant => (StatusCode::NOT_FOUND, Some("inexistent_client_grant")),
            Self::InexistentConnection => (StatusCode::NOT_FOUND, Some("inexistent_connection")),
            Self::InexistentCredential => (StatusCode::NOT_FOUND, Some("inexistent_credential")),
            Self::InexistentEventStream => (StatusCode::NOT_FOUND, Some("inexistent_event_stream")),
            Self::InexistentLogEvent => (StatusCode::NOT_FOUND, Some("inexistent_log_event")),
            Self::InexistentResourceServer => {
                (StatusCode::NOT_FOUND, Some("inexistent_resource_server"))
            }
            Self::InexistentUser => (StatusCode::NOT_FOUND, Some("inexistent_user")),
            Self::NoSuchEndpoint => (StatusCode::NOT_FOUND, None),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, None),
            Self::Conflict => (StatusCode::CONFLICT, Some("conflict")),
            Self::UserExists => (StatusCode::CONFLICT, Some("auth0_idp_error")),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Some("invalid_body")),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, Some("invalid_body"))
            }
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, Some("too_many_requests")),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, None),
        }
    }
}

/// An error of the Management API.
#[derive(Debug)]
pub(super) struct ManagementError {
    code: Code,
    message: String,
    cause: Option<String>,
}

/// What the audit log is to say of an answer that refuses. Travels with the answer inside the
/// server, and not beyond.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The cause if one is known, else the message.
    pub(super) why: String,
}

impl ManagementError {
    /// An error with its message.
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cause: None }
    }

    /// The same error, with what the operator is to know of it.
    #[must_use]
    pub(super) fn caused_by(mut self, cause: &(dyn std::error::Error + 'static)) -> Self {
        self.cause = Some(Chain(cause).to_string());
        self
    }

    /// A body that is not what it should be; of a member, if `property` names one.
    pub(super) fn invalid_body(property: &str, why: &str) -> Self {
        let place =
            if property.is_empty() { String::new() } else { format!(" on property {property}") };
        let message = format!("Payload validation error: '{}'{}.", short(why), short(&place));
        Self::new(Code::InvalidBody, message)
    }

    /// A query string that is not what it should be.
    pub(super) fn invalid_query(parameter: &str, why: &str) -> Self {
        let place =
            if parameter.is_empty() { String::new() } else { format!(" on property {parameter}") };
        let message = format!("Query validation error: '{}'{place}.", short(why));
        Self::new(Code::InvalidQueryString, message)
    }

    /// The caller may not do this.
    pub(super) fn insufficient_scope(any_of: &[&str]) -> Self {
        let expected = any_of.join(", ");
        let message = format!("Insufficient scope, expected any of: {expected}");
        Self::new(Code::InsufficientScope, message)
    }

    /// Our own fault, or the database's.
    pub(super) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = %Chain(cause), "a request could not be served");
        Self::new(Code::Unavailable, "The service is temporarily unavailable.").caused_by(cause)
    }
}

/// What a request names wrongly is repeated to it, and in the audit log, though not at any length.
fn short(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

impl From<Invalid> for ManagementError {
    fn from(Invalid { property, reason }: Invalid) -> Self {
        Self::invalid_body(&property, &reason)
    }
}

impl From<StoreError> for ManagementError {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

impl From<KeyError> for ManagementError {
    fn from(error: KeyError) -> Self {
        Self::internal(&error)
    }
}

impl From<Unaddressed> for ManagementError {
    fn from(error: Unaddressed) -> Self {
        match error {
            Unaddressed::UnknownHost => Self::new(Code::NoSuchEndpoint, "Not Found"),
            Unaddressed::Unavailable(error) => error.into(),
        }
    }
}

impl IntoResponse for ManagementError {
    fn into_response(self) -> Response {
        let Self { code, message, cause } = self;
        let (status, name) = code.parts();
        let mut body = json!({
            "statusCode": status.as_u16(),
            "error": status.canonical_reason().unwrap_or_default(),
            "message": message,
        });
        if let Some(name) = name {
            body["errorCode"] = name.into();
        }
        if status == StatusCode::UNAUTHORIZED {
            body["attributes"] = json!({ "error": message });
        }
        let mut response = answer::json(status, &body);
        let headers = response.headers_mut();
        match code {
            // RFC 6750 §3: without any credentials, no error code is told.
            Code::MissingAuthentication => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::InvalidToken => {
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            Code::InsufficientScope => {
                let challenge = HeaderValue::from_static("Bearer error=\"insufficient_scope\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            Code::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Code::InvalidBody
            | Code::InvalidQueryString
            | Code::InvalidPaging
            | Code::InvalidUri
            | Code::OperationNotSupported
            | Code::InexistentClient
            | Code::InexistentClientGrant
            | Code::InexistentConnection
            | Code::InexistentCredential
            | Code::InexistentEventStream
            | Code::InexistentLogEvent
            | Code::InexistentResourceServer
            | Code::InexistentUser
            | Code::NoSuchEndpoint
            | Code::MethodNotAllowed
            | Code::Conflict
            | Code::UserExists
            | Code::BodyTooLarge
            | Code::UnsupportedMediaType
            | Code::TooManyRequests => {}
        }
        response.extensions_mut().insert(Refusal { why: cause.unwrap_or(message) });
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_repeats_no_more_than_fits_on_a_line() {
        let check = |why: &str, expected: usize| {
            let error = ManagementError::invalid_body("", why);
            assert_eq!(
                error.message.chars().count(),
                "Payload validation error: ''.".len() + expected
            );
        };
        check("x", 1);
        check(&"ä".repeat(QUOTED_CHARS_MAX), QUOTED_CHARS_MAX);
        check(&"ä".repeat(1_000_000), QUOTED_CHARS_MAX + 1);
    }
}
