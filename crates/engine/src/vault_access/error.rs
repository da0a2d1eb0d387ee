//! Why an exchange is refused, by cause.

use std::sync::Arc;
use std::time::Duration;

use connectors::FaultCode;
use model::client::VaultIneligible;
use protocol::oauth::scope::ScopeSet;
use store::StoreError;
use vault::refresh::Refusal;

use super::policy::PolicyError;
use super::privileged::PrivilegeError;
use crate::access::AccessError;
use crate::access_token::AccessTokenError;
use crate::keys::KeyError;
use crate::refresh_grant::RefreshError;
use crate::tokensets::TokensetError;

/// Why the vault gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The client is not one that the vault serves.
    #[error(transparent)]
    Ineligible(#[from] VaultIneligible),
    /// Access tokens are exchanged by the API that they are for, and this client is none.
    #[error("the client is not linked to a resource server")]
    NotAResourceServer,
    /// The refresh token may not be used.
    #[error("subject token: {0}")]
    RefreshToken(#[source] RefreshError),
    /// The access token is not accepted.
    #[error("subject token: {0}")]
    AccessToken(#[from] AccessTokenError),
    /// The access token acts for a client, not for a person.
    #[error("the subject token does not act for a user")]
    NotAUser,
    /// The client that the access token was given to is gone.
    #[error("the client that the subject token was given to does not exist any more")]
    HolderGone,
    /// That client may not have such tokens any more.
    #[error("subject token: {0}")]
    HolderRefused(#[from] AccessError),
    /// The client's owner set a limit, and the exchange is beyond it.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The client may not ask without a token of the person, or not for this.
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
    /// The person is gone.
    #[error("the user does not exist any more")]
    UserGone,
    /// The person is blocked.
    #[error("the user is blocked")]
    UserBlocked,
    /// There is no such connection.
    #[error("there is no connection of that name")]
    UnknownConnection,
    /// The vault keeps no tokens of it.
    #[error("the connection is not enabled for connected accounts")]
    ConnectionInactive,
    /// It does not serve the client that the subject token was given to.
    #[error("the connection is not enabled for the client")]
    ConnectionNotEnabled,
    /// The person has no such account.
    #[error("tokenset_not_found")]
    NotConnected,
    /// More was asked for than was granted.
    #[error("scopes that were not granted: {missing}")]
    ScopeNotGranted {
        /// The scopes.
        missing: ScopeSet,
    },
    /// The token ended, and nothing can renew it.
    #[error("the provider's token cannot be renewed: {refusal}")]
    NotRenewable {
        /// Why.
        refusal: Refusal,
        /// Where the person can connect the account again.
        reconnect_uri: String,
    },
    /// The provider refused to renew it, for good.
    #[error("the provider refused the refresh token: {code}")]
    ProviderRefused {
        /// What it said.
        code: FaultCode,
        /// Where the person can connect the account again.
        reconnect_uri: String,
    },
    /// The provider does not know us: the connection's settings are wrong, and no person can help.
    #[error("the provider refused the connection's own credentials or settings: {0}")]
    ConnectionRejected(FaultCode),
    /// Nothing is known of the connection's provider: its file was there once.
    #[error("no provider of the strategy {strategy} is known here")]
    UnknownProvider {
        /// The strategy.
        strategy: String,
    },
    /// The provider is out of reach.
    #[error("the provider could not be reached: {code}")]
    ProviderUnreachable {
        /// What happened.
        code: FaultCode,
        /// When to try again.
        retry_after: Option<Duration>,
    },
    /// The provider's tokens do not last for as long as was asked for.
    #[error("the token lasts for {} s, and {} s were asked for", left.as_secs(), wanted.as_secs())]
    TooShort {
        /// How long it lasts.
        left: Duration,
        /// What was asked for.
        wanted: Duration,
    },
    /// The database or a key failed, or a record does not open, when the tokenset was to be renewed.
    #[error("the tokenset could not be renewed: {0}")]
    NotRenewed(Arc<TokensetError>),
    /// The database or a key failed, or a record does not open.
    #[error(transparent)]
    Tokenset(#[from] TokensetError),
}

impl From<StoreError> for ExchangeError {
    fn from(error: StoreError) -> Self {
        Self::Tokenset(error.into())
    }
}

impl From<KeyError> for ExchangeError {
    fn from(error: KeyError) -> Self {
        Self::Tokenset(error.into())
    }
}
