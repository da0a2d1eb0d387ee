//! What can be set of a client, and what it is when nobody sets it.

use model::client::{
    AppType, AuthMethod, Client, ExpirationType, JwtConfiguration, RefreshTokenSettings,
    RegisteredGrant, RotationType,
};
use model::exchange_policy::ExchangePolicy;
use model::ids::ClientId;
use protocol::oauth::token::GrantType;
use serde_json::{Map, Value};

use super::credentials::CredentialUses;
use crate::change::{Change, merge_members, merge_metadata};

/// What is to become of a client.
#[derive(Clone, Debug, Default)]
pub struct ClientChange {
    /// What people call it.
    pub name: Change<String>,
    /// What kind of application it is.
    pub app_type: Change<AppType>,
    /// Whether it belongs to the tenant's owner.
    pub is_first_party: Change<bool>,
    /// Whether it follows OpenID Connect strictly.
    pub oidc_conformant: Change<bool>,
    /// Redirect URIs.
    pub callbacks: Change<Vec<String>>,
    /// Origins that may call the endpoints from a browser.
    pub allowed_origins: Change<Vec<String>>,
    /// Origins that may receive `web_message` answers.
    pub web_origins: Change<Vec<String>>,
    /// Where logout may lead.
    pub allowed_logout_urls: Change<Vec<String>>,
    /// The grants it may use.
    pub grant_types: Change<Vec<RegisteredGrant>>,
    /// How it authenticates at the token endpoint.
    pub token_endpoint_auth_method: Change<AuthMethod>,
    /// Lifetimes of its ID tokens.
    pub jwt_configuration: Change<JwtConfiguration>,
    /// Its refresh tokens; all settings at once.
    pub refresh_token: Change<RefreshTokenSettings>,
    /// For `resource_server`: the API that it is, as the caller names it.
    pub resource_server_identifier: Change<String>,
    /// Whether it gets no token without a proof of possession.
    pub require_proof_of_possession: Change<bool>,
    /// Whether browsers may bring its authorization requests only by reference.
    pub require_pushed_authorization_requests: Change<bool>,
    /// For how long a pushed request waits, in seconds.
    pub par_request_expiry: Change<u32>,
    /// Limits on what it may have of the vault.
    pub token_vault_policy: Change<ExchangePolicy>,
    /// What its credentials are used for.
    pub credentials: CredentialUses,
    /// Free texts of the operator, merged on the first level.
    pub client_metadata: Change<Map<String, Value>>,
    /// Documented members that change nothing here; one that is `null` goes.
    pub kept: Map<String, Value>,
}

impl ClientChange {
    /// The members that are to change, for the audit log.
    pub(super) fn names(&self) -> Vec<&str> {
        let Self {
            name,
            app_type,
            is_first_party,
            oidc_conformant,
            callbacks,
            allowed_origins,
            web_origins,
            allowed_logout_urls,
            grant_types,
            token_endpoint_auth_method,
            jwt_configuration,
            refresh_token,
            resource_server_identifier,
            require_proof_of_possession,
            require_pushed_authorization_requests: require_par,
            par_request_expiry,
            token_vault_policy,
            credentials,
            client_metadata,
            kept,
        } = self;
        let named = [
            ("name", name.is_keep()),
            ("app_type", app_type.is_keep()),
            ("is_first_party", is_first_party.is_keep()),
            ("oidc_conformant", oidc_conformant.is_keep()),
            ("callbacks", callbacks.is_keep()),
            ("allowed_origins", allowed_origins.is_keep()),
            ("web_origins", web_origins.is_keep()),
            ("allowed_logout_urls", allowed_logout_urls.is_keep()),
            ("grant_types", grant_types.is_keep()),
            ("token_endpoint_auth_method", token_endpoint_auth_method.is_keep()),
            ("jwt_configuration", jwt_configuration.is_keep()),
            ("refresh_token", refresh_token.is_keep()),
            ("resource_server_identifier", resource_server_identifier.is_keep()),
            ("require_proof_of_possession", require_proof_of_possession.is_keep()),
            ("require_pushed_authorization_requests", require_par.is_keep()),
            ("par_request_expiry", par_request_expiry.is_keep()),
            ("token_vault_policy", token_vault_policy.is_keep()),
            ("client_metadata", client_metadata.is_keep()),
        ];
        let named = named.into_iter().chain(credentials.names());
        let changed = named.filter_map(|(name, stays)| (!stays).then_some(name));
        changed.chain(kept.keys().map(String::as_str)).collect()
    }

    /// Does it, except for the uses of credentials: those are resolved first.
    pub(super) fn apply(self, client: &mut Client) {
        let Self {
            name,
            app_type,
            is_first_party,
            oidc_conformant,
            callbacks,
            allowed_origins,
            web_origins,
            allowed_logout_urls,
            grant_types,
            token_endpoint_auth_method,
            jwt_configuration,
            refresh_token,
            resource_server_identifier,
            require_proof_of_possession,
            require_pushed_authorization_requests,
            par_request_expiry,
            token_vault_policy,
            credentials: _,
            client_metadata,
            kept,
        } = self;
        name.apply(&mut client.name);
        app_type.apply_optional(&mut client.app_type);
        is_first_party.apply_or(&mut client.is_first_party, true);
        oidc_conformant.apply_or(&mut client.oidc_conformant, true);
        callbacks.apply(&mut client.callbacks);
        allowed_origins.apply(&mut client.allowed_origins);
        web_origins.apply(&mut client.web_origins);
        allowed_logout_urls.apply(&mut client.allowed_logout_urls);
        grant_types.apply(&mut client.grant_types);
        token_endpoint_auth_method.apply(&mut client.token_endpoint_auth_method);
        jwt_configuration.apply(&mut client.jwt_configuration);
        refresh_token.apply(&mut client.refresh_token);
        resource_server_identifier.apply_optional(&mut client.resource_server_identifier);
        require_proof_of_possession.apply(&mut client.require_proof_of_possession);
        require_pushed_authorization_requests
            .apply(&mut client.require_pushed_authorization_requests);
        par_request_expiry.apply_optional(&mut client.par_request_expiry);
        token_vault_policy.apply_optional(&mut client.token_vault_policy);
        apply_client_metadata(client, client_metadata);
        merge_members(&mut client.kept, kept);
    }

