//! The keys by which a connection proves at its provider who we are (`private_key_jwt`).
//!
//! A connection signs with its current key. The next one is there already, to be registered at the
//! provider before it signs; the previous one stays to be looked at until the next rotation. Only their
//! public halves are ever shown.

mod certificate;

use std::sync::Arc;

use connectors::Provider;
use connectors::spec::ClientAuthRule;
use model::connection::Connection;
use model::ids::{ConnectionId, TenantId};
use model::log_event::LogEventKind;
use protocol::jose::jws::{Algorithm, SigningKey};
use protocol::time::Timestamp;
use serde_json::json;
use store::connection_keys::{self, ConnectionKey};
use store::keys::Stage;
use store::{Query, StoreError, WriteTx, connections};
use vault::keyring::Purpose;
use vault::seal::Place;
use zeroize::Zeroizing;

use self::certificate::Certificate;
use crate::administrator::Administrator;
use crate::app::App;
use crate::context::Context;
use crate::keys::{KeyError, TenantKeys};

/// Why keys are not shown, made or rotated.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionKeyError {
    /// There is no such connection.
    #[error("the connection does not exist")]
    Unknown,
    /// Nothing at its provider could be proven by a key.
    #[error("keys are not available for this connection")]
    NotAvailable,
    /// It has keys.
    #[error("keys have already been created for this connection")]
    Exist,
    /// It has none that could be rotated.
    #[error("the connection has no keys")]
    None,
    /// The certificate cannot be made.
    #[error("the certificate of a key cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for ConnectionKeyError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// The keys of a connection, oldest first.
pub async fn list(
    app: &App,
    context: &Context,
    id: &ConnectionId,
) -> Result<Vec<ConnectionKey>, ConnectionKeyError> {
    let mut read = app.store.read().await?;
    find(app, &mut read, context, id).await?;
    Ok(connection_keys::list(&mut read, context.tenant_id(), id).await?)
}

/// Gives a connection its first two keys: the one that signs and the one that will.
pub async fn create(
    app: &App,
    context: &Context,
    by: &Administrator,
    id: &ConnectionId,
    algorithm: Option<Algorithm>,
    now: Timestamp,
) -> Result<Vec<ConnectionKey>, ConnectionKeyError> {
    let connection = find(app, &mut app.store.read().await?, context, id).await?;
    let algorithm = algorithm_of(&connection, algorithm);
    let (current, next) = tokio::try_join!(Fresh::make(algorithm), Fresh::make(algorithm))?;
    let mut tx = app.store.write().await?;
    let connection = find_for_update(&mut tx, context, id).await?;
    let mut made = Vec::new();
    for (stage, fresh) in [(Stage::Current, current), (Stage::Next, next)] {
        let key = fresh.seal(app, &mut tx, context, &connection, stage, now).await?;
        let inserted = connection_keys::insert(&mut tx, context.tenant_id(), &key, now).await;
        inserted.map_err(|error| {
            if error.is_duplicate() { ConnectionKeyError::Exist } else { error.into() }
        })?;
        made.push(key);
    }
    let kids: Vec<_> = made.iter().map(|key| key.kid.as_str()).collect();
    by.event(LogEventKind::ManagementWrite, context)
        .connection(&connection)
        .describe("Create the keys of a connection")
        .details(json!({ "kids": kids }))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(made)
}

/// Lets a connection sign with its next key, and gives it another next one, which is answered.
pub async fn rotate(
    app: &App,
    context: &Context,
    by: &Administrator,
    id: &ConnectionId,
    algorithm: Option<Algorithm>,
    now: Timestamp,
) -> Result<ConnectionKey, ConnectionKeyError> {
    let tenant = context.tenant_id();
    let connection = find(app, &mut app.store.read().await?, context, id).await?;
    let fresh = Fresh::make(algorithm_of(&connection, algorithm)).await?;
    let mut tx = app.store.write().await?;
    let connection = find_for_update(&mut tx, context, id).await?;
    let keys = connection_keys::list(&mut tx, tenant, id).await?;
    let next = keys.iter().find(|key| key.stage == Stage::Next).ok_or(ConnectionKeyError::None)?;
    if !connection_keys::advance(&mut tx, tenant, id, &next.kid, now).await? {
        return Err(ConnectionKeyError::None);
    }
    let key = fresh.seal(app, &mut tx, context, &connection, Stage::Next, now).await?;
    connection_keys::insert(&mut tx, tenant, &key, now).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .connection(&connection)
        .describe("Rotate the keys of a connection")
        .details(json!({ "kid": next.kid, "next_kid": key.kid }))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(key)
}

