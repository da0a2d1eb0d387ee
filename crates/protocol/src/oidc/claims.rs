use serde::{Deserialize, Serialize};

use crate::oauth::scope::ScopeSet;

/// What is told about a person (OpenID Connect Core §5.1), in ID tokens and by
/// the UserInfo endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandardClaims {
    /// Full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Given names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Family names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// Casual name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// URL of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// When any of this changed last. RFC 3339 text, as Auth0 sends, where the
    /// specification has a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the address is known to be theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Whether the number is known to be theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
}

impl StandardClaims {
    /// The claims that these scopes ask for (OpenID Connect Core §5.4).
    #[must_use]
    pub fn limited_to(self, scopes: &ScopeSet) -> Self {
        let (profile, email, phone) =
            (scopes.contains("profile"), scopes.contains("email"), scopes.contains("phone"));
        Self {
            name: self.name.filter(|_| profile),
            given_name: self.given_name.filter(|_| profile),
            family_name: self.family_name.filter(|_| profile),
            nickname: self.nickname.filter(|_| profile),
            picture: self.picture.filter(|_| profile),
            updated_at: self.updated_at.filter(|_| profile),
            email: self.email.filter(|_| email),
            email_verified: self.email_verified.filter(|_| email),
            phone_number: self.phone_number.filter(|_| phone),
            phone_number_verified: self.phone_number_verified.filter(|_| phone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_choose_the_claims() {
        let person = StandardClaims {
            name: Some("Ada".to_owned()),
            email: Some("ada@example.com".to_owned()),
            email_verified: Some(true),
            phone_number: Some("+41".to_owned()),
            ..StandardClaims::default()
        };
        let check = |scopes: &str, expected: &str| {
            let claims = person.clone().limited_to(&ScopeSet::parse(scopes).unwrap());
            assert_eq!(serde_json::to_string(&claims).unwrap(), expected, "{scopes}");
        };
        check("openid", "{}");
        check("openid profile", r#"{"name":"Ada"}"#);
        check("email", r#"{"email":"ada@example.com","email_verified":true}"#);
        check("phone", r#"{"phone_number":"+41"}"#);
    }
}
