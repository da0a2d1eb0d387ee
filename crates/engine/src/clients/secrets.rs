//! Secrets of clients: minted, replaced, and shown to whoever may read them.

use model::client::Client;
use model::ids::ClientId;
use model::log_event::LogEventKind;
use protocol::secret::ClientSecret;
use protocol::time::Timestamp;
use serde_json::json;
use store::clients::{StoredClient, StoredSecret};
use store::{Query, WriteTx, previous_client_secrets};

use super::ClientError;
use crate::administrator::{self, Administrator};
use crate::app::App;
use crate::client_auth::{Held, reveal_secret, store_secret};
use crate::context::Context;
use crate::invalid::Invalid;
use crate::keys::{KeyError, TenantKeys};

const SECRET_PREFIX: &str = "scs_";
/// A secret that somebody chose is no shorter, in bytes: a client can be asked without limit.
const CHOSEN_BYTES_MIN: usize = 16;
const CHOSEN_BYTES_MAX: usize = 512;

/// A fresh secret.
pub fn mint(app: &App) -> ClientSecret {
    app.entropy.secret(SECRET_PREFIX)
}

/// Checks a secret that somebody chose.
pub(super) fn check_chosen(secret: &ClientSecret) -> Result<(), Invalid> {
    if !(CHOSEN_BYTES_MIN..=CHOSEN_BYTES_MAX).contains(&secret.expose().len()) {
        let why = format!("it is not between {CHOSEN_BYTES_MIN} and {CHOSEN_BYTES_MAX} bytes long");
        return Err(Invalid::new("client_secret", why));
    }
    Ok(())
}

/// What the database is to know a client's secret by, after a change of the client: a new secret
/// where one is given, the old one where there is one, a fresh one for a client that has just become
/// confidential, and none for a public client.
pub(super) fn after_change(
    app: &App,
    context: &Context,
    keys: &TenantKeys,
    client: &Client,
    old: Option<StoredSecret>,
    new: Option<&ClientSecret>,
) -> Result<Option<StoredSecret>, ClientError> {
    let store = |secret: &ClientSecret| {
        let (tenant, client_id) = (context.tenant_id(), &client.client_id);
        store_secret(keys, tenant, client_id, Held::Present, secret, &*app.entropy)
    };
    match (client.is_public(), new, old) {
        (true, Some(_), _) => {
            Err(Invalid::new("client_secret", "a public client has no secret").into())
        }
        (true, None, _) => Ok(None),
        (false, Some(new), _) => {
            check_chosen(new)?;
            Ok(Some(store(new)?))
        }
        (false, None, Some(old)) => Ok(Some(old)),
        (false, None, None) => Ok(Some(store(&mint(app))?)),
    }
}

/// Whether a client may authenticate by a secret. Public clients and those that registered keys may not.
pub(super) fn are_accepted(client: &Client) -> bool {
    !client.is_public() && client.client_authentication_methods.is_none()
}

/// Lets the secret that a client has be accepted beside the next one, until some time.
pub(super) async fn keep_previous(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    client: &Client,
    old: &StoredSecret,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), ClientError> {
    if !are_accepted(client) {
        let why = "the client authenticates by keys, and none of its secrets is accepted";
        return Err(Invalid::new("previous_secret_seconds", why).into());
    }
    let (tenant, client_id) = (context.tenant_id(), &client.client_id);
    let keys = app.keys.for_records(tx, tenant, &[&old.sealed], now).await?;
    let secret = reveal_secret(&keys, tenant, client_id, Held::Present, &old.sealed)?;
    let kept = store_secret(&keys, tenant, client_id, Held::Previous, &secret, &*app.entropy)?;
    previous_client_secrets::insert(tx, tenant, client_id, &kept, until).await?;
    Ok(())
}

/// Whoever has a client's secret can act as the client, so nobody reads or sets the secret of a
/// client that may do more at the Management API than they may.
pub(super) async fn check_reach(
    q: &mut impl Query,
    context: &Context,
    by: &Administrator,
    client_id: &ClientId,
) -> Result<(), ClientError> {
    let held = administrator::scopes_held(q, context, client_id).await?;
    let lacking = by.lacking(&held);
    if lacking.is_empty() { Ok(()) } else { Err(ClientError::BeyondCaller { lacking }) }
}

/// The secrets of clients, in their order, for an administrator who may read them; of a client that
/// is mightier than the administrator, none. The audit log tells which were read.
pub async fn reveal(
    app: &App,
    context: &Context,
    by: &Administrator,
    stored: &[StoredClient],
    now: Timestamp,
) -> Result<Vec<Option<ClientSecret>>, ClientError> {
    let holders = administrator::holders(&mut app.store.read().await?, context).await?;
    let sealed: Vec<_> =
        stored.iter().filter_map(|stored| Some(&stored.secret.as_ref()?.sealed)).collect();
    let keys = app.keys_for_records(context.tenant_id(), &sealed, now).await?;
    let is_within_reach =
        |id: &ClientId| holders.get(id).is_none_or(|held| by.lacking(held).is_empty());
    let secrets = stored
        .iter()
        .map(|StoredClient { client, secret }| match secret {
            Some(secret) if is_within_reach(&client.client_id) => {
                let tenant = context.tenant_id();
                let held = Held::Present;
                reveal_secret(&keys, tenant, &client.client_id, held, &secret.sealed).map(Some)
            }
            Some(_) | None => Ok(None),
        })
        .collect::<Result<Vec<_>, KeyError>>()?;
    let read: Vec<&str> = stored
        .iter()
        .zip(&secrets)
        .filter_map(|(stored, secret)| secret.as_ref().map(|_| stored.client.client_id.as_str()))
        .collect();
    if !read.is_empty() {
        by.event(LogEventKind::ManagementSecretRead, context)
            .describe("Read the secrets of clients")
            .details(json!({ "clients": read }))
            .commit(app, context, now)
            .await?;
    }
    Ok(secrets)
}
