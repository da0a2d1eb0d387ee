//! Sign-up: a person makes an account in a database connection and is logged in to it.

use model::connection::Connection;
use model::ids::UserId;
use model::log_event::LogEventKind;
use model::user::{Identity, Profile, User};
use protocol::secret::Password;
use protocol::time::Timestamp;
use serde_json::Map;
use store::passwords::{self, StoredPassword};
use store::{StoreError, users};
use vault::seal::UserShare;

use crate::app::App;
use crate::attempts::{self, Attempt};
use crate::audit::{Event, printable};
use crate::context::Context;
use crate::keys::KeyError;
use crate::login::{
    Authenticated, Completed, CompletionError, OpenLogin, address_for_signup, completion,
};
use crate::passwords::{PasswordError, is_acceptable};
use crate::sessions::Visitor;

/// What a person typed.
#[derive(Debug)]
pub struct NewAccount {
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: Password,
}

/// Why no account is made. The login stays open, except where it had ended.
#[derive(Debug, thiserror::Error)]
pub enum SignupError {
    /// Nobody may make an account here.
    #[error("sign-up is closed")]
    Closed,
    /// Not an e-mail address that an account is made for.
    #[error("the e-mail address is not acceptable")]
    EmailInvalid,
    /// Too short, or longer than anybody types.
    #[error("the password does not follow the rules")]
    PasswordWeak,
    /// The address has an account already.
    #[error("the e-mail address is taken")]
    Taken,
    /// Too many from this network.
    #[error("too many attempts")]
    TooManyAttempts,
    /// The login has ended meanwhile.
    #[error("the login has ended")]
    Ended,
    /// The password could not be hashed.
    #[error(transparent)]
    Hashing(#[from] PasswordError),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for SignupError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

impl From<CompletionError> for SignupError {
    fn from(error: CompletionError) -> Self {
        match error {
            CompletionError::Ended => Self::Ended,
            CompletionError::Key(error) => Self::Key(error),
        }
    }
}

/// Makes an account and ends the login with it.
pub async fn sign_up(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    login: &OpenLogin,
    account: NewAccount,
    now: Timestamp,
) -> Result<Completed, SignupError> {
    let user_name = printable(&account.email);
    match attempt(app, context, visitor, login, account, now).await {
        Ok(completed) => Ok(completed),
        Err(error @ (SignupError::Key(_) | SignupError::Hashing(_))) => Err(error),
        Err(error) => {
            let mut event = Event::new(LogEventKind::SignupFailed, context).client(&login.client);
            if let Some(connection) = login.database() {
                event = event.connection(connection);
            }
            event = event.user_name(&user_name).describe(error.to_string());
            event.commit(app, context, now).await?;
            Err(error)
        }
    }
}

async fn attempt(
    app: &App,
    context: &Context,
    visitor: Visitor<'_>,
    login: &OpenLogin,
    account: NewAccount,
    now: Timestamp,
) -> Result<Completed, SignupError> {
    let connection = login.database().filter(|connection| connection.allows_signup());
    let connection = connection.ok_or(SignupError::Closed)?;
    let NewAccount { email, password } = account;
    let address = address_for_signup(&email).ok_or(SignupError::EmailInvalid)?;
    if !is_acceptable(&password) {
        return Err(SignupError::PasswordWeak);
    }
    let mut tx = app.store.write().await?;
    let may_go_on = attempts::count(&mut tx, context, Attempt::SignUp, now).await?;
    tx.commit().await?;
    if !may_go_on {
        return Err(SignupError::TooManyAttempts);
    }
    // Hashed before it is known whether the address is taken: it takes as long either way.
    let hash = app.passwords.hash(password, &*app.entropy).await?;
    let tenant = context.tenant_id();
    let user = new_user(app, connection, &address, now);
    let mut tx = app.store.write().await?;
    users::insert(&mut tx, tenant, &user, &UserShare::new(app.entropy.bytes())).await?;
    let credential = StoredPassword { user_id: user.user_id.clone(), hash };
    let connection_id = &connection.id;
    if !passwords::insert(&mut tx, tenant, connection_id, &address, &credential, now).await? {
        tx.rollback().await?;
        return Err(SignupError::Taken);
    }
    Event::new(LogEventKind::Signup, context)
        .client(&login.client)
        .user(&user)
        .connection(connection)
        .write(app, &mut tx, context, now)
        .await?;
    let person = Authenticated { user: &user, connection };
    Ok(completion::complete(app, tx, context, visitor, login, person, now).await?)
}

fn new_user(app: &App, connection: &Connection, address: &str, now: Timestamp) -> User {
    let subject = app.entropy.hex_id(24);
    let nickname = address.split('@').next().unwrap_or_default();
    User {
        user_id: UserId::new(connection.user_id(subject.as_str())),
        profile: Profile {
            email: Some(address.to_owned()),
            name: Some(address.to_owned()),
            nickname: Some(nickname.to_owned()),
            ..Profile::default()
        },
        blocked: false,
        created_at: now,
        updated_at: now,
        last_login: None,
        last_ip: None,
        logins_count: 0,
        identities: vec![Identity {
            connection_id: connection.id.clone(),
            connection: connection.name.clone(),
            provider: connection.strategy.as_str().to_owned(),
            subject,
            profile_data: Map::new(),
        }],
    }
}
