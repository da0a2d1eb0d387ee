//! What can be set of a user.

use model::connection::Strategy;
use model::user::{Profile, User};
use protocol::secret::Password;
use serde_json::{Map, Value};
use url::Url;

use crate::change::{Change, merge_metadata};
use crate::invalid::Invalid;
use crate::login::address_for_signup;
use crate::passwords;

/// Metadata of one kind take no more room, in bytes.
const METADATA_BYTES_MAX: usize = 64 * 1024;
const PICTURE_BYTES_MAX: usize = 2048;

/// What is to become of a user.
#[derive(Debug, Default)]
pub struct UserChange {
    /// E-mail address; of users of a database also the name by which they log in.
    pub email: Change<String>,
    /// Whether the address was shown to be the person's.
    pub email_verified: Change<bool>,
    /// User name.
    pub username: Change<String>,
    /// Full name.
    pub name: Change<String>,
    /// First name.
    pub given_name: Change<String>,
    /// Last name.
    pub family_name: Change<String>,
    /// Short name.
    pub nickname: Change<String>,
    /// URL of a picture.
    pub picture: Change<String>,
    /// Whether the person may not log in and not be acted for.
    pub blocked: Change<bool>,
    /// What the person may write, merged on the first level.
    pub user_metadata: Change<Map<String, Value>>,
    /// What only the operator may write, merged on the first level.
    pub app_metadata: Change<Map<String, Value>>,
    /// A new password.
    pub password: Option<Password>,
    /// The connection whose user this is meant to be.
    pub connection: Option<String>,
}

