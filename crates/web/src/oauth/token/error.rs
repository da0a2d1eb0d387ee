//! How the refusals of the token endpoint look on the wire. The cause stays with the operator; what
//! a caller could use to probe looks alike.

use std::time::Duration;

use axum::http::header;
use engine::access::AccessError;
use engine::client_auth::ClientAuthError;
use engine::client_credentials::ClientCredentialsError;
use engine::code_grant::CodeError;
use engine::refresh_grant::RefreshError;
use engine::vault_access::{ExchangeError, PolicyError, PrivilegeError};
use model::ids::ClientId;
use protocol::oauth::error::ErrorCode;
use protocol::oauth::token::GrantType;
use vault::refresh::Refusal;

use crate::dpop::HeaderError;
use crate::error::OAuthError;

fn grant_not_allowed(grant: GrantType) -> OAuthError {
    let description = format!("Grant type '{grant}' not allowed for the client.");
    OAuthError::new(ErrorCode::UnauthorizedClient, description)
}

fn not_authorized(client_id: &ClientId, audience: &str) -> String {
    format!("Client \"{client_id}\" is not authorized to access resource server \"{audience}\".")
}

fn unknown_refresh_token() -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, "Unknown or invalid refresh token.")
}

fn no_refresh_token() -> OAuthError {
    OAuthError::new(
        ErrorCode::FederatedConnectionRefreshTokenNotFound,
        "Federated connection Refresh Token not found.",
    )
}

fn invalid_subject_token() -> OAuthError {
    OAuthError::new(ErrorCode::InvalidToken, "The subject token is invalid or has expired.")
}

fn user_is_blocked() -> OAuthError {
    OAuthError::new(ErrorCode::Unauthorized, "user is blocked")
}

/// The database is gone for the moment.
fn not_now() -> OAuthError {
    OAuthError::new(ErrorCode::TemporarilyUnavailable, "The service is not available at present.")
        .with_header(header::RETRY_AFTER, "2")
}

/// Rounded up: who comes a moment too early would be sent away again.
fn seconds(wait: Duration) -> u128 {
    wait.as_millis().div_ceil(1000).max(1)
}

fn key_not_proven() -> OAuthError {
    let description = "The refresh token is bound to a key; send a DPoP proof by that key.";
    OAuthError::new(ErrorCode::InvalidDpopProof, description)
}

impl From<ClientAuthError> for OAuthError {
    fn from(error: ClientAuthError) -> Self {
        match error {
            ClientAuthError::NotNamed
            | ClientAuthError::Unknown
            | ClientAuthError::SecretMissing
            | ClientAuthError::SecretUnexpected
            | ClientAuthError::SecretWrong
            | ClientAuthError::KeyMissing(_)
            | ClientAuthError::AssertionUnexpected
            | ClientAuthError::Assertion(_)
            | ClientAuthError::CertificateMissing
            | ClientAuthError::CertificateWrong
            | ClientAuthError::AssertionReplayed => {
                Self::new(ErrorCode::InvalidClient, "Client authentication failed")
            }
            ClientAuthError::Key(error) => Self::internal(&error),
        }
    }
}

impl From<HeaderError> for OAuthError {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Proof(engine::dpop::ProofError::Key(error)) => Self::internal(&error),
            error @ (HeaderError::Several | HeaderError::NotText | HeaderError::Proof(_)) => {
                let description = crate::body::sentence(&error.to_string());
                Self::new(ErrorCode::InvalidDpopProof, description)
            }
        }
    }
}

impl From<AccessError> for OAuthError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::AudienceMissing => {
                Self::new(ErrorCode::InvalidRequest, "Missing required parameter: audience")
            }
            AccessError::UnknownAudience(audience) => {
                Self::new(ErrorCode::AccessDenied, format!("Service not found: {audience}"))
            }
            AccessError::NotAuthorized { client_id, audience, reason: _ } => {
                Self::new(ErrorCode::AccessDenied, not_authorized(&client_id, &audience))
            }
            AccessError::ProofRequired => {
                Self::new(ErrorCode::InvalidDpopProof, "A DPoP proof is required.")
            }
            AccessError::CertificateRequired => {
                Self::new(ErrorCode::InvalidRequest, "A client certificate is required.")
            }
            AccessError::ProofUnsupported => Self::new(
                ErrorCode::InvalidRequest,
                "The client requires a proof of possession, which the API does not support.",
            ),
            AccessError::Store(error) => Self::internal(&error),
        }
    }
}

