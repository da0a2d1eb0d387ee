//! The provider beside the server.

use std::sync::Arc;

use connectors::Catalogue;
use emulator::{Client, Config, Emulator, Flavour, RegisteredKeys, Running, Strategy, User};
use engine::clock::Clock;
use engine::entropy::Entropy;
use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::SigningKey;
use protocol::secret::{ClientSecret, Password};
use reqwest::Method;
use serde_json::{Value, json};
use strongroom::seed::ProviderAccess;
use tokio::sync::OnceCell;

use crate::call::{Answer, Call};
use crate::catalogue;
use crate::clock::ManualClock;
use crate::entropy::SeededEntropy;
use crate::world::World;

const CLIENT_ID: &str = "strongroom";
/// User name and name. The password is [`password_of`], the subject [`subject_of`].
const USERS: [(&str, &str); 2] = [("ada", "Ada Lovelace"), ("grace", "Grace Hopper")];

/// So many more, `crowd-0` and so on.
const CROWD: usize = 16;

/// The provider's controls, and its calendar as whoever has a token sees it.
pub struct Emulated {
    world: Arc<World>,
}

impl Emulated {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self { world: Arc::clone(world) }
    }

    /// Our client id at the OpenID provider where we authenticate by keys.
    pub const SIGNER: &str = "strongroom-signer";

    /// Registers the public keys by which [`Emulated::SIGNER`] authenticates, as the only ones.
    pub fn register_keys(&self, keys: JwkSet) {
        self.world.registered_keys.replace(keys);
    }

    /// Its issuer.
    pub fn issuer(&self) -> &str {
        &self.world.emulator.issuer
    }

    /// The password of one of its users.
    pub fn password_of(username: &str) -> String {
        format!("{username}-at-the-provider")
    }

    /// The subject by which it knows one of its users.
    pub fn subject_of(username: &str) -> String {
        format!("emulated-{username}")
    }

    /// The e-mail address of one of its users.
    pub fn email_of(username: &str) -> String {
        format!("{username}@calendar.test")
    }

    /// The secret by which it knows us.
    pub fn client_secret(&self) -> &ClientSecret {
        &self.world.provider.client_secret
    }

    /// Asks the calendar for its events.
    pub async fn events(&self, access_token: &str) -> Answer {
        self.call(Method::GET, "calendar/events").bearer(access_token).send().await
    }

    /// What was asked of it, counted.
    pub async fn stats(&self) -> Value {
        self.command(Method::GET, "stats", None).await
    }

    /// How many calls arrived at an endpoint, answered or not, whatever became of them.
    pub async fn calls_of(&self, endpoint: &str) -> u64 {
        self.stats().await["requests"][endpoint].as_u64().unwrap_or(0)
    }

    /// How many refresh tokens it has honoured.
    pub async fn refreshes(&self) -> u64 {
        self.stats().await["total"]["refreshes"].as_u64().unwrap()
    }

    /// Every code and token that it ever gave.
    pub async fn tokens(&self) -> Vec<Value> {
        let answer = self.command(Method::GET, "tokens", None).await;
        answer["tokens"].as_array().unwrap().clone()
    }

    /// Lets the access tokens of a user expire.
    pub async fn expire(&self, username: &str) {
        self.command(Method::POST, "expire", Some(json!({ "user": username }))).await;
    }

    /// Ends everything that a user has allowed.
    pub async fn revoke(&self, username: &str) {
        self.command(Method::POST, "revoke", Some(json!({ "user": username }))).await;
    }

    /// Sets its clock forward, or back.
    pub async fn set_clock_off(&self, seconds: i64) {
        self.command(Method::POST, "clock", Some(json!({ "advance_seconds": seconds }))).await;
    }

    /// Misbehaves from now on, as the rule says.
    pub async fn fault(&self, rule: Value) {
        self.command(Method::POST, "faults", Some(rule)).await;
    }

    /// Behaves again.
    pub async fn clear_faults(&self) {
        self.command(Method::DELETE, "faults", None).await;
    }

    /// Changes how the OpenID provider treats its tokens, from the next one on.
    pub async fn behave(&self, changes: Value) {
        self.behave_as("oidc", changes).await;
    }

    /// Changes how a flavour treats its tokens, from the next one on.
    pub async fn behave_as(&self, flavour: &str, changes: Value) {
        let mut behaviour = self.command(Method::GET, "behaviours", None).await[flavour].take();
        let members = behaviour.as_object_mut().unwrap();
        members.extend(changes.as_object().unwrap().clone());
        self.command(Method::PUT, &format!("behaviours/{flavour}"), Some(behaviour)).await;
    }

    /// An ID token with these claims, signed with the provider's own key.
    pub async fn sign_id_token(&self, claims: &Value) -> String {
        signing_key().await.sign("JWT", claims).unwrap()
    }

    async fn command(&self, method: Method, command: &str, body: Option<Value>) -> Value {
        let mut call = self.call(method, &format!("_emulator/{command}"));
        if let Some(body) = body {
            call = call.json(&body);
        }
        let answer = call.send().await;
        assert!((200..300).contains(&answer.status), "{command}: {answer:?}");
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    fn call(&self, method: Method, path: &str) -> Call {
        Call::new(&self.world, method, self.world.emulator.base_url.join(path).unwrap())
    }
}

