//! From a body to a new user, or to what is to become of one.

use engine::users::{NewUser, UserChange};
use serde_json::Value;

use crate::management::error::ManagementError;
use crate::management::patch::Members;
use crate::management::shape::{self, Member, Shape, TEXT};

const EMAIL: Shape = Shape::Text { least: 1, most: 320 };
const USERNAME: Shape = Shape::Text { least: 1, most: 128 };
const PASSWORD: Shape = Shape::Text { least: 1, most: 1024 };
const CONNECTION: Shape = Shape::Text { least: 1, most: 128 };
const SHORT_NAME: Shape = Shape::Text { least: 1, most: 150 };
const LONG_NAME: Shape = Shape::Text { least: 1, most: 300 };

const ON_CREATE: &[Member] = &[
    Member::required("connection", CONNECTION),
    Member::required("email", EMAIL),
    Member::required("password", PASSWORD),
    Member::new("user_id", Shape::Text { least: 0, most: 255 }),
    Member::new("username", USERNAME),
    Member::new("name", LONG_NAME),
    Member::new("given_name", SHORT_NAME),
    Member::new("family_name", SHORT_NAME),
    Member::new("nickname", LONG_NAME),
    Member::new("picture", TEXT),
];

const ON_UPDATE: &[Member] = &[
    Member::new("connection", CONNECTION),
    Member::nullable("email", EMAIL),
    Member::nullable("password", PASSWORD),
    Member::nullable("username", USERNAME),
    Member::nullable("name", LONG_NAME),
    Member::nullable("given_name", SHORT_NAME),
    Member::nullable("family_name", SHORT_NAME),
    Member::nullable("nickname", LONG_NAME),
    Member::nullable("picture", TEXT),
];

const SETTINGS: &[Member] = &[
    Member::new("email_verified", Shape::Boolean),
    Member::new("blocked", Shape::Boolean),
    Member::new("user_metadata", Shape::Object),
    Member::new("app_metadata", Shape::Object),
];

/// Mails and telephones: accepted only as what happens anyway.
const UNSERVED: &[Member] = &[
    Member::nullable("phone_number", Shape::Off),
    Member::new("phone_verified", Shape::Off),
    Member::new("verify_email", Shape::Off),
    Member::new("verify_phone_number", Shape::Off),
];

/// What a change asks for.
pub(super) struct UserInput {
    pub(super) change: UserChange,
    /// Whether anything but `app_metadata` is to change.
    pub(super) goes_beyond_app_metadata: bool,
}

/// Reads the body of a new user.
pub(super) fn read_new(body: Value) -> Result<NewUser, ManagementError> {
    let body = shape::check(body, &[ON_CREATE, SETTINGS, UNSERVED])?;
    let mut members = Members::new(body);
    let (connection, password) = (members.required("connection")?, members.required("password")?);
    let subject = members.optional("user_id")?;
    Ok(NewUser { connection, subject, password, change: read(members)? })
}

/// Reads the body of a change.
pub(super) fn read_change(body: Value) -> Result<UserInput, ManagementError> {
    let body = shape::check_change(body, &[ON_UPDATE, SETTINGS, UNSERVED])?;
    let goes_beyond_app_metadata = body.keys().any(|name| name != "app_metadata");
    Ok(UserInput { change: read(Members::new(body))?, goes_beyond_app_metadata })
}

fn read(mut members: Members) -> Result<UserChange, ManagementError> {
    Ok(UserChange {
        email: members.change("email")?,
        email_verified: members.change("email_verified")?,
        username: members.change("username")?,
        name: members.change("name")?,
        given_name: members.change("given_name")?,
        family_name: members.change("family_name")?,
        nickname: members.change("nickname")?,
        picture: members.change("picture")?,
        blocked: members.change("blocked")?,
        user_metadata: members.change("user_metadata")?,
        app_metadata: members.change("app_metadata")?,
        password: members.optional("password")?,
        connection: members.optional("connection")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A120: what is not an administrator's to set cannot be added to a body.
    #[test]
    fn a120_members_of_ours_are_refused() {
        let members = [
            "identities",
            "created_at",
            "updated_at",
            "last_login",
            "last_ip",
            "logins_count",
            "multifactor",
            "user_share",
        ];
        let new = json!({"connection": "c", "email": "a@b.test", "password": "long enough"});
        assert!(read_new(new.clone()).is_ok());
        for name in members {
            assert!(read_change(json!({name: []})).is_err(), "{name}");
            let mut new = new.clone();
            new[name] = json!([]);
            assert!(read_new(new).is_err(), "{name}");
        }
        assert!(read_change(json!({"user_id": "auth0|1"})).is_err());
    }

    #[test]
    fn metadata_alone_is_a_smaller_change() {
        let beyond = |body: Value| read_change(body).unwrap().goes_beyond_app_metadata;
        assert!(!beyond(json!({"app_metadata": {"plan": "gold"}})));
        assert!(beyond(json!({"app_metadata": {"plan": "gold"}, "blocked": false})));
        assert!(beyond(json!({"user_metadata": {}})));
    }
}
