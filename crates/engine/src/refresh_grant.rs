//! Exchanges refresh tokens: RFC 6749 §6, with rotation and reuse detection (RFC 9700 §4.14.2) and
//! Auth0's multi-resource refresh tokens.

use model::client::Client;
use model::connection::Connection;
use model::grant::{GrantFamily, RefreshTokenRecord, RefreshTokenState};
use model::ids::GrantFamilyId;
use model::log_event::LogEventKind;
use model::user::User;
use protocol::oauth::answer::TokenResponse;
use protocol::oauth::scope::ScopeSet;
use protocol::oauth::token::{GrantType, RefreshTokenGrant};
use protocol::secret::{Hashed, RefreshToken, kind};
use protocol::time::Timestamp;
use store::{Query, StoreError, WriteTx, connections, grants, users};

use crate::access::{self, Access, AccessError, OFFLINE_ACCESS, OIDC_SCOPES};
use crate::app::App;
use crate::audit::Event;
use crate::client_auth::AuthenticatedClient;
use crate::context::Context;
use crate::dpop::DpopBound;
use crate::issue::{self, Issue};
use crate::keys::KeyError;

/// Why a refresh token is not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The client may not use the grant.
    #[error("the refresh_token grant is not enabled for the client")]
    GrantNotAllowed,
    /// There is no such token.
    #[error("the refresh token is unknown")]
    Unknown,
    /// It was given to another client.
    #[error("the refresh token belongs to another client")]
    OtherClient,
    /// It is past its absolute or idle end.
    #[error("the refresh token has expired")]
    Expired,
    /// It was revoked.
    #[error("the refresh token was revoked")]
    Revoked,
    /// It was replaced and came again.
    #[error("the refresh token was used again after it was replaced; its family is revoked")]
    Reused {
        /// The family.
        family_id: GrantFamilyId,
    },
    /// It is bound to a key, and there is no proof.
    #[error("the refresh token is bound to a key, and the request has no proof")]
    ProofMissing,
    /// It is bound to another key than the one that made the proof.
    #[error("the refresh token is bound to another key than that of the proof")]
    KeyMismatch,
    /// No connection by which the person can log in serves the client any more.
    #[error("no connection of the user lets them log in to the client")]
    ConnectionClosed,
    /// The person is gone.
    #[error("the user does not exist any more")]
    UserGone,
    /// The person is blocked.
    #[error("the user is blocked")]
    UserBlocked,
    /// The audience is not among the client's policies.
    #[error("the refresh token policies do not allow the audience {0:?}")]
    AudienceNotAllowed(String),
    /// The resource server cannot be accessed, or not in this way.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// A refresh token that may be used, and for whom.
#[derive(Debug)]
pub(crate) struct UsableToken {
    pub(crate) family: GrantFamily,
    pub(crate) record: RefreshTokenRecord,
    pub(crate) user: User,
}

