//! Connected accounts: a person's account at a provider, whose tokens the vault keeps.

use std::collections::BTreeMap;

use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{ConnectedAccountId, ConnectionId, ProviderSubject, TokensetId, UserId};
use crate::user::normalized_email;

/// An account at a provider that a person connected. It has exactly one tokenset; the tokens
/// themselves are sealed and stand beside this record, never in it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectedAccount {
    /// Its id.
    pub id: ConnectedAccountId,
    /// The id of its tokenset.
    pub tokenset_id: TokensetId,
    /// Whose it is.
    pub user_id: UserId,
    /// Of which connection.
    pub connection_id: ConnectionId,
    /// The connection's name.
    pub connection: String,
    /// The connection's strategy.
    pub strategy: String,
    /// Who the person is at the provider.
    pub subject: ProviderSubject,
    /// The e-mail address there, as the provider gave it.
    pub email: Option<String>,
    /// Whether the provider vouches for the address.
    pub email_verified: bool,
    /// By what people tell their accounts apart.
    pub label: String,
    /// What else the provider told that calls to its API need, by name.
    pub facts: BTreeMap<String, String>,
    /// What the provider granted, in the form we give it out.
    pub scopes: ScopeSet,
    /// When it was first connected.
    pub created_at: Timestamp,
    /// When it was last connected.
    pub connected_at: Timestamp,
    /// When the provider last gave an access token.
    pub issued_at: Timestamp,
    /// When the access token ends.
    pub access_expiry: AccessExpiry,
    /// When the refresh token ends, where the provider says so.
    pub refresh_expires_at: Option<Timestamp>,
    /// Whether the provider gave a refresh token.
    pub has_refresh_token: bool,
    /// Whether the grant still lives.
    pub health: Health,
    /// The day of the last exchange.
    pub last_used_at: Option<Timestamp>,
    /// Counts the writes of the tokenset; a write names the version it replaces.
    pub version: i64,
    /// How renewing the tokenset goes.
    pub renewal: Renewal,
}

/// How renewing a tokenset goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// Whoever renews the tokenset now, or did and was cut off.
    pub lease: Option<Lease>,
    /// Since when nobody knows whether the stored refresh token is spent: an attempt was cut off, or
    /// timed out, between the request and its answer.
    pub uncertain_since: Option<Timestamp>,
    /// What came of the last attempts, if they failed for the moment.
    pub setback: Option<Setback>,
}

/// The right to renew a tokenset, of one node for a short while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The node.
    pub owner: String,
    /// Until when, by the database's clock.
    pub until: Timestamp,
}

/// The last attempts failed, and the next one waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// The code of the last fault.
    pub code: String,
    /// How many attempts failed in a row.
    pub failures: u32,
    /// Before this moment the provider is not asked again.
    pub next_attempt_at: Timestamp,
}

/// When an access token of a provider ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessExpiry {
    /// The provider said so.
    At(Timestamp),
    /// The provider said nothing; the catalogue's assumption.
    Assumed(Timestamp),
    /// It does not end.
    Never,
}

impl AccessExpiry {
    /// The moment from which the token may not be used any more.
    pub fn instant(self) -> Option<Timestamp> {
        match self {
            Self::At(at) | Self::Assumed(at) => Some(at),
            Self::Never => None,
        }
    }
}

/// Whether the grant at the provider still lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// As far as we know.
    Active,
    /// The provider refused it, and the connection has other credentials since: it is tried once more.
    OnTrial {
        /// The provider's error code.
        reason: String,
    },
    /// The provider refused it for good; only the person can help.
    NeedsReconnect {
        /// The provider's error code.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
}

impl Health {
    /// Whether somebody was told that only the person can help, and nothing has shown otherwise yet.
    pub fn is_told_dead(&self) -> bool {
        match self {
            Self::Active => false,
            Self::OnTrial { .. } | Self::NeedsReconnect { .. } => true,
        }
    }
}

impl ConnectedAccount {
    /// Whether a `login_hint` names this account: the provider's subject, or an e-mail address that
    /// the provider vouches for.
    pub fn matches_hint(&self, hint: &str) -> bool {
        self.subject.as_str() == hint || self.matches_email(hint)
    }

    fn matches_email(&self, hint: &str) -> bool {
        self.email_verified
            && self
                .email
                .as_deref()
                .is_some_and(|email| normalized_email(email) == normalized_email(hint))
    }

    /// Picks the account that a caller means: by hint the subject first, then the e-mail address;
    /// without a hint the one connected last. A hint that matches nothing picks nothing.
    pub fn choose<'a>(accounts: &'a [Self], login_hint: Option<&str>) -> Option<&'a Self> {
        let newest = |matching: &mut dyn Iterator<Item = &'a Self>| {
            matching.max_by(|a, b| a.connected_at.cmp(&b.connected_at).then(a.id.cmp(&b.id)))
        };
        match login_hint {
            None => newest(&mut accounts.iter()),
            Some(hint) => newest(&mut accounts.iter().filter(|a| a.subject.as_str() == hint))
                .or_else(|| newest(&mut accounts.iter().filter(|a| a.matches_email(hint)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(subject: &str, email: &str, verified: bool, connected_at: i64) -> ConnectedAccount {
        ConnectedAccount {
            id: format!("cac_{subject}").into(),
            tokenset_id: "t".into(),
            user_id: "u".into(),
            connection_id: "con_1".into(),
            connection: "calendar".to_owned(),
            strategy: "oidc".to_owned(),
            subject: subject.into(),
            email: Some(email.to_owned()),
            email_verified: verified,
            label: email.to_owned(),
            facts: BTreeMap::new(),
            scopes: ScopeSet::empty(),
            created_at: Timestamp::from_seconds(0),
            connected_at: Timestamp::from_seconds(connected_at),
            issued_at: Timestamp::from_seconds(0),
            access_expiry: AccessExpiry::Never,
            refresh_expires_at: None,
            has_refresh_token: true,
            health: Health::Active,
            last_used_at: None,
            version: 1,
            renewal: Renewal::default(),
        }
    }

    #[test]
    fn a_hint_matches_the_subject_then_a_verified_address() {
        let accounts = [
            account("1", "ada@work.example", true, 10),
            account("2", "ada@home.example", true, 20),
            account("3", "eve@home.example", false, 30),
            // A subject that looks like the address of another account.
            account("ada@work.example", "x@x.example", true, 5),
        ];
        let check = |hint: Option<&str>, expected: Option<&str>| {
            let chosen = ConnectedAccount::choose(&accounts, hint);
            assert_eq!(chosen.map(|account| account.subject.as_str()), expected, "{hint:?}");
        };
        check(None, Some("3"));
        check(Some("2"), Some("2"));
        check(Some("ADA@home.example "), Some("2"));
        check(Some("ada@work.example"), Some("ada@work.example"));
        check(Some("eve@home.example"), None);
        check(Some("nobody"), None);
        check(Some(""), None);
    }
}
