//! The error codes of OAuth, OpenID Connect and Auth0 that we know, with the status that each has.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A code of the `error` member.
///
/// From RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, OpenID Connect Core
/// §3.1.2.6, RFC 7009 §2.2.1, RFC 8628 §3.5, RFC 8693 §2.2.2, RFC 9449 §5 and
/// §8, and Auth0's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// A parameter is missing, repeated, malformed or out of place.
    InvalidRequest,
    /// The client did not authenticate, or not by its registered method.
    InvalidClient,
    /// The code, refresh token or other grant is unknown, used up or not the client's.
    InvalidGrant,
    /// The client may not use this grant or response type.
    UnauthorizedClient,
    /// Nobody may use this grant type here.
    UnsupportedGrantType,
    /// The requested scope is malformed or not to be had.
    InvalidScope,
    /// The requested audience or resource is not to be had (RFC 8693).
    InvalidTarget,
    /// The person, a rule or the authorization server said no.
    AccessDenied,
    /// The response type is not supported.
    UnsupportedResponseType,
    /// The kind of token cannot be revoked (RFC 7009).
    UnsupportedTokenType,
    /// Something broke on our side.
    ServerError,
    /// Something that is needed does not answer at present.
    TemporarilyUnavailable,
    /// The presented access token is not valid (RFC 6750).
    InvalidToken,
    /// The presented token does not carry the scope that is needed (RFC 6750).
    InsufficientScope,
    /// `prompt=none`, and nobody is logged in.
    LoginRequired,
    /// `prompt=none`, and the person has not consented.
    ConsentRequired,
    /// `prompt=none`, and some other page would have to be shown.
    InteractionRequired,
    /// `prompt=none`, and the person would have to choose an account.
    AccountSelectionRequired,
    /// The request object is not valid (RFC 9101 §7).
    InvalidRequestObject,
    /// Request objects are not supported (OpenID Connect Core §6).
    RequestNotSupported,
    /// Request objects by reference are not supported (OpenID Connect Core §6).
    RequestUriNotSupported,
    /// The login does not satisfy what the API's policy demands.
    UnmetAuthenticationRequirements,
    /// A DPoP proof with a nonce of ours is needed (RFC 9449 §8).
    UseDpopNonce,
    /// The DPoP proof is malformed or does not fit the request (RFC 9449 §5).
    InvalidDpopProof,
    /// A second factor is needed first.
    MfaRequired,
    /// The second factor presented is not one the person has.
    InvalidAuthenticator,
    /// The person has no second factor yet.
    AssociationRequired,
    /// The kind of challenge is not supported.
    UnsupportedChallengeType,
    /// The person has not decided yet (RFC 8628).
    AuthorizationPending,
    /// The client polls too fast (RFC 8628).
    SlowDown,
    /// The device code or MFA token is too old (RFC 8628).
    ExpiredToken,
    /// The person may not log in: blocked.
    Unauthorized,
    /// The user that a back-channel request names is malformed or unknown.
    UnknownUserId,
    /// A rate limit is reached.
    TooManyRequests,
    /// Too many failures: brute-force protection holds the door.
    TooManyAttempts,
    /// Token Vault: nothing is connected that would answer this exchange.
    FederatedConnectionRefreshTokenNotFound,
    /// Token Vault: the provider refused to refresh.
    FederatedConnectionRefreshTokenFlowFailed,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 37] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
        Self::InvalidTarget,
        Self::AccessDenied,
        Self::UnsupportedResponseType,
        Self::UnsupportedTokenType,
        Self::ServerError,
        Self::TemporarilyUnavailable,
        Self::InvalidToken,
        Self::InsufficientScope,
        Self::LoginRequired,
        Self::ConsentRequired,
        Self::InteractionRequired,
        Self::AccountSelectionRequired,
        Self::InvalidRequestObject,
        Self::RequestNotSupported,
        Self::RequestUriNotSupported,
        Self::UnmetAuthenticationRequirements,
        Self::UseDpopNonce,
        Self::InvalidDpopProof,
        Self::MfaRequired,
        Self::InvalidAuthenticator,
        Self::AssociationRequired,
        Self::UnsupportedChallengeType,
        Self::AuthorizationPending,
        Self::SlowDown,
        Self::ExpiredToken,
        Self::Unauthorized,
        Self::UnknownUserId,
        Self::TooManyRequests,
        Self::TooManyAttempts,
        Self::FederatedConnectionRefreshTokenNotFound,
        Self::FederatedConnectionRefreshTokenFlowFailed,
    ];

    /// The code as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::AccountSelectionRequired => "account_selection_required",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::MfaRequired => "mfa_required",
            Self::InvalidAuthenticator => "invalid_authenticator",
            Self::AssociationRequired => "association_required",
            Self::UnsupportedChallengeType => "unsupported_challenge_type",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::Unauthorized => "unauthorized",
            Self::UnknownUserId => "unknown_user_id",
            Self::TooManyRequests => "too_many_requests",
            Self::TooManyAttempts => "too_many_attempts",
            Self::FederatedConnectionRefreshTokenNotFound => {
                "federated_connection_refresh_token_not_found"
            }
            Self::FederatedConnectionRefreshTokenFlowFailed => {
                "federated_connection_refresh_token_flow_failed"
            }
        }
    }

    /// The code that stands for this text, if we know it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// The HTTP status that goes with the code where nothing else is said.
    ///
    /// As Auth0 answers, which departs from RFC 6749 §5.2 in sending 403 for
    /// `invalid_grant`, `unauthorized_client` and their kind.
    pub const fn default_status(self) -> u16 {
        match self {
            Self::InvalidRequest
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::InvalidTarget
            | Self::UnsupportedResponseType
            | Self::UnsupportedTokenType
            | Self::LoginRequired
            | Self::ConsentRequired
            | Self::InteractionRequired
            | Self::AccountSelectionRequired
            | Self::InvalidRequestObject
            | Self::RequestNotSupported
            | Self::RequestUriNotSupported
            | Self::UseDpopNonce
            | Self::InvalidDpopProof
            | Self::InvalidAuthenticator
            | Self::UnsupportedChallengeType
            | Self::UnknownUserId => 400,
            Self::InvalidClient
            | Self::InvalidToken
            | Self::FederatedConnectionRefreshTokenNotFound
            | Self::FederatedConnectionRefreshTokenFlowFailed => 401,
            Self::InvalidGrant
            | Self::UnauthorizedClient
            | Self::AccessDenied
            | Self::InsufficientScope
            | Self::UnmetAuthenticationRequirements
            | Self::MfaRequired
            | Self::AssociationRequired
            | Self::AuthorizationPending
            | Self::ExpiredToken
            | Self::Unauthorized => 403,
            Self::SlowDown | Self::TooManyRequests | Self::TooManyAttempts => 429,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("unknown error code"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_text_and_reads_back() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(code));
        }
        assert_eq!(ErrorCode::parse("Invalid_Request"), None);
    }

    #[test]
    fn statuses_are_errors() {
        for code in ErrorCode::ALL {
            assert!((400..=503).contains(&code.default_status()), "{code}");
        }
    }
}