/// Exchanges a refresh token.
pub async fn exchange(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    request: RefreshTokenGrant,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<TokenResponse, RefreshError> {
    let client = client.client();
    let mut tx = app.store.write().await?;
    let error = match attempt(app, &mut tx, context, client, request, proof, now).await {
        Ok(response) => {
            tx.commit().await?;
            return Ok(response);
        }
        Err(error) => error,
    };
    // A refused attempt leaves nothing behind but its event.
    tx.rollback().await?;
    match &error {
        RefreshError::Key(_) | RefreshError::Access(AccessError::Store(_)) => {}
        RefreshError::Reused { family_id } => {
            end_family(app, context, client, family_id, now).await?;
        }
        RefreshError::GrantNotAllowed
        | RefreshError::Unknown
        | RefreshError::OtherClient
        | RefreshError::Expired
        | RefreshError::Revoked
        | RefreshError::ProofMissing
        | RefreshError::KeyMismatch
        | RefreshError::ConnectionClosed
        | RefreshError::UserGone
        | RefreshError::UserBlocked
        | RefreshError::AudienceNotAllowed(_)
        | RefreshError::Access(_) => {
            Event::new(LogEventKind::RefreshExchangeFailed, context)
                .client(client)
                .describe(error.to_string())
                .commit(app, context, now)
                .await?;
        }
    }
    Err(error)
}

/// Ends a family of which a replaced token came again.
pub(crate) async fn end_family(
    app: &App,
    context: &Context,
    client: &Client,
    family_id: &GrantFamilyId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = app.store.write().await?;
    grants::revoke_family(&mut tx, context.tenant_id(), family_id, now).await?;
    let cause = RefreshError::Reused { family_id: family_id.clone() };
    Event::new(LogEventKind::RefreshTokenReuse, context)
        .client(client)
        .describe(cause.to_string())
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await
}

async fn attempt(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    client: &Client,
    request: RefreshTokenGrant,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<TokenResponse, RefreshError> {
    let RefreshTokenGrant { refresh_token, scope, audience } = request;
    if !client.allows_grant(GrantType::RefreshToken) {
        return Err(RefreshError::GrantNotAllowed);
    }
    let hash = refresh_token.hashed();
    let usable = find_usable(tx, context, client, &hash, proof, now).await?;
    let UsableToken { family, user, .. } = &usable;
    let access =
        access_of(tx, context, client, family, audience.as_deref(), scope.as_ref()).await?;
    let server = access.resource_server.as_ref();
    let binding = access::binding(context, client, server, proof)?;
    let successor = if client.refresh_token.rotates() {
        Some(rotate(app, tx, context, client, &usable, &hash, now).await?)
    } else {
        note_use(tx, context, family, family.latest_generation, now).await?;
        None
    };
    let keys = app.keys.of(tx, context.tenant_id(), now).await?;
    let issue = Issue {
        client,
        user,
        authorization: &family.authorization,
        resource_server: server,
        scope: &access.scope,
        binding: binding.as_ref(),
        nonce: None,
        refresh_token: successor,
    };
    let response = issue::token_response(app, &keys, context, issue, now)?;
    Event::new(LogEventKind::RefreshExchange, context)
        .client(client)
        .user(user)
        .access(server.map(|server| server.identifier.as_str()), &access.scope)
        .write(app, tx, context, now)
        .await?;
    Ok(response)
}

/// Finds a token that this client may use now, and its user; says nothing of what it is used for.
/// The Token Vault asks it too.
pub(crate) async fn find_usable(
    q: &mut impl Query,
    context: &Context,
    client: &Client,
    hash: &Hashed<kind::RefreshToken>,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<UsableToken, RefreshError> {
    let tenant = context.tenant_id();
    let (family, record) = grants::find(q, tenant, hash).await?.ok_or(RefreshError::Unknown)?;
    // RFC 6749 §6: the refresh token is bound to the client to which it was issued.
    if family.authorization.client_id != client.client_id {
        return Err(RefreshError::OtherClient);
    }
    let settings = &client.refresh_token;
    let state = family.judge(&record, settings.idle_lifetime(), settings.leeway(), now);
    match state {
        RefreshTokenState::Usable | RefreshTokenState::UsableWithinLeeway => {}
        RefreshTokenState::Reused => return Err(RefreshError::Reused { family_id: family.id }),
        RefreshTokenState::Expired => return Err(RefreshError::Expired),
        RefreshTokenState::Revoked => return Err(RefreshError::Revoked),
    }
    // RFC 9449 §5: the proof MUST be by the key that the refresh token is bound to. Judged last, so
    // that the answer does not tell a thief without the key whether the token still lives.
    match (&family.dpop_jkt, proof.map(DpopBound::jkt)) {
        (None, _) => {}
        (Some(expected), Some(proven)) if proven == expected => {}
        (Some(_), Some(_)) => return Err(RefreshError::KeyMismatch),
        (Some(_), None) => return Err(RefreshError::ProofMissing),
    }
    let user = users::find(q, tenant, &family.authorization.user_id).await?;
    let user = user.ok_or(RefreshError::UserGone)?;
    if user.blocked {
        return Err(RefreshError::UserBlocked);
    }
    // Whoever could not log in now is not refreshed either.
    let serving = connections::list_for_client(q, tenant, &client.client_id).await?;
    let lets_in = |connection: &Connection| {
        let mut ways = user.identities.iter().map(|identity| &identity.connection_id);
        connection.authentication.active && ways.any(|id| *id == connection.id)
    };
    if !serving.iter().any(|stored| lets_in(&stored.connection)) {
        return Err(RefreshError::ConnectionClosed);
    }
    Ok(UsableToken { family, record, user })
}

/// Replaces a token by its successor.
///
/// The successor is a keyed function of the token: whoever brings the token again inside the leeway,
/// because the answer was lost or a second tab was as fast, gets the same one, and the family stays a
/// single line. A thief and the owner therefore meet at the next use, which reveals the theft.
async fn rotate(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    client: &Client,
    UsableToken { family, record, .. }: &UsableToken,
    hash: &Hashed<kind::RefreshToken>,
    now: Timestamp,
) -> Result<RefreshToken, RefreshError> {
    let tenant = context.tenant_id();
    let first =
        record.replaced_at.is_none() && grants::replace_token(tx, tenant, hash, now).await?;
    // Of several that bring the token at once one is first; the others come after it.
    if !first && client.refresh_token.leeway().is_zero() {
        return Err(RefreshError::Reused { family_id: family.id.clone() });
    }
    let generation = record.generation + 1;
    note_use(tx, context, family, generation, now).await?;
    let keys = app.keys.of(tx, tenant, now).await?;
    let successor = issue::successor(&keys, &family.id, hash)?;
    grants::insert_token(tx, tenant, &successor.hashed(), &family.id, generation, now).await?;
    Ok(successor)
}

async fn note_use(
    tx: &mut WriteTx,
    context: &Context,
    family: &GrantFamily,
    generation: i64,
    now: Timestamp,
) -> Result<(), RefreshError> {
    let noted = grants::note_use(tx, context.tenant_id(), &family.id, generation, now).await?;
    if noted { Ok(()) } else { Err(RefreshError::Revoked) }
}

/// What the access token is for: the original audience with what was granted and what the policies
/// add there, or another audience of the policies. What is asked for narrows it and never widens it;
/// unknown scopes fall away.
async fn access_of(
    q: &mut impl Query,
    context: &Context,
    client: &Client,
    family: &GrantFamily,
    audience: Option<&str>,
    requested: Option<&ScopeSet>,
) -> Result<Access, RefreshError> {
    let authorization = &family.authorization;
    let stored = audience.map(|audience| context.tenant.canonical_audience(audience));
    let target = stored.as_deref().or(authorization.audience.as_deref());
    let policy = target.and_then(|target| client.refresh_token.policy_for(target));
    let added = policy.map(|policy| ScopeSet::parse_lenient(&policy.scope.join(" ")));
    let of_person = authorization.scope.intersection(&ScopeSet::parse_lenient(OIDC_SCOPES));
    let always = if authorization.scope.contains(OFFLINE_ACCESS) {
        of_person.union(&ScopeSet::parse_lenient(OFFLINE_ACCESS))
    } else {
        of_person
    };
    let is_original = target == authorization.audience.as_deref();
    let granted = match (is_original, added) {
        (true, None) => authorization.scope.clone(),
        (true, Some(added)) => authorization.scope.union(&added),
        (false, Some(added)) => added,
        (false, None) => {
            return Err(RefreshError::AudienceNotAllowed(audience.unwrap_or_default().to_owned()));
        }
    };
    let resource_server = match target {
        None => None,
        Some(target) => Some(access::find_resource_server(q, context, target).await?),
    };
    let of_server = match &resource_server {
        None => ScopeSet::empty(),
        Some(server) => {
            let allowed = access::allowed_for_user(q, context, client, server).await?;
            granted.intersection(&allowed)
        }
    };
    let of_server = match requested {
        Some(requested) if !requested.is_empty() => of_server.intersection(requested),
        Some(_) | None => of_server,
    };
    // Published SDKs compare: every OIDC scope that they once had must be echoed.
    Ok(Access { resource_server, scope: always.union(&of_server) })
}
