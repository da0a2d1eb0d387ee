//! The vault's exchange, as an application asks for it.

use std::time::{Duration, Instant};

use protocol::oauth::exchange::{RequestedTokenType, SubjectTokenType, VAULT_GRANT_TYPE};
use protocol::secret::{ClientSecret, ProviderAccessToken, RefreshToken};
use serde::Deserialize;

use super::SelftestError;
use super::http::form;
use super::site::Site;
use crate::seed::CALENDAR_CONNECTION;

const NEEDS_RECONNECT: &str = "federated_connection_refresh_token_flow_failed";
const TEMPORARILY_UNAVAILABLE: &str = "temporarily_unavailable";

/// Asks one server for the provider's token.
#[derive(Clone)]
pub(super) struct Caller {
    http: reqwest::Client,
    url: String,
    client_id: String,
    client_secret: ClientSecret,
    subject_token: RefreshToken,
}

/// What came of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The provider's access token.
    Token(ProviderAccessToken),
    /// The server says that the person has to connect the account anew.
    NeedsReconnect,
    /// The server says that it may work later.
    Unavailable,
    /// Any other answer: its status and the code in it.
    Refused(u16, String),
    /// No answer.
    Broken,
}

impl Outcome {
    /// The token, if it is one.
    pub(super) fn token(&self) -> Option<&ProviderAccessToken> {
        match self {
            Self::Token(token) => Some(token),
            Self::NeedsReconnect | Self::Unavailable | Self::Refused(..) | Self::Broken => None,
        }
    }

    /// In a word or two, for the report.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Token(_) => "token".to_owned(),
            Self::NeedsReconnect => NEEDS_RECONNECT.to_owned(),
            Self::Unavailable => TEMPORARILY_UNAVAILABLE.to_owned(),
            Self::Refused(status, code) => format!("{status} {code}"),
            Self::Broken => "no answer".to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: ProviderAccessToken,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Caller {
    /// A caller of the server that is `number`th in the site, in turn.
    pub(super) fn of(site: &Site, number: usize, subject_token: &RefreshToken) -> Self {
        let server = &site.servers[number % site.servers.len()];
        Self {
            http: site.http.clone(),
            url: server.base_url.join("oauth/token"),
            client_id: site.web.client_id.as_str().to_owned(),
            client_secret: site.web.client_secret.clone(),
            subject_token: subject_token.clone(),
        }
    }

    /// Asks once; with how long it took.
    pub(super) async fn ask(self) -> (Outcome, Duration) {
        let began = Instant::now();
        let outcome = self.outcome().await;
        (outcome, began.elapsed())
    }

    /// Asks once.
    pub(super) async fn outcome(&self) -> Outcome {
        let fields = [
            ("grant_type", VAULT_GRANT_TYPE),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose()),
            ("subject_token_type", SubjectTokenType::RefreshToken.as_str()),
            ("subject_token", self.subject_token.expose()),
            ("requested_token_type", RequestedTokenType::FederatedConnectionAccessToken.as_str()),
            ("connection", CALENDAR_CONNECTION),
        ];
        let Ok(answer) = form(self.http.post(&self.url), &fields).send().await else {
            return Outcome::Broken;
        };
        let status = answer.status().as_u16();
        let Ok(body) = answer.bytes().await else { return Outcome::Broken };
        if status == 200 {
            return match serde_json::from_slice(&body) {
                Ok(Granted { access_token }) => Outcome::Token(access_token),
                Err(_no_token) => Outcome::Refused(status, "no token".to_owned()),
            };
        }
        match serde_json::from_slice(&body) {
            Ok(Refusal { error }) if error == NEEDS_RECONNECT => Outcome::NeedsReconnect,
            Ok(Refusal { error }) if error == TEMPORARILY_UNAVAILABLE => Outcome::Unavailable,
            Ok(Refusal { error }) => Outcome::Refused(status, error),
            Err(_no_error) => Outcome::Refused(status, "no code".to_owned()),
        }
    }
}

/// The first exchange after a login, which needs no refresh.
pub(super) async fn first_token(
    site: &Site,
    subject_token: &RefreshToken,
) -> Result<ProviderAccessToken, SelftestError> {
    match Caller::of(site, 0, subject_token).outcome().await {
        Outcome::Token(token) => Ok(token),
        other => Err(SelftestError::FirstExchange(other.name())),
    }
}
