//! What a client may ask for at a resource server.

use protocol::oauth::scope::ScopeSet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{ClientGrantId, ClientId};

/// The permission of one client at one resource server, for itself or on behalf of people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientGrant {
    /// Its id.
    pub id: ClientGrantId,
    /// The client.
    pub client_id: ClientId,
    /// The resource server's identifier, in its stored form.
    pub audience: String,
    /// The scopes allowed.
    #[serde(default)]
    pub scope: Vec<String>,
    /// On whose behalf.
    #[serde(default)]
    pub subject_type: SubjectType,
    /// Whether every scope of the resource server is allowed, those to come included.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_all_scopes: bool,
    /// Documented members that are kept for whoever reads them and change nothing here.
    #[serde(flatten)]
    pub kept: Map<String, Value>,
}

/// On whose behalf a grant allows tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The client itself.
    #[default]
    Client,
    /// A person.
    User,
}

impl SubjectType {
    /// The stored and published name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::User => "user",
        }
    }
}

impl ClientGrant {
    /// The scopes that this grant allows out of those that the resource server has.
    pub fn allowed(&self, of_resource_server: &ScopeSet) -> ScopeSet {
        if self.allow_all_scopes {
            return of_resource_server.clone();
        }
        ScopeSet::parse_lenient(&self.scope.join(" ")).intersection(of_resource_server)
    }
}
