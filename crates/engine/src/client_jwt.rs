//! What a client signs with its own keys, believed once: RFC 7523, and requests to the vault.

use model::client_credential::{ClientCredential, CredentialRef};
use model::ids::ClientId;
use protocol::jose::jwk::JwkSet;
use protocol::oauth::client_jwt::{Expected, JwtError, OneTime};
use protocol::time::Timestamp;
use store::{Query, StoreError, client_credentials, replay_marks};

use crate::app::App;
use crate::context::Context;
use crate::mark::mark;

/// What a token is for. A `jti` that was seen in one kind says nothing of another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    /// To authenticate the client.
    Assertion,
    /// To ask the vault for a person's tokens.
    VaultRequest,
}

impl Use {
    fn as_str(self) -> &'static str {
        match self {
            Self::Assertion => "client assertion",
            Self::VaultRequest => "vault request",
        }
    }
}

/// Why a token of a client is not believed.
#[derive(Debug, thiserror::Error)]
pub enum ClientJwtError {
    /// It is not what it has to be.
    #[error(transparent)]
    Invalid(#[from] JwtError),
    /// It was used before.
    #[error("it was used before")]
    Replayed,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Verifies a token by the keys of the client that it uses for this, and spends what `one_time` finds
/// in it. On every node it is spent: the mark is in the database before anybody is believed.
pub(crate) async fn believe<T>(
    app: &App,
    context: &Context,
    client_id: &ClientId,
    (used_for, refs): (Use, &[CredentialRef]),
    verify: impl FnOnce(Expected<'_>) -> Result<T, JwtError>,
    one_time: impl FnOnce(&T) -> OneTime,
    now: Timestamp,
) -> Result<T, ClientJwtError> {
    let keys = current_keys(&mut app.store.read().await?, context, client_id, refs, now).await?;
    // RFC 9126 §2: at the endpoint for pushed requests, its own address will do as well.
    let endpoints = ["oauth/token", "oauth/par"].map(|path| context.base.join(path));
    let audiences = [context.issuer(), &endpoints[0], &endpoints[1]];
    let expected =
        Expected { client_id: client_id.as_str(), keys: &keys, audiences: &audiences, now };
    let believed = verify(expected)?;
    let OneTime { jti, remember_until } = one_time(&believed);
    let mark = mark(&[client_id.as_str(), &jti]);
    let mut tx = app.store.write().await?;
    let tenant = context.tenant_id();
    let first =
        replay_marks::insert(&mut tx, tenant, used_for.as_str(), &mark, remember_until).await?;
    tx.commit().await?;
    if first { Ok(believed) } else { Err(ClientJwtError::Replayed) }
}

/// The keys of a client that are among `refs` and have not ended.
pub(crate) async fn current_keys(
    q: &mut impl Query,
    context: &Context,
    client_id: &ClientId,
    refs: &[CredentialRef],
    now: Timestamp,
) -> Result<JwkSet, StoreError> {
    let current = current(q, context, client_id, refs, now).await?;
    Ok(JwkSet::new(current.iter().filter_map(|one| one.key().cloned()).collect()))
}

/// The credentials of a client that are among `refs` and have not ended.
pub(crate) async fn current(
    q: &mut impl Query,
    context: &Context,
    client_id: &ClientId,
    refs: &[CredentialRef],
    now: Timestamp,
) -> Result<Vec<ClientCredential>, StoreError> {
    let mut all = client_credentials::list(q, context.tenant_id(), client_id).await?;
    all.retain(|one| one.is_current(now) && refs.iter().any(|wanted| wanted.id == one.id));
    Ok(all)
}
