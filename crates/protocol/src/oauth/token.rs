//! The token request (RFC 6749 §4.1.3, §4.4.2, §6; RFC 8693 §2.1).
//!
//! Each grant's struct holds exactly what the grant accepts. Whoever serves one
//! takes it apart without `..`, so that a field nobody reads cannot hide.

use std::fmt;

use super::exchange::{self, VaultExchangeRequest};
use super::parameters::{InvalidParameter, Parameters};
use super::pkce;
use super::scope::ScopeSet;
use crate::secret::{AuthorizationCode, CodeVerifier, RefreshToken};

/// A request to the token endpoint, by grant.
///
/// The client's own credentials are not part of it: they are taken out first,
/// by [`PresentedClient::read`](super::client_auth::PresentedClient::read).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRequest {
    /// Redeems an authorization code.
    AuthorizationCode(AuthorizationCodeGrant),
    /// Trades a refresh token for an access token.
    RefreshToken(RefreshTokenGrant),
    /// The client acts for itself.
    ClientCredentials(ClientCredentialsGrant),
    /// Token Vault: trades a token of ours for a provider's.
    VaultExchange(VaultExchangeRequest),
    /// A grant type that we do not serve, by name.
    Unsupported(String),
}

/// RFC 6749 §4.1.3 with RFC 7636 §4.5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCodeGrant {
    /// `code`.
    pub code: AuthorizationCode,
    /// `redirect_uri`; must equal that of the authorization request.
    pub redirect_uri: Option<String>,
    /// `code_verifier`, well-formed.
    pub code_verifier: Option<CodeVerifier>,
}

/// RFC 6749 §6, with the audience of Auth0's multi-resource refresh tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshTokenGrant {
    /// `refresh_token`.
    pub refresh_token: RefreshToken,
    /// `scope`: what to narrow the new access token to.
    pub scope: Option<ScopeSet>,
    /// `audience`: another API than the original one.
    pub audience: Option<String>,
}

/// RFC 6749 §4.4.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCredentialsGrant {
    /// `audience`: the API; the tenant may have a default.
    pub audience: Option<String>,
    /// `scope`: what to narrow the access token to.
    pub scope: Option<ScopeSet>,
    /// `organization`: an identifier or a name.
    pub organization: Option<String>,
}

/// The grant types that we serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantType {
    /// `authorization_code`.
    AuthorizationCode,
    /// `refresh_token`.
    RefreshToken,
    /// `client_credentials`.
    ClientCredentials,
    /// Token Vault; see [`exchange::VAULT_GRANT_TYPE`].
    VaultExchange,
}

impl GrantType {
    /// Every grant type that we serve.
    pub const ALL: [Self; 4] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::VaultExchange];

    /// The value of `grant_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::VaultExchange => exchange::VAULT_GRANT_TYPE,
        }
    }

    /// The grant type of that name, if we serve it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant_type| grant_type.as_str() == name)
    }
}

impl fmt::Display for GrantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TokenRequest {
    /// Reads a request from its parameters; those that the grant does not know
    /// are ignored, as Auth0 does: SDKs send `redirect_uri` on a refresh, and
    /// whatever else the application added.
    pub fn parse(mut parameters: Parameters) -> Result<Self, InvalidParameter> {
        let name = parameters.require("grant_type")?;
        match GrantType::parse(&name) {
            Some(GrantType::AuthorizationCode) => {
                AuthorizationCodeGrant::parse(parameters).map(Self::AuthorizationCode)
            }
            Some(GrantType::RefreshToken) => {
                RefreshTokenGrant::parse(parameters).map(Self::RefreshToken)
            }
            Some(GrantType::ClientCredentials) => {
                ClientCredentialsGrant::parse(parameters).map(Self::ClientCredentials)
            }
            Some(GrantType::VaultExchange) => {
                VaultExchangeRequest::parse(parameters).map(Self::VaultExchange)
            }
            None => Ok(Self::Unsupported(name)),
        }
    }

    /// The grant type, if it is one that we serve.
    pub fn grant_type(&self) -> Option<GrantType> {
        match self {
            Self::AuthorizationCode(_) => Some(GrantType::AuthorizationCode),
            Self::RefreshToken(_) => Some(GrantType::RefreshToken),
            Self::ClientCredentials(_) => Some(GrantType::ClientCredentials),
            Self::VaultExchange(_) => Some(GrantType::VaultExchange),
            Self::Unsupported(_) => None,
        }
    }
}