impl From<CodeError> for OAuthError {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::GrantNotAllowed => grant_not_allowed(GrantType::AuthorizationCode),
            CodeError::UnknownCode
            | CodeError::ExpiredCode
            | CodeError::ReplayedCode
            | CodeError::OtherClient
            | CodeError::RedirectUriMismatch
            | CodeError::KeyMismatch
            | CodeError::UserGone => {
                Self::new(ErrorCode::InvalidGrant, "Invalid authorization code")
            }
            CodeError::VerifierMismatch => {
                Self::new(ErrorCode::InvalidGrant, "Failed to verify code verifier")
            }
            CodeError::UserBlocked => user_is_blocked(),
            CodeError::Access(error) => error.into(),
            CodeError::Key(error) => Self::internal(&error),
        }
    }
}

impl From<RefreshError> for OAuthError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::GrantNotAllowed => grant_not_allowed(GrantType::RefreshToken),
            RefreshError::Unknown
            | RefreshError::OtherClient
            | RefreshError::Expired
            | RefreshError::Revoked
            | RefreshError::Reused { .. }
            | RefreshError::ConnectionClosed
            | RefreshError::KeyMismatch
            | RefreshError::UserGone => unknown_refresh_token(),
            RefreshError::ProofMissing => key_not_proven(),
            RefreshError::UserBlocked => user_is_blocked(),
            RefreshError::AudienceNotAllowed(audience) => {
                let description = format!(
                    "The refresh token policies of the client do not allow the audience {audience}"
                );
                Self::new(ErrorCode::AccessDenied, description)
            }
            RefreshError::Access(error) => error.into(),
            RefreshError::Key(error) => Self::internal(&error),
        }
    }
}

impl From<ClientCredentialsError> for OAuthError {
    fn from(error: ClientCredentialsError) -> Self {
        match error {
            ClientCredentialsError::GrantNotAllowed | ClientCredentialsError::PublicClient => {
                grant_not_allowed(GrantType::ClientCredentials)
            }
            ClientCredentialsError::Organization => {
                Self::new(ErrorCode::InvalidRequest, "Organizations are not supported.")
            }
            ClientCredentialsError::Access(AccessError::NotAuthorized {
                client_id,
                audience,
                reason: _,
            }) => {
                let not_authorized = not_authorized(&client_id, &audience);
                let description = format!(
                    "{not_authorized} You need to create a \"client-grant\" associated to this API."
                );
                Self::new(ErrorCode::AccessDenied, description)
            }
            ClientCredentialsError::Access(error) => error.into(),
            ClientCredentialsError::Key(error) => Self::internal(&error),
        }
    }
}

impl From<PolicyError> for OAuthError {
    fn from(error: PolicyError) -> Self {
        let denied = |description: String| Self::new(ErrorCode::AccessDenied, description);
        match error {
            PolicyError::Address { .. } => {
                denied("The client may not ask from this address.".to_owned())
            }
            PolicyError::Hours => denied("The client may not ask at this time.".to_owned()),
            PolicyError::Connection => {
                denied("The client may not have tokens of this connection.".to_owned())
            }
            PolicyError::Scopes { missing } => {
                denied(format!("The client may not have tokens with the scopes: {missing}"))
            }
            PolicyError::Broader { beyond } => Self::new(
                ErrorCode::InsufficientScope,
                format!("The provider gives no token without the scopes: {beyond}"),
            ),
            PolicyError::Budget { retry_after, .. } => {
                Self::new(ErrorCode::TooManyRequests, "The client has used up its exchanges.")
                    .with_header(header::RETRY_AFTER, &seconds(retry_after).to_string())
            }
        }
    }
}

