//! What can go wrong, told apart by what to do about it.

use std::fmt;
use std::time::Duration;

use protocol::jose::jws::SigningError;
use serde::Deserialize;

use crate::transport::Answer;

/// Why an exchange gave no token.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The person has connected nothing that would answer: ask them to connect.
    #[error("nothing is connected: {0}")]
    NotConnected(Refusal),
    /// The provider no longer honours what was connected: ask the person to
    /// connect again.
    #[error("the account must be connected again: {0}")]
    ReconnectRequired(Refusal),
    /// The subject token is unknown, expired, revoked or not for this client:
    /// the person must log in again.
    #[error("the subject token is not valid: {0}")]
    InvalidSubject(Refusal),
    /// This client is not who it says it is, or may not use the grant: a matter
    /// of configuration, not of the person.
    #[error("the client is not allowed to exchange: {0}")]
    ClientRejected(Refusal),
    /// Access is denied, for another audience, scope or user than is allowed.
    #[error("access denied: {0}")]
    Denied(Refusal),
    /// Strongroom or the provider cannot answer at present: try again later.
    #[error("temporarily unavailable: {refusal}")]
    Unavailable {
        /// What was answered.
        refusal: Refusal,
        /// How long to wait, if the answer said so.
        retry_after: Option<Duration>,
    },
    /// Refused for a reason that this version does not tell apart.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// What the client has to sign could not be signed.
    #[error("the request could not be signed")]
    Unsigned(#[source] SigningError),
    /// No answer arrived.
    #[error("no answer from the token endpoint")]
    Unreachable(#[source] reqwest::Error),
    /// The answer is longer than any token endpoint's could be.
    #[error("the token endpoint's answer is longer than {limit_bytes} bytes")]
    AnswerTooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// The answer is not one of a token endpoint.
    #[error("unexpected answer from the token endpoint (status {status})")]
    UnexpectedAnswer {
        /// The answer's HTTP status.
        status: u16,
        /// What is wrong with its body.
        source: serde_json::Error,
    },
}

impl ExchangeError {
    pub(crate) fn from_refusal(refusal: Refusal, retry_after: Option<Duration>) -> Self {
        match refusal.code.as_str() {
            "federated_connection_refresh_token_not_found" => Self::NotConnected(refusal),
            "federated_connection_refresh_token_flow_failed" => Self::ReconnectRequired(refusal),
            "invalid_grant" | "invalid_token" | "expired_token" => Self::InvalidSubject(refusal),
            "invalid_client" | "unauthorized_client" => Self::ClientRejected(refusal),
            "access_denied" | "insufficient_scope" | "mfa_required" | "unauthorized" => {
                Self::Denied(refusal)
            }
            "temporarily_unavailable" | "too_many_requests" | "server_error" => {
                Self::Unavailable { refusal, retry_after }
            }
            _ => Self::Refused(refusal),
        }
    }
}

/// An error answer of the token endpoint (RFC 6749 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// `error`.
    pub code: String,
    /// `error_description`, written for developers.
    pub description: Option<String>,
}

impl Refusal {
    pub(crate) fn read(answer: &Answer) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Body {
            error: String,
            error_description: Option<String>,
        }
        let Body { error, error_description } = serde_json::from_slice(&answer.body)?;
        Ok(Self { status: answer.status, code: error, description: error_description })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.description {
            Some(description) => write!(f, "{} ({description})", self.code),
            None => f.write_str(&self.code),
        }
    }
}

/// Why a client could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The issuer is plain http on another machine: the client's secret would
    /// travel in clear (RFC 6749 §2.3.1).
    #[error("the issuer must use https, except on this machine")]
    InsecureIssuer,
    /// The issuer is not a URL that endpoints can be derived from.
    #[error("the issuer is not a base URL")]
    NotABase(#[source] url::ParseError),
    /// The client's key is not PKCS#8 in PEM.
    #[error("the key is not a private key in PEM (PKCS#8)")]
    NotPem(#[source] rustls_pki_types::pem::Error),
    /// The client's key is not one that we sign with.
    #[error("the key is not an RSA key of 2048 bits or more")]
    Key(#[source] SigningError),
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be set up")]
    Http(#[source] reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: impl Fn(&ExchangeError) -> bool) {
        let refusal = Refusal { status: 400, code: code.to_owned(), description: None };
        let error = ExchangeError::from_refusal(refusal, None);
        assert!(expected(&error), "{code} became {error:?}");
    }

    #[test]
    fn codes_are_told_apart_by_what_to_do() {
        use ExchangeError as E;
        let not_found = "federated_connection_refresh_token_not_found";
        check(not_found, |e| matches!(e, E::NotConnected(_)));
        let flow_failed = "federated_connection_refresh_token_flow_failed";
        check(flow_failed, |e| matches!(e, E::ReconnectRequired(_)));
        check("invalid_grant", |e| matches!(e, E::InvalidSubject(_)));
        check("unauthorized_client", |e| matches!(e, E::ClientRejected(_)));
        check("access_denied", |e| matches!(e, E::Denied(_)));
        check("temporarily_unavailable", |e| matches!(e, E::Unavailable { .. }));
        check("something_new", |e| matches!(e, E::Refused(_)));
    }
}
