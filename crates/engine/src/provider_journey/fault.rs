//! What can go wrong on the way to a provider and back.

use actions::ActionError;
use connectors::{AccountFault, CallbackFault, OptionsError, RequestError, TokenFault};
use model::connection::Connection;
use protocol::oauth::scope::ScopeSet;
use protocol::oidc::id_token::IdTokenError;
use store::StoreError;

use super::JourneyPurpose;
use crate::keys::KeyError;
use crate::outbound::OutboundError;
use crate::provider_documents::DocumentError;
use crate::unused_grants::UnusedGrant;

/// Why a browser cannot leave for a provider, or a provider cannot be called.
#[derive(Debug, thiserror::Error)]
pub enum JourneyError {
    /// The connection is our own database of users.
    #[error("the connection has no provider")]
    NotAProvider,
    /// The connection's options do not describe a provider.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The connection is to prove by a key who we are, and has none.
    #[error("the connection has no key")]
    NoKey,
    /// The provider's discovery document cannot be had.
    #[error("the provider's discovery document cannot be used")]
    Discovery(#[from] DocumentError),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for JourneyError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// A browser that came back with nothing.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct ArrivalError {
    /// What it was sent for, if it is known to us at all.
    pub purpose: Option<JourneyPurpose>,
    /// By which connection, if that still exists.
    pub connection: Option<Box<Connection>>,
    /// What the provider had given by then for an account.
    pub unused: Option<Box<UnusedGrant>>,
    /// What is wrong.
    #[source]
    pub cause: ArrivalCause,
}

/// Why a browser came back with nothing.
#[derive(Debug, thiserror::Error)]
pub enum ArrivalCause {
    /// No browser was sent with this state, or it took too long, or it has come back before.
    #[error("the state is not one that this browser was sent with")]
    UnknownState,
    /// Another browser was sent with this state. It stays good for that one.
    #[error("another browser was sent with this state")]
    OtherBrowser,
    /// What the browser was sent for has ended, or has its answer already.
    #[error("nobody waits for this answer any more")]
    NotAwaited,
    /// The connection was deleted meanwhile.
    #[error("the connection does not exist any more")]
    ConnectionGone,
    /// The answer brings no code that may be redeemed.
    #[error(transparent)]
    Callback(#[from] CallbackFault),
    /// The provider cannot be called.
    #[error(transparent)]
    Journey(#[from] JourneyError),
    /// A request could not be made.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Nobody answered.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The code was not redeemed.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// The provider's keys cannot be had.
    #[error("the provider's keys cannot be read")]
    Keys(#[from] DocumentError),
    /// The ID token is not accepted.
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    /// The connection's script does not tell the account.
    #[error("the profile cannot be fetched")]
    Script(#[from] ActionError),
    /// The person, or the provider, withheld some of what an account was to be connected for.
    #[error("the provider did not grant: {0}")]
    NotGranted(ScopeSet),
    /// The account cannot be told.
    #[error(transparent)]
    Account(#[from] AccountFault),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for ArrivalCause {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

impl ArrivalCause {
    /// Whether the person said no, rather than something having gone wrong.
    pub fn is_denial(&self) -> bool {
        matches!(self, Self::Callback(CallbackFault::Denied))
    }

    /// Whether the same may well succeed a little later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Outbound(_) | Self::Keys(_) | Self::Key(_) => true,
            Self::Journey(error) => match error {
                JourneyError::Discovery(_) | JourneyError::Key(_) => true,
                JourneyError::NotAProvider | JourneyError::Options(_) | JourneyError::NoKey => {
                    false
                }
            },
            Self::Token(fault) => match fault {
                TokenFault::Passing { .. } => true,
                TokenFault::Permanent { .. } | TokenFault::ClientRejected { .. } => false,
            },
            Self::Script(error) => match error {
                ActionError::Busy | ActionError::NotStarted(_) => true,
                ActionError::Script(_) | ActionError::Broken | ActionError::NotConfined(_) => false,
            },
            Self::Account(fault) => match fault {
                AccountFault::Passing { .. } => true,
                AccountFault::IdTokenMissing
                | AccountFault::Refused(_)
                | AccountFault::Malformed
                | AccountFault::OtherOrganization
                | AccountFault::SubjectMissing
                | AccountFault::SubjectMismatch => false,
            },
            Self::UnknownState
            | Self::OtherBrowser
            | Self::NotAwaited
            | Self::ConnectionGone
            | Self::Callback(_)
            | Self::Request(_)
            | Self::NotGranted(_)
            | Self::IdToken(_) => false,
        }
    }
}
