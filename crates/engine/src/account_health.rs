//! How a connected account is doing, as its owner and the operator see it.

use std::time::Duration;

use model::connected_account::{ConnectedAccount, Health};
use protocol::time::Timestamp;
use serde::Serialize;
use vault::refresh::{Lifetimes, state};

use crate::app::App;
use crate::tokensets;

/// How a connected account is doing. Ours: Auth0 shows nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountHealth {
    /// `fresh`, `due`, `refreshing`, `uncertain` or `needs_reconnect`.
    pub status: &'static str,
    /// Why it needs a reconnect, or what the last attempt to refresh failed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when it needs a reconnect, or is uncertain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When the provider last gave a token.
    pub last_success_at: String,
    /// Before this moment the provider is not asked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<String>,
    /// When the grant dies, unless it is used or renewed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dies_at: Option<String>,
}

/// How an account is doing.
pub fn health(app: &App, account: &ConnectedAccount, now: Timestamp) -> AccountHealth {
    let spec = app.catalogue.get(&account.strategy);
    let lifetimes = spec.map_or(
        Lifetimes { margin: Duration::ZERO, first: Duration::ZERO, assumed: Duration::ZERO },
        |spec| tokensets::lifetimes(spec),
    );
    let setback = account.renewal.setback.as_ref();
    let (reason, since) = match &account.health {
        Health::NeedsReconnect { reason, since } => (Some(reason.clone()), Some(*since)),
        Health::OnTrial { reason } => (Some(reason.clone()), account.renewal.uncertain_since),
        Health::Active => {
            (setback.map(|setback| setback.code.clone()), account.renewal.uncertain_since)
        }
    };
    let after =
        |start: Timestamp, life: Option<Duration>| life.map(|life| start.saturating_add(life));
    let dies_at = [
        account.refresh_expires_at,
        after(account.issued_at, spec.and_then(|spec| spec.refresh.idle_lifetime)),
        after(account.connected_at, spec.and_then(|spec| spec.refresh.absolute_lifetime)),
    ];
    let text = |moment: Option<Timestamp>| moment.map(Timestamp::to_rfc3339);
    AccountHealth {
        status: state(account, lifetimes, now).as_str(),
        reason,
        since: text(since),
        last_success_at: account.issued_at.to_rfc3339(),
        next_attempt_at: text(setback.map(|setback| setback.next_attempt_at)),
        dies_at: text(dies_at.into_iter().flatten().min().filter(|_| account.has_refresh_token)),
    }
}
