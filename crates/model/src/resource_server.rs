//! Resource servers (APIs), those that people register and those that we are ourselves.

use std::time::Duration;

use protocol::oauth::scope::ScopeSet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::ResourceServerId;
use crate::tenant::BaseUrl;

/// An API that access tokens are made for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceServer {
    /// Its id.
    pub id: ResourceServerId,
    /// What people call it.
    pub name: String,
    /// The audience, compared as an exact string and never changed.
    pub identifier: String,
    /// The permissions that can be asked for.
    #[serde(default)]
    pub scopes: Vec<Permission>,
    /// The algorithm of its access tokens.
    #[serde(default)]
    pub signing_alg: SigningAlgorithm,
    /// Whether refresh tokens are issued to clients that ask for `offline_access`.
    #[serde(default)]
    pub allow_offline_access: bool,
    /// Whether a first-party client may have its scopes without asking the person.
    #[serde(default)]
    pub skip_consent_for_verifiable_first_party_clients: bool,
    /// Lifetime of an access token, in seconds.
    #[serde(default = "default_token_lifetime")]
    pub token_lifetime: u32,
    /// Lifetime of an access token issued to a browser, in seconds.
    #[serde(default = "default_token_lifetime_for_web")]
    pub token_lifetime_for_web: u32,
    /// The shape of its access tokens.
    #[serde(default)]
    pub token_dialect: TokenDialect,
    /// Whether access tokens are bound to a key of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof_of_possession: Option<ProofOfPossession>,
    /// Who may have tokens at all.
    #[serde(default)]
    pub subject_type_authorization: SubjectTypeAuthorization,
    /// Whether it is part of Strongroom and cannot be deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_system: bool,
    /// Documented members that are kept for whoever reads them and change nothing here.
    #[serde(flatten)]
    pub kept: Map<String, Value>,
}

const fn default_token_lifetime() -> u32 {
    86_400
}

const fn default_token_lifetime_for_web() -> u32 {
    7_200
}

/// A permission of a resource server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The scope token.
    pub value: String,
    /// What it allows, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The algorithms that access tokens can be signed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[default]
    RS256,
}

/// The claim sets of access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenDialect {
    /// Auth0's own: `azp`, `typ` JWT.
    #[default]
    AccessToken,
    /// RFC 9068: `client_id`, `jti`, `typ` at+jwt.
    Rfc9068Profile,
}

/// How far access tokens must be bound to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofOfPossession {
    /// The binding.
    pub mechanism: ProofMechanism,
    /// Whether a token is refused without a proof; otherwise one is bound if a proof came.
    pub required: bool,
    /// Of whom it is required.
    #[serde(default)]
    pub required_for: ProofRequiredFor,
}

/// The ways to bind a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofMechanism {
    /// RFC 9449.
    Dpop,
    /// RFC 8705.
    Mtls,
}

/// Of whom a proof is required.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofRequiredFor {
    /// Every client.
    #[default]
    AllClients,
    /// Clients that cannot authenticate.
    PublicClients,
}

/// Who may have tokens for a resource server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectTypeAuthorization {
    /// Tokens on behalf of a person.
    pub user: UserPolicyBox,
    /// Tokens for the client itself.
    pub client: ClientPolicyBox,
}

/// `{"policy": …}` for tokens of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPolicyBox {
    /// The policy.
    pub policy: UserPolicy,
}

/// `{"policy": …}` for tokens of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientPolicyBox {
    /// The policy.
    pub policy: ClientPolicy,
}

/// Which clients may get tokens on behalf of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserPolicy {
    /// Every client of the tenant.
    AllowAll,
    /// None.
    DenyAll,
    /// Those with a client grant for users.
    RequireClientGrant,
}

/// Which clients may get tokens for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientPolicy {
    /// None.
    DenyAll,
    /// Those with a client grant.
    RequireClientGrant,
}

impl Default for SubjectTypeAuthorization {
    fn default() -> Self {
        Self {
            user: UserPolicyBox { policy: UserPolicy::AllowAll },
            client: ClientPolicyBox { policy: ClientPolicy::RequireClientGrant },
        }
    }
}

/// The APIs that Strongroom is itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemApi {
    /// `/api/v2/`.
    Management,
    /// `/me/`.
    MyAccount,
}

impl SystemApi {
    /// Every system API.
    pub const ALL: [Self; 2] = [Self::Management, Self::MyAccount];

    /// Its audience under a base URL; the closing slash is part of it.
    pub fn audience(self, base: &BaseUrl) -> String {
        match self {
            Self::Management => base.join("api/v2/"),
            Self::MyAccount => base.join("me/"),
        }
    }
}

impl ResourceServer {
    /// The permissions as a set of scopes.
    pub fn scope_set(&self) -> ScopeSet {
        ScopeSet::parse_lenient(
            &self.scopes.iter().map(|scope| scope.value.as_str()).collect::<Vec<_>>().join(" "),
        )
    }

    /// How long an access token of it lives.
    pub fn access_token_lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.token_lifetime))
    }
}
