//! From a body to what is to become of a client.

use std::collections::BTreeMap;

use engine::change::Change;
use engine::clients::{ClientChange, CredentialUses, ending_refresh_tokens};
use model::client::{ExpirationType, JwtConfiguration, RefreshTokenSettings};
use protocol::secret::ClientSecret;
use serde_json::{Map, Value};

use super::members::{
    KEPT, KEYS_ON_CREATE, KEYS_ON_UPDATE, ON_CREATE, ON_UPDATE, SERVED, UNSERVED,
};
use crate::management::error::ManagementError;
use crate::management::patch::Members;
use crate::management::shape::{self, Shape};

const METADATA_ENTRIES_MAX: usize = 10;
const METADATA_TEXT: Shape = Shape::Text { least: 0, most: 255 };

/// What a body asks for.
pub(super) struct ClientInput {
    pub(super) change: ClientChange,
    pub(super) secret: Option<ClientSecret>,
    /// Whether anything but the secret is to change.
    pub(super) changes_settings: bool,
}

impl ClientInput {
    /// Whether what the client may have of people who gave it nothing, or what limits it, is to
    /// change.
    pub(super) fn changes_vault_access(&self) -> bool {
        !self.change.credentials.token_vault_privileged_access.is_keep()
            || !self.change.token_vault_policy.is_keep()
    }

    /// Whether it is to prove in another way who it is.
    pub(super) fn changes_authentication(&self) -> bool {
        !self.change.credentials.client_authentication_methods.is_keep()
    }
}

/// Reads the body of a new client.
pub(super) fn read_new(body: Value) -> Result<ClientInput, ManagementError> {
    read(shape::check(body, &[ON_CREATE, KEYS_ON_CREATE, SERVED, KEPT, UNSERVED])?)
}

/// Reads the body of a change.
pub(super) fn read_change(body: Value) -> Result<ClientInput, ManagementError> {
    read(shape::check_change(body, &[ON_UPDATE, KEYS_ON_UPDATE, SERVED, KEPT, UNSERVED])?)
}

fn read(body: Map<String, Value>) -> Result<ClientInput, ManagementError> {
    let changes_settings = body.keys().any(|name| name != "client_secret");
    let mut members = Members::new(body);
    let secret = members.optional("client_secret")?;
    let change = ClientChange {
        name: members.change("name")?,
        app_type: members.change("app_type")?,
        is_first_party: members.change("is_first_party")?,
        oidc_conformant: members.change("oidc_conformant")?,
        callbacks: members.change("callbacks")?,
        allowed_origins: members.change("allowed_origins")?,
        web_origins: members.change("web_origins")?,
        allowed_logout_urls: members.change("allowed_logout_urls")?,
        grant_types: members.change("grant_types")?,
        token_endpoint_auth_method: members.change("token_endpoint_auth_method")?,
        jwt_configuration: members.change::<JwtConfiguration>("jwt_configuration")?,
        refresh_token: refresh_token(&mut members)?,
        resource_server_identifier: members.change("resource_server_identifier")?,
        require_proof_of_possession: members.change("require_proof_of_possession")?,
        require_pushed_authorization_requests: members
            .change("require_pushed_authorization_requests")?,
        par_request_expiry: members.change("par_request_expiry")?,
        token_vault_policy: members.change("token_vault_policy")?,
        credentials: credential_uses(&mut members)?,
        client_metadata: client_metadata(&mut members)?,
        kept: members.rest(),
    };
    Ok(ClientInput { change, secret, changes_settings })
}

