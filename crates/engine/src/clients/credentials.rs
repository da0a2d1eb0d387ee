//! Keys and certificates of clients: registered, prolonged and removed, and put to use by a change of
//! the client.

mod form;
mod uses;

use std::collections::HashSet;

use model::client::Client;
use model::client_credential::ClientCredential;
use model::ids::{ClientCredentialId, ClientId};
use model::log_event::LogEventKind;
use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;
use serde_json::json;
use store::{WriteTx, client_credentials, clients};

pub use form::{NewCertificate, NewCredential, NewPublicKey, NewSubjectDn};
pub(super) use uses::check_kinds;
pub use uses::{CredentialUses, GivenCredential, SignedRequestChange};

use self::form::{check_expiry, read};
use super::{ClientError, secrets, target};
use crate::administrator::Administrator;
use crate::app::App;
use crate::audit::Event;
use crate::context::Context;
use crate::invalid::Invalid;

/// A client has no more.
const CREDENTIALS_MAX: usize = 20;
/// The scope of whoever may let a client have tokens of people who did not give it any.
pub const UPDATE_PRIVILEGED_ACCESS: &str = "update:client_token_vault_privileged_access";

/// Writes credentials down. The names of keys tell them apart, so no two of a client are the same.
pub(super) async fn register(
    tx: &mut WriteTx,
    context: &Context,
    client_id: &ClientId,
    registered: &[ClientCredential],
    fresh: &[ClientCredential],
) -> Result<(), ClientError> {
    if registered.len() + fresh.len() > CREDENTIALS_MAX {
        let why = format!("a client has at most {CREDENTIALS_MAX} credentials");
        return Err(Invalid::new("credentials", why).into());
    }
    let mut kids = HashSet::new();
    for credential in registered.iter().chain(fresh) {
        if let Some(kid) = credential.key().and_then(|key| key.kid())
            && !kids.insert(kid)
        {
            return Err(ClientError::KidTaken(kid.to_owned()));
        }
    }
    for credential in fresh {
        client_credentials::insert(tx, context.tenant_id(), client_id, credential).await?;
    }
    Ok(())
}

/// Registers a credential. It is of no use until the client uses it for something.
pub async fn create_credential(
    app: &App,
    context: &Context,
    by: &Administrator,
    client_id: &ClientId,
    new: NewCredential,
    now: Timestamp,
) -> Result<ClientCredential, ClientError> {
    let tenant = context.tenant_id();
    let credential = read(app, new, now)?;
    let mut tx = app.store.write().await?;
    let client = find_client(&mut tx, context, client_id).await?;
    let registered = client_credentials::list(&mut tx, tenant, client_id).await?;
    let fresh = std::slice::from_ref(&credential);
    register(&mut tx, context, client_id, &registered, fresh).await?;
    written(by, context, "Create a client credential", &client, &credential)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(credential)
}

/// Changes when a credential ends.
pub async fn update_credential(
    app: &App,
    context: &Context,
    by: &Administrator,
    (client_id, id): (&ClientId, &ClientCredentialId),
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<ClientCredential, ClientError> {
    let tenant = context.tenant_id();
    check_expiry(expires_at, now)?;
    let mut tx = app.store.write().await?;
    let client = find_client(&mut tx, context, client_id).await?;
    let found = client_credentials::find(&mut tx, tenant, client_id, id).await?;
    let mut credential = found.ok_or(ClientError::UnknownCredential)?;
    // Whoever prolongs the key of a client lets its owner go on acting as the client.
    secrets::check_reach(&mut tx, context, by, client_id).await?;
    if client.is_privileged_by(id) {
        let lacking = by.lacking(&ScopeSet::parse_lenient(UPDATE_PRIVILEGED_ACCESS));
        if !lacking.is_empty() {
            return Err(ClientError::BeyondCaller { lacking });
        }
    }
    credential.expires_at = expires_at;
    credential.updated_at = now;
    client_credentials::update(&mut tx, tenant, client_id, &credential).await?;
    written(by, context, "Update a client credential", &client, &credential)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(credential)
}

/// Removes a credential. Answers `false` if there was none; one in use stays.
pub async fn delete_credential(
    app: &App,
    context: &Context,
    by: &Administrator,
    client_id: &ClientId,
    id: &ClientCredentialId,
    now: Timestamp,
) -> Result<bool, ClientError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let client = find_client(&mut tx, context, client_id).await?;
    let Some(credential) = client_credentials::find(&mut tx, tenant, client_id, id).await? else {
        return Ok(false);
    };
    if let Some(used_for) = client.use_of(id) {
        return Err(ClientError::CredentialInUse { used_for });
    }
    client_credentials::delete(&mut tx, tenant, client_id, id).await?;
    written(by, context, "Delete a client credential", &client, &credential)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// The client, locked, so that its credentials and what it uses them for change one after the other.
async fn find_client(
    tx: &mut WriteTx,
    context: &Context,
    client_id: &ClientId,
) -> Result<Client, ClientError> {
    let found = clients::find_for_update(tx, context.tenant_id(), client_id).await?;
    Ok(found.ok_or(ClientError::Unknown)?.client)
}

fn written(
    by: &Administrator,
    context: &Context,
    what: &str,
    client: &Client,
    credential: &ClientCredential,
) -> Event {
    let mut details = target(client);
    details["credential"] = json!({ "id": credential.id });
    by.event(LogEventKind::ManagementWrite, context).describe(what).details(details)
}
