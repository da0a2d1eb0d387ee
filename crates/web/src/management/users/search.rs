//! The `q` of a user search: exact terms, all of which must hold.
//!
//! `email:"ada@example.com" AND blocked:false`. The rest of the query language (alternatives,
//! wildcards, ranges, other fields) is refused rather than answered wrongly.

use model::user::{User, normalized_email};

use crate::management::error::ManagementError;

const QUERY_BYTES_MAX: usize = 1024;

/// A search: every term must hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Search(Vec<Term>);

#[derive(Debug, PartialEq, Eq)]
struct Term {
    field: Field,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    UserId,
    Email,
    EmailVerified,
    Username,
    Name,
    GivenName,
    FamilyName,
    Nickname,
    Blocked,
    IdentityConnection,
    IdentityProvider,
    IdentityUserId,
}

impl Field {
    const ALL: [(&'static str, Self); 12] = [
        ("user_id", Self::UserId),
        ("email", Self::Email),
        ("email_verified", Self::EmailVerified),
        ("username", Self::Username),
        ("name", Self::Name),
        ("given_name", Self::GivenName),
        ("family_name", Self::FamilyName),
        ("nickname", Self::Nickname),
        ("blocked", Self::Blocked),
        ("identities.connection", Self::IdentityConnection),
        ("identities.provider", Self::IdentityProvider),
        ("identities.user_id", Self::IdentityUserId),
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(known, field)| (known == name).then_some(field))
    }
}

impl Search {
    /// Reads a query.
    pub(super) fn parse(text: &str) -> Result<Self, ManagementError> {
        if text.len() > QUERY_BYTES_MAX {
            return Err(ManagementError::invalid_query("q", "String is too long"));
        }
        let mut terms = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (term, after) = Term::take(rest)?;
            terms.push(term);
            rest = after.trim_start();
            if rest.is_empty() {
                break;
            }
            let next = rest.strip_prefix("AND ").map(str::trim_start);
            rest = next.filter(|next| !next.is_empty()).ok_or_else(unsupported)?;
        }
        Ok(Self(terms))
    }

    /// Whether nothing is demanded.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The user id that is demanded.
    pub(super) fn user_id(&self) -> Option<&str> {
        self.value_of(Field::UserId)
    }

    /// The e-mail address that is demanded.
    pub(super) fn email(&self) -> Option<&str> {
        self.value_of(Field::Email)
    }

    /// The name of the connection that is demanded.
    pub(super) fn connection(&self) -> Option<&str> {
        self.value_of(Field::IdentityConnection)
    }

    fn value_of(&self, field: Field) -> Option<&str> {
        self.0.iter().find(|term| term.field == field).map(|term| term.value.as_str())
    }

    /// Adds that the user has an identity of a connection.
    pub(super) fn and_connection(&mut self, name: String) {
        self.0.push(Term { field: Field::IdentityConnection, value: name });
    }

    /// Whether a user has all that is demanded.
    pub(super) fn admits(&self, user: &User) -> bool {
        self.0.iter().all(|term| term.admits(user))
    }
}

impl Term {
    /// Takes one term from the front.
    fn take(text: &str) -> Result<(Self, &str), ManagementError> {
        let (name, rest) = text.split_once(':').ok_or_else(unsupported)?;
        let field = Field::parse(name).ok_or_else(unsupported)?;
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(unsupported)?,
            None => rest.split_at(rest.find(' ').unwrap_or(rest.len())),
        };
        let is_quoted = text.get(name.len() + 1..).is_some_and(|text| text.starts_with('"'));
        let is_plain = !value.is_empty()
            && (is_quoted || !value.contains(['*', '?', '(', ')', '[', ']', '{', '}', '"', '~']))
            && !value.contains('\\');
        if !is_plain || !(rest.is_empty() || rest.starts_with(' ')) {
            return Err(unsupported());
        }
        Ok((Self { field, value: value.to_owned() }, rest))
    }

    fn admits(&self, user: &User) -> bool {
        let profile = &user.profile;
        let same = |text: &Option<String>| {
            text.as_ref().is_some_and(|text| text.to_lowercase() == self.value.to_lowercase())
        };
        match self.field {
            Field::UserId => user.user_id.as_str() == self.value,
            Field::Email => profile
                .email
                .as_deref()
                .is_some_and(|email| normalized_email(email) == normalized_email(&self.value)),
            Field::EmailVerified => profile.email_verified.to_string() == self.value,
            Field::Username => same(&profile.username),
            Field::Name => same(&profile.name),
            Field::GivenName => same(&profile.given_name),
            Field::FamilyName => same(&profile.family_name),
            Field::Nickname => same(&profile.nickname),
            Field::Blocked => user.blocked.to_string() == self.value,
            Field::IdentityConnection => {
                user.identities.iter().any(|identity| identity.connection == self.value)
            }
            Field::IdentityProvider => {
                user.identities.iter().any(|identity| identity.provider == self.value)
            }
            Field::IdentityUserId => {
                user.identities.iter().any(|identity| identity.subject.as_str() == self.value)
            }
        }
    }
}

fn unsupported() -> ManagementError {
    let fields = Field::ALL.map(|(name, _)| name).join(", ");
    let why = format!("Only exact terms joined by AND are supported, of these fields: {fields}");
    ManagementError::invalid_query("q", &why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_terms_are_read_and_the_rest_of_the_language_is_refused() {
        let check = |text: &str, expected: Option<&[(Field, &str)]>| {
            let expected = expected.map(|terms| {
                let terms = terms
                    .iter()
                    .map(|(field, value)| Term { field: *field, value: (*value).to_owned() });
                Search(terms.collect())
            });
            assert_eq!(Search::parse(text).ok(), expected, "{text}");
        };
        check("", Some(&[]));
        check("email:\"ada@strongroom.test\"", Some(&[(Field::Email, "ada@strongroom.test")]));
        check("email:ada@strongroom.test", Some(&[(Field::Email, "ada@strongroom.test")]));
        check(
            "user_id:\"auth0|1\" AND blocked:true",
            Some(&[(Field::UserId, "auth0|1"), (Field::Blocked, "true")]),
        );
        check("name:\"Ada AND Grace\"", Some(&[(Field::Name, "Ada AND Grace")]));
        check(
            "identities.connection:\"calendar\"",
            Some(&[(Field::IdentityConnection, "calendar")]),
        );
        for refused in [
            "ada",
            "email:",
            "email:\"\"",
            "email:\"ada",
            "email:ada*",
            "email:(a b)",
            "logins_count:[1 TO 2]",
            "app_metadata.plan:gold",
            "email:a OR email:b",
            "NOT email:a",
            "email:a email:b",
            "email:a AND",
            "email:a AND ",
            "email:\"a\"b",
            "-email:a",
        ] {
            check(refused, None);
        }
        check(&"x".repeat(2000), None);
    }
}
