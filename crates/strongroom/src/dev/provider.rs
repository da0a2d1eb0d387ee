//! The emulated provider, and who we are there.

use std::sync::Arc;

use emulator::{Client, Config, Emulator, Flavour, Running, StartError, User};
use engine::app::App;
use protocol::jose::jws::{SigningError, SigningKey};
use protocol::secret::{ClientSecret, Password};
use url::Url;

use crate::failure::Failure;
use crate::listeners::{ListenError, loopback};
use crate::seed::ProviderAccess;

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
    /// Starts it, with us as its client. Secrets and passwords are new each time: nothing of the
    /// emulator outlives it.
    pub(super) async fn start(
        app: &App,
        port: u16,
        callbacks: Vec<String>,
        key: impl Future<Output = Result<Arc<SigningKey>, SigningError>>,
    ) -> Result<Self, Failure> {
        let client_secret: ClientSecret = app.entropy.secret("");
        let users: Vec<_> = USERS
            .map(|(username, ..)| ProviderUser {
                username,
                password: super::fresh_password(&*app.entropy),
            })
            .into();
        let (clock, entropy) = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
        let mut config = Config::new(
            Arc::new(move || clock.now()),
            Arc::new(move |buffer| entropy.fill(buffer)),
        );
        config.listen = loopback(port);
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
        let secret = client_secret.clone();
        config.clients = vec![Client {
            name: "Strongroom".to_owned(),
            ..Client::confidential(Flavour::Oidc, CLIENT_ID, secret, callbacks)
        }];
        let running = Emulator::start(config).await.map_err(|error| match error {
            StartError::Bind { address, source } => {
                ListenError::new(address, "--emulator-port", source).into()
            }
            other => Failure::Emulator(other),
        })?;
        let issuer = running.issuer.clone();
        let access = ProviderAccess { issuer, client_id: CLIENT_ID.to_owned(), client_secret };
        Ok(Self { running, access, users })
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
