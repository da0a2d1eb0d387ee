//! The vault grant, by the confidential application and by the API.

use protocol::oauth::exchange::{RequestedTokenType, SubjectTokenType};
use protocol::oauth::token::GrantType;
use strongroom::seed::{CALENDAR_CONNECTION, Credentials};

use crate::call::{Answer, Call};
use crate::login::Tokens;
use crate::tenant::Tenant;

/// What is asked of the vault.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The connection's name.
    pub connection: String,
    /// Which of several accounts.
    pub login_hint: Option<String>,
    /// The scopes.
    pub scope: Option<String>,
    /// For how many seconds the token must last.
    pub min_ttl: Option<String>,
}

impl Exchange {
    /// The calendar's token, as it is.
    pub fn calendar() -> Self {
        Self {
            connection: CALENDAR_CONNECTION.to_owned(),
            login_hint: None,
            scope: None,
            min_ttl: None,
        }
    }

    /// That of one account among several.
    #[must_use]
    pub fn login_hint(mut self, hint: &str) -> Self {
        self.login_hint = Some(hint.to_owned());
        self
    }

    /// With these scopes.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.to_owned());
        self
    }

    /// One that lasts for so many seconds.
    #[must_use]
    pub fn min_ttl(mut self, seconds: &str) -> Self {
        self.min_ttl = Some(seconds.to_owned());
        self
    }
}

impl Tenant {
    /// The confidential application exchanges its refresh token.
    pub async fn exchange_refresh_token(&self, tokens: &Tokens, exchange: &Exchange) -> Answer {
        let token = tokens.refresh_token.clone().expect("a refresh token");
        let client = &self.seeded().web;
        let call = self.exchanging(client, SubjectTokenType::RefreshToken, &token, exchange);
        match &tokens.key {
            Some(key) => call.proving(key).send().await,
            None => call.send().await,
        }
    }

    /// The API exchanges the access token that it was called with.
    pub async fn exchange_access_token(&self, tokens: &Tokens, exchange: &Exchange) -> Answer {
        let client = &self.seeded().api;
        let token = &tokens.access_token;
        self.exchanging(client, SubjectTokenType::AccessToken, token, exchange).send().await
    }

    /// The request of any client with any subject token.
    pub fn exchanging(
        &self,
        client: &Credentials,
        subject_token_type: SubjectTokenType,
        subject_token: &str,
        exchange: &Exchange,
    ) -> Call {
        let requested = RequestedTokenType::FederatedConnectionAccessToken;
        let mut fields = vec![
            ("client_id", client.client_id.as_str()),
            ("client_secret", client.client_secret.expose()),
            ("grant_type", GrantType::VaultExchange.as_str()),
            ("subject_token_type", subject_token_type.as_str()),
            ("subject_token", subject_token),
            ("requested_token_type", requested.as_str()),
            ("connection", &exchange.connection),
        ];
        fields.extend(exchange.login_hint.as_deref().map(|hint| ("login_hint", hint)));
        fields.extend(exchange.min_ttl.as_deref().map(|seconds| ("min_ttl", seconds)));
        fields.extend(exchange.scope.as_deref().map(|scope| ("scope", scope)));
        self.post("/oauth/token").form(&fields)
    }
}
