//! Login through a provider: the browser is sent there and comes back as somebody.
//!
//! 1. `leave` sends the browser, from the login page or straight from `/authorize`.
//! 2. [`returned`] takes the account that came back. Its user is the one with this identity, the
//!    connection and the provider's subject, or a new one. Nobody is ever found by e-mail address:
//!    a provider's word about an address is no proof of who somebody is *here*.
//! 3. The login ends as any other does.
//!
//! What went wrong on the way, the client is told ([`failed`]).

mod user;

use model::connection::{Connection, Strategy};
use model::user::User;
use protocol::oauth::authorize::{AccessType, AuthorizeRequest, Display};
use protocol::secret::{BrowserToken, LoginState};
use protocol::time::Timestamp;
use store::connections::{self, StoredConnection};
use store::{StoreError, WriteTx};
use url::Url;

use crate::app::App;
use crate::authorize::{AcceptedRequest, Denial};
use crate::context::Context;
use crate::keys::KeyError;
use crate::login::completion::{complete, deny, refusal};
use crate::login::{self, Authenticated, Completed, CompletionError, OpenError, OpenLogin};
use crate::provider_journey::{
    self, Arrival, ArrivalCause, Departure, JourneyError, JourneyPurpose, LoginHandle,
};
use crate::sessions::Visitor;
use crate::tokensets::{TokensetError, store_login_tokens};

/// Why a login through a provider does not go on, where no client can be told.
#[derive(Debug, thiserror::Error)]
pub enum ProviderLoginError {
    /// It has ended, or took too long, or belongs to another browser.
    #[error("the login has ended or belongs to another browser")]
    Ended,
    /// The page asked for a connection that does not serve the client.
    #[error("the connection does not serve the client")]
    UnknownConnection,
    /// The provider cannot be called. The person may choose another way.
    #[error(transparent)]
    Departure(JourneyError),
    /// The tokens could not be put into the vault.
    #[error("the tokens of the login could not be stored")]
    Tokens(#[from] TokensetError),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for ProviderLoginError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

impl From<OpenError> for ProviderLoginError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Ended => Self::Ended,
            OpenError::Key(error) => Self::Key(error),
        }
    }
}

impl From<CompletionError> for ProviderLoginError {
    fn from(error: CompletionError) -> Self {
        match error {
            CompletionError::Ended => Self::Ended,
            CompletionError::Key(error) => Self::Key(error),
        }
    }
}

/// Step 1 from the login page.
pub async fn choose(
    app: &App,
    context: &Context,
    browser: &BrowserToken,
    state: &LoginState,
    connection: &str,
    now: Timestamp,
) -> Result<Url, ProviderLoginError> {
    let login = login::open(app, context, browser, state, now).await?;
    let chosen = login.serving.iter().find(|stored| {
        stored.connection.name == connection && stored.connection.strategy != Strategy::Database
    });
    let stored = chosen.ok_or(ProviderLoginError::UnknownConnection)?;
    leave(app, context, browser, &login.accepted, stored, state, now).await.map_err(|error| {
        match error {
            JourneyError::Key(error) => ProviderLoginError::Key(error),
            error @ (JourneyError::NotAProvider
            | JourneyError::Options(_)
            | JourneyError::NoKey
            | JourneyError::Discovery(_)) => ProviderLoginError::Departure(error),
        }
    })
}

/// Step 1: where the browser goes.
pub(crate) async fn leave(
    app: &App,
    context: &Context,
    browser: &BrowserToken,
    accepted: &AcceptedRequest,
    stored: &StoredConnection,
    state: &LoginState,
    now: Timestamp,
) -> Result<Url, JourneyError> {
    let request = &accepted.request;
    let connection_scope = request.connection_scope.to_string();
    let departure = Departure {
        connection: stored,
        purpose: JourneyPurpose::Login { login: LoginHandle::of(state) },
        browser,
        ask: connectors::Purpose::Login {
            connection_scope: Some(connection_scope.as_str()).filter(|scope| !scope.is_empty()),
            keeps_tokens: stored.connection.vaults_login_tokens(),
        },
        parameters: &passed_on(request),
        ends_at: now.saturating_add(provider_journey::JOURNEY_TIMEOUT),
    };
    provider_journey::depart(app, context, departure, now).await
}

