//! A link by which a person brings a connected account back to life, without an application that begins
//! and completes.
//!
//! 1. `link`: an exchange found the account's grant dead. The link is sealed, so that nothing is stored
//!    for those that nobody follows; it names the account and the version that died, and is good for
//!    nothing once that was replaced.
//! 2. [`follow`]: a browser brings it. Whoever is not logged in there logs in first, to the application
//!    that was given the tokens; only the account's owner goes on to the provider.
//! 3. `finish`: the browser comes back. The provider must know the person as the same one as before.
//!
//! Whoever leads somebody else to follow a link of theirs is stopped at the second step by the login,
//! and at the third by the provider's account.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::client::Client;
use model::connected_account::ConnectedAccount;
use model::ids::{ClientId, ConnectedAccountId, ConnectionId, UserId};
use protocol::oauth::authorize::{AuthorizeRequest, ReplyTo, ResponseMode, ResponseType};
use protocol::oauth::pkce::CodeChallenge;
use protocol::oauth::redirect_uri::RedirectUri;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{AuthSession, CodeVerifier, LoginState, Ticket};
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::connect_transactions::{self, ConnectTransaction};
use store::connections::StoredConnection;
use store::{StoreError, WriteTx, clients, connected_accounts, connections, users};
use url::Url;
use vault::keyring::Purpose;
use vault::seal::{Place, Sealed};

use super::{
    CONNECT_LIFETIME, ConnectError, Open, Remembered, bind, connect_failed, connected, depart,
};
use crate::app::App;
use crate::authorize::AcceptedRequest;
use crate::context::Context;
use crate::keys::KeyError;
use crate::pending::{self, Pending};
use crate::sessions::{self, Visitor};
use crate::tokensets::{self, Delivery};
use crate::unused_grants::{UnusedGrant, give_back};

/// A person may take their time to read the message that the link stands in.
const LINK_LIFETIME: Duration = Duration::from_mins(30);
const FOLLOW_PATH: &str = "connected-accounts/reconnect";
const DONE_PATH: &str = "connected-accounts/reconnected";

/// Told to the page where a journey ends whose account is not the one that it began for.
pub const OTHER_ACCOUNT: &str = "other_account";

/// The account that a transaction brings back, as it was when that began.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Reconnected {
    id: ConnectedAccountId,
    version: i64,
}

impl Reconnected {
    pub(super) fn is_for(&self, account: &ConnectedAccount) -> bool {
        self.id == account.id
    }
}

/// What stands in a link.
#[derive(Serialize, Deserialize)]
struct Link {
    account_id: ConnectedAccountId,
    /// Of the tokenset that died.
    version: i64,
    client_id: ClientId,
    expires_at: Timestamp,
}

/// Step 1: a link for the owner of an account; they log in to `client_id`.
pub(crate) async fn link(
    app: &App,
    context: &Context,
    account: &ConnectedAccount,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<String, KeyError> {
    let link = Link {
        account_id: account.id.clone(),
        version: account.version,
        client_id: client_id.clone(),
        expires_at: now.saturating_add(LINK_LIFETIME),
    };
    let link = serde_json::to_vec(&link).map_err(StoreError::from)?;
    let keys = app.tenant_keys(context.tenant_id(), now).await?;
    let sealed = keys.seal(Purpose::Tickets, None, &place(context), &link, &*app.entropy)?;
    let ticket = BASE64_URL_SAFE_NO_PAD.encode(sealed.as_bytes());
    Ok(context.base.join(&format!("{FOLLOW_PATH}?ticket={ticket}")))
}

async fn read(
    app: &App,
    context: &Context,
    ticket: &Ticket,
    now: Timestamp,
) -> Result<Link, ConnectError> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(ticket.expose()).or(Err(ConnectError::Ended))?;
    let keys = app.tenant_keys(context.tenant_id(), now).await?;
    let sealed = Sealed::from_bytes(bytes);
    // What does not open was not made here, or so long ago that its key is gone.
    let opened = keys.open(Purpose::Tickets, None, &place(context), &sealed);
    let link: Link = serde_json::from_slice(&opened.or(Err(ConnectError::Ended))?)?;
    if now < link.expires_at { Ok(link) } else { Err(ConnectError::Ended) }
}

