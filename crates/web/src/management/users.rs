//! `/users` and `/users-by-email`: people.

pub(super) mod by_email;
pub(super) mod connected_accounts;
pub(super) mod create;
pub(super) mod delete;
mod input;
pub(super) mod list;
pub(super) mod logs;
mod output;
pub(super) mod read;
mod search;
pub(super) mod tokensets;
pub(super) mod update;

use engine::context::Context;
use engine::users::UserError;
use model::ids::UserId;
use model::user::User;
use store::{Query, users};

use super::error::{Code, ManagementError};

impl From<UserError> for ManagementError {
    fn from(error: UserError) -> Self {
        match &error {
            UserError::Unknown => unknown(),
            UserError::Invalid(invalid) => Self::from(invalid.clone()),
            UserError::Taken => Self::new(Code::UserExists, "The user already exists."),
            UserError::Hashing(cause) => Self::internal(cause),
            UserError::Key(cause) => Self::internal(cause),
        }
    }
}

fn unknown() -> ManagementError {
    ManagementError::new(Code::InexistentUser, "The user does not exist.")
}

async fn find(q: &mut impl Query, context: &Context, id: &UserId) -> Result<User, ManagementError> {
    users::find(q, context.tenant_id(), id).await?.ok_or_else(unknown)
}
