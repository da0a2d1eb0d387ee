//! OAuth clients and the rules about what each kind may do.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::oauth::token::GrantType;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client_credential::{
    ClientAuthenticationMethods, CredentialRef, PrivilegedAccess, SignedRequestObject,
};
use crate::exchange_policy::ExchangePolicy;
use crate::ids::{ClientCredentialId, ClientId};

/// A browser comes for a pushed request at once, or never.
const PUSHED_REQUEST_SECONDS: u32 = 30;

/// An application that asks for tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the members of a published document")]
pub struct Client {
    /// Its id.
    pub client_id: ClientId,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// What kind of application it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_type: Option<AppType>,
    /// Whether it belongs to the tenant's owner.
    #[serde(default = "yes")]
    pub is_first_party: bool,
    /// Whether it follows OpenID Connect strictly. Tokens from the vault are given to no other.
    #[serde(default)]
    pub oidc_conformant: bool,
    /// Redirect URIs.
    #[serde(default)]
    pub callbacks: Vec<String>,
    /// Origins that may call the endpoints from a browser.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Origins that may receive `web_message` answers.
    #[serde(default)]
    pub web_origins: Vec<String>,
    /// Where logout may lead.
    #[serde(default)]
    pub allowed_logout_urls: Vec<String>,
    /// The grants it may use.
    #[serde(default)]
    pub grant_types: Vec<RegisteredGrant>,
    /// How it authenticates at the token endpoint, unless it does so by a key.
    #[serde(default)]
    pub token_endpoint_auth_method: AuthMethod,
    /// The key by which it authenticates. Then nothing else will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_authentication_methods: Option<ClientAuthenticationMethods>,
    /// Its signed authorization requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_request_object: Option<SignedRequestObject>,
    /// What it may have of the vault without a token of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_vault_privileged_access: Option<PrivilegedAccess>,
    /// Limits on what it may have of the vault; ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_vault_policy: Option<ExchangePolicy>,
    /// Lifetimes of its ID tokens.
    #[serde(default)]
    pub jwt_configuration: JwtConfiguration,
    /// Its refresh tokens.
    #[serde(default)]
    pub refresh_token: RefreshTokenSettings,
    /// For `resource_server`: the API that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_server_identifier: Option<String>,
    /// Whether it gets no token without a proof of possession.
    #[serde(default)]
    pub require_proof_of_possession: bool,
    /// Whether browsers may bring its authorization requests only by reference (RFC 9126).
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// For how long a pushed request waits, in seconds; `None` is the usual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub par_request_expiry: Option<u32>,
    /// Free texts of the operator.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub client_metadata: BTreeMap<String, String>,
    /// Documented members that are kept for whoever reads them and change nothing here.
    #[serde(flatten)]
    pub kept: Map<String, Value>,
}

fn yes() -> bool {
    true
}

/// The kinds of application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppType {
    /// On a device, cannot keep a secret.
    Native,
    /// In a browser, cannot keep a secret.
    Spa,
    /// On a server, with people.
    RegularWeb,
    /// On a server, without people.
    NonInteractive,
    /// A resource server: the Custom API Client that exchanges the access tokens it is sent.
    ResourceServer,
}

/// A grant that a client registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RegisteredGrant {
    /// One that the token endpoint serves.
    Served(GrantType),
    /// One that can be registered and is not served.
    Other(String),
}

impl RegisteredGrant {
    /// Its name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Served(grant) => grant.as_str(),
            Self::Other(name) => name,
        }
    }
}

impl From<String> for RegisteredGrant {
    fn from(name: String) -> Self {
        GrantType::parse(&name).map_or(Self::Other(name), Self::Served)
    }
}

impl From<RegisteredGrant> for String {
    fn from(grant: RegisteredGrant) -> Self {
        grant.as_str().to_owned()
    }
}

/// How a client authenticates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// It does not: a public client.
    None,
    /// With its secret in the body.
    #[default]
    ClientSecretPost,
    /// With its secret by HTTP Basic.
    ClientSecretBasic,
}

impl AuthMethod {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretBasic => "client_secret_basic",
        }
    }
}

