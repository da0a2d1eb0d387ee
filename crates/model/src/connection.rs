//! Connections: where people come from, and whose tokens the vault keeps.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::ConnectionId;

/// A configured source of identities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Its name, by which applications ask for it; never changed.
    pub name: String,
    /// What people read on a button.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The kind of source.
    pub strategy: Strategy,
    /// The strategy's settings. Secrets among them are stored apart and sealed.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// Whether people may log in through it.
    #[serde(default = "Purpose::on")]
    pub authentication: Purpose,
    /// Whether people may connect accounts of it.
    #[serde(default = "Purpose::off")]
    pub connected_accounts: Purpose,
    /// Free texts of the operator.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Documented members that are kept for whoever reads them and change nothing here.
    #[serde(flatten)]
    pub kept: Map<String, Value>,
}

/// Whether a connection serves a purpose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Purpose {
    /// Whether it does.
    pub active: bool,
    /// Documented members that are kept for whoever reads them and change nothing here.
    #[serde(flatten)]
    pub kept: Map<String, Value>,
}

impl Purpose {
    fn on() -> Self {
        Self { active: true, kept: Map::new() }
    }

    fn off() -> Self {
        Self { active: false, kept: Map::new() }
    }
}

/// The kinds of connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Strategy {
    /// Our own users with passwords (`auth0`).
    Database,
    /// An upstream provider, by its name in the catalogue.
    Provider(String),
}

impl Strategy {
    /// Its name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Database => "auth0",
            Self::Provider(name) => name,
        }
    }
}

impl From<String> for Strategy {
    fn from(name: String) -> Self {
        if name == "auth0" { Self::Database } else { Self::Provider(name) }
    }
}

impl From<Strategy> for String {
    fn from(strategy: Strategy) -> Self {
        strategy.as_str().to_owned()
    }
}

impl Connection {
    /// Whether the tokens of a *login* go to the vault too: the older switch
    /// `options.federated_connections_access_tokens.active`.
    pub fn vaults_login_tokens(&self) -> bool {
        self.options
            .get("federated_connections_access_tokens")
            .and_then(|switch| switch.get("active"))
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    /// Whether the vault keeps tokens of this connection at all.
    pub fn feeds_vault(&self) -> bool {
        self.connected_accounts.active || self.vaults_login_tokens()
    }

    /// Whether the provider is told to end its grant when an account of this connection is removed:
    /// `options.revoke_on_disconnect`. Ours: Auth0 tells no provider.
    pub fn revokes_on_disconnect(&self) -> bool {
        self.options.get("revoke_on_disconnect").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether people may make an account for themselves; of database connections only.
    pub fn allows_signup(&self) -> bool {
        self.strategy == Strategy::Database
            && !self.options.get("disable_signup").and_then(Value::as_bool).unwrap_or(false)
    }

    /// What people read on a button.
    pub fn label(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }

    /// The id that a user has who first came through this connection.
    ///
    /// Custom social connections share one strategy, so the connection's name keeps their subjects
    /// apart; everywhere else the strategy does, and enterprise connections name the connection too.
    pub fn user_id(&self, subject: &str) -> String {
        match self.strategy.as_str() {
            strategy @ ("oauth2" | "oidc") => format!("{strategy}|{}|{subject}", self.name),
            strategy => format!("{strategy}|{subject}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(strategy: &str, options: &Value) -> Connection {
        serde_json::from_value(serde_json::json!({
            "id": "con_1", "name": "calendar", "strategy": strategy, "options": options,
        }))
        .unwrap()
    }

    #[test]
    fn the_older_switch_feeds_the_vault() {
        let on = serde_json::json!({"federated_connections_access_tokens": {"active": true}});
        assert!(connection("oidc", &on).feeds_vault());
        assert!(!connection("oidc", &serde_json::json!({})).feeds_vault());
    }

    #[test]
    fn user_ids_of_connections_sharing_a_strategy_cannot_collide() {
        let none = serde_json::json!({});
        assert_eq!(connection("oauth2", &none).user_id("7"), "oauth2|calendar|7");
        assert_eq!(connection("github", &none).user_id("7"), "github|7");
        assert_eq!(connection("auth0", &none).user_id("7"), "auth0|7");
    }

    #[test]
    fn a_new_connection_serves_login_and_no_accounts() {
        let connection = connection("github", &serde_json::json!({}));
        assert!(connection.authentication.active && !connection.connected_accounts.active);
    }
}
