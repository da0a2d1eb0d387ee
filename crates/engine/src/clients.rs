//! Administers clients: load, apply, check, save and audit, in one transaction.

mod change;
mod credentials;
mod rules;
mod secrets;

use std::collections::HashMap;
use std::time::Duration;

use model::client::Client;
use model::client_credential::ClientCredential;
use model::ids::ClientId;
use model::log_event::LogEventKind;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::ClientSecret;
use protocol::time::Timestamp;
use serde_json::json;
use store::clients::StoredClient;
use store::{Query, StoreError, client_credentials, clients, previous_client_secrets};

pub use change::{ClientChange, ending_refresh_tokens};
pub use credentials::{
    CredentialUses, GivenCredential, NewCertificate, NewCredential, NewPublicKey, NewSubjectDn,
    SignedRequestChange, UPDATE_PRIVILEGED_ACCESS, create_credential, delete_credential,
    update_credential,
};
pub use secrets::{mint, reveal};

use crate::administrator::Administrator;
use crate::app::App;
use crate::change::Change;
use crate::client_auth::{Held, store_secret};
use crate::context::Context;
use crate::invalid::Invalid;
use crate::keys::KeyError;

/// Why a client is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no such client.
    #[error("the client does not exist")]
    Unknown,
    /// The record cannot be so.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The client may do at the Management API what the caller may not.
    #[error("the client holds scopes that the caller lacks: {lacking}")]
    BeyondCaller {
        /// What the caller lacks.
        lacking: ScopeSet,
    },
    /// The client has no such credential.
    #[error("the credential does not exist")]
    UnknownCredential,
    /// The client uses the credential for something.
    #[error("the credential is in use by the client's {used_for}")]
    CredentialInUse {
        /// The member that refers to it.
        used_for: &'static str,
    },
    /// Another key of the client has that name.
    #[error("a credential with the kid {0} exists already")]
    KidTaken(String),
    /// The client is public and has no secret.
    #[error("the client has no secret")]
    NoSecret,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for ClientError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// A client with its secret in clear, as it is shown once.
#[derive(Debug)]
pub struct ClientWithSecret {
    /// The record.
    pub client: Client,
    /// The credentials that were registered along with it.
    pub credentials: Vec<ClientCredential>,
    /// The secret; public clients have none.
    pub secret: Option<ClientSecret>,
}

/// Makes a client. Its secret is minted, unless one was chosen.
pub async fn create(
    app: &App,
    context: &Context,
    by: &Administrator,
    mut change: ClientChange,
    chosen: Option<ClientSecret>,
    now: Timestamp,
) -> Result<ClientWithSecret, ClientError> {
    let tenant = context.tenant_id();
    canonicalize(context, &mut change);
    let mut fresh = Vec::new();
    let uses = std::mem::take(&mut change.credentials).resolve(app, &[], &mut fresh, now)?;
    let method = change.token_endpoint_auth_method.clone();
    let mut client = change::initial(app.entropy.id("", 32), change);
    uses.apply(&mut client);
    rules::check(&client)?;
    rules::check_authentication(&method, &client)?;
    let keys = app.tenant_keys(tenant, now).await?;
    let secret = match chosen {
        None if client.is_public() => None,
        None => Some(mint(app)),
        Some(chosen) => Some(chosen),
    };
    let stored_secret = secrets::after_change(app, context, &keys, &client, None, secret.as_ref())?;
    let stored = StoredClient { client, secret: stored_secret };
    let mut tx = app.store.write().await?;
    rules::check_references(&mut tx, context, &stored.client).await?;
    clients::insert(&mut tx, tenant, &stored, now).await?;
    credentials::check_kinds(&stored.client, &[], &fresh)?;
    credentials::register(&mut tx, context, &stored.client.client_id, &[], &fresh).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Create a client")
        .details(target(&stored.client))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(ClientWithSecret { client: stored.client, credentials: fresh, secret })
}

