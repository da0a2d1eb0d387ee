//! The providers that we pretend to be.
//!
//! A real and strict OAuth 2.0 and OpenID provider in one process, for
//! `strongroom dev` and for tests: sign-in and consent pages, codes with PKCE,
//! refresh tokens that are kept, rotate or do not exist, UserInfo, revocation,
//! and a small calendar API. Beside the generic provider at the root it speaks
//! the dialects of Google and GitHub under paths of their own (see [`Flavour`]),
//! and of every provider whose catalogue file it is given
//! ([`Config::providers`]), under `/<strategy>/`.
//!
//! It checks what it receives as the real ones do, and misbehaves on command.
//! `/_emulator/` holds the commands, for whoever can reach it; where that is not
//! to be, [`Config::open_controls`] closes it, and its owner serves
//! [`Running::controls`] elsewhere:
//!
//! | command | does |
//! |---|---|
//! | `GET stats` | counters: in total, by flavour, client, user, account |
//! | `GET tokens` | every code and token ever issued, for canary tests |
//! | `POST reset` | forgets everything but that list |
//! | `GET`, `POST clock` | the time; `{"advance_seconds": 3600}`, or fewer than none for a clock that is behind |
//! | `POST expire` | access tokens: `{"user": "ada"}`, `{"all": true}`, `{"family": 0}`; with `"refresh_tokens": true` those too |
//! | `POST revoke` | families, selected likewise |
//! | `GET`, `POST`, `DELETE faults` | rules: `{"endpoint": "refresh", "times": 1, "delay_ms": 0, "effect": {"kind": "drop", "after_commit": true}}`; `DELETE faults?flavour=google` takes away that one's |
//! | `GET behaviours`, `PUT behaviours/{flavour}` | lifetimes, rotation, form of answers |
//!
//! A fault rule names an `endpoint` (`discovery`, `jwks`, `authorize`,
//! `authorization_response`, `token`, `code_exchange`, `refresh`, `userinfo`,
//! `revoke`, `calendar`), may be aimed by `flavour`, `client_id` and `user`,
//! strikes `times` times (once by default) or for ever (`sticky`), waits
//! `delay_ms` before and `answer_delay_ms` after the call takes effect, and has
//! one of these effects:
//!
//! | `kind` | the call takes effect | what arrives |
//! |---|---|---|
//! | `none` | yes | the answer, after the delays |
//! | `status` | no | `status`, `body`, `content_type` (HTML by default) |
//! | `rate_limited` | no | 429 with `retry_after` |
//! | `error` | no | `error`, `error_description`, optional `status` |
//! | `drop` | if `after_commit` | nothing: the connection closes |
//! | `twice` | twice | the `first` or the `second` answer, as `arriving` says |
//! | `malformed` | yes | the first half of the body |
//! | `edit` | yes | the answer without `omit` and with the members of `set` |
//! | `bloated` | yes | the answer with a member of `bytes` bytes (16 MiB at most) |
//!
//! Time and randomness come from [`Config`]; state lives in memory.

mod app;
mod bearer;
mod calendar;
mod catalogued;
mod client_assertion;
mod client_auth;
mod config;
mod control;
mod cookies;
mod faults;
mod flavour;
mod flavours;
mod form;
mod grants;
mod interaction;
mod ledger;
mod mint;
mod oidc;
mod pages;
mod routes;
mod server;
mod sessions;
mod stats;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use protocol::jose::jws::SigningError;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

pub use config::{
    AnswerFormat, Behaviour, Behaviours, Client, ClientAuthMethod, Clock, Config, Entropy,
    RefreshTokens, RegisteredKeys, User,
};
pub use flavour::{Flavour, Strategy};

use app::App;

/// The largest request body that is read, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// The way in: starts an emulator.
pub struct Emulator;

impl Emulator {
    /// Binds a listener and serves until [`Running::shutdown`], or until the
    /// returned value is dropped.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        let address = config.listen;
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| StartError::Bind { address, source })?;
        Self::start_on(listener, config)
    }

    /// The same on a listener that is bound already, which tells the address
    /// before anything is started.
    pub fn start_on(listener: TcpListener, config: Config) -> Result<Running, StartError> {
        let address = config.listen;
        let address =
            listener.local_addr().map_err(|source| StartError::Bind { address, source })?;
        let issuer = match config.issuer.clone() {
            Some(issuer) => issuer,
            None => localhost(address.port())?,
        };
        let app = Arc::new(App::new(config, issuer.clone())?);
        let (stop, stopped) = watch::channel(());
        let controls = control::routes().with_state(Arc::clone(&app));
        let task = tokio::spawn(server::serve(listener, routes::router(app), stopped));
        let base_url = issuer.clone();
        Ok(Running { base_url, issuer: issuer.into(), address, controls, stop, task })
    }

    /// The same as a service without a listener. Fault rules of the kind `drop`
    /// answer `204 No Content` here, there being no connection to close.
    pub fn router(config: Config) -> Result<Router, StartError> {
        let issuer = match config.issuer.clone() {
            Some(issuer) => issuer,
            None => localhost(config.listen.port())?,
        };
        Ok(routes::router(Arc::new(App::new(config, issuer)?)))
    }
}

fn localhost(port: u16) -> Result<Url, StartError> {
    let issuer = format!("http://localhost:{port}/");
    Url::parse(&issuer).map_err(|source| StartError::IssuerUrl { issuer, source })
}

/// An emulator that is listening.
#[derive(Debug)]
pub struct Running {
    /// The root URL for browsers and clients.
    pub base_url: Url,
    /// The generic provider's issuer identifier, as `iss` carries it.
    pub issuer: String,
    /// Where it listens.
    pub address: SocketAddr,
    controls: Router,
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// The commands under `/_emulator/`, to be served by somebody who knows from whom to take them.
    pub fn controls(&self) -> Router {
        self.controls.clone()
    }

    /// Stops accepting, waits a moment for open requests, and returns when the
    /// port is free again.
    pub async fn shutdown(self) {
        let Self { stop, task, base_url: _, issuer: _, address: _, controls: _ } = self;
        drop(stop);
        // The task ends by returning; it is neither aborted nor does it panic.
        let _ended = task.await;
    }
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("the emulator cannot listen on {address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The issuer is not a URL.
    #[error("the emulator's issuer {issuer} is not a URL")]
    IssuerUrl {
        /// The issuer as written.
        issuer: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// The issuer is not the root of an http or https origin.
    #[error("the emulator's issuer {issuer} is not the root of an http or https origin")]
    Issuer {
        /// The issuer as given.
        issuer: String,
    },
    /// A client is registered in a way that cannot work.
    #[error("the emulator's client {client_id} {reason}")]
    Client {
        /// Which client.
        client_id: String,
        /// What is wrong with it, as the end of a sentence.
        reason: &'static str,
    },
    /// Two users share a user name or a subject.
    #[error("the emulator's user {username} shares a user name or subject with another")]
    User {
        /// The later one of the two.
        username: String,
    },
    /// No key for ID tokens could be made.
    #[error("the emulator has no signing key")]
    SigningKey(#[from] SigningError),
}
