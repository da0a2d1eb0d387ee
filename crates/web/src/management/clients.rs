//! `/clients`: applications.

pub(super) mod connections;
pub(super) mod create;
pub(super) mod credentials;
pub(super) mod delete;
mod input;
mod members;
mod output;
pub(super) mod read;
pub(super) mod rotate_secret;
pub(super) mod update;

use engine::clients::ClientError;

use super::error::{Code, ManagementError};
use crate::body::sentence;

/// The caller may see the secret of a client.
const READ_KEYS: &str = "read:client_keys";

impl From<ClientError> for ManagementError {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Unknown => unknown(),
            ClientError::Invalid(invalid) => Self::from(invalid.clone()),
            ClientError::BeyondCaller { .. } => {
                let message =
                    "The client holds scopes of the Management API that the caller lacks.";
                Self::new(Code::InsufficientScope, message).caused_by(&error)
            }
            ClientError::UnknownCredential => {
                Self::new(Code::InexistentCredential, "The credential does not exist.")
            }
            ClientError::CredentialInUse { .. } | ClientError::KidTaken(_) => {
                Self::new(Code::Conflict, sentence(&error.to_string()))
            }
            ClientError::NoSecret => {
                Self::new(Code::OperationNotSupported, "The client has no secret.")
            }
            ClientError::Key(cause) => Self::internal(cause),
        }
    }
}

fn unknown() -> ManagementError {
    ManagementError::new(Code::InexistentClient, "The client does not exist")
}
