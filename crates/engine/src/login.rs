//! Universal Login: from a remembered authorization request to its answer.
//!
//! 1. [`open`] finds the request that this browser is in the middle of ([`OpenLogin`]).
//! 2. The person proves who they are: with a password here, at a provider in
//!    `crate::provider_login`, or by making an account in `crate::signup`.
//! 3. `completion` ends the login: the request is consumed, a session begins, a code is issued and
//!    the event written, all of it or nothing.

pub(crate) mod completion;
mod identifier;

use model::client::Client;
use model::connection::{Connection, Strategy};
use model::log_event::LogEventKind;
use model::user::User;
use protocol::oauth::authorize::AuthorizeRequest;
use protocol::secret::{BrowserToken, Hashed, LoginState, Password, kind};
use protocol::time::Timestamp;
use serde_json::Value;
use store::connections::StoredConnection;
use store::passwords::{self, StoredPassword};
use store::{StoreError, clients, users};

pub(crate) use self::completion::Authenticated;
pub use self::completion::{Completed, CompletionError};
pub(crate) use self::identifier::{address_for_signup, lookup_form};
use crate::app::App;
use crate::attempts::{self, Attempt};
use crate::audit::{Event, printable};
use crate::authorize::{self, AcceptedRequest, serving_logins};
use crate::context::Context;
use crate::keys::KeyError;
use crate::passwords::{PASSWORD_BYTES_MAX, PasswordError};
use crate::pending::{self, Pending};
use crate::sessions::Visitor;

/// A login that this browser is in the middle of.
#[derive(Debug)]
pub struct OpenLogin {
    pub(crate) handle: Hashed<kind::LoginState>,
    pub(crate) accepted: AcceptedRequest,
    pub(crate) client: Client,
    pub(crate) serving: Vec<StoredConnection>,
}

impl OpenLogin {
    /// The client that the person logs in to.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What the client asked for.
    pub fn request(&self) -> &AuthorizeRequest {
        &self.accepted.request
    }

    /// The connection whose passwords are taken: the one that the request names, else the first.
    pub fn database(&self) -> Option<&Connection> {
        let named = self.accepted.request.connection.as_deref();
        let mut databases =
            self.connections().filter(|connection| connection.strategy == Strategy::Database);
        match named {
            Some(name) => databases.find(|connection| connection.name == name),
            None => databases.next(),
        }
    }

    /// The providers that are offered. One may be hidden from the page and still be asked for by
    /// name.
    pub fn providers(&self) -> impl Iterator<Item = &Connection> {
        self.connections().filter(|connection| {
            let shown = connection.kept.get("show_as_button").and_then(Value::as_bool);
            connection.strategy != Strategy::Database && shown != Some(false)
        })
    }

    /// Whether a person may make an account here.
    pub fn may_sign_up(&self) -> bool {
        self.database().is_some_and(Connection::allows_signup)
    }

    /// Where the login may lead: the redirect URI first, then what the client has registered.
    pub fn leads_to(&self) -> Vec<String> {
        let first = self.accepted.redirect_uri.as_str().to_owned();
        std::iter::once(first).chain(authorize::leads_to(&self.client)).collect()
    }

    fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.serving.iter().map(|stored| &stored.connection)
    }
}

/// Why there is no login to go on with.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It has ended, or took too long, or belongs to another browser, or never was.
    #[error("the login has ended or belongs to another browser")]
    Ended,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// Step 1: the login of a state, in the browser that began it.
pub async fn open(
    app: &App,
    context: &Context,
    browser: &BrowserToken,
    state: &LoginState,
    now: Timestamp,
) -> Result<OpenLogin, OpenError> {
    open_by_hash(app, context, browser, state.hashed(), now).await
}

pub(crate) async fn open_by_hash(
    app: &App,
    context: &Context,
    browser: &BrowserToken,
    handle: Hashed<kind::LoginState>,
    now: Timestamp,
) -> Result<OpenLogin, OpenError> {
    let mut read = app.store.read().await?;
    let accepted = match pending::find(&mut read, context, browser, &handle, now).await? {
        Some(Pending::Login(accepted)) => *accepted,
        Some(Pending::Logout(_)) | None => return Err(OpenError::Ended),
    };
    let client_id = accepted.request.reply_to.client_id.as_str().into();
    let found = clients::find(&mut read, context.tenant_id(), &client_id).await?;
    let client = found.ok_or(OpenError::Ended)?.client;
    let serving = serving_logins(&mut read, context, &client).await?;
    Ok(OpenLogin { handle, accepted, client, serving })
}