fn place(context: &Context) -> Place<'_> {
    Place {
        tenant: context.tenant_id().as_str(),
        table: "reconnect_links",
        row: "",
        user: "",
        connection: "",
        field: "ticket",
        generation: 0,
    }
}

/// Where a browser that brings a link goes.
#[derive(Debug)]
pub enum Following {
    /// To the provider.
    Depart(Url),
    /// To the login page first, and back here.
    LogIn(LoginState),
}

/// Step 2: a browser brings a link.
pub async fn follow(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    ticket: &Ticket,
    now: Timestamp,
) -> Result<Following, ConnectError> {
    let link = read(app, context, ticket, now).await?;
    let tenant = context.tenant_id();
    let mut read = app.store.read().await?;
    let stored = connected_accounts::find(&mut read, tenant, &link.account_id).await?;
    let account = stored.map(|stored| stored.account);
    let account = account.filter(|account| account.version == link.version);
    let account = account.ok_or(ConnectError::Ended)?;
    let client = clients::find(&mut read, tenant, &link.client_id).await?;
    let client = client.ok_or(ConnectError::Ended)?.client;
    let connection = connections::find(&mut read, tenant, &account.connection_id).await?;
    let connection = connection.filter(|stored| stored.connection.feeds_vault());
    let connection = connection.ok_or(ConnectError::Ended)?;
    let current = sessions::current(&mut read, context, visitor.session, now).await?;
    drop(read);
    match current {
        None => {
            let state = log_in(app, context, visitor, &client, &account.user_id, ticket, now).await;
            Ok(Following::LogIn(state?))
        }
        Some(current) if current.user.user_id != account.user_id || current.user.blocked => {
            let transaction = begin(app, &account, &client, now)?.0;
            let why = ConnectError::ForeignLink;
            Err(super::noted(app, context, &transaction, why, now).await?)
        }
        Some(_) => {
            let open = take(app, context, visitor, &account, &client, connection, now).await?;
            depart(app, context, visitor.browser, &open, now).await.map(Following::Depart)
        }
    }
}

/// The application's ordinary login, whose answer comes here: it has a code that nobody redeems.
async fn log_in(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    client: &Client,
    owner: &UserId,
    ticket: &Ticket,
    now: Timestamp,
) -> Result<LoginState, ConnectError> {
    let back = context.base.join(&format!("{FOLLOW_PATH}?ticket={}", ticket.expose()));
    let reply_to = ReplyTo {
        client_id: client.client_id.to_string(),
        redirect_uri: Some(back.clone()),
        state: None,
        response_mode: ResponseMode::Query,
    };
    let mut request = AuthorizeRequest::plain(reply_to, ResponseType::Code);
    // Of a verifier that nobody keeps: the code that comes of this login is of no use to anybody.
    let verifier: CodeVerifier = app.entropy.secret("");
    request.code_challenge = Some(CodeChallenge::of(&verifier));
    let accepted = AcceptedRequest {
        request,
        redirect_uri: RedirectUri::restored(back),
        hinted_user: Some(owner.clone()),
    };
    let pending = Pending::Login(Box::new(accepted));
    let mut tx = app.store.write().await?;
    let state = pending::begin(app, &mut tx, context, visitor.browser, &pending, now).await?;
    tx.commit().await?;
    Ok(state)
}

/// A transaction as an application would have begun it.
fn begin(
    app: &App,
    account: &ConnectedAccount,
    client: &Client,
    now: Timestamp,
) -> Result<(ConnectTransaction, Remembered), ConnectError> {
    let remembered = Remembered {
        redirect_uri: String::new(),
        state: None,
        code_challenge: None,
        // What was granted before is asked for again.
        scopes: Some(account.scopes.clone()).filter(|scopes: &ScopeSet| !scopes.is_empty()),
        parameters: Vec::new(),
        jkt: None,
        reconnects: Some(Reconnected { id: account.id.clone(), version: account.version }),
    };
    let transaction = ConnectTransaction {
        id: app.entropy.uuid(),
        user_id: account.user_id.clone(),
        client_id: client.client_id.clone(),
        connection_id: account.connection_id.clone(),
        request: serde_json::to_string(&remembered)?,
        account: None,
        sealed_tokens: None,
        expires_at: now.saturating_add(CONNECT_LIFETIME),
    };
    Ok((transaction, remembered))
}

