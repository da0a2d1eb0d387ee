//! The emulated provider: refresh tokens that are good for one use, answers that take their time, and
//! a ledger that is the measure of what the servers did.

use std::sync::Arc;
use std::time::Duration;

use emulator::{Client, Config, Emulator, Flavour, RefreshTokens, Running, User};
use engine::clock::{Clock as _, SystemClock};
use engine::entropy::{Entropy, OsEntropy};
use model::ids::Id;
use protocol::secret::{ClientSecret, Password, ProviderAccessToken};
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::SelftestError;
use crate::failure::Failure;
use crate::listeners::loopback;
use crate::seed::ProviderAccess;

const CLIENT_ID: &str = "strongroom";
const USERNAME: &str = "ada";

/// The emulator, listening.
pub(super) struct Provider {
    running: Running,
    http: reqwest::Client,
    /// Our registration.
    pub(super) access: ProviderAccess,
    /// Who signs in there.
    pub(super) username: &'static str,
    /// With what.
    pub(super) password: Password,
}

/// What the provider has counted of refreshes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ledger {
    /// Calls that arrived.
    pub(super) calls: u64,
    /// Those that got tokens: each of them rotated the refresh token.
    pub(super) rotations: u64,
    /// Those among them that came with a token which had been replaced, within the grace.
    pub(super) in_grace: u64,
    /// Calls with a replaced token when no grace was left. Each ended the grant.
    pub(super) reuses: u64,
}

impl Ledger {
    /// What was counted since an earlier look.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            rotations: self.rotations.saturating_sub(earlier.rotations),
            in_grace: self.in_grace.saturating_sub(earlier.in_grace),
            reuses: self.reuses.saturating_sub(earlier.reuses),
        }
    }
}

#[derive(Deserialize)]
struct Stats {
    requests: Requests,
    total: Total,
}

#[derive(Deserialize)]
struct Requests {
    #[serde(default)]
    refresh: u64,
}

#[derive(Deserialize)]
struct Total {
    refreshes: u64,
    refreshes_in_grace: u64,
    reuse_detected: u64,
}

impl Provider {
    /// Starts it on a free port. A refresh is answered after `latency`, half of which passes before
    /// the tokens rotate and half after.
    pub(super) async fn start(
        http: reqwest::Client,
        callbacks: Vec<String>,
        grace: Duration,
        latency: Duration,
    ) -> Result<Self, Failure> {
        let entropy: &dyn Entropy = &OsEntropy;
        let client_secret: ClientSecret = entropy.secret("");
        let password: Id<()> = entropy.id("", 16);
        let password = Password::new(password.as_str());
        let mut config = Config::new(
            Arc::new(|| SystemClock.now()),
            Arc::new(|buffer: &mut [u8]| OsEntropy.fill(buffer)),
        );
        config.listen = loopback(0);
        config.behaviours.oidc.refresh_tokens =
            RefreshTokens::Rotating { grace_seconds: grace.as_secs() };
        config.users = vec![User {
            username: USERNAME.to_owned(),
            password: password.clone(),
            sub: "emulated-1815".to_owned(),
            email: "ada@calendar.test".to_owned(),
            email_verified: true,
            name: "Ada Lovelace".to_owned(),
        }];
        let secret = client_secret.clone();
        config.clients = vec![Client::confidential(Flavour::Oidc, CLIENT_ID, secret, callbacks)];
        let running = Emulator::start(config).await.map_err(Failure::Emulator)?;
        let issuer = running.issuer.clone();
        let access = ProviderAccess { issuer, client_id: CLIENT_ID.to_owned(), client_secret };
        let provider = Self { running, http, access, username: USERNAME, password };
        provider.slow_down(latency).await?;
        Ok(provider)
    }

    async fn slow_down(&self, latency: Duration) -> Result<(), SelftestError> {
        let half = u64::try_from((latency / 2).as_millis()).unwrap_or(u64::MAX);
        let rule = json!({
            "endpoint": "refresh",
            "sticky": true,
            "delay_ms": half,
            "answer_delay_ms": half,
        });
        let request = self.http.post(self.url("_emulator/faults")?);
        let request = request.header(CONTENT_TYPE, "application/json").body(rule.to_string());
        let status = request.send().await.map_err(SelftestError::Http)?.status();
        if status.is_success() { Ok(()) } else { Err(SelftestError::Command(status.as_u16())) }
    }

    /// What it has counted so far.
    pub(super) async fn ledger(&self) -> Result<Ledger, SelftestError> {
        let request = self.http.get(self.url("_emulator/stats")?);
        let answer = request.send().await.map_err(SelftestError::Http)?;
        let body = answer.bytes().await.map_err(SelftestError::Http)?;
        let Stats { requests, total } =
            serde_json::from_slice(&body).map_err(SelftestError::Json)?;
        Ok(Ledger {
            calls: requests.refresh,
            rotations: total.refreshes,
            in_grace: total.refreshes_in_grace,
            reuses: total.reuse_detected,
        })
    }

    /// Whether the provider's API takes a token.
    pub(super) async fn accepts(&self, token: &ProviderAccessToken) -> Result<bool, SelftestError> {
        let request = self.http.get(self.url("calendar/events")?).bearer_auth(token.expose());
        let answer = request.send().await.map_err(SelftestError::Http)?;
        if !answer.status().is_success() {
            return Ok(false);
        }
        let body = answer.bytes().await.map_err(SelftestError::Http)?;
        let events: Value = serde_json::from_slice(&body).map_err(SelftestError::Json)?;
        Ok(events["events"].is_array())
    }

    fn url(&self, path: &str) -> Result<url::Url, SelftestError> {
        Ok(self.running.base_url.join(path)?)
    }

    /// Stops listening.
    pub(super) async fn stop(self) {
        self.running.shutdown().await;
    }
}
