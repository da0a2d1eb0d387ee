//! Why an authorization request is refused, once it is known where to say so.

use model::client::Client;
use protocol::oauth::authorize::AuthorizeErrorCause;
use protocol::oauth::error::ErrorCode;
use store::StoreError;

use crate::access::AccessError;
use crate::audit::printable;
use crate::keys::KeyError;
use crate::provider_journey::{ArrivalCause, JourneyError};

/// Why a request is refused (RFC 6749 §4.1.2.1). The text is the `error_description`; what only the
/// operator may know is its source.
#[derive(Debug, thiserror::Error)]
pub enum Denial {
    /// The request cannot be understood.
    #[error(transparent)]
    Request(#[from] AuthorizeErrorCause),
    /// The client may not use authorization codes.
    #[error("Grant type 'authorization_code' not allowed for the client.")]
    GrantNotAllowed,
    /// The client pushes its requests, and this one was not.
    #[error("A pushed authorization request is required.")]
    PushRequired,
    /// The client signs its requests, and did not sign this one.
    #[error("A signed request object is required.")]
    SignatureRequired,
    /// A public client sends no code challenge.
    #[error("code challenge required")]
    ChallengeRequired,
    /// The response mode cannot reach the redirect URI.
    #[error("Invalid parameter: response_mode")]
    ResponseMode,
    /// A parameter that asks for what is not there for this client.
    #[error("parameter {0} is not allowed for this client")]
    ParameterNotAllowed(&'static str),
    /// There is no resource server of that identifier.
    #[error("Service not found: {0}")]
    UnknownAudience(String),
    /// The client may not have tokens for the resource server.
    #[error("Client \"{client_id}\" is not authorized to access resource server \"{audience}\".")]
    AudienceNotAllowed {
        /// The client.
        client_id: String,
        /// The resource server.
        audience: String,
        /// Why.
        source: AccessError,
    },
    /// The connection does not exist, does not serve the client, or is not for logins. To the
    /// client they are one.
    #[error("the connection was not found")]
    UnknownConnection,
    /// No connection serves the client.
    #[error("no connections enabled for the client")]
    NoConnections,
    /// Nobody is logged in, and no page may be shown; or it is not the person of the
    /// `id_token_hint`.
    #[error("Login required")]
    LoginRequired,
    /// A client of somebody else needs a consent that nobody can be asked for.
    #[error("Consent required")]
    ConsentRequired,
    /// The person is blocked.
    #[error("user is blocked")]
    UserBlocked,
    /// The person said no at the provider.
    #[error("Access was denied at the provider.")]
    ProviderDenied(#[source] Box<ArrivalCause>),
    /// The provider does not answer.
    #[error("The provider cannot be reached at present.")]
    ProviderUnavailable(#[source] ProviderCause),
    /// The provider's answer failed a check.
    #[error("The provider's answer was not accepted.")]
    ProviderRejected(#[source] Box<ArrivalCause>),
    /// The connection's settings are not those of a provider.
    #[error("The connection is not configured correctly.")]
    Misconfigured(#[source] ProviderCause),
    /// The provider's account belongs to a user who came by another connection.
    #[error("The account cannot be used with this connection.")]
    ForeignAccount,
}

/// What a provider's fault looked like before the browser left, or after it came back.
#[derive(Debug, thiserror::Error)]
pub enum ProviderCause {
    /// Before.
    #[error(transparent)]
    Departure(#[from] JourneyError),
    /// After.
    #[error(transparent)]
    Arrival(#[from] Box<ArrivalCause>),
}

impl Denial {
    /// The code to answer with.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Request(cause) => cause.code(),
            Self::GrantNotAllowed | Self::NoConnections => ErrorCode::UnauthorizedClient,
            Self::PushRequired
            | Self::SignatureRequired
            | Self::ChallengeRequired
            | Self::ResponseMode
            | Self::ParameterNotAllowed(_)
            | Self::UnknownConnection => ErrorCode::InvalidRequest,
            Self::UnknownAudience(_)
            | Self::AudienceNotAllowed { .. }
            | Self::ProviderDenied(_)
            | Self::ProviderRejected(_)
            | Self::ForeignAccount => ErrorCode::AccessDenied,
            Self::LoginRequired => ErrorCode::LoginRequired,
            Self::ConsentRequired => ErrorCode::ConsentRequired,
            Self::UserBlocked => ErrorCode::Unauthorized,
            Self::ProviderUnavailable(_) => ErrorCode::TemporarilyUnavailable,
            Self::Misconfigured(_) => ErrorCode::ServerError,
        }
    }
}

/// Why a request with a known address goes no further: it is refused there, or we fail.
#[derive(Debug)]
pub(crate) enum Halt {
    Denied(Denial),
    Failed(KeyError),
}

impl Halt {
    /// A client may not have what it asks for.
    pub(crate) fn of_access(error: AccessError, client: &Client) -> Self {
        match error {
            AccessError::Store(error) => Self::Failed(error.into()),
            AccessError::UnknownAudience(audience) => {
                Self::Denied(Denial::UnknownAudience(printable(&audience)))
            }
            AccessError::NotAuthorized { ref client_id, ref audience, .. } => {
                Self::Denied(Denial::AudienceNotAllowed {
                    client_id: client_id.to_string(),
                    audience: audience.clone(),
                    source: error,
                })
            }
            // Of the token endpoint alone: here nobody proves anything, and no audience is fine.
            AccessError::AudienceMissing
            | AccessError::ProofRequired
            | AccessError::CertificateRequired
            | AccessError::ProofUnsupported => Self::Denied(Denial::AudienceNotAllowed {
                client_id: client.client_id.to_string(),
                audience: String::new(),
                source: error,
            }),
        }
    }

    /// A browser cannot be sent to a provider.
    pub(crate) fn of_departure(error: JourneyError) -> Self {
        match error {
            JourneyError::Key(error) => Self::Failed(error),
            JourneyError::Discovery(_) => Self::Denied(Denial::ProviderUnavailable(error.into())),
            JourneyError::NotAProvider | JourneyError::Options(_) | JourneyError::NoKey => {
                Self::Denied(Denial::Misconfigured(error.into()))
            }
        }
    }
}

impl From<Denial> for Halt {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<KeyError> for Halt {
    fn from(error: KeyError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}
