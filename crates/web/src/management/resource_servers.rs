//! `/resource-servers`: APIs. The one of a path is named by its id or by its identifier.

pub(super) mod create;
pub(super) mod delete;
mod input;
mod output;
pub(super) mod read;
pub(super) mod update;

use engine::resource_servers::ResourceServerError;

use super::error::{Code, ManagementError};

impl From<ResourceServerError> for ManagementError {
    fn from(error: ResourceServerError) -> Self {
        match &error {
            ResourceServerError::Unknown => unknown(),
            ResourceServerError::Invalid(invalid) => Self::from(invalid.clone()),
            ResourceServerError::IdentifierTaken => Self::new(
                Code::Conflict,
                "A resource server with the same identifier already exists.",
            ),
            ResourceServerError::System(what) => {
                let message = format!("This is a system API: {what} cannot be changed.");
                Self::new(Code::OperationNotSupported, message)
            }
            ResourceServerError::Store(cause) => Self::internal(cause),
        }
    }
}

fn unknown() -> ManagementError {
    ManagementError::new(Code::InexistentResourceServer, "The resource server does not exist")
}
