//! `/connections`: where people come from, and whose tokens the vault keeps.
//!
//! What is secret among the options (`client_secret`, `customHeaders`) is shown to callers who hold
//! `read:connections_options`, and to nobody by `read:connections` alone; each time it is shown, the
//! audit log says so. As Auth0 documents, a change replaces `options` whole: one that leaves the
//! secret out removes it.

pub(super) mod clients;
pub(super) mod create;
pub(super) mod delete;
mod input;
pub(super) mod keys;
pub(super) mod output;
pub(super) mod read;
pub(super) mod update;

use engine::connections::ConnectionError;

use super::error::{Code, ManagementError};

impl From<ConnectionError> for ManagementError {
    fn from(error: ConnectionError) -> Self {
        match &error {
            ConnectionError::Unknown => unknown(),
            ConnectionError::Invalid(invalid) => Self::from(invalid.clone()),
            ConnectionError::UnknownStrategy(name) => {
                Self::invalid_body("strategy", &format!("No enum match for: \"{name}\""))
            }
            ConnectionError::NameTaken => {
                Self::new(Code::Conflict, "A connection with the same name already exists")
            }
            ConnectionError::UnknownClient(_) => {
                Self::new(Code::InexistentClient, "The client does not exist")
            }
            // One text for every cause: it must not tell what answers at which inner address.
            ConnectionError::Discovery(_) => {
                let why = "The discovery document could not be read";
                Self::invalid_body("options.discovery_url", why).caused_by(&error)
            }
            ConnectionError::Script(cause) => Self::internal(cause),
            ConnectionError::Key(cause) => Self::internal(cause),
        }
    }
}

fn unknown() -> ManagementError {
    ManagementError::new(Code::InexistentConnection, "The connection does not exist")
}