impl UserChange {
    /// The members that are to change, for the audit log; the password is told by who takes it out.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let Self {
            email,
            email_verified,
            username,
            name,
            given_name,
            family_name,
            nickname,
            picture,
            blocked,
            user_metadata,
            app_metadata,
            password: _,
            connection: _,
        } = self;
        let named = [
            ("email", email.is_keep()),
            ("email_verified", email_verified.is_keep()),
            ("username", username.is_keep()),
            ("name", name.is_keep()),
            ("given_name", given_name.is_keep()),
            ("family_name", family_name.is_keep()),
            ("nickname", nickname.is_keep()),
            ("picture", picture.is_keep()),
            ("blocked", blocked.is_keep()),
            ("user_metadata", user_metadata.is_keep()),
            ("app_metadata", app_metadata.is_keep()),
        ];
        named.into_iter().filter_map(|(name, stays)| (!stays).then_some(name)).collect()
    }

    /// Checks what is said by itself, and brings the address into its one form.
    pub(super) fn check(&mut self) -> Result<(), Invalid> {
        if let Change::Set(email) = &mut self.email {
            *email = address_for_signup(email).ok_or_else(|| {
                Invalid::new("email", "object didn't pass validation for format email")
            })?;
        }
        if let Change::Set(picture) = &self.picture {
            check_picture(picture)?;
        }
        if let Some(password) = &self.password
            && !passwords::is_acceptable(password)
        {
            return Err(Invalid::new("password", "the password is too weak"));
        }
        check_metadata("user_metadata", &self.user_metadata)?;
        check_metadata("app_metadata", &self.app_metadata)
    }

    /// What belongs to a database's credentials can be changed of a user of a database alone; what a
    /// provider says of a person is the provider's.
    pub(super) fn check_connection(&self, user: &User, sets_password: bool) -> Result<(), Invalid> {
        let named = self.connection.as_deref();
        let mut meant = user
            .identities
            .iter()
            .filter(|identity| named.is_none_or(|named| identity.connection == named))
            .peekable();
        if named.is_some() && meant.peek().is_none() {
            return Err(Invalid::new("connection", "the user has no identity of it"));
        }
        let in_database = meant.any(|identity| identity.provider == Strategy::Database.as_str());
        let credential = [
            ("email", !self.email.is_keep()),
            ("username", !self.username.is_keep()),
            ("password", sets_password),
        ];
        match credential.into_iter().find(|(_, changes)| *changes) {
            Some((property, _)) if !in_database => {
                Err(Invalid::new(property, "it can be changed of a user of a database alone"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Does it. A new address is not verified, unless the change says so.
    pub(super) fn apply(self, user: &mut User) {
        let Self {
            email,
            email_verified,
            username,
            name,
            given_name,
            family_name,
            nickname,
            picture,
            blocked,
            user_metadata,
            app_metadata,
            password: _,
            connection: _,
        } = self;
        let Profile {
            email: old_email,
            email_verified: is_verified,
            username: old_username,
            name: old_name,
            given_name: old_given_name,
            family_name: old_family_name,
            nickname: old_nickname,
            picture: old_picture,
            user_metadata: old_user_metadata,
            app_metadata: old_app_metadata,
        } = &mut user.profile;
        let before = old_email.clone();
        email.apply_optional(old_email);
        if *old_email != before {
            *is_verified = false;
        }
        email_verified.apply(is_verified);
        username.apply_optional(old_username);
        name.apply_optional(old_name);
        given_name.apply_optional(old_given_name);
        family_name.apply_optional(old_family_name);
        nickname.apply_optional(old_nickname);
        picture.apply_optional(old_picture);
        blocked.apply(&mut user.blocked);
        merge_metadata(old_user_metadata, user_metadata);
        merge_metadata(old_app_metadata, app_metadata);
    }
}

/// Pages of others show it, so it leads nowhere but to the web.
fn check_picture(picture: &str) -> Result<(), Invalid> {
    let url = Url::parse(picture).ok().filter(|_| picture.len() <= PICTURE_BYTES_MAX);
    match url {
        Some(url) if matches!(url.scheme(), "https" | "http") => Ok(()),
        Some(_) | None => Err(Invalid::new("picture", "it is not an http(s) URL")),
    }
}

fn check_metadata(
    property: &'static str,
    change: &Change<Map<String, Value>>,
) -> Result<(), Invalid> {
    let Change::Set(members) = change else { return Ok(()) };
    let length = serde_json::to_string(members).map_or(usize::MAX, |text| text.len());
    if length > METADATA_BYTES_MAX {
        let why = format!("it is longer than {METADATA_BYTES_MAX} bytes");
        return Err(Invalid::new(property, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::user::Identity;
    use protocol::time::Timestamp;

    use super::*;

    fn user(provider: &str) -> User {
        User {
            user_id: format!("{provider}|1").into(),
            profile: Profile {
                email: Some("ada@strongroom.test".to_owned()),
                email_verified: true,
                ..Profile::default()
            },
            blocked: false,
            created_at: Timestamp::from_seconds(0),
            updated_at: Timestamp::from_seconds(0),
            last_login: None,
            last_ip: None,
            logins_count: 0,
            identities: vec![Identity {
                connection_id: "con_1".into(),
                connection: "people".to_owned(),
                provider: provider.to_owned(),
                subject: "1".into(),
                profile_data: Map::new(),
            }],
        }
    }

    #[test]
    fn a_new_address_is_not_verified_unless_the_change_says_so() {
        let check = |email: Change<String>, email_verified: Change<bool>, expected: bool| {
            let mut user = user("auth0");
            UserChange { email, email_verified, ..UserChange::default() }.apply(&mut user);
            assert_eq!(user.profile.email_verified, expected);
        };
        check(Change::Keep, Change::Keep, true);
        check(Change::Set("ada@strongroom.test".to_owned()), Change::Keep, true);
        check(Change::Set("new@strongroom.test".to_owned()), Change::Keep, false);
        check(Change::Set("new@strongroom.test".to_owned()), Change::Set(true), true);
        check(Change::Clear, Change::Keep, false);
    }

    #[test]
    fn credentials_belong_to_databases() {
        let check = |provider: &str, connection: Option<&str>, expected: Option<&str>| {
            let change = UserChange {
                email: Change::Set("new@strongroom.test".to_owned()),
                connection: connection.map(str::to_owned),
                ..UserChange::default()
            };
            let refused = change.check_connection(&user(provider), false).err();
            assert_eq!(refused.map(|invalid| invalid.property).as_deref(), expected);
        };
        check("auth0", None, None);
        check("auth0", Some("people"), None);
        check("auth0", Some("others"), Some("connection"));
        check("github", None, Some("email"));
        check("github", Some("people"), Some("email"));
    }

    #[test]
    fn values_are_checked_before_anything_is_read() {
        let check = |mut change: UserChange, expected: Option<&str>| {
            let refused = change.check().err().map(|invalid| invalid.property);
            assert_eq!(refused.as_deref(), expected);
        };
        let with = |email: &str| UserChange {
            email: Change::Set(email.to_owned()),
            ..UserChange::default()
        };
        check(with("Ada@Strongroom.test"), None);
        check(with("ada"), Some("email"));
        let picture = |url: &str| UserChange {
            picture: Change::Set(url.to_owned()),
            ..UserChange::default()
        };
        check(picture("https://a.example/p.png"), None);
        check(picture("javascript:alert(1)"), Some("picture"));
        let password = |text: &str| UserChange {
            password: Some(Password::new(text)),
            ..UserChange::default()
        };
        check(password("long enough"), None);
        check(password("short"), Some("password"));
        check(password(&"x".repeat(129)), Some("password"));
    }
}
