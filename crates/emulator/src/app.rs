//! The one emulator that all handlers share: fixed configuration, the clock
//! with its offset, and the state behind one mutex.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connectors::Spec;
use protocol::jose::jws::SigningKey;
use protocol::secret::ClientSecret;
use protocol::time::Timestamp;
use url::Url;

use crate::StartError;
use crate::calendar::CalendarEvent;
use crate::catalogued;
use crate::config::{Behaviour, Behaviours, Client, Clock, Config, User};
use crate::faults::Faults;
use crate::flavour::Flavour;
use crate::grants::{Account, Grants};
use crate::ledger::Ledger;
use crate::mint::Mint;
use crate::sessions::Sessions;
use crate::stats::{Counted, Stats};

/// What every handler gets.
pub(crate) struct App {
    pub(crate) base_url: Url,
    pub(crate) mint: Mint,
    pub(crate) signing_key: Arc<SigningKey>,
    pub(crate) open_controls: bool,
    clients: Vec<Client>,
    users: Vec<User>,
    providers: BTreeMap<Flavour, Arc<Spec>>,
    initial_behaviours: Behaviours,
    clock: Clock,
    advanced_seconds: AtomicI64,
    state: Mutex<State>,
}

/// Everything that changes. A handler locks it once, does one whole step, and
/// lets go before it signs or waits, so that a client that hangs up never
/// leaves half a step behind.
pub(crate) struct State {
    pub(crate) behaviours: Behaviours,
    pub(crate) sessions: Sessions,
    pub(crate) grants: Grants,
    pub(crate) calendars: HashMap<String, Vec<CalendarEvent>>,
    pub(crate) stats: Stats,
    pub(crate) faults: Faults,
    /// The names of the client assertions that were used.
    pub(crate) assertions: HashSet<String>,
    pub(crate) ledger: Ledger,
}

impl State {
    fn new(behaviours: Behaviours, ledger: Ledger) -> Self {
        Self {
            behaviours,
            sessions: Sessions::default(),
            grants: Grants::default(),
            calendars: HashMap::new(),
            stats: Stats::default(),
            faults: Faults::default(),
            assertions: HashSet::new(),
            ledger,
        }
    }

    pub(crate) fn count(&mut self, counted: Counted, account: &Account) {
        self.stats.count(counted, account.flavour, Some(&account.client_id), Some(&account.sub));
    }

    pub(crate) fn behaviour(&self, flavour: Flavour) -> Behaviour {
        self.behaviours.of(flavour).clone()
    }
}

impl App {
    /// Checks the configuration; `base_url` is where browsers find the root.
    pub(crate) fn new(config: Config, base_url: Url) -> Result<Self, StartError> {
        check_base_url(&base_url)?;
        check_clients(&config.clients)?;
        check_users(&config.users)?;
        let mut behaviours = config.behaviours;
        let mut providers = BTreeMap::new();
        for spec in config.providers {
            // Those that are written by hand need no file.
            let flavour = Flavour::of_strategy(&spec.strategy);
            let Some(Flavour::Catalogued(strategy)) = flavour else { continue };
            let usual = catalogued::behaviour(&spec, &behaviours.oidc);
            behaviours.catalogued.entry(strategy).or_insert(usual);
            providers.insert(Flavour::Catalogued(strategy), spec);
        }
        let mint = Mint::new(config.entropy);
        let signing_key = match config.signing_key {
            Some(key) => key,
            None => {
                Arc::new(SigningKey::from_pkcs8(&SigningKey::generate()?, mint.id("emu_key_"))?)
            }
        };
        Ok(Self {
            base_url,
            mint,
            signing_key,
            open_controls: config.open_controls,
            clients: config.clients,
            users: config.users,
            providers,
            initial_behaviours: behaviours.clone(),
            clock: config.clock,
            advanced_seconds: AtomicI64::new(0),
            state: Mutex::new(State::new(behaviours, Ledger::default())),
        })
    }

