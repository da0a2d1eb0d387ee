//! The Token Vault exchange: RFC 8693 with the identifiers that Auth0 gives to
//! its grant and token types.

use std::time::Duration;

use super::parameters::{InvalidParameter, Parameters};
use super::scope::ScopeSet;
use crate::secret::{AccessToken, ClientJwt, RefreshToken};

/// The grant type of the Token Vault.
pub const VAULT_GRANT_TYPE: &str =
    "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token";

/// The kinds of tokens that may be presented (RFC 8693 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectTokenType {
    /// A refresh token that we issued to the exchanging client.
    RefreshToken,
    /// An access token that we issued for the exchanging client's API.
    AccessToken,
    /// A JWT that a privileged client signed itself.
    Jwt,
}

impl SubjectTokenType {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::RefreshToken, Self::AccessToken, Self::Jwt];

    /// The value of `subject_token_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefreshToken => "urn:ietf:params:oauth:token-type:refresh_token",
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The kinds of tokens that may be asked for. The identifiers are `http`, not
/// `https`: they are names, not addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestedTokenType {
    /// A provider's access token, for a token of ours.
    FederatedConnectionAccessToken,
    /// A provider's access token, for a privileged client's JWT.
    TokenVaultAccessToken,
    /// A provider's refresh token, for a privileged client's JWT.
    TokenVaultRefreshToken,
}

impl RequestedTokenType {
    /// Every kind.
    pub const ALL: [Self; 3] = [
        Self::FederatedConnectionAccessToken,
        Self::TokenVaultAccessToken,
        Self::TokenVaultRefreshToken,
    ];

    /// The value of `requested_token_type` and `issued_token_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FederatedConnectionAccessToken => {
                "http://auth0.com/oauth/token-type/federated-connection-access-token"
            }
            Self::TokenVaultAccessToken => {
                "http://auth0.com/oauth/token-type/token-vault-access-token"
            }
            Self::TokenVaultRefreshToken => {
                "http://auth0.com/oauth/token-type/token-vault-refresh-token"
            }
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What the client presents, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectToken {
    /// One of our refresh tokens. It is validated, never used up.
    RefreshToken(RefreshToken),
    /// One of our access tokens.
    AccessToken(AccessToken),
    /// A JWT that the client signed itself.
    Jwt(ClientJwt),
}

impl SubjectToken {
    /// The kind.
    pub const fn token_type(&self) -> SubjectTokenType {
        match self {
            Self::RefreshToken(_) => SubjectTokenType::RefreshToken,
            Self::AccessToken(_) => SubjectTokenType::AccessToken,
            Self::Jwt(_) => SubjectTokenType::Jwt,
        }
    }
}

/// A request to exchange a token of ours for a provider's access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultExchangeRequest {
    /// `connection`: the name of the connection whose account is meant.
    pub connection: String,
    /// `subject_token` with its type: for whom.
    pub subject: SubjectToken,
    /// `requested_token_type`.
    pub requested_token_type: RequestedTokenType,
    /// `login_hint`: which of several accounts, by provider subject or e-mail.
    pub login_hint: Option<String>,
    /// `scope` that the token must have.
    pub scope: Option<ScopeSet>,
    /// `min_ttl`: for how long the token must last at least, in seconds. Ours: Auth0 has no such
    /// parameter.
    pub min_ttl: Option<Duration>,
    /// `agent_id`: which of the client's agents asks, for the log. Ours.
    pub agent_id: Option<String>,
    /// `purpose`: what the token is for, in the client's words, for the log. Ours.
    pub purpose: Option<String>,
}

/// Longest text that a client writes into the log, in characters.
pub const NOTE_CHARS_MAX: usize = 256;

impl VaultExchangeRequest {
    pub(super) fn parse(mut parameters: Parameters) -> Result<Self, InvalidParameter> {
        // RFC 8693 §1.1: an actor makes this delegation, which the vault does
        // not do. To ignore the actor would turn it into impersonation.
        if parameters.value("actor_token").is_some() {
            return Err(InvalidParameter::Malformed("actor_token"));
        }
        let connection = parameters.require("connection")?;
        let subject_token_type = parameters.require("subject_token_type")?;
        let subject_token_type = SubjectTokenType::parse(&subject_token_type)
            .ok_or(InvalidParameter::Malformed("subject_token_type"))?;
        let requested_token_type = parameters.require("requested_token_type")?;
        let requested_token_type = RequestedTokenType::parse(&requested_token_type)
            .ok_or(InvalidParameter::Malformed("requested_token_type"))?;
        let subject = match subject_token_type {
            SubjectTokenType::RefreshToken => {
                SubjectToken::RefreshToken(parameters.require_secret("subject_token")?)
            }
            SubjectTokenType::AccessToken => {
                SubjectToken::AccessToken(parameters.require_secret("subject_token")?)
            }
            SubjectTokenType::Jwt => SubjectToken::Jwt(parameters.require_secret("subject_token")?),
        };
        // Of a person's own token only an access token is given; a privileged client asks by names of
        // its own.
        match (subject_token_type, requested_token_type) {
            (
                SubjectTokenType::RefreshToken | SubjectTokenType::AccessToken,
                RequestedTokenType::FederatedConnectionAccessToken,
            )
            | (
                SubjectTokenType::Jwt,
                RequestedTokenType::TokenVaultAccessToken
                | RequestedTokenType::TokenVaultRefreshToken,
            ) => {}
            _ => return Err(InvalidParameter::Malformed("requested_token_type")),
        }
        Ok(Self {
            connection,
            subject,
            requested_token_type,
            login_hint: parameters.take("login_hint"),
            scope: parameters.take_scope()?,
            min_ttl: parameters.take("min_ttl").map(|text| seconds(&text)).transpose()?,
            agent_id: take_note(&mut parameters, "agent_id")?,
            purpose: take_note(&mut parameters, "purpose")?,
        })
    }
}

