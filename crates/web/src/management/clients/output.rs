//! A client as it is shown.

use engine::context::Context;
use model::client::Client;
use model::client_credential::{ClientCredential, CredentialMaterial};
use protocol::secret::ClientSecret;
use serde_json::{Map, Value, json};

use super::READ_KEYS;
use crate::management::caller::Caller;
use crate::management::error::ManagementError;

/// Members that whoever may see a client at all may see.
const SUMMARY: [&str; 4] = ["client_id", "app_type", "name", "description"];
/// Members that published tools expect, with what they are where nobody set them.
const DEFAULTS: [(&str, bool); 6] = [
    ("cross_origin_auth", false),
    ("cross_origin_authentication", false),
    ("custom_login_page_on", true),
    ("is_token_endpoint_ip_header_trusted", false),
    ("sso", false),
    ("sso_disabled", false),
];

/// How much of a client a caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// What it is called.
    Summary,
    /// Everything but the secret, which the use case gives or not.
    Full,
}

impl Detail {
    /// What the caller's scopes allow.
    pub(super) fn of<P>(caller: &Caller<P>) -> Self {
        if caller.holds("read:clients") || caller.holds(READ_KEYS) {
            Self::Full
        } else {
            Self::Summary
        }
    }
}

/// The members of a client.
pub(super) fn show(
    context: &Context,
    client: &Client,
    secret: Option<ClientSecret>,
    detail: Detail,
) -> Result<Map<String, Value>, ManagementError> {
    let mut members = members(client)?;
    for (name, value) in DEFAULTS {
        members.entry(name).or_insert(Value::Bool(value));
    }
    members.insert("tenant".to_owned(), json!(context.tenant_id()));
    members.insert("global".to_owned(), json!(false));
    // Whoever authenticates by a key does so in no other way.
    if client.client_authentication_methods.is_some() {
        members.remove("token_endpoint_auth_method");
    }
    // Tokens are verified with the published key set; no certificates are made.
    members.insert("signing_keys".to_owned(), json!([]));
    localize(context, &mut members);
    if let Some(secret) = secret {
        members.insert("client_secret".to_owned(), json!(secret.disclose()));
    }
    if detail == Detail::Summary {
        members.retain(|name, _| SUMMARY.contains(&name.as_str()));
    }
    Ok(members)
}

/// In the answer that makes a client, its credentials stand in full where they are used.
pub(super) fn show_registered(members: &mut Map<String, Value>, credentials: &[ClientCredential]) {
    let in_full = |reference: &mut Value| {
        let found = credentials.iter().find(|one| reference["id"] == one.id.as_str());
        if let Some(credential) = found {
            *reference = Value::Object(show_credential(credential));
        }
    };
    for (name, member) in members.iter_mut() {
        let users: Vec<&mut Value> = match (name.as_str(), member) {
            ("client_authentication_methods", Value::Object(methods)) => {
                methods.values_mut().collect()
            }
            ("signed_request_object" | "token_vault_privileged_access", user) => vec![user],
            _ => continue,
        };
        users.into_iter().filter_map(credentials_of).flatten().for_each(in_full);
    }
}

fn credentials_of(user: &mut Value) -> Option<&mut Vec<Value>> {
    user.get_mut("credentials")?.as_array_mut()
}

/// The members of a credential. A key's PEM is not among them.
pub(super) fn show_credential(credential: &ClientCredential) -> Map<String, Value> {
    let ClientCredential { id, name, material, created_at, updated_at, expires_at } = credential;
    let mut members = Map::new();
    let mut insert = |name: &str, value: Value| members.insert(name.to_owned(), value);
    insert("id", json!(id));
    insert("name", json!(name));
    match material {
        CredentialMaterial::PublicKey { key } => {
            insert("credential_type", json!("public_key"));
            insert("kid", json!(key.kid()));
            insert("alg", json!(key.algorithm()));
        }
        CredentialMaterial::CertSubjectDn { subject_dn } => {
            insert("credential_type", json!("cert_subject_dn"));
            insert("subject_dn", json!(subject_dn));
        }
        CredentialMaterial::X509Cert { thumbprint_sha256 } => {
            insert("credential_type", json!("x509_cert"));
            insert("thumbprint_sha256", json!(thumbprint_sha256));
        }
    }
    insert("created_at", json!(created_at.to_rfc3339()));
    insert("updated_at", json!(updated_at.to_rfc3339()));
    if let Some(expires_at) = expires_at {
        insert("expires_at", json!(expires_at.to_rfc3339()));
    }
    members
}

fn members(client: &Client) -> Result<Map<String, Value>, ManagementError> {
    let value = serde_json::to_value(client).and_then(serde_json::from_value);
    value.map_err(|error| ManagementError::internal(&error))
}

/// The audiences of system APIs follow the base URL.
fn localize(context: &Context, members: &mut Map<String, Value>) {
    let localize = |audience: Option<&mut Value>| {
        if let Some(Value::String(audience)) = audience {
            *audience = context.tenant.local_audience(audience, &context.base);
        }
    };
    localize(members.get_mut("resource_server_identifier"));
    let policies = members
        .get_mut("refresh_token")
        .and_then(|settings| settings.get_mut("policies"))
        .and_then(Value::as_array_mut);
    for policy in policies.into_iter().flatten() {
        localize(policy.get_mut("audience"));
    }
}
