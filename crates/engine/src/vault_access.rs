//! The Token Vault's exchange: one of our tokens against the provider's access token.
//!
//! 1. [`authorize_exchange`] decides, for every kind of subject token, whether this client may act
//!    for this person on this connection, and on which account.
//! 2. [`vault::refresh::next_step`] says what to do with the tokenset.
//! 3. [`crate::vault_refresh`] renews it where that is the step.
//! 4. The event is committed, then the answer leaves.

use std::sync::Arc;
use std::time::Duration;

use connectors::FaultCode;
use model::client::{AppType, VaultIneligible};
use model::connected_account::ConnectedAccount;
use model::connection::Connection;
use model::ids::{ClientId, UserId};
use model::log_event::LogEventKind;
use protocol::oauth::answer::VaultExchangeResponse;
use protocol::oauth::exchange::{SubjectToken, VaultExchangeRequest};
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{AccessToken, ProviderAccessToken, RefreshToken};
use protocol::time::Timestamp;
use serde_json::json;
use store::connected_accounts::{self, StoredAccount};
use store::{Query, StoreError, clients, connections, users};
use vault::refresh::{Refusal, Step, next_step};
use vault::seal::UserShare;

use crate::access::{self, AccessError};
use crate::access_token::{self, AccessTokenError, Subject};
use crate::app::App;
use crate::audit::Event;
use crate::client_auth::AuthenticatedClient;
use crate::context::Context;
use crate::dpop::DpopBound;
use crate::keys::{KeyError, TenantKeys};
use crate::refresh_grant::{self, RefreshError};
use crate::tokensets::{self, TokensetError};
use crate::vault_refresh::{self, RefreshOutcome};

/// `last_used_at` is written no more often.
const USE_NOTED_EVERY: Duration = Duration::from_hours(24);

