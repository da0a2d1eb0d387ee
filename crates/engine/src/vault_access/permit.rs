//! Who may have which tokens: the one decision, for every kind of subject token.

use std::net::IpAddr;
use std::sync::Arc;

use connectors::{Catalogue, Spec, every_name_of};
use model::client::{AppType, Client};
use model::connected_account::ConnectedAccount;
use model::connection::Connection;
use model::ids::{ClientId, TenantId, UserId};
use protocol::oauth::exchange::{SubjectToken, SubjectTokenType, VaultExchangeRequest};
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{AccessToken, ClientJwt, RefreshToken};
use protocol::time::Timestamp;
use serde_json::{Map, Value, json};
use store::connected_accounts::{self, StoredAccount};
use store::{Query, clients, connections, users};
use vault::seal::UserShare;

use super::ExchangeError;
use super::policy::{self, PolicyError};
use super::privileged::{self, Privilege, PrivilegeError};
use crate::access;
use crate::access_token::{self, Subject};
use crate::app::App;
use crate::audit::printable;
use crate::client_auth::AuthenticatedClient;
use crate::context::{CallerAddress, Context};
use crate::dpop::DpopBound;
use crate::keys::TenantKeys;
use crate::refresh_grant::{self, RefreshError};

/// That a client may have tokens of one account of one person.
#[derive(Debug)]
pub(super) struct ExchangePermit {
    pub(super) share: UserShare,
    pub(super) connection: Connection,
    pub(super) stored: StoredAccount,
    /// The client that the person gave the subject token to.
    pub(super) holder: ClientId,
    /// What the token is to be narrowed to.
    pub(super) narrower: Option<Narrower>,
    /// The scopes that it must have.
    asked: Option<ScopeSet>,
    /// The scopes that it may have.
    at_most: Option<ScopeSet>,
}

/// Fewer scopes than the account's stored token has.
#[derive(Debug)]
pub(super) struct Narrower {
    /// What is known of the provider.
    pub(super) spec: Arc<Spec>,
    /// What the provider is asked for.
    pub(super) asked: ScopeSet,
    /// What the token may have, by every name.
    pub(super) at_most: ScopeSet,
    /// What the stored token has beyond that.
    pub(super) beyond: ScopeSet,
}

impl ExchangePermit {
    /// Checks the account's scopes against what was asked for and what the client may have: at first,
    /// and again when a renewal may have brought others.
    pub(super) fn check_scopes(&mut self, catalogue: &Catalogue) -> Result<(), ExchangeError> {
        let account = &self.stored.account;
        if let Some(asked) = &self.asked
            && !asked.is_subset_of(&account.scopes)
        {
            let missing = asked.without(&account.scopes);
            return Err(ExchangeError::ScopeNotGranted { missing });
        }
        self.narrower = match &self.at_most {
            Some(at_most) => narrower(catalogue, &self.connection, account, at_most)?,
            None => None,
        };
        Ok(())
    }
}

/// What is known of a request so far, for the log, whatever becomes of it.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// For whom it is.
    pub(super) user_id: Option<UserId>,
    /// What else was believed.
    pub(super) details: Map<String, Value>,
}

