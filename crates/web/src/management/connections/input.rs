//! From a body to what is to become of a connection.

use engine::change::Change;
use engine::connections::{ConnectionChange, NewConnection};
use model::connection::Strategy;
use serde_json::{Map, Value};

use crate::management::error::ManagementError;
use crate::management::patch::Members;
use crate::management::shape::{self, Member, Shape};

const NAME_CHARS_MAX: usize = 128;
const METADATA_ENTRIES_MAX: usize = 10;
const METADATA_TEXT: Shape = Shape::Text { least: 0, most: 255 };
const CLIENT_ID: Shape = Shape::Text { least: 1, most: 128 };

const ON_CREATE: &[Member] = &[
    Member::required("name", Shape::Text { least: 1, most: NAME_CHARS_MAX }),
    Member::required("strategy", Shape::Text { least: 1, most: 128 }),
];

const SETTINGS: &[Member] = &[
    Member::new("display_name", Shape::Text { least: 0, most: 128 }),
    Member::nullable("options", Shape::Object),
    Member::nullable("enabled_clients", Shape::List { of: &CLIENT_ID, most: 1000 }),
    Member::new("is_domain_connection", Shape::Boolean),
    Member::new("show_as_button", Shape::Boolean),
    Member::new("realms", Shape::List { of: &Shape::Text { least: 1, most: 128 }, most: 100 }),
    Member::new("metadata", Shape::Object),
    Member::new("authentication", Shape::Record(&[Member::required("active", Shape::Boolean)])),
    Member::new(
        "connected_accounts",
        Shape::Record(&[
            Member::required("active", Shape::Boolean),
            Member::new("cross_app_access", Shape::Off),
        ]),
    ),
];

/// What is not served: accepted only as what happens anyway.
const UNSERVED: &[Member] = &[
    Member::nullable(
        "cross_app_access_requesting_app",
        Shape::Record(&[Member::new("active", Shape::Off)]),
    ),
    Member::nullable(
        "cross_app_access_resource_app",
        Shape::Record(&[Member::new("status", Shape::Only(&["disabled"]))]),
    ),
];

/// Reads the body of a new connection.
pub(super) fn read_new(body: Value) -> Result<NewConnection, ManagementError> {
    let mut members = Members::new(shape::check(body, &[ON_CREATE, SETTINGS, UNSERVED])?);
    let name: String = members.required("name")?;
    if !is_name(&name) {
        let why = "String does not match pattern ^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$";
        return Err(ManagementError::invalid_body("name", why));
    }
    let strategy: String = members.required("strategy")?;
    Ok(NewConnection { name, strategy: Strategy::from(strategy), change: read(members)? })
}

/// Reads the body of a change.
pub(super) fn read_change(body: Value) -> Result<ConnectionChange, ManagementError> {
    read(Members::new(shape::check_change(body, &[SETTINGS, UNSERVED])?))
}

fn read(mut members: Members) -> Result<ConnectionChange, ManagementError> {
    Ok(ConnectionChange {
        display_name: members.change("display_name")?,
        options: members.change("options")?,
        authentication: members.change("authentication")?,
        connected_accounts: members.change("connected_accounts")?,
        metadata: metadata(&mut members)?,
        enabled_clients: members.change("enabled_clients")?,
        kept: members.rest(),
    })
}

fn metadata(members: &mut Members) -> Result<Change<Map<String, Value>>, ManagementError> {
    let change: Change<Map<String, Value>> = members.change("metadata")?;
    if let Change::Set(texts) = &change {
        if texts.len() > METADATA_ENTRIES_MAX {
            let why = format!("Too many properties defined, maximum {METADATA_ENTRIES_MAX}");
            return Err(ManagementError::invalid_body("metadata", &why));
        }
        for (name, value) in texts.iter().filter(|(_, value)| !value.is_null()) {
            METADATA_TEXT.check(value, &format!("metadata.{name}"))?;
        }
    }
    Ok(change)
}

/// Letters, digits and single hyphens between them.
fn is_name(name: &str) -> bool {
    name.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_letters_digits_and_single_hyphens() {
        for (name, expected) in [
            ("calendar", true),
            ("Username-Password-Authentication", true),
            ("a1-b2", true),
            ("-a", false),
            ("a-", false),
            ("a--b", false),
            ("a_b", false),
            ("a b", false),
            ("é", false),
        ] {
            assert_eq!(is_name(name), expected, "{name}");
        }
    }

    /// A120: what is not an administrator's to set cannot be added to a body.
    #[test]
    fn a120_members_of_ours_and_what_never_changes_are_refused() {
        for name in ["id", "name", "strategy", "sealed_secret", "provisioning_ticket_url"] {
            assert!(read_change(json!({name: "x"})).is_err(), "{name}");
        }
        assert!(read_change(json!({"authentication": {"active": true, "x": 1}})).is_err());
    }
}