impl From<PrivilegeError> for OAuthError {
    fn from(error: PrivilegeError) -> Self {
        match error {
            PrivilegeError::NotPrivileged => {
                let description = "The client has no privileged access to the Token Vault.";
                Self::new(ErrorCode::AccessDenied, description)
            }
            PrivilegeError::Request(_) | PrivilegeError::Replayed => invalid_subject_token(),
            PrivilegeError::NoRefreshToken => no_refresh_token(),
            PrivilegeError::RefreshTokenRotates => Self::new(
                ErrorCode::InvalidRequest,
                "The provider replaces its refresh tokens, so none is given out.",
            ),
        }
    }
}

impl From<ExchangeError> for OAuthError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Ineligible(_) | ExchangeError::NotAResourceServer => {
                grant_not_allowed(GrantType::VaultExchange)
            }
            ExchangeError::RefreshToken(RefreshError::ProofMissing) => key_not_proven(),
            ExchangeError::RefreshToken(_) => unknown_refresh_token(),
            ExchangeError::AccessToken(engine::access_token::AccessTokenError::WrongAudience) => {
                let description = "The subject token is not for the API of this client.";
                Self::new(ErrorCode::AccessDenied, description)
            }
            ExchangeError::HolderRefused(AccessError::Store(error)) => Self::internal(&error),
            ExchangeError::AccessToken(_)
            | ExchangeError::NotAUser
            | ExchangeError::HolderGone
            | ExchangeError::HolderRefused(_) => invalid_subject_token(),
            ExchangeError::Policy(error) => error.into(),
            ExchangeError::Privilege(error) => error.into(),
            ExchangeError::UserBlocked => user_is_blocked(),
            // Whether a connection or an account exists is not told to who has no account there.
            ExchangeError::UserGone
            | ExchangeError::UnknownConnection
            | ExchangeError::ConnectionInactive
            | ExchangeError::ConnectionNotEnabled
            | ExchangeError::NotConnected => no_refresh_token(),
            ExchangeError::NotRenewable { refusal: Refusal::NoRefreshToken, reconnect_uri } => {
                no_refresh_token().with_reconnect(reconnect_uri)
            }
            ExchangeError::ScopeNotGranted { missing } => Self::new(
                ErrorCode::InsufficientScope,
                format!("The connected account was not granted: {missing}"),
            ),
            ExchangeError::NotRenewable {
                refusal: Refusal::RefreshTokenExpired | Refusal::NeedsReconnect,
                reconnect_uri,
            }
            | ExchangeError::ProviderRefused { code: _, reconnect_uri } => Self::new(
                ErrorCode::FederatedConnectionRefreshTokenFlowFailed,
                "Refresh Token flow for the Federated Connection failed",
            )
            .with_reconnect(reconnect_uri),
            ExchangeError::ConnectionRejected(_) => Self::new(
                ErrorCode::TemporarilyUnavailable,
                "The provider does not accept the connection's configuration.",
            )
            .with_header(header::RETRY_AFTER, "60"),
            ExchangeError::UnknownProvider { .. } => Self::new(
                ErrorCode::TemporarilyUnavailable,
                "The provider is not known at present.",
            )
            .with_header(header::RETRY_AFTER, "60"),
            ExchangeError::ProviderUnreachable { code: _, retry_after } => {
                let seconds = retry_after.map_or(5, seconds);
                Self::new(ErrorCode::TemporarilyUnavailable, "The provider could not be reached.")
                    .with_header(header::RETRY_AFTER, &seconds.to_string())
            }
            ExchangeError::TooShort { .. } => Self::new(
                ErrorCode::InvalidRequest,
                "The provider's tokens do not last for the min_ttl that was asked for.",
            ),
            ExchangeError::NotRenewed(error) if error.is_passing() => not_now(),
            ExchangeError::Tokenset(error) if error.is_passing() => not_now(),
            ExchangeError::NotRenewed(error) => Self::internal(&*error),
            ExchangeError::Tokenset(error) => Self::internal(&error),
        }
    }
}
