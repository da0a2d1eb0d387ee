//! The Token Vault grant: a token exchange (RFC 8693) in Auth0's dialect.

use std::time::Duration;

use protocol::oauth::scope::ScopeSet;
use protocol::secret::{AccessToken, ClientSecret, ProviderAccessToken, RefreshToken};
use serde::Deserialize;
use url::form_urlencoded;

use crate::error::{ExchangeError, Refusal};
use crate::transport::Answer;

const GRANT_TYPE: &str =
    "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token";
const REQUESTED_TOKEN_TYPE: &str =
    "http://auth0.com/oauth/token-type/federated-connection-access-token";

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
}

impl<'a> Subject<'a> {
    /// RFC 8693 §3: the type's identifier.
    fn token_type(self) -> &'static str {
        match self {
            Self::AccessToken(_) => "urn:ietf:params:oauth:token-type:access_token",
            Self::RefreshToken(_) => "urn:ietf:params:oauth:token-type:refresh_token",
        }
    }

    fn expose(self) -> &'a str {
        match self {
            Self::AccessToken(token) => token.expose(),
            Self::RefreshToken(token) => token.expose(),
        }
    }
}

/// The request's body; the client authenticates by `client_secret_post`.
pub(crate) fn form(
    client_id: &str,
    client_secret: &ClientSecret,
    subject: Subject<'_>,
    connection: &str,
    login_hint: Option<&str>,
) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", GRANT_TYPE)
        .append_pair("client_id", client_id)
        .append_pair("client_secret", client_secret.expose())
        .append_pair("subject_token", subject.expose())
        .append_pair("subject_token_type", subject.token_type())
        .append_pair("requested_token_type", REQUESTED_TOKEN_TYPE)
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

    #[test]
    fn the_form_carries_what_the_grant_needs() {
        let subject = AccessToken::new("header.payload.signature");
        let secret = ClientSecret::new("s&=cret");
        let body =
            form("api", &secret, Subject::AccessToken(&subject), "calendar", Some("ada@x.test"));
        let pairs: Vec<_> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let expected = [
            ("grant_type", GRANT_TYPE),
            ("client_id", "api"),
            ("client_secret", "s&=cret"),
            ("subject_token", "header.payload.signature"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("requested_token_type", REQUESTED_TOKEN_TYPE),
            ("connection", "calendar"),
            ("login_hint", "ada@x.test"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs, expected);
    }

    #[test]
    fn without_a_hint_none_is_sent() {
        let subject = RefreshToken::new("v1.x");
        let body =
            form("web", &ClientSecret::new("s"), Subject::RefreshToken(&subject), "calendar", None);
        assert!(!body.contains("login_hint"));
        assert!(body.contains("token-type%3Arefresh_token"));
    }
}
