//! A client as it is shown.

use engine::context::Context;
use model::client::Client;
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