/// What a person typed.
#[derive(Debug)]
pub struct Credentials {
    /// The e-mail address.
    pub identifier: String,
    /// The password.
    pub password: Password,
}

/// Why a login with a password does not succeed. The login stays open, except where it had ended.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// There is no such person, or the password is another. Nobody learns which.
    #[error("wrong identifier or password")]
    WrongCredentials,
    /// Too many attempts from this network for this identifier.
    #[error("too many attempts")]
    TooManyAttempts,
    /// The password is right and the person is blocked.
    #[error("the user is blocked")]
    UserBlocked,
    /// No connection of the client takes passwords.
    #[error("the client has no connection with passwords")]
    NoDatabase,
    /// The login has ended meanwhile.
    #[error("the login has ended")]
    Ended,
    /// A password could not be verified.
    #[error(transparent)]
    Hashing(#[from] PasswordError),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

impl From<CompletionError> for LoginError {
    fn from(error: CompletionError) -> Self {
        match error {
            CompletionError::Ended => Self::Ended,
            CompletionError::Key(error) => Self::Key(error),
        }
    }
}

/// Step 2 with a password, and step 3.
pub async fn with_password(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    login: &OpenLogin,
    credentials: Credentials,
    now: Timestamp,
) -> Result<Completed, LoginError> {
    let Credentials { identifier, password } = credentials;
    let connection = login.database().ok_or(LoginError::NoDatabase)?;
    let failure = |kind| {
        Event::new(kind, context)
            .client(&login.client)
            .connection(connection)
            .user_name(&printable(&identifier))
    };
    // Neither can be anybody's, which says nothing about who exists.
    let Some(looked_up) = lookup_form(&identifier) else {
        failure(LogEventKind::UnknownUser).commit(app, context, now).await?;
        return Err(LoginError::WrongCredentials);
    };
    if password.expose().len() > PASSWORD_BYTES_MAX {
        failure(LogEventKind::WrongPassword).commit(app, context, now).await?;
        return Err(LoginError::WrongCredentials);
    }
    let attempt = Attempt::Password { connection: &connection.id, identifier: &looked_up };
    let mut tx = app.store.write().await?;
    if !attempts::count(&mut tx, context, attempt, now).await? {
        failure(LogEventKind::LoginBlocked).write(app, &mut tx, context, now).await?;
        tx.commit().await?;
        return Err(LoginError::TooManyAttempts);
    }
    tx.commit().await?;
    let user = match verify(app, context, connection, &looked_up, password).await? {
        Ok(user) => user,
        Err(kind) => {
            failure(kind).commit(app, context, now).await?;
            return Err(LoginError::WrongCredentials);
        }
    };
    if user.blocked {
        let event = failure(LogEventKind::LoginFailed).user(&user).describe("user is blocked");
        event.commit(app, context, now).await?;
        return Err(LoginError::UserBlocked);
    }
    let mut tx = app.store.write().await?;
    attempts::forget(&mut tx, context, attempt).await?;
    let person = Authenticated { user: &user, connection };
    Ok(completion::complete(app, tx, context, visitor, login, person, now).await?)
}

/// Whose password it is; or which event tells that it is nobody's. Takes as long either way.
async fn verify(
    app: &App,
    context: &Context,
    connection: &Connection,
    identifier: &str,
    password: Password,
) -> Result<Result<User, LogEventKind>, LoginError> {
    let tenant = context.tenant_id();
    let mut read = app.store.read().await?;
    let stored = passwords::find(&mut read, tenant, &connection.id, identifier).await?;
    let (user_id, hash) = match stored {
        Some(StoredPassword { user_id, hash }) => (Some(user_id), Some(hash)),
        None => (None, None),
    };
    let is_right = app.passwords.verify(password, hash).await?;
    let Some(user_id) = user_id else { return Ok(Err(LogEventKind::UnknownUser)) };
    if !is_right {
        return Ok(Err(LogEventKind::WrongPassword));
    }
    // Read after the password: whoever was blocked or deleted meanwhile is.
    let user = users::find(&mut read, tenant, &user_id).await?;
    Ok(user.ok_or(LogEventKind::UnknownUser))
}