/// Settings of refresh tokens. What is not said follows from whether they end: who asks for tokens
/// that end does not mean those that are infinite.
fn refresh_token(members: &mut Members) -> Result<Change<RefreshTokenSettings>, ManagementError> {
    let given: Map<String, Value> = match members.change("refresh_token")? {
        Change::Keep => return Ok(Change::Keep),
        Change::Clear => return Ok(Change::Clear),
        Change::Set(given) => given,
    };
    let refused = |error: serde_json::Error| {
        ManagementError::invalid_body("refresh_token", &error.to_string())
    };
    let ends = given.get("expiration_type").cloned().map(serde_json::from_value);
    let settings = match ends.transpose().map_err(refused)? {
        Some(ExpirationType::Expiring) => ending_refresh_tokens(),
        Some(ExpirationType::NonExpiring) | None => RefreshTokenSettings::default(),
    };
    let mut settings: BTreeMap<String, Value> =
        serde_json::to_value(settings).and_then(serde_json::from_value).map_err(refused)?;
    settings.extend(given);
    let settings = serde_json::to_value(settings).and_then(serde_json::from_value);
    settings.map(Change::Set).map_err(refused)
}

/// What credentials are used for. A client authenticates in one way.
fn credential_uses(members: &mut Members) -> Result<CredentialUses, ManagementError> {
    let methods = "client_authentication_methods";
    if let Some(Value::Object(given)) = members.peek(methods)
        && given.len() != 1
    {
        let why = format!("Exactly one method is expected, and {} are given", given.len());
        return Err(ManagementError::invalid_body(methods, &why));
    }
    Ok(CredentialUses {
        client_authentication_methods: members.change(methods)?,
        signed_request_object: members.change("signed_request_object")?,
        token_vault_privileged_access: members.change("token_vault_privileged_access")?,
    })
}

/// Free texts: few, and short. `null` removes one.
fn client_metadata(members: &mut Members) -> Result<Change<Map<String, Value>>, ManagementError> {
    let change: Change<Map<String, Value>> = members.change("client_metadata")?;
    if let Change::Set(texts) = &change {
        if texts.len() > METADATA_ENTRIES_MAX {
            let why = format!("Too many properties defined, maximum {METADATA_ENTRIES_MAX}");
            return Err(ManagementError::invalid_body("client_metadata", &why));
        }
        for (name, value) in texts.iter().filter(|(_, value)| !value.is_null()) {
            METADATA_TEXT.check(value, &format!("client_metadata.{name}"))?;
        }
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refresh_tokens_that_end_end_in_both_ways_unless_said_otherwise() {
        let check = |given: Value, absolute: Option<u64>, idle: Option<u64>| {
            let input = read_change(json!({ "refresh_token": given })).unwrap();
            let Change::Set(settings) = input.change.refresh_token else { panic!("not set") };
            assert_eq!(settings.absolute_lifetime().map(|life| life.as_secs()), absolute);
            assert_eq!(settings.idle_lifetime().map(|life| life.as_secs()), idle);
        };
        let of = |rotation: &str, expiration: &str| json!({"rotation_type": rotation, "expiration_type": expiration});
        check(of("non-rotating", "non-expiring"), None, None);
        check(of("rotating", "expiring"), Some(2_592_000), Some(1_296_000));
        let mut given = of("rotating", "expiring");
        given["token_lifetime"] = json!(60);
        given["infinite_idle_token_lifetime"] = json!(true);
        check(given, Some(60), None);
    }

    #[test]
    fn what_is_set_and_what_is_kept_are_told_apart() {
        let input = read_change(json!({"name": "x", "logo_uri": "https://a.example/l"})).unwrap();
        assert_eq!(input.change.name, Change::Set("x".to_owned()));
        assert_eq!(Value::Object(input.change.kept), json!({"logo_uri": "https://a.example/l"}));
        assert!(input.changes_settings);
        let secret = json!({"client_secret": "0123456789abcdef"});
        assert!(!read_change(secret).unwrap().changes_settings);
    }

    /// A120: what is not an administrator's to set cannot be added to a body.
    #[test]
    fn a120_members_of_ours_are_refused() {
        for name in ["client_id", "tenant", "global", "signing_keys", "kept", "$where"] {
            assert!(read_new(json!({"name": "x", name: "y"})).is_err(), "{name}");
            assert!(read_change(json!({name: "y"})).is_err(), "{name}");
        }
        let identifier = json!({"resource_server_identifier": "https://api.example/"});
        assert!(read_change(identifier).is_err());
    }
}