fn take_note(
    parameters: &mut Parameters,
    name: &'static str,
) -> Result<Option<String>, InvalidParameter> {
    match parameters.take(name) {
        Some(text) if text.chars().count() > NOTE_CHARS_MAX => {
            Err(InvalidParameter::Malformed(name))
        }
        note => Ok(note),
    }
}

/// A day is more than any provider's access token lasts for.
const MIN_TTL_MAX: Duration = Duration::from_hours(24);

fn seconds(text: &str) -> Result<Duration, InvalidParameter> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| digits).map(Duration::from_secs);
    seconds.filter(|wanted| *wanted <= MIN_TTL_MAX).ok_or(InvalidParameter::Malformed("min_ttl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters as SDKs send them, with one replaced or (empty) removed.
    fn request_with(name: &str, value: &str) -> Result<VaultExchangeRequest, InvalidParameter> {
        let mut parameters = Parameters::new();
        for (known, usual) in [
            ("connection", "calendar"),
            ("subject_token", "canary"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
            (
                "requested_token_type",
                "http://auth0.com/oauth/token-type/federated-connection-access-token",
            ),
            ("login_hint", "ada@example.com"),
            ("scope", "read write"),
            ("actor_token", ""),
            ("agent_id", ""),
            ("purpose", ""),
        ] {
            parameters.push(known, if known == name { value } else { usual }).unwrap();
        }
        VaultExchangeRequest::parse(parameters)
    }

    #[test]
    fn reads_what_the_sdks_send() {
        let request = request_with("", "").unwrap();
        assert!(!format!("{request:?}").contains("canary"));
        assert_eq!(
            request,
            VaultExchangeRequest {
                connection: "calendar".to_owned(),
                subject: SubjectToken::RefreshToken(RefreshToken::new("canary")),
                requested_token_type: RequestedTokenType::FederatedConnectionAccessToken,
                login_hint: Some("ada@example.com".to_owned()),
                scope: Some(ScopeSet::parse("read write").unwrap()),
                min_ttl: None,
                agent_id: None,
                purpose: None,
            }
        );
        let access_token = SubjectTokenType::AccessToken.as_str();
        let request = request_with("subject_token_type", access_token).unwrap();
        assert_eq!(request.subject.token_type(), SubjectTokenType::AccessToken);
        assert_eq!(request_with("login_hint", "").unwrap().login_hint, None);
        assert_eq!(request_with("scope", "").unwrap().scope, None);
    }

    #[test]
    fn refused_by_parameter() {
        let check = |name, value, expected| {
            assert_eq!(request_with(name, value), Err(expected), "{name}={value}");
        };
        for name in ["connection", "subject_token", "subject_token_type", "requested_token_type"] {
            check(name, "", InvalidParameter::Missing(name));
        }
        let subject = InvalidParameter::Malformed("subject_token_type");
        check("subject_token_type", "refresh_token", subject);
        check("subject_token_type", "urn:ietf:params:oauth:token-type:id_token", subject);
        let requested = InvalidParameter::Malformed("requested_token_type");
        let https = "https://auth0.com/oauth/token-type/federated-connection-access-token";
        check("requested_token_type", https, requested);
        for kind in
            [RequestedTokenType::TokenVaultAccessToken, RequestedTokenType::TokenVaultRefreshToken]
        {
            check("requested_token_type", kind.as_str(), requested);
        }
        check("subject_token_type", SubjectTokenType::Jwt.as_str(), requested);
        check("actor_token", "x", InvalidParameter::Malformed("actor_token"));
    }

    #[test]
    fn notes_for_the_log_are_short() {
        for name in ["agent_id", "purpose"] {
            let longest = "é".repeat(NOTE_CHARS_MAX);
            let request = request_with(name, &longest).unwrap();
            let note = if name == "purpose" { request.purpose } else { request.agent_id };
            assert_eq!(note.as_deref(), Some(longest.as_str()));
            let longer = "x".repeat(NOTE_CHARS_MAX + 1);
            assert_eq!(request_with(name, &longer), Err(InvalidParameter::Malformed(name)));
        }
    }

    #[test]
    fn a_privileged_client_asks_for_one_of_two_kinds() {
        let request = |requested: RequestedTokenType| {
            let mut parameters = Parameters::new();
            for (name, value) in [
                ("connection", "calendar"),
                ("subject_token", "canary"),
                ("subject_token_type", SubjectTokenType::Jwt.as_str()),
                ("requested_token_type", requested.as_str()),
            ] {
                parameters.push(name, value).unwrap();
            }
            VaultExchangeRequest::parse(parameters)
        };
        for kind in
            [RequestedTokenType::TokenVaultAccessToken, RequestedTokenType::TokenVaultRefreshToken]
        {
            let request = request(kind).unwrap();
            assert_eq!(request.subject, SubjectToken::Jwt(ClientJwt::new("canary")));
            assert_eq!(request.requested_token_type, kind);
        }
        let refused = InvalidParameter::Malformed("requested_token_type");
        let federated = RequestedTokenType::FederatedConnectionAccessToken;
        assert_eq!(request(federated), Err(refused));
    }

    #[test]
    fn names_read_back() {
        for kind in SubjectTokenType::ALL {
            assert_eq!(SubjectTokenType::parse(kind.as_str()), Some(kind));
        }
        for kind in RequestedTokenType::ALL {
            assert_eq!(RequestedTokenType::parse(kind.as_str()), Some(kind));
        }
    }
}