    fn app_type(&self) -> Option<AppType> {
        match self.app_type {
            Change::Set(app_type) => Some(app_type),
            Change::Keep | Change::Clear => None,
        }
    }
}

fn apply_client_metadata(client: &mut Client, change: Change<Map<String, Value>>) {
    let old = std::mem::take(&mut client.client_metadata);
    let mut members = old.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
    merge_metadata(&mut members, change);
    let texts = members.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    });
    client.client_metadata = texts.collect();
}

/// A new client: what its kind is unless somebody says otherwise, then what `change` says.
///
/// The kinds differ as Auth0's do: what runs on the person's device cannot keep a secret, a Custom
/// API Client has no grant until it is given one, and the refresh tokens of strangers rotate and end.
pub(super) fn initial(client_id: ClientId, change: ClientChange) -> Client {
    let app_type = change.app_type();
    let token_endpoint_auth_method = match app_type {
        Some(AppType::Native | AppType::Spa) => AuthMethod::None,
        Some(AppType::RegularWeb | AppType::NonInteractive | AppType::ResourceServer) | None => {
            AuthMethod::ClientSecretPost
        }
    };
    let no_grants = change.grant_types.is_keep();
    let no_refresh_token = change.refresh_token.is_keep();
    let mut client = Client {
        client_id,
        name: String::new(),
        app_type: None,
        is_first_party: true,
        oidc_conformant: true,
        callbacks: Vec::new(),
        allowed_origins: Vec::new(),
        web_origins: Vec::new(),
        allowed_logout_urls: Vec::new(),
        grant_types: Vec::new(),
        token_endpoint_auth_method,
        client_authentication_methods: None,
        signed_request_object: None,
        token_vault_privileged_access: None,
        token_vault_policy: None,
        jwt_configuration: JwtConfiguration::default(),
        refresh_token: RefreshTokenSettings::default(),
        resource_server_identifier: None,
        require_proof_of_possession: false,
        require_pushed_authorization_requests: false,
        par_request_expiry: None,
        client_metadata: std::collections::BTreeMap::new(),
        kept: Map::new(),
    };
    change.apply(&mut client);
    if no_grants {
        client.grant_types = default_grants(&client);
    }
    if no_refresh_token && !client.is_first_party {
        client.refresh_token = RefreshTokenSettings {
            rotation_type: RotationType::Rotating,
            ..ending_refresh_tokens()
        };
    }
    client
}

/// Settings of refresh tokens that end, where only that is said.
pub fn ending_refresh_tokens() -> RefreshTokenSettings {
    RefreshTokenSettings {
        expiration_type: ExpirationType::Expiring,
        infinite_token_lifetime: false,
        infinite_idle_token_lifetime: false,
        ..RefreshTokenSettings::default()
    }
}

fn default_grants(client: &Client) -> Vec<RegisteredGrant> {
    if client.app_type == Some(AppType::ResourceServer) {
        return Vec::new();
    }
    let mut grants = vec![
        RegisteredGrant::Served(GrantType::AuthorizationCode),
        // Tools expect to read it; the token endpoint does not serve it.
        RegisteredGrant::Other("implicit".to_owned()),
        RegisteredGrant::Served(GrantType::RefreshToken),
    ];
    if !client.is_public() {
        grants.push(RegisteredGrant::Served(GrantType::ClientCredentials));
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_of_clients_begin_differently() {
        let check = |app_type: Option<AppType>, method, grants: &[&str]| {
            let set = app_type.map_or(Change::Keep, Change::Set);
            let change = ClientChange { app_type: set, ..ClientChange::default() };
            let client = initial("c".into(), change);
            assert_eq!(client.token_endpoint_auth_method, method, "{app_type:?}");
            let names: Vec<_> = client.grant_types.iter().map(RegisteredGrant::as_str).collect();
            assert_eq!(names, grants, "{app_type:?}");
        };
        let of_people = ["authorization_code", "implicit", "refresh_token"];
        let all = ["authorization_code", "implicit", "refresh_token", "client_credentials"];
        check(None, AuthMethod::ClientSecretPost, &all);
        check(Some(AppType::RegularWeb), AuthMethod::ClientSecretPost, &all);
        check(Some(AppType::NonInteractive), AuthMethod::ClientSecretPost, &all);
        check(Some(AppType::Spa), AuthMethod::None, &of_people);
        check(Some(AppType::Native), AuthMethod::None, &of_people);
        check(Some(AppType::ResourceServer), AuthMethod::ClientSecretPost, &[]);
    }

    #[test]
    fn refresh_tokens_of_strangers_rotate_and_end() {
        let is_first_party = Change::Set(false);
        let client =
            initial("c".into(), ClientChange { is_first_party, ..ClientChange::default() });
        assert!(client.refresh_token.rotates());
        assert!(client.refresh_token.absolute_lifetime().is_some());
        assert!(client.refresh_token.idle_lifetime().is_some());
    }

    #[test]
    fn what_is_not_named_stays() {
        let named = Change::Set("One".to_owned());
        let mut client =
            initial("c".into(), ClientChange { name: named, ..ClientChange::default() });
        let before = client.clone();
        ClientChange::default().apply(&mut client);
        assert_eq!(client, before);
    }
}