/// The key that a connection signs with, if it has any.
pub(crate) async fn current(
    app: &App,
    tenant: &TenantId,
    id: &ConnectionId,
    now: Timestamp,
) -> Result<Option<Arc<SigningKey>>, KeyError> {
    let found = connection_keys::current(&mut app.store.read().await?, tenant, id).await?;
    let Some(key) = found else { return Ok(None) };
    let keys = app.keys_for_records(tenant, &[&key.sealed], now).await?;
    let place = place(tenant, id, &key.kid);
    let pkcs8 = keys.open(Purpose::ProviderSecrets, None, &place, &key.sealed)?;
    Ok(Some(Arc::new(SigningKey::from_pkcs8_for(key.algorithm, &pkcs8, key.kid)?)))
}

/// Where the private half of a key stands.
pub(crate) fn place<'a>(tenant: &'a TenantId, id: &'a ConnectionId, kid: &'a str) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        table: "connection_keys",
        row: kid,
        user: "",
        connection: id.as_str(),
        field: "sealed_key",
        generation: 0,
    }
}

/// The connection, if its provider may take a key for a proof.
async fn find(
    app: &App,
    q: &mut impl Query,
    context: &Context,
    id: &ConnectionId,
) -> Result<Connection, ConnectionKeyError> {
    let found = connections::find(q, context.tenant_id(), id).await?;
    let connection = found.ok_or(ConnectionKeyError::Unknown)?.connection;
    match app.catalogue.get(connection.strategy.as_str()) {
        Some(spec) if spec.client.auth == ClientAuthRule::Discovered => Ok(connection),
        Some(_) | None => Err(ConnectionKeyError::NotAvailable),
    }
}

/// The same as it is now, and for as long as the transaction lasts.
async fn find_for_update(
    tx: &mut WriteTx,
    context: &Context,
    id: &ConnectionId,
) -> Result<Connection, ConnectionKeyError> {
    let found = connections::find_for_update(tx, context.tenant_id(), id).await?;
    Ok(found.ok_or(ConnectionKeyError::Unknown)?.connection)
}

/// What was asked for, else what the options say, else what every provider should support (OpenID
/// Connect Discovery §3).
fn algorithm_of(connection: &Connection, asked: Option<Algorithm>) -> Algorithm {
    let configured = || Provider::assertion_algorithm(&connection.options);
    asked.or_else(configured).unwrap_or(Algorithm::Rs256)
}

/// A key pair that belongs to nobody yet.
struct Fresh {
    algorithm: Algorithm,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl Fresh {
    /// Takes a while, and not on the threads that serve.
    async fn make(algorithm: Algorithm) -> Result<Self, KeyError> {
        let made = tokio::task::spawn_blocking(move || SigningKey::generate_for(algorithm)).await;
        match made {
            Ok(pkcs8) => Ok(Self { algorithm, pkcs8: pkcs8? }),
            // The task cannot be cancelled; if it panicked, so does its owner.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn seal(
        self,
        app: &App,
        tx: &mut WriteTx,
        context: &Context,
        connection: &Connection,
        stage: Stage,
        now: Timestamp,
    ) -> Result<ConnectionKey, ConnectionKeyError> {
        let Self { algorithm, pkcs8 } = self;
        let tenant = context.tenant_id();
        let kid = app.entropy.id::<()>("", 21).as_str().to_owned();
        let public_jwk =
            SigningKey::from_pkcs8_for(algorithm, &pkcs8, kid.as_str()).map_err(KeyError::from)?;
        let Certificate { pem, thumbprint } = certificate::of(&connection.id, &pkcs8)?;
        let keys: Arc<TenantKeys> = app.keys.of(tx, tenant, now).await?;
        let place = place(tenant, &connection.id, &kid);
        let sealed = keys.seal(Purpose::ProviderSecrets, None, &place, &pkcs8, &*app.entropy)?;
        Ok(ConnectionKey {
            connection_id: connection.id.clone(),
            public_jwk: public_jwk.public_jwk(),
            certificate: pem,
            thumbprint,
            current_since: (stage == Stage::Current).then_some(now),
            kid,
            stage,
            algorithm,
            sealed,
        })
    }
}