/// Begins a transaction that is this browser's from the start, and that nobody else can complete.
async fn take(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    account: &ConnectedAccount,
    client: &Client,
    connection: StoredConnection,
    now: Timestamp,
) -> Result<Open, ConnectError> {
    let (transaction, remembered) = begin(app, account, client, now)?;
    let ticket: Ticket = app.entropy.secret("");
    let session: AuthSession = app.entropy.secret("sas_");
    let (ticket, session) = (ticket.hashed(), session.hashed());
    let mut tx = app.store.write().await?;
    let tenant = context.tenant_id();
    connect_transactions::insert(&mut tx, tenant, &transaction, &ticket, &session).await?;
    tx.commit().await?;
    bind(app, context, &transaction, visitor.browser).await?;
    Ok((transaction, connection, remembered))
}

/// Where the browser ends, whatever came of it: an error, at the provider of a connection, or nothing
/// but the account.
pub(super) fn done(context: &Context, error: Option<(&str, &ConnectionId)>) -> String {
    let query: Vec<_> = error
        .into_iter()
        .flat_map(|(code, connection)| [("error", code), ("connection", connection.as_str())])
        .collect();
    RedirectUri::restored(context.base.join(DONE_PATH)).with_query(&query)
}

/// What people know the provider of a connection as, for the page where a reconnect ends.
pub async fn label(
    app: &App,
    context: &Context,
    connection: &ConnectionId,
) -> Result<String, StoreError> {
    let mut read = app.store.read().await?;
    let found = connections::find(&mut read, context.tenant_id(), connection).await?;
    Ok(found.map(|stored| stored.connection.label().to_owned()).unwrap_or_default())
}

/// Step 3: the browser is back with tokens, in the transaction that ends with this. Answers where to
/// send it.
pub(super) async fn finish(
    app: &App,
    mut tx: WriteTx,
    context: &Context,
    transaction: &ConnectTransaction,
    reconnected: &Reconnected,
    delivery: Delivery,
    now: Timestamp,
) -> Result<String, ConnectError> {
    let tenant = context.tenant_id();
    connect_transactions::delete(&mut tx, tenant, &transaction.id).await?;
    if let Err((code, why)) = check(&mut tx, context, transaction, reconnected, &delivery).await? {
        connect_failed(context, transaction, why).write(app, &mut tx, context, now).await?;
        let unused = UnusedGrant::of(&transaction.user_id, delivery);
        give_back(app, &mut tx, context, unused, now).await?;
        tx.commit().await?;
        return Ok(done(context, Some((code, &transaction.connection_id))));
    }
    let user_id = &transaction.user_id;
    let account = tokensets::store(app, &mut tx, context, user_id, delivery, now).await?;
    connected(context, &account)
        .client_id(Some(transaction.client_id.as_str()))
        .describe("by a reconnect link")
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(done(context, None))
}

/// Whether what came is what was asked for, and may still come. Answers the page's code and the cause if
/// not.
async fn check(
    tx: &mut WriteTx,
    context: &Context,
    transaction: &ConnectTransaction,
    reconnected: &Reconnected,
    delivery: &Delivery,
) -> Result<Result<(), (&'static str, &'static str)>, ConnectError> {
    let tenant = context.tenant_id();
    let connection = connections::find(tx, tenant, &transaction.connection_id).await?;
    if connection.is_none_or(|stored| !stored.connection.feeds_vault()) {
        return Ok(Err(("access_denied", "the connection is not one of the vault any more")));
    }
    let standing = users::standing(tx, tenant, &transaction.user_id).await?;
    if standing.is_none_or(|standing| standing.blocked) {
        return Ok(Err(("access_denied", "the user is blocked or gone")));
    }
    let stored = connected_accounts::find(tx, tenant, &reconnected.id).await?;
    Ok(match stored.map(|stored| stored.account) {
        Some(account) if account.version != reconnected.version => {
            Err(("server_error", "the account was connected or renewed meanwhile"))
        }
        Some(account) if account.subject.as_str() == delivery.account.subject => Ok(()),
        Some(_) => {
            Err((OTHER_ACCOUNT, "the provider's account is not the one that was connected before"))
        }
        None => Err(("server_error", "the account was removed meanwhile")),
    })
}
