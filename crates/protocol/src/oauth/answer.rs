//! What the token endpoint answers (RFC 6749 §5).
//!
//! All of these can also be read back, for clients of ours.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::error::ErrorCode;
use super::exchange::RequestedTokenType;
use super::scope::ScopeSet;
use crate::secret::{Disclosed, ProviderAccessToken, ProviderRefreshToken, kind};

/// How an access token is presented. Clients compare the text as written, so
/// the letter case is part of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenType {
    /// To whoever bears it (RFC 6750).
    Bearer,
    /// With a proof by the key that it is bound to (RFC 9449).
    #[serde(rename = "DPoP")]
    Dpop,
}

impl TokenType {
    /// The value of `token_type`, and the authentication scheme.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// How a provider's token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForeignTokenType {
    /// To whoever bears it: we cannot bind other people's tokens.
    Bearer,
    /// Not at all: it is no access token (RFC 8693 §2.2.1).
    #[serde(rename = "N_A")]
    NotApplicable,
}

/// Tokens of our own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Disclosed<kind::AccessToken>,
    /// The refresh token, if there is a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Disclosed<kind::RefreshToken>>,
    /// The ID token, if `openid` was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Disclosed<kind::IdToken>>,
    /// How to present the access token.
    pub token_type: TokenType,
    /// Remaining lifetime of the access token, in seconds.
    pub expires_in: u64,
    /// What was granted. Always present, since SDKs compare it with what they
    /// asked for.
    #[serde(default)]
    pub scope: ScopeSet,
    /// The kind of token issued, where the grant is an exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<String>,
}

/// One token of a provider. There is no room for a second one or for an ID token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultExchangeResponse {
    /// The token; in a member of this name whatever it is (RFC 8693 §2.2.1).
    pub access_token: Disclosed<kind::ProviderAccessToken>,
    /// How it is presented.
    pub token_type: ForeignTokenType,
    /// Remaining lifetime in seconds. Always present with an access token: SDKs add it to a clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// What the provider granted, separated by spaces whatever it sent.
    #[serde(default)]
    pub scope: ScopeSet,
    /// Equal to the requested type.
    pub issued_token_type: Cow<'static, str>,
}

impl VaultExchangeResponse {
    /// The answer to an exchange. Discloses the token.
    pub fn new(
        access_token: ProviderAccessToken,
        expires_in_seconds: u64,
        scope: ScopeSet,
        issued: RequestedTokenType,
    ) -> Self {
        Self {
            access_token: access_token.disclose(),
            token_type: ForeignTokenType::Bearer,
            expires_in: Some(expires_in_seconds),
            scope,
            issued_token_type: Cow::Borrowed(issued.as_str()),
        }
    }

    /// The answer to a privileged client that may have a provider's refresh token. Discloses it.
    /// When such a token ends few providers tell.
    pub fn of_refresh_token(
        refresh_token: &ProviderRefreshToken,
        expires_in_seconds: Option<u64>,
        scope: ScopeSet,
    ) -> Self {
        Self {
            access_token: ProviderAccessToken::new(refresh_token.expose()).disclose(),
            token_type: ForeignTokenType::NotApplicable,
            expires_in: expires_in_seconds,
            scope,
            issued_token_type: Cow::Borrowed(RequestedTokenType::TokenVaultRefreshToken.as_str()),
        }
    }
}

/// An error as its JSON body (RFC 6749 §5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthErrorBody {
    /// The code; of a foreign server perhaps one that we do not know.
    pub error: Cow<'static, str>,
    /// A sentence for developers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
    /// A page that tells more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_uri: Option<String>,
    /// Ours: a page on which the owner of a connected account brings it back to life. Good for half an
    /// hour, and for nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnect_uri: Option<String>,
}

impl OAuthErrorBody {
    /// An error of ours.
    pub fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self {
            error: Cow::Borrowed(code.as_str()),
            error_description: Some(description.into()),
            error_uri: None,
            reconnect_uri: None,
        }
    }

    /// The code, if it is one that we know.
    pub fn code(&self) -> Option<ErrorCode> {
        ErrorCode::parse(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secret::{AccessToken, RefreshToken};

    #[test]
    fn token_responses_have_auth0s_shape() {
        let response = TokenResponse {
            access_token: AccessToken::new("at").disclose(),
            refresh_token: None,
            id_token: None,
            token_type: TokenType::Dpop,
            expires_in: 86_400,
            scope: ScopeSet::parse("openid email").unwrap(),
            issued_token_type: None,
        };
        let expected = json!({
            "access_token": "at",
            "token_type": "DPoP",
            "expires_in": 86_400,
            "scope": "openid email",
        });
        assert_eq!(serde_json::to_value(&response).unwrap(), expected);
        assert_eq!(serde_json::from_value::<TokenResponse>(expected).unwrap(), response);

        let refresh_token = Some(RefreshToken::new("rt").disclose());
        let text = serde_json::to_string(&TokenResponse { refresh_token, ..response }).unwrap();
        assert!(text.contains(r#""refresh_token":"rt""#), "{text}");
    }

    #[test]
    fn exchange_responses_always_tell_lifetime_and_scope() {
        let response = VaultExchangeResponse::new(
            ProviderAccessToken::new("ya29"),
            600,
            ScopeSet::empty(),
            RequestedTokenType::FederatedConnectionAccessToken,
        );
        assert_eq!(
            serde_json::to_value(&response).unwrap(),
            json!({
                "access_token": "ya29",
                "token_type": "Bearer",
                "expires_in": 600,
                "scope": "",
                "issued_token_type":
                    "http://auth0.com/oauth/token-type/federated-connection-access-token",
            })
        );
        assert!(!format!("{response:?}").contains("ya29"));
    }

    #[test]
    fn a_refresh_token_is_no_bearer_token() {
        let token = ProviderRefreshToken::new("1//rt");
        let response = VaultExchangeResponse::of_refresh_token(&token, None, ScopeSet::empty());
        assert_eq!(
            serde_json::to_value(&response).unwrap(),
            json!({
                "access_token": "1//rt",
                "token_type": "N_A",
                "scope": "",
                "issued_token_type": "http://auth0.com/oauth/token-type/token-vault-refresh-token",
            })
        );
    }

    #[test]
    fn error_bodies() {
        let body = OAuthErrorBody::new(ErrorCode::InvalidGrant, "Invalid authorization code");
        let expected =
            json!({"error": "invalid_grant", "error_description": "Invalid authorization code"});
        assert_eq!(serde_json::to_value(&body).unwrap(), expected);
        assert_eq!(body.code(), Some(ErrorCode::InvalidGrant));
        let foreign: OAuthErrorBody = serde_json::from_str(r#"{"error":"teapot"}"#).unwrap();
        assert_eq!(foreign.code(), None);
    }
}
