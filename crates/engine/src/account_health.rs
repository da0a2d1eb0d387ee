//! How a connected account is doing, as its owner and the operator see it.

use std::time::Duration;

use connectors::RefreshSpec;
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
    /// Why then: `provider_said`, `trial`, `unused` or `too_old`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dies_because: Option<&'static str>,
    /// What whoever runs the connection can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// What a grant dies of, and when.
struct Death<'a> {
    at: Timestamp,
    because: &'static str,
    advice: Option<&'a str>,
}

impl<'a> Death<'a> {
    /// The first that comes, as far as anybody knows.
    fn forecast(account: &ConnectedAccount, refresh: Option<&'a RefreshSpec>) -> Option<Self> {
        if !account.has_refresh_token {
            return None;
        }
        let trial = refresh.and_then(|refresh| refresh.trial.as_ref());
        let said = account.refresh_expires_at.map(|at| {
            match trial.filter(|trial| at.since(account.connected_at) <= trial.lifetime) {
                Some(trial) => Self { at, because: "trial", advice: Some(&trial.advice) },
                None => Self { at, because: "provider_said", advice: None },
            }
        });
        let after = |start: Timestamp, life: Option<Duration>, because| {
            life.map(|life| Self { at: start.saturating_add(life), because, advice: None })
        };
        let idle = refresh.and_then(|refresh| refresh.idle_lifetime);
        let absolute = refresh.and_then(|refresh| refresh.absolute_lifetime);
        [
            said,
            after(account.issued_at, idle, "unused"),
            after(account.connected_at, absolute, "too_old"),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|death| death.at)
    }
}

/// How an account is doing.
pub fn health(app: &App, account: &ConnectedAccount, now: Timestamp) -> AccountHealth {
    let spec = app.catalogue.get(&account.strategy);
    let lifetimes = spec.map_or_else(Lifetimes::default, |spec| tokensets::lifetimes(spec));
    let setback = account.renewal.setback.as_ref();
    let (reason, since) = match &account.health {
        Health::NeedsReconnect { reason, since } => (Some(reason.clone()), Some(*since)),
        Health::OnTrial { reason } => (Some(reason.clone()), account.renewal.uncertain_since),
        Health::Active => {
            (setback.map(|setback| setback.code.clone()), account.renewal.uncertain_since)
        }
    };
    let death = Death::forecast(account, spec.map(|spec| &spec.refresh));
    let text = |moment: Option<Timestamp>| moment.map(Timestamp::to_rfc3339);
    AccountHealth {
        status: state(account, lifetimes, now).as_str(),
        reason,
        since: text(since),
        last_success_at: account.issued_at.to_rfc3339(),
        next_attempt_at: text(setback.map(|setback| setback.next_attempt_at)),
        dies_at: text(death.as_ref().map(|death| death.at)),
        dies_because: death.as_ref().map(|death| death.because),
        advice: death.and_then(|death| death.advice.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use connectors::Catalogue;
    use model::connected_account::{AccessExpiry, Renewal};
    use protocol::oauth::scope::ScopeSet;

    use super::*;

    fn account(refresh_expires_at: Option<i64>, has_refresh_token: bool) -> ConnectedAccount {
        let at = Timestamp::from_seconds;
        ConnectedAccount {
            id: "cac_1".into(),
            tokenset_id: "t".into(),
            user_id: "u".into(),
            connection_id: "con_1".into(),
            connection: "google".to_owned(),
            strategy: "google-oauth2".to_owned(),
            subject: "1".into(),
            email: None,
            email_verified: false,
            label: "1".to_owned(),
            facts: std::collections::BTreeMap::new(),
            scopes: ScopeSet::empty(),
            created_at: at(0),
            connected_at: at(0),
            issued_at: at(0),
            access_expiry: AccessExpiry::At(at(3600)),
            refresh_expires_at: refresh_expires_at.map(at),
            has_refresh_token,
            health: Health::Active,
            last_used_at: None,
            version: 1,
            renewal: Renewal::default(),
        }
    }

    #[test]
    fn what_comes_first_is_told_with_its_reason() {
        let catalogue = Catalogue::embedded().unwrap();
        let google = catalogue.get("google-oauth2").map(|spec| &spec.refresh);
        let check = |account: ConnectedAccount, because: Option<&str>, is_advised: bool| {
            let death = Death::forecast(&account, google);
            let told = death.as_ref().map(|death| death.because);
            assert_eq!(told, because, "{account:?}");
            assert_eq!(death.is_some_and(|death| death.advice.is_some()), is_advised);
        };
        check(account(None, true), Some("unused"), false);
        check(account(Some(604_799), true), Some("trial"), true);
        check(account(Some(86_400 * 30), true), Some("provider_said"), false);
        check(account(None, false), None, false);
    }
}
