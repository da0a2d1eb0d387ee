//! The Rust SDK of Strongroom, for APIs that act for a person at a provider.
//!
//! An API receives a person's access token and needs the provider's: it
//! exchanges the one for the other, uses it, and forgets it.
//!
//! ```no_run
//! use protocol::secret::{AccessToken, ClientSecret};
//! use strongroom_client::{ExchangeError, Strongroom};
//!
//! # async fn example(caller: AccessToken) -> Result<(), Box<dyn std::error::Error>> {
//! let strongroom = Strongroom::new(
//!     "https://acme.example/".parse()?,
//!     "the Custom API Client's id",
//!     ClientSecret::new("its secret"),
//! )?;
//! match strongroom.exchange_access_token(&caller, "google-oauth2", None).await {
//!     Ok(token) => println!("call the provider for the next {:?}", token.expires_in),
//!     Err(ExchangeError::NotConnected(_)) => println!("ask the person to connect the account"),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Verify the caller's token *before* you exchange it: that it is meant for your
//! API, and allows what the caller asks for.
//!
//! A privileged worker has no person's token: it signs a request for each exchange
//! ([`Strongroom::exchange_as_worker`]).

mod authentication;
mod error;
mod exchange;
mod transport;

pub use authentication::{Authentication, ClientKey, WorkerRequest};
pub use error::{ExchangeError, Refusal, SetupError};
pub use exchange::ProviderToken;

use protocol::secret::{AccessToken, RefreshToken};
use url::Url;

use authentication::Parties;
use exchange::Subject;

/// A confidential client of one Strongroom tenant. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Strongroom {
    http: reqwest::Client,
    issuer: Url,
    token_endpoint: Url,
    client_id: String,
    authentication: Authentication,
}

impl Strongroom {
    /// A client of the tenant whose issuer is `issuer`, with connections of its own. It
    /// authenticates by a [`ClientSecret`](protocol::secret::ClientSecret) or a [`ClientKey`].
    pub fn new(
        issuer: Url,
        client_id: impl Into<String>,
        authentication: impl Into<Authentication>,
    ) -> Result<Self, SetupError> {
        Self::with_http_client(transport::http_client()?, issuer, client_id, authentication)
    }

    /// The same over a given HTTP client, for a private CA, a proxy or other
    /// time limits. It should not follow redirects: they would carry secrets along.
    pub fn with_http_client(
        http: reqwest::Client,
        issuer: Url,
        client_id: impl Into<String>,
        authentication: impl Into<Authentication>,
    ) -> Result<Self, SetupError> {
        let issuer = transport::base(issuer)?;
        let token_endpoint = issuer.join("oauth/token").map_err(SetupError::NotABase)?;
        let (client_id, authentication) = (client_id.into(), authentication.into());
        Ok(Self { http, issuer, token_endpoint, client_id, authentication })
    }

    /// Exchanges a person's access token, which they presented to your API, for
    /// an access token of the provider behind `connection`.
    ///
    /// `login_hint` chooses among several accounts that the person connected:
    /// the provider's identifier of the account, or its e-mail address. Without
    /// it the most recently connected one is taken.
    pub async fn exchange_access_token(
        &self,
        subject: &AccessToken,
        connection: &str,
        login_hint: Option<&str>,
    ) -> Result<ProviderToken, ExchangeError> {
        self.exchange(Subject::AccessToken(subject), connection, login_hint).await
    }

    /// Exchanges a refresh token that this client itself was issued; otherwise
    /// as [`Self::exchange_access_token`]. The refresh token stays valid.
    pub async fn exchange_refresh_token(
        &self,
        subject: &RefreshToken,
        connection: &str,
        login_hint: Option<&str>,
    ) -> Result<ProviderToken, ExchangeError> {
        self.exchange(Subject::RefreshToken(subject), connection, login_hint).await
    }

    /// Has, as a privileged worker, an access token of somebody who is not there. `key` signs the
    /// request: it is one of the client's `token_vault_privileged_access`.
    pub async fn exchange_as_worker(
        &self,
        key: &ClientKey,
        request: &WorkerRequest<'_>,
        connection: &str,
        login_hint: Option<&str>,
    ) -> Result<ProviderToken, ExchangeError> {
        let signed = self.parties().vault_request(key, request).map_err(ExchangeError::Unsigned)?;
        self.exchange(Subject::VaultRequest(&signed), connection, login_hint).await
    }

    async fn exchange(
        &self,
        subject: Subject<'_>,
        connection: &str,
        login_hint: Option<&str>,
    ) -> Result<ProviderToken, ExchangeError> {
        let proof = self.parties().proof(&self.authentication).map_err(ExchangeError::Unsigned)?;
        let form = exchange::form(&self.client_id, &proof, subject, connection, login_hint);
        let answer = transport::post_form(&self.http, &self.token_endpoint, form).await?;
        exchange::read(&answer)
    }

    fn parties(&self) -> Parties<'_> {
        Parties { client_id: &self.client_id, issuer: self.issuer.as_str() }
    }
}
