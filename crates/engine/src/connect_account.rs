//! Connecting an account at a provider: one person, one client, one key or verifier, one browser.
//!
//! 1. [`begin`]: the application asks, with the person's token. A ticket for the browser and an
//!    `auth_session` for the application come out.
//! 2. [`open`]: a browser brings the ticket. If the person who began is logged in there it goes on to
//!    the provider at once; if somebody else is, it ends; if nobody is, the browser is asked
//!    ([`accept`], [`deny`]). From here on the transaction is this browser's.
//! 3. [`returned`] or [`failed`]: the same browser comes back from the provider. The tokens are sealed
//!    and wait; the application is sent a `connect_code` through the browser.
//! 4. [`complete`]: the application that began brings `auth_session`, `connect_code` and verifier,
//!    with a token of the same person and key. Whatever is wrong, there is no second attempt.
//!
//! An attacker who begins and has a victim consent never sees the `connect_code`; a victim who begins
//! and is led to the attacker's account has another browser at step 2 or 3.

mod abandoned;
mod asking;
mod completion;
mod opening;
pub mod reconnect;
mod returning;

use std::time::Duration;

use model::connected_account::ConnectedAccount;
use model::connection::Connection;
use model::ids::ConnectionId;
use model::log_event::LogEventKind;
use protocol::jose::jwk::Thumbprint;
use protocol::oauth::pkce::{CodeChallenge, PkceError};
use protocol::oauth::redirect_uri::RedirectUri;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{AuthSession, Ticket};
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::connect_transactions::{self, ConnectTransaction};
use store::connections::StoredConnection;
use store::{Query, StoreError, WriteTx, connections};

use crate::account_events;
use crate::app::App;
use crate::audit::Event;
use crate::context::Context;
use crate::keys::KeyError;
use crate::my_account::AccountCaller;
use crate::provider_journey::JourneyError;
use crate::tokensets::TokensetError;

pub use abandoned::give_back_abandoned;
pub use asking::AskedScope;
pub use completion::{Completion, complete};
use opening::{Open, bind, depart, noted};
pub use opening::{Opening, Question, accept, deny, open};
use returning::waiting_place;
pub use returning::{Failure, failed, returned};

/// From beginning to completion.
pub const CONNECT_LIFETIME: Duration = Duration::from_mins(5);

/// What an application asks for.
#[derive(Clone, Debug)]
pub struct ConnectRequest {
    /// The connection's name.
    pub connection: String,
    /// Where the browser goes in the end.
    pub redirect_uri: String,
    /// Echoed there.
    pub state: Option<String>,
    /// RFC 7636: what the completion must fit.
    pub code_challenge: Option<CodeChallenge>,
    /// What to ask the provider for, instead of the connection's scopes.
    pub scopes: Option<ScopeSet>,
    /// Further parameters for the provider.
    pub parameters: Vec<(String, String)>,
}

/// What an application gets.
#[derive(Debug)]
pub struct Begun {
    /// Where to send the browser, with the ticket.
    pub connect_uri: String,
    /// For the browser.
    pub ticket: Ticket,
    /// For the application.
    pub auth_session: AuthSession,
    /// For how long both are good.
    pub expires_in: Duration,
}

/// What is remembered of the request.
#[derive(Serialize, Deserialize)]
struct Remembered {
    redirect_uri: String,
    state: Option<String>,
    code_challenge: Option<String>,
    scopes: Option<ScopeSet>,
    parameters: Vec<(String, String)>,
    jkt: Option<Thumbprint>,
    /// The account that is brought back, where no application waits ([`reconnect`]).
    #[serde(default)]
    reconnects: Option<reconnect::Reconnected>,
}

impl Remembered {
    /// Where the browser goes in the end.
    fn way_out(
        self,
        context: &Context,
        connection: &ConnectionId,
        answer: &[(&str, &str)],
    ) -> String {
        if self.reconnects.is_some() {
            let error = answer.iter().find(|(name, _)| *name == "error");
            return reconnect::done(context, error.map(|(_, code)| (*code, connection)));
        }
        let state = self.state.as_deref().map(|state| ("state", state));
        let answer: Vec<_> = answer.iter().copied().chain(state).collect();
        RedirectUri::restored(self.redirect_uri.clone()).with_query(&answer)
    }
}