/// Starts it on a free port, with us as a client of every flavour.
pub(crate) async fn start(
    catalogue: &Catalogue,
    clock: &Arc<ManualClock>,
    entropy: &Arc<SeededEntropy>,
    callbacks: Vec<String>,
) -> (Running, ProviderAccess, RegisteredKeys) {
    let source: &dyn Entropy = &**entropy;
    let client_secret: ClientSecret = source.secret("");
    let (now, fill) = (Arc::clone(clock), Arc::clone(entropy));
    let mut config =
        Config::new(Arc::new(move || now.now()), Arc::new(move |buffer| fill.fill(buffer)));
    config.listen.set_port(0);
    config.signing_key = Some(signing_key().await);
    let crowd = (0..CROWD).map(|number| user(&format!("crowd-{number}"), "One of Many"));
    config.users =
        USERS.map(|(username, name)| user(username, name)).into_iter().chain(crowd).collect();
    let client = |flavour| {
        Client::confidential(flavour, CLIENT_ID, client_secret.clone(), callbacks.clone())
    };
    config.providers = catalogue::emulated(catalogue);
    let strategies = config.providers.iter().filter_map(|spec| Strategy::of(&spec.strategy));
    let catalogued = strategies.map(Flavour::Catalogued);
    config.clients = Flavour::ALL.into_iter().chain(catalogued).map(client).collect();
    let keys = RegisteredKeys::default();
    config.clients.push(Client::with_keys(Emulated::SIGNER, keys.clone(), callbacks.clone()));
    let running = Emulator::start(config).await.unwrap();
    let issuer = running.issuer.clone();
    (running, ProviderAccess { issuer, client_id: CLIENT_ID.to_owned(), client_secret }, keys)
}

fn user(username: &str, name: &str) -> User {
    User {
        username: username.to_owned(),
        password: Password::new(Emulated::password_of(username)),
        sub: Emulated::subject_of(username),
        email: Emulated::email_of(username),
        email_verified: true,
        name: name.to_owned(),
    }
}

/// One key for every emulator of this process.
async fn signing_key() -> Arc<SigningKey> {
    static KEY: OnceCell<Arc<SigningKey>> = OnceCell::const_new();
    let make = async || {
        let pkcs8 = tokio::task::spawn_blocking(SigningKey::generate).await.unwrap().unwrap();
        Arc::new(SigningKey::from_pkcs8(&pkcs8, "emulator-1").unwrap())
    };
    Arc::clone(KEY.get_or_init(make).await)
}
