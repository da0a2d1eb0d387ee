//! Browsers, who is signed in with them, and the sign-ins under way.

use std::collections::HashMap;
use std::time::Duration;

use protocol::secret::{BrowserToken, LoginState};
use protocol::time::Timestamp;

use crate::flavour::Flavour;
use crate::interaction::Interaction;

/// How long a sign-in keeps a browser signed in.
const SESSION_LIFETIME: Duration = Duration::from_hours(24);

/// How long a started interaction can be continued.
const INTERACTION_LIFETIME: Duration = Duration::from_mins(10);

/// How many unfinished interactions are kept.
const INTERACTIONS_MAX: usize = 10_000;

/// The hash of a browser's cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BrowserId([u8; 32]);

impl BrowserId {
    pub(crate) fn of(token: &BrowserToken) -> Self {
        Self(*token.hashed().as_bytes())
    }
}

/// One user signed in with one browser at one flavour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedIn {
    pub(crate) flavour: Flavour,
    pub(crate) sub: String,
    pub(crate) auth_time: Timestamp,
}

#[derive(Default)]
pub(crate) struct Sessions {
    /// The most recent sign-in comes last.
    browsers: HashMap<BrowserId, Vec<SignedIn>>,
    interactions: HashMap<[u8; 32], Pending>,
}

struct Pending {
    browser: BrowserId,
    started_at: Timestamp,
    interaction: Interaction,
}

impl Sessions {
    /// Whether the cookie is one of ours.
    pub(crate) fn knows(&self, browser: BrowserId) -> bool {
        self.browsers.contains_key(&browser)
    }

    pub(crate) fn open_browser(&mut self, browser: BrowserId) {
        self.browsers.entry(browser).or_default();
    }

    /// Who is signed in, the most recent first.
    pub(crate) fn signed_in(
        &self,
        browser: BrowserId,
        flavour: Flavour,
        now: Timestamp,
    ) -> Vec<SignedIn> {
        let is_current = |account: &&SignedIn| {
            account.flavour == flavour && now.since(account.auth_time) < SESSION_LIFETIME
        };
        let accounts = self.browsers.get(&browser).into_iter().flatten();
        let mut accounts: Vec<SignedIn> = accounts.filter(is_current).cloned().collect();
        accounts.reverse();
        accounts
    }

    /// Remembers a sign-in. The browser gets a new cookie for it, so that one
    /// planted before the sign-in is worth nothing after it; what the browser
    /// had open moves along.
    pub(crate) fn sign_in(&mut self, old: BrowserId, new: BrowserId, account: SignedIn) {
        let mut accounts = self.browsers.remove(&old).unwrap_or_default();
        accounts.retain(|other| other.flavour != account.flavour || other.sub != account.sub);
        accounts.push(account);
        self.browsers.insert(new, accounts);
        for pending in self.interactions.values_mut().filter(|pending| pending.browser == old) {
            pending.browser = new;
        }
    }

    /// Puts an account that the user chose in front.
    pub(crate) fn prefer(&mut self, browser: BrowserId, account: &SignedIn) {
        if let Some(accounts) = self.browsers.get_mut(&browser) {
            accounts.retain(|other| other != account);
            accounts.push(account.clone());
        }
    }

    pub(crate) fn start(
        &mut self,
        id: &LoginState,
        browser: BrowserId,
        interaction: Interaction,
        now: Timestamp,
    ) {
        self.interactions.retain(|_, pending| now.since(pending.started_at) < INTERACTION_LIFETIME);
        if self.interactions.len() < INTERACTIONS_MAX {
            let pending = Pending { browser, started_at: now, interaction };
            self.interactions.insert(*id.hashed().as_bytes(), pending);
        }
    }

    /// The interaction, if this browser started it and it is not too old.
    pub(crate) fn interaction(
        &self,
        id: &LoginState,
        browser: BrowserId,
        now: Timestamp,
    ) -> Option<&Interaction> {
        let pending = self.interactions.get(id.hashed().as_bytes())?;
        let is_open =
            pending.browser == browser && now.since(pending.started_at) < INTERACTION_LIFETIME;
        is_open.then_some(&pending.interaction)
    }

    pub(crate) fn update(&mut self, id: &LoginState, interaction: Interaction) {
        if let Some(pending) = self.interactions.get_mut(id.hashed().as_bytes()) {
            pending.interaction = interaction;
        }
    }

    pub(crate) fn finish(&mut self, id: &LoginState) {
        self.interactions.remove(id.hashed().as_bytes());
    }
}
