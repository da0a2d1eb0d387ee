//! A user as it is shown. Tokens of providers are never among the identities: they go to the vault,
//! or nowhere.

use engine::account_health::health;
use engine::app::App;
use model::connected_account::ConnectedAccount;
use model::user::{Identity, User};
use protocol::oauth::scope::Scope;
use protocol::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::management::error::ManagementError;

/// The members of a user.
pub(super) fn show(user: &User) -> Result<Map<String, Value>, ManagementError> {
    let members = serde_json::to_value(&user.profile).and_then(serde_json::from_value);
    let mut members: Map<String, Value> =
        members.map_err(|error| ManagementError::internal(&error))?;
    if user.profile.email.is_some() {
        members.insert("email_verified".to_owned(), json!(user.profile.email_verified));
    }
    for name in ["user_metadata", "app_metadata"] {
        members.entry(name).or_insert_with(|| json!({}));
    }
    let identities: Vec<Value> = user
        .identities
        .iter()
        .enumerate()
        .map(|(position, identity)| show_identity(position == 0, identity))
        .collect();
    let Value::Object(more) = json!({
        "user_id": user.user_id,
        "blocked": user.blocked,
        "created_at": user.created_at.to_rfc3339(),
        "updated_at": user.updated_at.to_rfc3339(),
        "logins_count": user.logins_count,
        "identities": identities,
    }) else {
        return Ok(members);
    };
    members.extend(more);
    if let Some(last_login) = user.last_login {
        members.insert("last_login".to_owned(), json!(last_login.to_rfc3339()));
    }
    if let Some(last_ip) = &user.last_ip {
        members.insert("last_ip".to_owned(), json!(last_ip));
    }
    Ok(members)
}

/// What the provider of the first identity says of the person stands at the user itself.
fn show_identity(is_first: bool, identity: &Identity) -> Value {
    let mut shown = json!({
        "connection": identity.connection,
        "user_id": identity.subject,
        "provider": identity.provider,
        "isSocial": identity.is_social(),
    });
    if !is_first {
        shown["profileData"] = json!(identity.profile_data);
    }
    shown
}

/// The members of a connected account.
pub(super) fn show_account(app: &App, account: &ConnectedAccount, now: Timestamp) -> Value {
    let scopes: Vec<&str> = account.scopes.iter().map(Scope::as_str).collect();
    let mut shown = json!({
        "id": account.id,
        "connection": account.connection,
        "connection_id": account.connection_id,
        "strategy": account.strategy,
        "label": account.label,
        "access_type": "offline",
        "scopes": scopes,
        "created_at": account.created_at.to_rfc3339(),
        "health": health(app, account, now),
    });
    if !account.facts.is_empty() {
        shown["facts"] = json!(account.facts);
    }
    if let Some(end) = account.refresh_expires_at {
        shown["expires_at"] = json!(end.to_rfc3339());
    }
    shown
}

/// The members of a tokenset; times are in seconds since 1970.
pub(super) fn show_tokenset(account: &ConnectedAccount) -> Value {
    json!({
        "id": account.tokenset_id,
        "connection": account.connection,
        "scope": account.scopes.to_string(),
        "issued_at": account.issued_at.as_seconds(),
        "expires_at": account.access_expiry.instant().map(Timestamp::as_seconds),
        "last_used_at": account.last_used_at.map(Timestamp::as_seconds),
    })
}