/// The parameters of a request that a connection may pass on to its provider.
fn passed_on(request: &AuthorizeRequest) -> Vec<(String, String)> {
    let list = |words: &[String]| Some(words.join(" ")).filter(|words| !words.is_empty());
    let parameters = [
        ("client_id", Some(request.reply_to.client_id.clone())),
        ("audience", request.audience.clone()),
        ("login_hint", request.login_hint.clone()),
        ("prompt", Some(request.prompt.to_string())),
        ("max_age", request.max_age.map(|age| age.as_secs().to_string())),
        ("ui_locales", list(&request.ui_locales)),
        ("acr_values", list(&request.acr_values)),
        ("display", request.display.map(|display| display_name(display).to_owned())),
        ("access_type", request.access_type.map(|access| access_name(access).to_owned())),
    ];
    let present =
        |(name, value): (&str, Option<String>)| value.map(|value| (name.to_owned(), value));
    parameters.into_iter().filter_map(present).collect()
}

fn display_name(display: Display) -> &'static str {
    match display {
        Display::Page => "page",
        Display::Popup => "popup",
        Display::Touch => "touch",
        Display::Wap => "wap",
    }
}

fn access_name(access: AccessType) -> &'static str {
    match access {
        AccessType::Online => "online",
        AccessType::Offline => "offline",
    }
}

/// Steps 2 and 3: ends the login as the person whose account came back.
pub async fn returned(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    login: &LoginHandle,
    arrival: Arrival,
    now: Timestamp,
) -> Result<Completed, ProviderLoginError> {
    let login = login::open_by_hash(app, context, visitor.browser, login.hashed(), now).await?;
    let connection = arrival.connection.clone();
    if !may_log_in(app, context, &login, &connection).await? {
        let event = refusal(context, &login).connection(&connection);
        let denial = Denial::UnknownConnection;
        return Ok(deny(app, context, visitor, &login, event, denial, now).await?);
    }
    let Some((user, mut tx)) = admit(app, context, &arrival, now).await? else {
        let event = refusal(context, &login).connection(&connection);
        return Ok(deny(app, context, visitor, &login, event, Denial::ForeignAccount, now).await?);
    };
    if user.blocked {
        tx.rollback().await?;
        let event = refusal(context, &login).connection(&connection).user(&user);
        return Ok(deny(app, context, visitor, &login, event, Denial::UserBlocked, now).await?);
    }
    if connection.vaults_login_tokens() {
        store_login_tokens(app, &mut tx, context, &user.user_id, arrival, now).await?;
    }
    let person = Authenticated { user: &user, connection: &connection };
    Ok(complete(app, tx, context, visitor, &login, person, now).await?)
}

/// Asked again at the return: the connection may have been taken from the client meanwhile, or been
/// made one for connecting accounts alone.
async fn may_log_in(
    app: &App,
    context: &Context,
    login: &OpenLogin,
    connection: &Connection,
) -> Result<bool, ProviderLoginError> {
    let mut read = app.store.read().await?;
    let (tenant, client_id) = (context.tenant_id(), &login.client.client_id);
    let serves = connections::serves(&mut read, tenant, &connection.id, client_id).await?;
    Ok(serves && connection.authentication.active)
}

/// The user of an account, known or new, and the transaction that holds what was learnt. `None`: the
/// user of that id came by another connection.
async fn admit(
    app: &App,
    context: &Context,
    arrival: &Arrival,
    now: Timestamp,
) -> Result<Option<(User, WriteTx)>, ProviderLoginError> {
    for _ in 0..2 {
        let mut tx = app.store.write().await?;
        match user::find_or_create(app, &mut tx, context, arrival, now).await {
            Ok(user) => return Ok(user.map(|user| (user, tx))),
            // Two first logins of one account at once: the slower one finds the user now.
            Err(error) if error.is_duplicate() => tx.rollback().await?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Tells the client what went wrong at the provider.
pub async fn failed(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    login: &LoginHandle,
    connection: Option<&Connection>,
    cause: ArrivalCause,
    now: Timestamp,
) -> Result<Completed, ProviderLoginError> {
    let cause = match cause {
        ArrivalCause::Key(error) => return Err(error.into()),
        cause => Box::new(cause),
    };
    let login = login::open_by_hash(app, context, visitor.browser, login.hashed(), now).await?;
    let event = match connection {
        Some(connection) => refusal(context, &login).connection(connection),
        None => refusal(context, &login),
    };
    let denial = if cause.is_denial() {
        Denial::ProviderDenied(cause)
    } else if cause.is_passing() {
        Denial::ProviderUnavailable(cause.into())
    } else {
        Denial::ProviderRejected(cause)
    };
    Ok(deny(app, context, visitor, &login, event, denial, now).await?)
}