impl AuthorizationCodeGrant {
    fn parse(mut parameters: Parameters) -> Result<Self, InvalidParameter> {
        let code_verifier = match parameters.take("code_verifier").map(pkce::parse_verifier) {
            Some(Ok(verifier)) => Some(verifier),
            Some(Err(_)) => return Err(InvalidParameter::Malformed("code_verifier")),
            None => None,
        };
        Ok(Self {
            code: parameters.require_secret("code")?,
            redirect_uri: parameters.take("redirect_uri"),
            code_verifier,
        })
    }
}

impl RefreshTokenGrant {
    fn parse(mut parameters: Parameters) -> Result<Self, InvalidParameter> {
        Ok(Self {
            refresh_token: parameters.require_secret("refresh_token")?,
            scope: parameters.take_scope()?,
            audience: parameters.take("audience"),
        })
    }
}

impl ClientCredentialsGrant {
    fn parse(mut parameters: Parameters) -> Result<Self, InvalidParameter> {
        Ok(Self {
            audience: parameters.take("audience"),
            scope: parameters.take_scope()?,
            organization: parameters.take("organization"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::oauth::scope::InvalidScope;

    fn parse(body: &str) -> Result<TokenRequest, InvalidParameter> {
        TokenRequest::parse(Parameters::from_query(body).unwrap())
    }

    fn check(body: &str, expected: TokenRequest) {
        assert_eq!(parse(body), Ok(expected), "{body}");
    }

    #[test]
    fn authorization_code() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        check(
            &format!(
                "grant_type=authorization_code&code=c&redirect_uri=http%3A%2F%2Fa\
                 &code_verifier={verifier}&scope=ignored&audience=ignored"
            ),
            TokenRequest::AuthorizationCode(AuthorizationCodeGrant {
                code: AuthorizationCode::new("c"),
                redirect_uri: Some("http://a".to_owned()),
                code_verifier: Some(CodeVerifier::new(verifier)),
            }),
        );
        check(
            "grant_type=authorization_code&code=c",
            TokenRequest::AuthorizationCode(AuthorizationCodeGrant {
                code: AuthorizationCode::new("c"),
                redirect_uri: None,
                code_verifier: None,
            }),
        );
    }

    #[test]
    fn refresh_token() {
        check(
            "grant_type=refresh_token&refresh_token=r&scope=a+b&audience=x&redirect_uri=y&display=z",
            TokenRequest::RefreshToken(RefreshTokenGrant {
                refresh_token: RefreshToken::new("r"),
                scope: Some(ScopeSet::parse("a b").unwrap()),
                audience: Some("x".to_owned()),
            }),
        );
    }

    #[test]
    fn client_credentials() {
        check(
            "grant_type=client_credentials&audience=x",
            TokenRequest::ClientCredentials(ClientCredentialsGrant {
                audience: Some("x".to_owned()),
                scope: None,
                organization: None,
            }),
        );
    }

    #[test]
    fn unsupported_grants_keep_their_name() {
        for name in ["password", "Refresh_Token", "urn:ietf:params:oauth:grant-type:token-exchange"]
        {
            check(&format!("grant_type={name}"), TokenRequest::Unsupported(name.to_owned()));
        }
    }

    #[test]
    fn refused_by_parameter() {
        let check = |body: &str, expected| assert_eq!(parse(body), Err(expected), "{body}");
        check("", InvalidParameter::Missing("grant_type"));
        check("grant_type=", InvalidParameter::Missing("grant_type"));
        check("grant_type=authorization_code", InvalidParameter::Missing("code"));
        check("grant_type=refresh_token", InvalidParameter::Missing("refresh_token"));
        check(
            "grant_type=authorization_code&code=c&code_verifier=short",
            InvalidParameter::Malformed("code_verifier"),
        );
        check(
            "grant_type=refresh_token&refresh_token=r&scope=%22",
            InvalidParameter::Scope(InvalidScope::ForbiddenCharacter),
        );
    }

    #[test]
    fn grant_types_read_back() {
        for grant_type in GrantType::ALL {
            assert_eq!(GrantType::parse(grant_type.as_str()), Some(grant_type));
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let request = parse("grant_type=refresh_token&refresh_token=canary").unwrap();
        assert!(!format!("{request:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn parse_never_panics(body in "grant_type=(authorization_code|refresh_token|client_credentials)(&(code|scope|audience|code_verifier)=\\PC{0,12}){0,4}") {
            if let Ok(parameters) = Parameters::from_query(&body) {
                let _ = TokenRequest::parse(parameters).is_ok();
            }
        }
    }
}