/// Decides whether this client may have a token of this person's account, and of which. Everything
/// that refuses an exchange for who asks stands here, in order.
pub(super) async fn authorize_exchange(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    request: &VaultExchangeRequest,
    proof: Option<&DpopBound>,
    trail: &mut Trail,
    now: Timestamp,
) -> Result<ExchangePermit, ExchangeError> {
    let VaultExchangeRequest { connection, subject, login_hint, scope, .. } = request;
    let from = From::Somewhere(context.ip.map(CallerAddress::ip));
    may_ask(client.client(), subject.token_type(), from, now)?;
    let tenant = context.tenant_id();

    // For whom, and to which client the subject token was given.
    let (bearer, mut read) = match subject {
        SubjectToken::RefreshToken(token) => {
            let mut read = app.store.read().await?;
            (by_refresh_token(&mut read, context, client, token, proof, now).await?, read)
        }
        SubjectToken::AccessToken(token) => {
            let mut read = app.store.read().await?;
            let keys = app.keys.of(&mut read, tenant, now).await?;
            (by_access_token(&mut read, &keys, context, client, token, now).await?, read)
        }
        SubjectToken::Jwt(token) => {
            let bearer = by_request(app, context, client, token, trail, now).await?;
            (bearer, app.store.read().await?)
        }
    };
    trail.user_id = Some(bearer.user_id.clone());
    if policy::has_budget(client.client()) {
        drop(read);
        let mut tx = app.store.write().await?;
        let spent = policy::spend(&mut tx, tenant, client.client(), &bearer.user_id, now).await?;
        tx.commit().await?;
        spent?;
        read = app.store.read().await?;
    }
    let wanted = Wanted { connection, login_hint: login_hint.as_deref(), scope: scope.as_ref() };
    permit(&mut read, &app.catalogue, tenant, client.client(), bearer, wanted).await
}

/// From where a client asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    /// From this address; `None` is from one that nobody knows, which is on no list.
    Somewhere(Option<IpAddr>),
    /// From one that is supposed to be allowed.
    WhereItMay,
}

/// What can be decided before anybody looks at the subject token.
pub(super) fn may_ask(
    client: &Client,
    kind: SubjectTokenType,
    from: From,
    now: Timestamp,
) -> Result<(), ExchangeError> {
    client.vault_exchange_allowed()?;
    let is_privileged = kind == SubjectTokenType::Jwt;
    if is_privileged && client.token_vault_privileged_access.is_none() {
        return Err(PrivilegeError::NotPrivileged.into());
    }
    match from {
        From::Somewhere(address) => policy::admit_from(client, is_privileged, address)?,
        From::WhereItMay => {}
    }
    Ok(policy::admit_at(client, now)?)
}

/// What is wanted of whom one speaks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) connection: &'a str,
    pub(super) login_hint: Option<&'a str>,
    pub(super) scope: Option<&'a ScopeSet>,
}

/// Decides for a client that speaks for a person. What was believed of the subject token, and what is
/// only supposed of it in an explanation, is decided by the same lines.
pub(super) async fn permit(
    read: &mut impl Query,
    catalogue: &Catalogue,
    tenant: &TenantId,
    client: &Client,
    bearer: Bearer,
    Wanted { connection, login_hint, scope }: Wanted<'_>,
) -> Result<ExchangePermit, ExchangeError> {
    let Bearer { user_id, holder, given_at, is_privileged } = bearer;
    // What a client may not have is refused before anybody looks whether it is there.
    let at_most = policy::scopes_for(client, is_privileged, connection, scope)?;
    let standing = users::standing(read, tenant, &user_id).await?;
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
    let found = connections::find_by_name(read, tenant, connection).await?;
    let connection = found.ok_or(ExchangeError::UnknownConnection)?.connection;
    if !connection.feeds_vault() {
        return Err(ExchangeError::ConnectionInactive);
    }
    if !connections::serves(read, tenant, &connection.id, &holder).await? {
        return Err(ExchangeError::ConnectionNotEnabled);
    }

    // Which account.
    let accounts =
        connected_accounts::list_for_connection(read, tenant, &user_id, &connection.id).await?;
    let stored = choose(accounts, login_hint).ok_or(ExchangeError::NotConnected)?;
    let (share, asked) = (standing.share, scope.cloned());
    let mut permit =
        ExchangePermit { share, connection, stored, holder, narrower: None, asked, at_most };
    permit.check_scopes(catalogue)?;
    Ok(permit)
}