/// Changes a client, and its secret if one is given.
pub async fn update(
    app: &App,
    context: &Context,
    by: &Administrator,
    client_id: &ClientId,
    mut change: ClientChange,
    chosen: Option<ClientSecret>,
    now: Timestamp,
) -> Result<StoredClient, ClientError> {
    let tenant = context.tenant_id();
    canonicalize(context, &mut change);
    let keys = app.tenant_keys(tenant, now).await?;
    let mut changed: Vec<String> = change.names().into_iter().map(str::to_owned).collect();
    changed.extend(chosen.as_ref().map(|_| "client_secret".to_owned()));
    let mut tx = app.store.write().await?;
    let found = clients::find_for_update(&mut tx, tenant, client_id).await?;
    let StoredClient { mut client, secret } = found.ok_or(ClientError::Unknown)?;
    // A secret and a key are alike: whoever sets one can act as the client.
    if chosen.is_some() || !change.credentials.client_authentication_methods.is_keep() {
        secrets::check_reach(&mut tx, context, by, client_id).await?;
    }
    let registered = client_credentials::list(&mut tx, tenant, client_id).await?;
    let mut fresh = Vec::new();
    let uses = std::mem::take(&mut change.credentials);
    let uses = uses.resolve(app, &registered, &mut fresh, now)?;
    let method = change.token_endpoint_auth_method.clone();
    change.apply(&mut client);
    uses.apply(&mut client);
    rules::check(&client)?;
    rules::check_authentication(&method, &client)?;
    credentials::check_kinds(&client, &registered, &fresh)?;
    credentials::register(&mut tx, context, client_id, &registered, &fresh).await?;
    rules::check_references(&mut tx, context, &client).await?;
    let secret = secrets::after_change(app, context, &keys, &client, secret, chosen.as_ref())?;
    if chosen.is_some() || !secrets::are_accepted(&client) {
        previous_client_secrets::delete(&mut tx, tenant, client_id).await?;
    }
    let stored = StoredClient { client, secret };
    clients::update(&mut tx, tenant, &stored, now).await?;
    let mut details = target(&stored.client);
    details["changed"] = json!(changed);
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Update a client")
        .details(details)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(stored)
}

/// Replaces the secret of a client by a fresh one. The old one is still accepted for as long as
/// `overlap`, and an older one is worth nothing from now on.
pub async fn rotate_secret(
    app: &App,
    context: &Context,
    by: &Administrator,
    client_id: &ClientId,
    overlap: Duration,
    now: Timestamp,
) -> Result<ClientWithSecret, ClientError> {
    let tenant = context.tenant_id();
    let keys = app.tenant_keys(tenant, now).await?;
    let fresh = mint(app);
    let mut tx = app.store.write().await?;
    let found = clients::find_for_update(&mut tx, tenant, client_id).await?;
    let StoredClient { client, secret: old } = found.ok_or(ClientError::Unknown)?;
    if client.is_public() {
        return Err(ClientError::NoSecret);
    }
    secrets::check_reach(&mut tx, context, by, client_id).await?;
    previous_client_secrets::delete(&mut tx, tenant, client_id).await?;
    let mut details = target(&client);
    if let Some(old) = old.filter(|_| !overlap.is_zero()) {
        let until = now.saturating_add(overlap);
        secrets::keep_previous(app, &mut tx, context, &client, &old, until, now).await?;
        details["previous_secret_expires_at"] = json!(until.to_rfc3339());
    }
    let secret = store_secret(&keys, tenant, client_id, Held::Present, &fresh, &*app.entropy)?;
    let stored = StoredClient { client, secret: Some(secret) };
    clients::update(&mut tx, tenant, &stored, now).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Rotate a client secret")
        .details(details)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(ClientWithSecret { client: stored.client, credentials: Vec::new(), secret: Some(fresh) })
}

/// Removes a client with its grants and what was issued to it; the accounts that people connected
/// through it stay. Answers `false` if there was none.
pub async fn delete(
    app: &App,
    context: &Context,
    by: &Administrator,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<bool, ClientError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let Some(stored) = clients::find_for_update(&mut tx, tenant, client_id).await? else {
        return Ok(false);
    };
    clients::delete(&mut tx, tenant, client_id).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Delete a client")
        .details(target(&stored.client))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// The Custom API Clients of the tenant: which client a resource server is, by the identifier in its
/// stored form. Of several, the oldest.
pub async fn resource_server_clients(
    q: &mut impl Query,
    context: &Context,
) -> Result<HashMap<String, ClientId>, StoreError> {
    let clients = clients::list(q, context.tenant_id()).await?;
    let newest_first = clients.into_iter().rev().filter_map(|stored| {
        let Client { client_id, resource_server_identifier, .. } = stored.client;
        resource_server_identifier.map(|identifier| (identifier, client_id))
    });
    Ok(newest_first.collect())
}

/// Audiences as the caller names them become those that are stored.
fn canonicalize(context: &Context, change: &mut ClientChange) {
    let canonical = |audience: &mut String| *audience = context.tenant.canonical_audience(audience);
    if let Change::Set(identifier) = &mut change.resource_server_identifier {
        canonical(identifier);
    }
    if let Change::Set(settings) = &mut change.refresh_token {
        settings.policies.iter_mut().flatten().for_each(|policy| canonical(&mut policy.audience));
    }
}

fn target(client: &Client) -> serde_json::Value {
    json!({ "client": { "client_id": client.client_id, "name": client.name } })
}
