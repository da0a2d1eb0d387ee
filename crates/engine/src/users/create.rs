//! Makes a user in a database connection.

use model::connection::{Connection, Strategy};
use model::log_event::LogEventKind;
use model::user::{Identity, Profile, User};
use protocol::secret::Password;
use protocol::time::Timestamp;
use serde_json::Map;
use store::passwords::{self, StoredPassword};
use store::{connections, users};
use vault::seal::UserShare;

use super::{UserChange, UserError};
use crate::administrator::Administrator;
use crate::app::App;
use crate::change::Change;
use crate::context::Context;
use crate::invalid::Invalid;

const SUBJECT_BYTES_MAX: usize = 255;

/// A user in the making.
#[derive(Debug)]
pub struct NewUser {
    /// The name of a database connection.
    pub connection: String,
    /// The id without the strategy; minted if there is none.
    pub subject: Option<String>,
    /// The password.
    pub password: Password,
    /// Everything else; the address is required.
    pub change: UserChange,
}

/// Makes a user.
pub async fn create(
    app: &App,
    context: &Context,
    by: &Administrator,
    new: NewUser,
    now: Timestamp,
) -> Result<User, UserError> {
    let NewUser { connection, subject, password, mut change } = new;
    change.password = Some(password);
    change.check()?;
    let Change::Set(address) = &change.email else {
        return Err(Invalid::new("email", "a user of a database has one").into());
    };
    let address = address.clone();
    let connection = database(app, context, &connection).await?;
    let subject = match subject.filter(|subject| !subject.is_empty()) {
        Some(subject) => checked_subject(subject)?,
        None => app.entropy.hex_id::<()>(24).to_string(),
    };
    let Some(password) = change.password.take() else {
        return Err(Invalid::new("password", "it is missing").into());
    };
    let hash = app.passwords.hash(password, &*app.entropy).await?;
    let user = new_user(&connection, &subject, &address, change, now);
    let tenant = context.tenant_id();
    let share = UserShare::new(app.entropy.bytes());
    let mut tx = app.store.write().await?;
    users::insert(&mut tx, tenant, &user, &share)
        .await
        .map_err(|error| if error.is_duplicate() { UserError::Taken } else { error.into() })?;
    let credential = StoredPassword { user_id: user.user_id.clone(), hash };
    let id = &connection.id;
    if !passwords::insert(&mut tx, tenant, id, &address, &credential, now).await? {
        return Err(UserError::Taken);
    }
    by.event(LogEventKind::ManagementWrite, context)
        .user(&user)
        .connection(&connection)
        .describe("Create a user")
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(user)
}

async fn database(app: &App, context: &Context, name: &str) -> Result<Connection, UserError> {
    let mut read = app.store.read().await?;
    let found = connections::find_by_name(&mut read, context.tenant_id(), name).await?;
    let refused = |why| Err(Invalid::new("connection", why).into());
    match found {
        None => refused("the connection does not exist"),
        Some(stored) => match stored.connection.strategy {
            Strategy::Database => Ok(stored.connection),
            Strategy::Provider(_) => refused("users of a provider are made by their login"),
        },
    }
}

fn checked_subject(subject: String) -> Result<String, Invalid> {
    let is_id =
        subject.len() <= SUBJECT_BYTES_MAX && subject.bytes().all(|byte| byte.is_ascii_graphic());
    if is_id { Ok(subject) } else { Err(Invalid::new("user_id", "it is not an identifier")) }
}

fn new_user(
    connection: &Connection,
    subject: &str,
    address: &str,
    change: UserChange,
    now: Timestamp,
) -> User {
    let nickname = address.split('@').next().unwrap_or_default();
    let mut user = User {
        user_id: connection.user_id(subject).into(),
        profile: Profile {
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
            subject: subject.into(),
            profile_data: Map::new(),
        }],
    };
    change.apply(&mut user);
    user
}