    /// The emulator's time: the injected clock plus what was advanced.
    pub(crate) fn now(&self) -> Timestamp {
        let advanced = self.advanced_seconds.load(Ordering::Relaxed).saturating_mul(1000);
        Timestamp::from_millis((self.clock)().as_millis().saturating_add(advanced))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.advanced_seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Each step under the lock either completes or changes nothing, so a
    /// poisoned lock holds nothing worse than a missing step.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As newly started, except for the ledger: it lists what was *ever* issued.
    pub(crate) fn reset(&self) {
        let mut state = self.lock();
        let ledger = std::mem::take(&mut state.ledger);
        *state = State::new(self.initial_behaviours.clone(), ledger);
        self.advanced_seconds.store(0, Ordering::Relaxed);
    }

    pub(crate) fn client(&self, flavour: Flavour, client_id: &str) -> Option<&Client> {
        let known = |client: &&Client| client.flavour == flavour && client.client_id == client_id;
        self.clients.iter().find(known)
    }

    /// The one client of a flavour that has this secret.
    pub(crate) fn client_with_secret(&self, flavour: Flavour, secret: &str) -> Option<&Client> {
        let secret = ClientSecret::new(secret);
        let known = |client: &&Client| {
            client.flavour == flavour
                && client.client_secret.as_ref().is_some_and(|own| own.ct_eq(&secret))
        };
        self.clients.iter().find(known)
    }

    /// The clients of a flavour.
    pub(crate) fn clients(&self, flavour: Flavour) -> impl Iterator<Item = &Client> {
        self.clients.iter().filter(move |client| client.flavour == flavour)
    }

    /// The file of a catalogued provider.
    pub(crate) fn spec(&self, flavour: Flavour) -> Option<&Arc<Spec>> {
        self.providers.get(&flavour)
    }

    /// The catalogued providers.
    pub(crate) fn specs(&self) -> impl Iterator<Item = (Flavour, &Arc<Spec>)> {
        self.providers.iter().map(|(flavour, spec)| (*flavour, spec))
    }

    pub(crate) fn users(&self) -> &[User] {
        &self.users
    }

    pub(crate) fn user(&self, sub: &str) -> Option<&User> {
        self.users.iter().find(|user| user.sub == sub)
    }

    /// The user whom a control command or a `login_hint` names: by subject,
    /// user name or e-mail.
    pub(crate) fn user_called(&self, name: &str) -> Option<&User> {
        self.user(name)
            .or_else(|| self.users.iter().find(|user| user.username == name || user.email == name))
    }

    pub(crate) fn issuer(&self, flavour: Flavour) -> String {
        flavour.issuer(&self.base_url)
    }
}

fn check_base_url(base_url: &Url) -> Result<(), StartError> {
    let is_root = matches!(base_url.scheme(), "http" | "https")
        && base_url.path() == "/"
        && base_url.query().is_none()
        && base_url.fragment().is_none();
    if is_root { Ok(()) } else { Err(StartError::Issuer { issuer: base_url.to_string() }) }
}

fn check_clients(clients: &[Client]) -> Result<(), StartError> {
    use crate::config::ClientAuthMethod::{ClientSecretBasic, ClientSecretPost, None as Public};
    for (position, client) in clients.iter().enumerate() {
        let refuse =
            |reason| Err(StartError::Client { client_id: client.client_id.clone(), reason });
        let same =
            |other: &Client| other.flavour == client.flavour && other.client_id == client.client_id;
        if clients[..position].iter().any(same) {
            return refuse("is registered twice");
        }
        if client.redirect_uris.is_empty() {
            return refuse("has no redirect URI");
        }
        if client.redirect_uris.iter().any(|uri| Url::parse(uri).is_err()) {
            return refuse("has a redirect URI that is not an absolute URI");
        }
        let methods = &client.auth_methods;
        let has_secret_method =
            methods.contains(&ClientSecretBasic) || methods.contains(&ClientSecretPost);
        if has_secret_method && client.client_secret.is_none() {
            return refuse("authenticates by a secret but has none");
        }
        if methods.contains(&Public) && client.client_secret.is_some() {
            return refuse("has a secret but may go without it");
        }
    }
    Ok(())
}

fn check_users(users: &[User]) -> Result<(), StartError> {
    for (position, user) in users.iter().enumerate() {
        let same = |other: &User| other.sub == user.sub || other.username == user.username;
        if users[..position].iter().any(same) {
            return Err(StartError::User { username: user.username.clone() });
        }
    }
    Ok(())
}
