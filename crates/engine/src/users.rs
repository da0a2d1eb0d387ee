//! Administers users.
//!
//! What ends a person's standing ends it now: a new password and a block end every session and every
//! refresh token, a deletion also the connected accounts and their tokens.

mod change;
mod create;

use model::connection::Strategy;
use model::ids::{TokensetId, UserId};
use model::log_event::LogEventKind;
use model::user::User;
use protocol::time::Timestamp;
use serde_json::json;
use store::departures::Leaving;
use store::{StoreError, WriteTx, connected_accounts, grants, passwords, sessions, users};

pub use change::UserChange;
pub use create::{NewUser, create};

use crate::administrator::Administrator;
use crate::app::App;
use crate::context::Context;
use crate::departures;
use crate::invalid::Invalid;
use crate::keys::KeyError;
use crate::passwords::PasswordError;

/// Why a user is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is no such user.
    #[error("the user does not exist")]
    Unknown,
    /// The record cannot be so.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The id or the address is another user's.
    #[error("the user exists already")]
    Taken,
    /// The password could not be hashed.
    #[error(transparent)]
    Hashing(#[from] PasswordError),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for UserError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// Changes a user.
pub async fn update(
    app: &App,
    context: &Context,
    by: &Administrator,
    user_id: &UserId,
    mut change: UserChange,
    now: Timestamp,
) -> Result<User, UserError> {
    change.check()?;
    let hash = match change.password.take() {
        // Takes a while, so it comes before the transaction.
        Some(password) => Some(app.passwords.hash(password, &*app.entropy).await?),
        None => None,
    };
    let mut changed: Vec<String> = change.names().into_iter().map(str::to_owned).collect();
    changed.extend(hash.as_ref().map(|_| "password".to_owned()));
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let found = users::find_for_update(&mut tx, tenant, user_id).await?;
    let mut user = found.ok_or(UserError::Unknown)?;
    change.check_connection(&user, hash.is_some())?;
    let (old_address, was_blocked) = (user.profile.email.clone(), user.blocked);
    change.apply(&mut user);
    user.updated_at = now;
    users::update(&mut tx, tenant, &user).await?;
    if user.profile.email != old_address {
        rename(&mut tx, context, &user).await?;
    }
    if let Some(hash) = &hash
        && passwords::update(&mut tx, tenant, user_id, hash, now).await? == 0
    {
        return Err(Invalid::new("password", "the user has no password").into());
    }
    if hash.is_some() || (user.blocked && !was_blocked) {
        end_standing(&mut tx, context, user_id, now).await?;
    }
    by.event(LogEventKind::ManagementWrite, context)
        .user(&user)
        .describe("Update a user")
        .details(json!({ "changed": changed }))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(user)
}

/// Removes a user with everything that is the user's. Answers `false` if there was none.
pub async fn delete(
    app: &App,
    context: &Context,
    by: &Administrator,
    user_id: &UserId,
    now: Timestamp,
) -> Result<bool, UserError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let Some(user) = users::find_for_update(&mut tx, tenant, user_id).await? else {
        return Ok(false);
    };
    let leaving = Leaving::User(user_id);
    let accounts = departures::leave(app, &mut tx, tenant, leaving, "user_deleted", now).await?;
    users::delete(&mut tx, tenant, user_id).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .user(&user)
        .describe("Delete a user")
        .details(json!({ "connected_accounts": accounts }))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// Removes a tokenset of a user with the account that it belongs to. Answers `false` if the user has none of that id.
pub async fn delete_tokenset(
    app: &App,
    context: &Context,
    by: &Administrator,
    user_id: &UserId,
    tokenset_id: &TokensetId,
    now: Timestamp,
) -> Result<bool, UserError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let found = connected_accounts::find_by_tokenset(&mut tx, tenant, tokenset_id).await?;
    let Some(stored) = found.filter(|stored| stored.account.user_id == *user_id) else {
        return Ok(false);
    };
    let account = stored.account;
    let leaving = Leaving::Account(user_id, &account.id);
    departures::leave(app, &mut tx, tenant, leaving, "tokenset_deleted", now).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .user_id(user_id.as_str())
        .describe("Delete a tokenset")
        .details(json!({
            "tokenset": { "id": tokenset_id, "connection": account.connection },
            "connected_account": { "id": account.id },
        }))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// The address is also the name by which a database knows the person.
async fn rename(tx: &mut WriteTx, context: &Context, user: &User) -> Result<(), UserError> {
    let is_of_database =
        user.identities.iter().any(|identity| identity.provider == Strategy::Database.as_str());
    if !is_of_database {
        return Ok(());
    }
    let Some(address) = &user.profile.email else {
        return Err(Invalid::new("email", "a user of a database has one").into());
    };
    match passwords::rename(tx, context.tenant_id(), &user.user_id, address).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(UserError::Taken),
        Err(error) if error.is_duplicate() => Err(UserError::Taken),
        Err(error) => Err(error.into()),
    }
}

/// Ends every session and every refresh token of a person.
async fn end_standing(
    tx: &mut WriteTx,
    context: &Context,
    user_id: &UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tenant = context.tenant_id();
    sessions::delete_for_user(tx, tenant, user_id).await?;
    grants::revoke_for_user(tx, tenant, user_id, now).await?;
    Ok(())
}