/// Why connecting does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no such connection, or it is not for accounts, or not for this client. To the caller
    /// these are one.
    #[error("the connection {0:?} does not exist or is not enabled for connected accounts")]
    NoConnection(String),
    /// The redirect URI is not one of the client's.
    #[error("the redirect_uri is not registered for the client")]
    RedirectUri,
    /// The ticket, the session or the browser's way back is unknown, over, or another browser's.
    #[error("the transaction is unknown, has ended, or is another browser's")]
    Ended,
    /// Another browser has taken the ticket.
    #[error("the link was taken by another browser")]
    Taken,
    /// Somebody else is logged in in this browser.
    #[error("the link belongs to another user than the one who is logged in")]
    ForeignLink,
    /// The completion comes from another person, client or key, or the code is wrong.
    #[error("the completion does not fit the beginning: {0}")]
    Mismatch(&'static str),
    /// The verifier is missing, or not what the challenge was made of.
    #[error("the completion does not fit the beginning: {0}")]
    Verifier(PkceError),
    /// The way to the provider cannot be taken.
    #[error("the browser cannot be sent to the provider")]
    Departure {
        /// The provider, as people know it.
        provider: String,
        /// What stands in the way.
        #[source]
        error: JourneyError,
    },
    /// The database or a key failed.
    #[error(transparent)]
    Tokenset(#[from] TokensetError),
    /// What was remembered does not read.
    #[error("a stored transaction does not have its shape: {0}")]
    Stored(#[from] serde_json::Error),
}

impl From<StoreError> for ConnectError {
    fn from(error: StoreError) -> Self {
        Self::Tokenset(error.into())
    }
}

impl From<KeyError> for ConnectError {
    fn from(error: KeyError) -> Self {
        Self::Tokenset(error.into())
    }
}

/// Step 1: an application begins.
pub async fn begin(
    app: &App,
    context: &Context,
    caller: &AccountCaller,
    request: ConnectRequest,
    now: Timestamp,
) -> Result<Begun, ConnectError> {
    let mut tx = app.store.write().await?;
    match begin_within(app, &mut tx, context, caller, request, now).await {
        Ok(begun) => {
            tx.commit().await?;
            Ok(begun)
        }
        Err(error @ (ConnectError::NoConnection(_) | ConnectError::RedirectUri)) => {
            Event::new(LogEventKind::AccountConnectFailed, context)
                .client(caller.client())
                .user_id(caller.user_id().as_str())
                .describe(error.to_string())
                .write(app, &mut tx, context, now)
                .await?;
            tx.commit().await?;
            Err(error)
        }
        Err(
            error @ (ConnectError::Ended
            | ConnectError::Taken
            | ConnectError::ForeignLink
            | ConnectError::Mismatch(_)
            | ConnectError::Verifier(_)
            | ConnectError::Departure { .. }
            | ConnectError::Tokenset(_)
            | ConnectError::Stored(_)),
        ) => Err(error),
    }
}

async fn begin_within(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    caller: &AccountCaller,
    request: ConnectRequest,
    now: Timestamp,
) -> Result<Begun, ConnectError> {
    let ConnectRequest { connection, redirect_uri, state, code_challenge, scopes, parameters } =
        request;
    let tenant = context.tenant_id();
    let client = caller.client();
    RedirectUri::matching(&redirect_uri, &client.callbacks).or(Err(ConnectError::RedirectUri))?;
    let stored = connectable(tx, context, caller, &connection).await?;
    let remembered = Remembered {
        redirect_uri,
        state,
        code_challenge: code_challenge.map(|challenge| challenge.as_str().to_owned()),
        scopes,
        parameters,
        jkt: caller.jkt().cloned(),
        reconnects: None,
    };
    let transaction = ConnectTransaction {
        id: app.entropy.uuid(),
        user_id: caller.user_id().clone(),
        client_id: client.client_id.clone(),
        connection_id: stored.connection.id.clone(),
        request: serde_json::to_string(&remembered)?,
        account: None,
        sealed_tokens: None,
        expires_at: now.saturating_add(CONNECT_LIFETIME),
    };
    let ticket: Ticket = app.entropy.secret("");
    let auth_session: AuthSession = app.entropy.secret("sas_");
    let (ticket_hash, session_hash) = (ticket.hashed(), auth_session.hashed());
    connect_transactions::insert(tx, tenant, &transaction, &ticket_hash, &session_hash).await?;
    let connect_uri = context.base.join("connected-accounts/connect");
    Ok(Begun { connect_uri, ticket, auth_session, expires_in: CONNECT_LIFETIME })
}

/// The connection of a name, if this client's people may connect accounts of it.
async fn connectable(
    q: &mut impl Query,
    context: &Context,
    caller: &AccountCaller,
    name: &str,
) -> Result<StoredConnection, ConnectError> {
    let refused = || ConnectError::NoConnection(name.to_owned());
    let tenant = context.tenant_id();
    let stored = connections::find_by_name(q, tenant, name).await?.ok_or_else(refused)?;
    let id = &stored.connection.id;
    let serves = connections::serves(q, tenant, id, &caller.client().client_id).await?;
    if stored.connection.connected_accounts.active && serves { Ok(stored) } else { Err(refused()) }
}

/// The scopes that a connection asks for by itself, as its options write them.
pub fn configured_scopes(connection: &Connection) -> ScopeSet {
    match connection.options.get("scope") {
        Some(serde_json::Value::String(scopes)) => ScopeSet::parse_lenient(scopes),
        Some(serde_json::Value::Array(scopes)) => {
            let scopes: Vec<_> = scopes.iter().filter_map(serde_json::Value::as_str).collect();
            ScopeSet::parse_lenient(&scopes.join(" "))
        }
        Some(_) | None => ScopeSet::empty(),
    }
}

fn connect_failed(context: &Context, transaction: &ConnectTransaction, why: &str) -> Event {
    Event::new(LogEventKind::AccountConnectFailed, context)
        .client_id(Some(transaction.client_id.as_str()))
        .user_id(transaction.user_id.as_str())
        .describe(why)
        .details(json!({ "error": { "detail": why } }))
}

fn connected(context: &Context, account: &ConnectedAccount) -> Event {
    Event::new(LogEventKind::AccountConnected, context)
        .user_id(account.user_id.as_str())
        .details(account_events::target(account))
}