/// Lifetimes of a client's ID tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JwtConfiguration {
    /// The algorithm; RS256 is the only one issued.
    pub alg: String,
    /// Lifetime of an ID token, in seconds.
    pub lifetime_in_seconds: u32,
    /// A relic that old tools expect to read.
    pub secret_encoded: bool,
}

impl Default for JwtConfiguration {
    fn default() -> Self {
        Self { alg: "RS256".to_owned(), lifetime_in_seconds: 36_000, secret_encoded: false }
    }
}

/// How a client's refresh tokens live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RefreshTokenSettings {
    /// Whether each use gives a new one.
    pub rotation_type: RotationType,
    /// Whether they end at all.
    pub expiration_type: ExpirationType,
    /// For how long the immediately previous token is still accepted, in seconds.
    pub leeway: u32,
    /// Absolute lifetime from the login, in seconds; rotation does not extend it.
    pub token_lifetime: u32,
    /// Lifetime since the last use, in seconds.
    pub idle_token_lifetime: u32,
    /// Wins over `token_lifetime`.
    pub infinite_token_lifetime: bool,
    /// Wins over `idle_token_lifetime`.
    pub infinite_idle_token_lifetime: bool,
    /// The other audiences that a refresh token may be used for (multi-resource refresh tokens).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<RefreshTokenPolicy>>,
}

impl Default for RefreshTokenSettings {
    fn default() -> Self {
        Self {
            rotation_type: RotationType::NonRotating,
            expiration_type: ExpirationType::NonExpiring,
            leeway: 0,
            token_lifetime: 2_592_000,
            idle_token_lifetime: 1_296_000,
            infinite_token_lifetime: true,
            infinite_idle_token_lifetime: true,
            policies: None,
        }
    }
}

impl RefreshTokenSettings {
    /// Absolute lifetime of a family of refresh tokens; `None` is forever.
    pub fn absolute_lifetime(&self) -> Option<Duration> {
        let forever =
            self.expiration_type == ExpirationType::NonExpiring || self.infinite_token_lifetime;
        (!forever).then(|| Duration::from_secs(u64::from(self.token_lifetime)))
    }

    /// Idle lifetime of a family of refresh tokens; `None` is forever.
    pub fn idle_lifetime(&self) -> Option<Duration> {
        let forever = self.expiration_type == ExpirationType::NonExpiring
            || self.infinite_idle_token_lifetime;
        (!forever).then(|| Duration::from_secs(u64::from(self.idle_token_lifetime)))
    }

    /// For how long the immediately previous token is still accepted.
    pub fn leeway(&self) -> Duration {
        Duration::from_secs(u64::from(self.leeway))
    }

    /// Whether each use gives a new token.
    pub fn rotates(&self) -> bool {
        self.rotation_type == RotationType::Rotating
    }

    /// The policy for an audience in its stored form.
    pub fn policy_for(&self, audience: &str) -> Option<&RefreshTokenPolicy> {
        self.policies.iter().flatten().find(|policy| policy.audience == audience)
    }
}

/// Whether each use of a refresh token gives a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RotationType {
    /// Each use gives a new one.
    Rotating,
    /// The same token is used until it ends.
    #[default]
    NonRotating,
}

/// Whether refresh tokens end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpirationType {
    /// They end after the lifetimes.
    Expiring,
    /// They do not.
    #[default]
    NonExpiring,
}

/// One more audience that a refresh token may be used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshTokenPolicy {
    /// The resource server's identifier, in its stored form.
    pub audience: String,
    /// The scopes that it adds there.
    #[serde(default)]
    pub scope: Vec<String>,
}

/// Why a client may not use the Token Vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultIneligible {
    /// The grant is not among the client's.
    #[error("the Token Vault grant is not enabled for the client")]
    GrantNotEnabled,
    /// It belongs to somebody else.
    #[error("the client is not first-party")]
    ThirdParty,
    /// It cannot prove who it is.
    #[error("the client does not authenticate at the token endpoint")]
    Public,
    /// It is of the old kind.
    #[error("the client is not OIDC-conformant")]
    NotConformant,
}

