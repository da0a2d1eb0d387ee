//! The Token Vault grant: a token exchange (RFC 8693) in Auth0's dialect.

use std::time::Duration;

use protocol::oauth::exchange::{RequestedTokenType, SubjectTokenType};
use protocol::oauth::scope::ScopeSet;
use protocol::oauth::token::GrantType;
use protocol::secret::{AccessToken, ClientJwt, ProviderAccessToken, RefreshToken};
use serde::Deserialize;
use url::form_urlencoded;

use crate::error::{ExchangeError, Refusal};
use crate::transport::Answer;

/// An access token of a provider, for one account that a person connected.
///
/// Keep it in memory, use it, drop it: the next exchange gives the same token
/// while it is valid, and a fresh one afterwards.
#[derive(Clone, Debug)]
pub struct ProviderToken {
    /// The token to send to the provider's API.
    pub access_token: ProviderAccessToken,
    /// How long it is still valid, counted from the answer.
    pub expires_in: Duration,
    /// What the person granted at the provider.
    pub scope: ScopeSet,
}

/// What is exchanged (RFC 8693 §2.1, `subject_token`).
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    AccessToken(&'a AccessToken),
    RefreshToken(&'a RefreshToken),
    /// What a privileged worker signed.
    VaultRequest(&'a ClientJwt),
}

impl<'a> Subject<'a> {
    fn token_type(self) -> SubjectTokenType {
        match self {
            Self::AccessToken(_) => SubjectTokenType::AccessToken,
            Self::RefreshToken(_) => SubjectTokenType::RefreshToken,
            Self::VaultRequest(_) => SubjectTokenType::Jwt,
        }
    }

    fn requested_token_type(self) -> RequestedTokenType {
        match self {
            Self::AccessToken(_) | Self::RefreshToken(_) => {
                RequestedTokenType::FederatedConnectionAccessToken
            }
            Self::VaultRequest(_) => RequestedTokenType::TokenVaultAccessToken,
        }
    }

    fn expose(self) -> &'a str {
        match self {
            Self::AccessToken(token) => token.expose(),
            Self::RefreshToken(token) => token.expose(),
            Self::VaultRequest(token) => token.expose(),
        }
    }
}

/// The request's body; `proof` are the parameters by which the client authenticates.
pub(crate) fn form(
    client_id: &str,
    proof: &[(&'static str, String)],
    subject: Subject<'_>,
    connection: &str,
    login_hint: Option<&str>,
) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", GrantType::VaultExchange.as_str())
        .append_pair("client_id", client_id)
        .extend_pairs(proof)
        .append_pair("subject_token", subject.expose())
        .append_pair("subject_token_type", subject.token_type().as_str())
        .append_pair("requested_token_type", subject.requested_token_type().as_str())
        .append_pair("connection", connection)
        .extend_pairs(login_hint.map(|hint| ("login_hint", hint)))
        .finish()
}

/// The provider's token, or why there is none.
pub(crate) fn read(answer: &Answer) -> Result<ProviderToken, ExchangeError> {
    #[derive(Deserialize)]
    struct Success {
        access_token: ProviderAccessToken,
        expires_in: u64,
        scope: ScopeSet,
    }

    let status = answer.status;
    let unexpected = |source| ExchangeError::UnexpectedAnswer { status, source };
    // RFC 6749 §5.1: a successful answer has the status 200, and no other.
    if status == 200 {
        let Success { access_token, expires_in, scope } =
            serde_json::from_slice(&answer.body).map_err(unexpected)?;
        return Ok(ProviderToken {
            access_token,
            expires_in: Duration::from_secs(expires_in),
            scope,
        });
    }
    let refusal = Refusal::read(answer).map_err(unexpected)?;
    Err(ExchangeError::from_refusal(refusal, answer.retry_after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> [(&'static str, String); 1] {
        [("client_secret", text.to_owned())]
    }

    #[test]
    fn the_form_carries_what_the_grant_needs() {
        let subject = AccessToken::new("header.payload.signature");
        let subject = Subject::AccessToken(&subject);
        let body = form("api", &secret("s&=cret"), subject, "calendar", Some("ada@x.test"));
        let pairs: Vec<_> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let expected = [
            (
                "grant_type",
                "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token",
            ),
            ("client_id", "api"),
            ("client_secret", "s&=cret"),
            ("subject_token", "header.payload.signature"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            (
                "requested_token_type",
                "http://auth0.com/oauth/token-type/federated-connection-access-token",
            ),
            ("connection", "calendar"),
            ("login_hint", "ada@x.test"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs, expected);
    }

    #[test]
    fn without_a_hint_none_is_sent() {
        let subject = RefreshToken::new("v1.x");
        let body = form("web", &secret("s"), Subject::RefreshToken(&subject), "calendar", None);
        assert!(!body.contains("login_hint"));
        assert!(body.contains("token-type%3Arefresh_token"));
    }
}
