//! `/client-grants`: what clients may ask for at resource servers.

pub(super) mod create;
pub(super) mod delete;
mod output;
pub(super) mod read;
pub(super) mod update;

use engine::client_grants::ClientGrantError;

use super::error::{Code, ManagementError};
use super::shape::{Member, Shape};

const SCOPES: Shape = Shape::List { of: &Shape::Text { least: 1, most: 280 }, most: 512 };

/// The documented members that can be set at any time.
const SETTINGS: &[Member] = &[
    Member::nullable("scope", SCOPES),
    Member::nullable("allow_all_scopes", Shape::Boolean),
    // To require an organization would keep somebody out, and there are none yet.
    Member::nullable("organization_usage", Shape::Only(&["deny", "allow"])),
    Member::nullable("allow_any_organization", Shape::Boolean),
    Member::new("authorization_details_types", SCOPES),
];

impl From<ClientGrantError> for ManagementError {
    fn from(error: ClientGrantError) -> Self {
        match &error {
            ClientGrantError::Unknown => unknown(),
            ClientGrantError::UnknownClient => {
                Self::new(Code::InexistentClient, "The client does not exist")
            }
            ClientGrantError::UnknownResourceServer => {
                Self::new(Code::InexistentResourceServer, "The resource server does not exist")
            }
            ClientGrantError::Invalid(invalid) => Self::from(invalid.clone()),
            ClientGrantError::Taken => Self::new(
                Code::Conflict,
                "A client grant for this client, audience and subject type already exists.",
            ),
            ClientGrantError::BeyondCaller { lacking } => {
                let message = format!("The caller cannot grant what it does not hold: {lacking}");
                Self::new(Code::InsufficientScope, message).caused_by(&error)
            }
            ClientGrantError::Store(cause) => Self::internal(cause),
        }
    }
}

fn unknown() -> ManagementError {
    ManagementError::new(Code::InexistentClientGrant, "The grant does not exist.")
}