impl Client {
    /// Whether the client cannot authenticate.
    pub fn is_public(&self) -> bool {
        self.client_authentication_methods.is_none()
            && self.token_endpoint_auth_method == AuthMethod::None
    }

    /// Whether a credential signs for people who gave the client nothing.
    pub fn is_privileged_by(&self, credential: &ClientCredentialId) -> bool {
        let access = self.token_vault_privileged_access.as_ref();
        access.is_some_and(|access| access.credentials.iter().any(|one| one.id == *credential))
    }

    /// What a credential is used for, as its member is named; `None` if for nothing.
    pub fn use_of(&self, credential: &ClientCredentialId) -> Option<&'static str> {
        let among = |refs: &[CredentialRef]| refs.iter().any(|one| one.id == *credential);
        let Self {
            client_authentication_methods: methods,
            signed_request_object: signed,
            token_vault_privileged_access: privileged,
            ..
        } = self;
        if methods.as_ref().is_some_and(|methods| among(methods.credentials())) {
            Some("client_authentication_methods")
        } else if signed.as_ref().is_some_and(|signed| among(&signed.credentials)) {
            Some("signed_request_object")
        } else if privileged.as_ref().is_some_and(|access| among(&access.credentials)) {
            Some("token_vault_privileged_access")
        } else {
            None
        }
    }

    /// Whether the client runs in a browser.
    pub fn is_browser_app(&self) -> bool {
        self.app_type == Some(AppType::Spa)
    }

    /// For how long a pushed request waits, in seconds.
    pub fn pushed_request_seconds(&self) -> u32 {
        self.par_request_expiry.unwrap_or(PUSHED_REQUEST_SECONDS)
    }

    /// Whether a grant is among the client's.
    pub fn allows_grant(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&RegisteredGrant::Served(grant))
    }

    /// Whether the Token Vault serves this client. The exchange asks it, and so does whoever edits
    /// the client.
    pub fn vault_exchange_allowed(&self) -> Result<(), VaultIneligible> {
        if !self.allows_grant(GrantType::VaultExchange) {
            return Err(VaultIneligible::GrantNotEnabled);
        }
        if !self.is_first_party {
            return Err(VaultIneligible::ThirdParty);
        }
        if self.is_public() {
            return Err(VaultIneligible::Public);
        }
        if !self.oidc_conformant {
            return Err(VaultIneligible::NotConformant);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use protocol::oauth::exchange::VAULT_GRANT_TYPE;

    use super::*;

    fn vault_client() -> Client {
        serde_json::from_value(serde_json::json!({
            "client_id": "c", "oidc_conformant": true, "grant_types": [VAULT_GRANT_TYPE],
        }))
        .unwrap()
    }

    #[test]
    fn each_condition_alone_keeps_a_client_from_the_vault() {
        let check = |change: fn(&mut Client), expected: Result<(), VaultIneligible>| {
            let mut client = vault_client();
            change(&mut client);
            assert_eq!(client.vault_exchange_allowed(), expected);
        };
        check(|_| {}, Ok(()));
        check(|c| c.grant_types.clear(), Err(VaultIneligible::GrantNotEnabled));
        check(|c| c.is_first_party = false, Err(VaultIneligible::ThirdParty));
        check(|c| c.token_endpoint_auth_method = AuthMethod::None, Err(VaultIneligible::Public));
        check(|c| c.oidc_conformant = false, Err(VaultIneligible::NotConformant));
    }

    #[test]
    fn an_infinite_lifetime_wins_over_a_number() {
        let settings = RefreshTokenSettings {
            expiration_type: ExpirationType::Expiring,
            infinite_token_lifetime: false,
            token_lifetime: 60,
            ..RefreshTokenSettings::default()
        };
        assert_eq!(settings.absolute_lifetime(), Some(Duration::from_mins(1)));
        assert_eq!(settings.idle_lifetime(), None);
    }

    #[test]
    fn members_we_do_not_act_on_survive_the_round_trip() {
        let text = serde_json::json!({"client_id": "c", "logo_uri": "https://x.example/l.png"});
        let client: Client = serde_json::from_value(text).unwrap();
        assert_eq!(serde_json::to_value(client).unwrap()["logo_uri"], "https://x.example/l.png");
    }
}
