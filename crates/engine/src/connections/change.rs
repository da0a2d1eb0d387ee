//! What can be set of a connection.

use model::connection::{Connection, Purpose, Strategy};
use model::ids::{ClientId, ConnectionId};
use serde_json::{Map, Value};

use crate::change::{Change, merge_members, merge_metadata};

/// A connection in the making.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// Its name, for good.
    pub name: String,
    /// Its kind, for good.
    pub strategy: Strategy,
    /// Everything else.
    pub change: ConnectionChange,
}

/// What is to become of a connection.
#[derive(Clone, Debug, Default)]
pub struct ConnectionChange {
    /// What people read on a button.
    pub display_name: Change<String>,
    /// The strategy's settings, secrets included; all of them at once.
    pub options: Change<Map<String, Value>>,
    /// Whether people may log in through it.
    pub authentication: Change<Purpose>,
    /// Whether people may connect accounts of it.
    pub connected_accounts: Change<Purpose>,
    /// Free texts of the operator.
    pub metadata: Change<Map<String, Value>>,
    /// The clients that it serves; all of them at once.
    pub enabled_clients: Change<Vec<ClientId>>,
    /// Documented members that change nothing here; one that is `null` goes.
    pub kept: Map<String, Value>,
}

impl ConnectionChange {
    /// The members that are to change, for the audit log.
    pub(super) fn names(&self) -> Vec<&str> {
        let Self {
            display_name,
            options,
            authentication,
            connected_accounts,
            metadata,
            enabled_clients,
            kept,
        } = self;
        let named = [
            ("display_name", display_name.is_keep()),
            ("options", options.is_keep()),
            ("authentication", authentication.is_keep()),
            ("connected_accounts", connected_accounts.is_keep()),
            ("metadata", metadata.is_keep()),
            ("enabled_clients", enabled_clients.is_keep()),
        ];
        let changed = named.into_iter().filter_map(|(name, stays)| (!stays).then_some(name));
        changed.chain(kept.keys().map(String::as_str)).collect()
    }

    /// Does it. The clients stand elsewhere and are replaced by the caller.
    pub(super) fn apply(self, connection: &mut Connection) {
        let Self {
            display_name,
            options,
            authentication,
            connected_accounts,
            metadata,
            enabled_clients: _,
            kept,
        } = self;
        display_name.apply_optional(&mut connection.display_name);
        options.apply(&mut connection.options);
        authentication.apply_or(&mut connection.authentication, purpose(true));
        connected_accounts.apply_or(&mut connection.connected_accounts, purpose(false));
        merge_metadata(&mut connection.metadata, metadata);
        merge_members(&mut connection.kept, kept);
    }
}

/// A connection of which nothing is set.
pub(super) fn initial(id: ConnectionId, name: String, strategy: Strategy) -> Connection {
    Connection {
        id,
        name,
        display_name: None,
        strategy,
        options: Map::new(),
        authentication: purpose(true),
        connected_accounts: purpose(false),
        metadata: Map::new(),
        kept: Map::new(),
    }
}

fn purpose(active: bool) -> Purpose {
    Purpose { active, kept: Map::new() }
}