/// For whom a subject token speaks.
pub(super) struct Bearer {
    pub(super) user_id: UserId,
    /// The client that the person gave it to.
    pub(super) holder: ClientId,
    pub(super) given_at: Timestamp,
    /// Whether the client needs no token of the person.
    pub(super) is_privileged: bool,
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
            is_privileged: false,
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
    let api = api_of(client.client())?;
    let audience = context.tenant.local_audience(api, &context.base);
    let verified = access_token::verify(keys, context, token, &audience, now)?;
    let Subject::User(user_id) = verified.subject else { return Err(ExchangeError::NotAUser) };
    let holder = holder(q, context, &verified.client_id, &audience).await?;
    Ok(Bearer { user_id, holder, given_at: verified.issued_at, is_privileged: false })
}

/// The API that a client is, as it is stored.
pub(super) fn api_of(client: &Client) -> Result<&str, ExchangeError> {
    match (client.app_type, &client.resource_server_identifier) {
        (Some(AppType::ResourceServer), Some(api)) => Ok(api),
        _ => Err(ExchangeError::NotAResourceServer),
    }
}

/// The client that an access token was given to, if it may still have such tokens.
pub(super) async fn holder(
    q: &mut impl Query,
    context: &Context,
    client_id: &ClientId,
    audience: &str,
) -> Result<ClientId, ExchangeError> {
    let found = clients::find(q, context.tenant_id(), client_id).await?;
    let holder = found.ok_or(ExchangeError::HolderGone)?.client;
    let server = access::find_resource_server(q, context, audience).await?;
    access::allowed_for_user(q, context, &holder, &server).await?;
    Ok(holder.client_id)
}

/// A privileged client's own request. Its person is whoever has that id now.
async fn by_request(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    token: &ClientJwt,
    trail: &mut Trail,
    now: Timestamp,
) -> Result<Bearer, ExchangeError> {
    let client = client.client();
    let privilege = privileged::admit(app, context, client, token, now).await?;
    let Privilege { user_id, audit_context, organization, actors } = &privilege;
    trail.details.insert("audit_context".to_owned(), json!(printable(audit_context)));
    if !actors.is_empty() {
        let actors: Vec<_> = actors.iter().map(|actor| printable(actor)).collect();
        trail.details.insert("act".to_owned(), json!(actors));
    }
    if let Some(organization) = organization {
        trail.details.insert("org_id".to_owned(), json!(printable(organization)));
        // Accounts are of people, and no account is of an organization.
        trail.user_id = Some(user_id.clone());
        return Err(ExchangeError::NotConnected);
    }
    let (user_id, holder) = (user_id.clone(), client.client_id.clone());
    Ok(Bearer { user_id, holder, given_at: now, is_privileged: true })
}

/// The stored token has all the scopes of its account. One that has more than the client may have, or
/// than a privileged client asked for, is not given: the provider is asked for another, if it gives such.
fn narrower(
    catalogue: &Catalogue,
    connection: &Connection,
    account: &ConnectedAccount,
    granted: &ScopeSet,
) -> Result<Option<Narrower>, PolicyError> {
    // Only strategies of the catalogue have tokens.
    let spec = catalogue.get(connection.strategy.as_str());
    // A scope goes by several names, and all of them stand in the account.
    let at_most = spec.map_or_else(|| granted.clone(), |spec| every_name_of(spec, granted));
    let beyond = account.scopes.without(&at_most);
    if beyond.is_empty() {
        return Ok(None);
    }
    // To ask for no scope is to ask for all of them.
    let asked = granted.intersection(&account.scopes);
    let can_be_asked = account.has_refresh_token && !asked.is_empty();
    match spec.filter(|spec| spec.refresh.narrows && can_be_asked) {
        Some(spec) => Ok(Some(Narrower { spec: Arc::clone(spec), asked, at_most, beyond })),
        None => Err(PolicyError::Broader { beyond }),
    }
}

fn choose(stored: Vec<StoredAccount>, login_hint: Option<&str>) -> Option<StoredAccount> {
    let accounts: Vec<_> = stored.iter().map(|stored| stored.account.clone()).collect();
    let chosen = ConnectedAccount::choose(&accounts, login_hint)?.id.clone();
    stored.into_iter().find(|stored| stored.account.id == chosen)
}
