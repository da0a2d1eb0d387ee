//! People.

use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{ConnectionId, ProviderSubject, UserId};

/// A person with an account in a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The id.
    pub user_id: UserId,
    /// What is known of the person.
    pub profile: Profile,
    /// Whether the person may not log in and not be acted for.
    pub blocked: bool,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When the user was last changed.
    pub updated_at: Timestamp,
    /// When the person last logged in.
    pub last_login: Option<Timestamp>,
    /// From where.
    pub last_ip: Option<String>,
    /// How often.
    pub logins_count: i64,
    /// How the person logs in; the first made the user.
    pub identities: Vec<Identity>,
}

/// What is known of a person, in the published member names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the address was shown to be the person's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub email_verified: bool,
    /// User name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Full name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// Short name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// URL of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// What the person may write.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub user_metadata: Map<String, Value>,
    /// What only the operator may write.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub app_metadata: Map<String, Value>,
}

/// A way by which a person logs in.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The connection.
    pub connection_id: ConnectionId,
    /// The connection's name.
    pub connection: String,
    /// The strategy's name.
    pub provider: String,
    /// The subject at the provider.
    pub subject: ProviderSubject,
    /// What the provider says of the person.
    pub profile_data: Map<String, Value>,
}

impl Identity {
    /// Whether it comes from a social provider rather than our own database or an enterprise.
    pub fn is_social(&self) -> bool {
        !matches!(self.provider.as_str(), "auth0" | "oidc" | "waad" | "google-apps")
    }
}

/// The form in which e-mail addresses are compared: trimmed and in lower case.
///
/// Nothing more is folded, so that two addresses that a mail server may tell apart never become one
/// person.
pub fn normalized_email(email: &str) -> String {
    email.trim().to_lowercase()
}
