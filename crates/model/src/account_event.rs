//! What happens to connected accounts, as receivers of events are told.

use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connected_account::ConnectedAccount;
use crate::ids::{AccountEventId, ConnectedAccountId, ConnectionId, UserId};

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AccountEventKind {
    /// An account was connected.
    #[serde(rename = "connected_account.created")]
    Created,
    /// An account that was well was connected again, or has other scopes than before.
    #[serde(rename = "connected_account.updated")]
    Updated,
    /// The provider refused the grant for good: only the person can help.
    #[serde(rename = "connected_account.needs_reconnect")]
    NeedsReconnect,
    /// An account that needed a reconnect is well again.
    #[serde(rename = "connected_account.recovered")]
    Recovered,
    /// An account was removed with its tokens.
    #[serde(rename = "connected_account.deleted")]
    Deleted,
}

impl AccountEventKind {
    /// Every kind with its name.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Created, "connected_account.created"),
        (Self::Updated, "connected_account.updated"),
        (Self::NeedsReconnect, "connected_account.needs_reconnect"),
        (Self::Recovered, "connected_account.recovered"),
        (Self::Deleted, "connected_account.deleted"),
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        let known = Self::ALL.into_iter().find_map(|(kind, name)| (kind == self).then_some(name));
        known.unwrap_or_default()
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(kind, known)| (known == name).then_some(kind))
    }

    /// Of what happens to one version of a tokenset, what comes first.
    fn rank(self) -> u8 {
        match self {
            Self::Created | Self::Updated | Self::Recovered => 0,
            Self::NeedsReconnect => 1,
            Self::Deleted => 2,
        }
    }
}

/// Something that happened to an account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountEvent {
    /// Its id; sorts by time, and for one account by what happened first.
    pub id: AccountEventId,
    /// What happened.
    pub kind: AccountEventKind,
    /// When.
    pub at: Timestamp,
    /// To which account.
    pub account_id: ConnectedAccountId,
    /// Whose it is.
    pub user_id: UserId,
    /// Of which connection.
    pub connection_id: ConnectionId,
    /// The connection's name.
    pub connection: String,
    /// The connection's strategy.
    pub strategy: String,
    /// Why.
    pub reason: Option<String>,
}

impl AccountEvent {
    /// An event about an account as it stands now.
    pub fn of(
        account: &ConnectedAccount,
        kind: AccountEventKind,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Self {
        Self {
            id: event_id(&account.id, account.version, kind, now),
            kind,
            at: now,
            account_id: account.id.clone(),
            user_id: account.user_id.clone(),
            connection_id: account.connection_id.clone(),
            connection: account.connection.clone(),
            strategy: account.strategy.clone(),
            reason: reason.map(str::to_owned),
        }
    }
}

/// How the ids of all events of a moment begin; sorts as time does.
pub fn id_prefix(at: Timestamp) -> String {
    format!("evt_{:013}", at.as_millis().max(0))
}

/// The time, the tokenset's version and what happened to it, in digits that sort; then the account.
fn event_id(
    account: &ConnectedAccountId,
    version: i64,
    kind: AccountEventKind,
    now: Timestamp,
) -> AccountEventId {
    let account = account.as_str().trim_start_matches("cac_");
    let (prefix, rank) = (id_prefix(now), kind.rank());
    format!("{prefix}{version:08}{rank}_{account}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_kinds_are_one_to_one() {
        for (kind, name) in AccountEventKind::ALL {
            assert_eq!(kind.as_str(), name);
            assert_eq!(AccountEventKind::from_name(name), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
        }
    }

    #[test]
    fn ids_sort_by_what_happened_first() {
        use AccountEventKind::{Created, Deleted, NeedsReconnect, Recovered};
        let id = |version, kind, seconds| {
            event_id(&"cac_x".into(), version, kind, Timestamp::from_seconds(seconds))
        };
        let ids = [
            id(9, Created, 1),
            id(9, NeedsReconnect, 1),
            id(10, Recovered, 1),
            id(10, Deleted, 1),
            id(1, Created, 2),
        ];
        assert!(ids.is_sorted());
        assert_eq!(ids[0].as_str(), "evt_0000000001000000000090_x");
    }
}