/// Why the vault gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The client is not one that the vault serves.
    #[error(transparent)]
    Ineligible(#[from] VaultIneligible),
    /// Access tokens are exchanged by the API that they are for, and this client is none.
    #[error("the client is not linked to a resource server")]
    NotAResourceServer,
    /// The refresh token may not be used.
    #[error("subject token: {0}")]
    RefreshToken(#[source] RefreshError),
    /// The access token is not accepted.
    #[error("subject token: {0}")]
    AccessToken(#[from] AccessTokenError),
    /// The access token acts for a client, not for a person.
    #[error("the subject token does not act for a user")]
    NotAUser,
    /// The client that the access token was given to is gone.
    #[error("the client that the subject token was given to does not exist any more")]
    HolderGone,
    /// That client may not have such tokens any more.
    #[error("subject token: {0}")]
    HolderRefused(#[from] AccessError),
    /// The person is gone.
    #[error("the user does not exist any more")]
    UserGone,
    /// The person is blocked.
    #[error("the user is blocked")]
    UserBlocked,
    /// There is no such connection.
    #[error("there is no connection of that name")]
    UnknownConnection,
    /// The vault keeps no tokens of it.
    #[error("the connection is not enabled for connected accounts")]
    ConnectionInactive,
    /// It does not serve the client that the subject token was given to.
    #[error("the connection is not enabled for the client")]
    ConnectionNotEnabled,
    /// The person has no such account.
    #[error("tokenset_not_found")]
    NotConnected,
    /// More was asked for than was granted.
    #[error("scopes that were not granted: {missing}")]
    ScopeNotGranted {
        /// The scopes.
        missing: ScopeSet,
    },
    /// The token ended, and nothing can renew it.
    #[error("the provider's token cannot be renewed: {0:?}")]
    NotRenewable(Refusal),
    /// The provider refused to renew it, for good.
    #[error("the provider refused the refresh token: {0}")]
    ProviderRefused(FaultCode),
    /// The provider does not know us: the connection's settings are wrong, and no person can help.
    #[error("the provider refused the connection's own credentials or settings: {0}")]
    ConnectionRejected(FaultCode),
    /// The provider is out of reach.
    #[error("the provider could not be reached: {code}")]
    ProviderUnreachable {
        /// What happened.
        code: FaultCode,
        /// When to try again.
        retry_after: Option<Duration>,
    },
    /// The database or a key failed, or a record does not open.
    #[error(transparent)]
    Tokenset(#[from] TokensetError),
}

impl From<StoreError> for ExchangeError {
    fn from(error: StoreError) -> Self {
        Self::Tokenset(error.into())
    }
}

impl From<KeyError> for ExchangeError {
    fn from(error: KeyError) -> Self {
        Self::Tokenset(error.into())
    }
}

/// That a client may have tokens of one account of one person.
#[derive(Debug)]
struct ExchangePermit {
    share: UserShare,
    connection: Connection,
    stored: StoredAccount,
}

/// A token to give out.
struct Granted {
    token: ProviderAccessToken,
    expires_in: Duration,
    account: ConnectedAccount,
    connection: Connection,
}

/// Exchanges a token of ours for a provider's.
pub async fn exchange(
    app: &Arc<App>,
    context: &Context,
    client: &AuthenticatedClient,
    request: &VaultExchangeRequest,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<VaultExchangeResponse, ExchangeError> {
    match attempt(app, context, client, request, proof, now).await {
        Ok(granted) => {
            record(app, context, client, request, &granted, now).await?;
            let Granted { token, expires_in, account, connection: _ } = granted;
            let issued = request.requested_token_type;
            Ok(VaultExchangeResponse::new(token, expires_in.as_secs(), account.scopes, issued))
        }
        Err(
            error @ (ExchangeError::Tokenset(TokensetError::Key(KeyError::Store(_)))
            | ExchangeError::HolderRefused(AccessError::Store(_))),
        ) => Err(error),
        Err(error) => {
            if let ExchangeError::RefreshToken(RefreshError::Reused { family_id }) = &error {
                refresh_grant::end_family(app, context, client.client(), family_id, now).await?;
            }
            Event::new(LogEventKind::VaultExchangeFailed, context)
                .client(client.client())
                .describe(error.to_string())
                .details(json!({
                    "subject_token_type": request.subject.token_type().as_str(),
                    "connection": request.connection,
                    "failure_reason": error.to_string(),
                    "is_privileged_worker": false,
                }))
                .commit(app, context, now)
                .await?;
            Err(error)
        }
    }
}

async fn attempt(
    app: &Arc<App>,
    context: &Context,
    client: &AuthenticatedClient,
    request: &VaultExchangeRequest,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<Granted, ExchangeError> {
    let mut permit = authorize_exchange(app, context, client, request, proof, now).await?;
    let mut expires_in = None;
    if let Step::Refresh { fallback } = step(app, &permit, now) {
        expires_in = renew(app, context, &mut permit, fallback, now).await?;
    }
    let expires_in = match (expires_in, step(app, &permit, now)) {
        (Some(expires_in), _)
        | (None, Step::Serve { expires_in } | Step::Refresh { fallback: Some(expires_in) }) => {
            expires_in
        }
        (None, Step::Refuse(refusal)) => return Err(ExchangeError::NotRenewable(refusal)),
        (None, Step::Refresh { fallback: None }) => {
            let code = FaultCode::fixed("expired_on_arrival");
            return Err(ExchangeError::ProviderUnreachable { code, retry_after: None });
        }
    };
    let keys = app.tenant_keys(context.tenant_id(), now).await?;
    let tokens = tokensets::open(&keys, context.tenant_id(), &permit.share, &permit.stored)?;
    let ExchangePermit { connection, stored, .. } = permit;
    Ok(Granted { token: tokens.access_token, expires_in, account: stored.account, connection })
}

fn step(app: &App, permit: &ExchangePermit, now: Timestamp) -> Step {
    match app.catalogue.get(permit.connection.strategy.as_str()) {
        Some(spec) => next_step(&permit.stored.account, tokensets::lifetimes(spec), now),
        // Only strategies of the catalogue have tokens.
        None => Step::Refuse(Refusal::NoRefreshToken),
    }
}

/// Has the tokenset renewed and reads it again. Answers for how long the stored token is to be used
/// all the same, where the provider did not help and it is still valid.
async fn renew(
    app: &Arc<App>,
    context: &Context,
    permit: &mut ExchangePermit,
    fallback: Option<Duration>,
    now: Timestamp,
) -> Result<Option<Duration>, ExchangeError> {
    let outcome = vault_refresh::refresh(app, context, &permit.stored.account, now).await;
    let failed = match outcome {
        RefreshOutcome::Settled => {
            let id = &permit.stored.account.id;
            let mut read = app.store.read().await?;
            permit.stored = connected_accounts::find(&mut read, context.tenant_id(), id)
                .await?
                .ok_or(ExchangeError::NotConnected)?;
            return Ok(None);
        }
        RefreshOutcome::Refused(code) => ExchangeError::ProviderRefused(code),
        RefreshOutcome::Rejected(code) => ExchangeError::ConnectionRejected(code),
        RefreshOutcome::Passing { code, retry_after } => {
            ExchangeError::ProviderUnreachable { code, retry_after }
        }
    };
    match fallback {
        Some(_) => Ok(fallback),
        None => Err(failed),
    }
}

/// Decides whether this client may have a token of this person's account, and of which. Everything
/// that refuses an exchange for who asks stands here, in order.
async fn authorize_exchange(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    request: &VaultExchangeRequest,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<ExchangePermit, ExchangeError> {
    let VaultExchangeRequest { connection, subject, requested_token_type: _, login_hint, scope } =
        request;
    client.client().vault_exchange_allowed()?;
    let mut read = app.store.read().await?;
    let tenant = context.tenant_id();

    // For whom, and to which client the subject token was given.
    let Bearer { user_id, holder, given_at } = match subject {
        SubjectToken::RefreshToken(token) => {
            by_refresh_token(&mut read, context, client, token, proof, now).await?
        }
        SubjectToken::AccessToken(token) => {
            let keys = app.keys.of(&mut read, tenant, now).await?;
            by_access_token(&mut read, &keys, context, client, token, now).await?
        }
    };
    let standing = users::standing(&mut read, tenant, &user_id).await?;
    let standing = standing.ok_or(ExchangeError::UserGone)?;
    // A user of the same id who came later is somebody else.
    if given_at.as_seconds() < standing.created_at.as_seconds() {
        return Err(ExchangeError::UserGone);
    }
    if standing.blocked {
        return Err(ExchangeError::UserBlocked);
    }

    // Which connection. It must serve the client that the person gave the token to; the Custom API
    // Client that exchanges it has no people of its own.
    let found = connections::find_by_name(&mut read, tenant, connection).await?;
    let connection = found.ok_or(ExchangeError::UnknownConnection)?.connection;
    if !connection.feeds_vault() {
        return Err(ExchangeError::ConnectionInactive);
    }
    if !connections::serves(&mut read, tenant, &connection.id, &holder).await? {
        return Err(ExchangeError::ConnectionNotEnabled);
    }

    // Which account.
    let accounts =
        connected_accounts::list_for_connection(&mut read, tenant, &user_id, &connection.id)
            .await?;
    let stored = choose(accounts, login_hint.as_deref()).ok_or(ExchangeError::NotConnected)?;
    if let Some(scope) = scope
        && !scope.is_subset_of(&stored.account.scopes)
    {
        let missing = scope.without(&stored.account.scopes);
        return Err(ExchangeError::ScopeNotGranted { missing });
    }
    Ok(ExchangePermit { share: standing.share, connection, stored })
}

/// For whom a subject token speaks.
struct Bearer {
    user_id: UserId,
    /// The client that the person gave it to.
    holder: ClientId,
    given_at: Timestamp,
}

/// A refresh token of this client: looked at, never spent.
async fn by_refresh_token(
    q: &mut impl Query,
    context: &Context,
    client: &AuthenticatedClient,
    token: &RefreshToken,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<Bearer, ExchangeError> {
    let client = client.client();
    let usable = refresh_grant::find_usable(q, context, client, &token.hashed(), proof, now).await;
    match usable {
        Ok(usable) => Ok(Bearer {
            user_id: usable.user.user_id,
            holder: client.client_id.clone(),
            given_at: usable.family.created_at,
        }),
        Err(RefreshError::Key(error)) => Err(error.into()),
        Err(RefreshError::UserGone) => Err(ExchangeError::UserGone),
        Err(RefreshError::UserBlocked) => Err(ExchangeError::UserBlocked),
        Err(error) => Err(ExchangeError::RefreshToken(error)),
    }
}

/// An access token for the API that this client is. It may be bound to a key of whoever sent it;
/// the API does not have that key, and shows by its own credentials who it is.
///
/// The token outlives what it was given for, so whether its holder may still have such tokens is
/// asked anew.
async fn by_access_token(
    q: &mut impl Query,
    keys: &TenantKeys,
    context: &Context,
    client: &AuthenticatedClient,
    token: &AccessToken,
    now: Timestamp,
) -> Result<Bearer, ExchangeError> {
    let client = client.client();
    let (Some(AppType::ResourceServer), Some(api)) =
        (client.app_type, &client.resource_server_identifier)
    else {
        return Err(ExchangeError::NotAResourceServer);
    };
    let audience = context.tenant.local_audience(api, &context.base);
    let verified = access_token::verify(keys, context, token, &audience, now)?;
    let Subject::User(user_id) = verified.subject else { return Err(ExchangeError::NotAUser) };
    let holder = clients::find(q, context.tenant_id(), &verified.client_id).await?;
    let holder = holder.ok_or(ExchangeError::HolderGone)?.client;
    let server = access::find_resource_server(q, context, &audience).await?;
    access::allowed_for_user(q, context, &holder, &server).await?;
    Ok(Bearer { user_id, holder: holder.client_id, given_at: verified.issued_at })
}

fn choose(stored: Vec<StoredAccount>, login_hint: Option<&str>) -> Option<StoredAccount> {
    let accounts: Vec<_> = stored.iter().map(|stored| stored.account.clone()).collect();
    let chosen = ConnectedAccount::choose(&accounts, login_hint)?.id.clone();
    stored.into_iter().find(|stored| stored.account.id == chosen)
}

/// Commits the event, and that the tokenset was used.
async fn record(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    request: &VaultExchangeRequest,
    granted: &Granted,
    now: Timestamp,
) -> Result<(), StoreError> {
    let account = &granted.account;
    let mut tx = app.store.write().await?;
    if account.last_used_at.is_none_or(|last| now.since(last) >= USE_NOTED_EVERY) {
        connected_accounts::note_use(&mut tx, context.tenant_id(), &account.id, now).await?;
    }
    Event::new(LogEventKind::VaultExchange, context)
        .client(client.client())
        .user_id(account.user_id.as_str())
        .connection(&granted.connection)
        .details(json!({
            "subject_token_type": request.subject.token_type().as_str(),
            "issued_token_type": request.requested_token_type.as_str(),
            "scope": account.scopes,
            "expires_at": now.saturating_add(granted.expires_in).to_rfc3339(),
            "is_privileged_worker": false,
            "connected_account": { "id": account.id },
            "token_thumbprint": thumbprint(&granted.token),
        }))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await
}

/// SHA-256 of a token in hexadecimal, so that a leaked token can be found in the log without being
/// there.
fn thumbprint(token: &ProviderAccessToken) -> String {
    use std::fmt::Write;
    token.hashed().as_bytes().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
