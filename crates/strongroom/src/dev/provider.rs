//! The emulated providers, and who we are there.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::Spec;
use emulator::{Client, Config, Emulator, Flavour, Running, User};
use engine::clock::Clock;
use engine::entropy::Entropy;
use protocol::jose::jws::{SigningError, SigningKey};
use protocol::secret::{ClientSecret, Password};
use tokio::net::TcpListener;
use url::Url;

use crate::failure::Failure;
use crate::seed::{CALENDAR_CONNECTION, ProviderAccess};

const CLIENT_ID: &str = "strongroom";
const EVENTS_PATH: &str = "/calendar/events";
const KEY_ID: &str = "emulator-1";
/// User name, subject, e-mail address, name.
const USERS: [(&str, &str, &str, &str); 2] = [
    ("ada", "emulated-1815", "ada@calendar.test", "Ada Lovelace"),
    ("grace", "emulated-1906", "grace@calendar.test", "Grace Hopper"),
];

/// The emulator, listening.
pub(super) struct Provider {
    running: Running,
    /// What it calls the provider behind each connection.
    pub(super) flavours: BTreeMap<String, Flavour>,
    /// Our registration.
    pub(super) access: ProviderAccess,
    /// Who can sign in.
    pub(super) users: Vec<ProviderUser>,
}

/// Somebody who can sign in at the provider.
pub(super) struct ProviderUser {
    pub(super) username: &'static str,
    pub(super) password: Password,
}

/// The key of the emulator's ID tokens.
pub(super) fn generate_key() -> Result<Arc<SigningKey>, SigningError> {
    Ok(Arc::new(SigningKey::from_pkcs8(&SigningKey::generate()?, KEY_ID)?))
}

impl Provider {
    /// Starts it, with us as a client of the calendar's provider and of those whose files are given.
    /// Secrets and passwords are new each time: nothing of the emulator outlives it.
    pub(super) async fn start(
        listener: TcpListener,
        specs: &[Arc<Spec>],
        callbacks: Vec<String>,
        key: impl Future<Output = Result<Arc<SigningKey>, SigningError>>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Failure> {
        let client_secret: ClientSecret = entropy.secret("");
        let users: Vec<_> = USERS
            .map(|(username, ..)| ProviderUser {
                username,
                password: super::fresh_password(&*entropy),
            })
            .into();
        let mut config = Config::new(
            Arc::new(move || clock.now()),
            Arc::new(move |buffer| entropy.fill(buffer)),
        );
        // The one way to command it is by the secret of `control`.
        config.open_controls = false;
        config.signing_key = Some(key.await.map_err(|error| Failure::Emulator(error.into()))?);
        config.users = USERS
            .iter()
            .zip(&users)
            .map(|((username, sub, email, name), user)| User {
                username: (*username).to_owned(),
                password: user.password.clone(),
                sub: (*sub).to_owned(),
                email: (*email).to_owned(),
                email_verified: true,
                name: (*name).to_owned(),
            })
            .collect();
        let by_connection = specs.iter().filter_map(|spec| {
            Some((spec.strategy.clone(), Flavour::of_strategy(&spec.strategy)?))
        });
        let calendar = (CALENDAR_CONNECTION.to_owned(), Flavour::Oidc);
        let flavours: BTreeMap<String, Flavour> =
            std::iter::once(calendar).chain(by_connection).collect();
        let client = |flavour: &Flavour| Client {
            name: "Strongroom".to_owned(),
            ..Client::confidential(*flavour, CLIENT_ID, client_secret.clone(), callbacks.clone())
        };
        config.clients = flavours.values().map(client).collect();
        config.providers = specs.to_vec();
        let running = Emulator::start_on(listener, config).map_err(Failure::Emulator)?;
        let issuer = running.issuer.clone();
        let access = ProviderAccess { issuer, client_id: CLIENT_ID.to_owned(), client_secret };
        Ok(Self { running, flavours, access, users })
    }

    /// Its controls.
    pub(super) fn controls(&self) -> axum::Router {
        self.running.controls()
    }

    /// The calendar's events.
    pub(super) fn events_endpoint(&self) -> Url {
        let mut url = self.running.base_url.clone();
        url.set_path(EVENTS_PATH);
        url
    }

    /// Stops listening.
    pub(super) async fn stop(self) {
        self.running.shutdown().await;
    }
}
