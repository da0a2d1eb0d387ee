//! What a script is called with.

use protocol::secret::{ProviderAccessToken, ProviderIdToken, Secret};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// What is shorter is no secret, whatever it is called, in bytes.
const SECRET_BYTES_MIN: usize = 16;

/// `fetchUserProfile(accessToken, context, callback)`: somebody came back from a custom provider;
/// who is it?
///
/// Auth0 hands over the whole answer of the token endpoint as `context`. Here it lacks the refresh
/// token: that one is the vault's, and a profile needs none.
#[derive(Clone, Copy)]
pub struct FetchUserProfile<'a> {
    /// The provider's access token.
    pub access_token: &'a ProviderAccessToken,
    /// Its ID token, not verified.
    pub id_token: Option<&'a ProviderIdToken>,
    /// What was granted, joined by spaces.
    pub scope: &'a str,
    /// The members of the answer that are not OAuth's.
    pub others: &'a Map<String, Value>,
}

impl FetchUserProfile<'_> {
    /// The arguments before the callback, as one array of JSON.
    pub(crate) fn arguments(&self) -> Zeroizing<String> {
        let mut context = self.others.clone();
        let token = self.access_token.expose();
        context.insert("access_token".to_owned(), token.into());
        context.insert("scope".to_owned(), self.scope.into());
        if let Some(id_token) = self.id_token {
            context.insert("id_token".to_owned(), id_token.expose().into());
        }
        Zeroizing::new(Value::Array(vec![token.into(), Value::Object(context)]).to_string())
    }

    /// What must not be in a log or a profile.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let mut found = vec![self.access_token.expose()];
        found.extend(self.id_token.map(Secret::expose));
        self.others.iter().for_each(|(name, value)| collect(name, value, &mut found));
        // Nothing is everywhere.
        found.retain(|secret| !secret.is_empty());
        found
    }
}

/// The strings at or below a member that is called a token or a secret.
fn collect<'a>(name: &str, value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => {
            let name = name.to_ascii_lowercase();
            let is_called_secret = name.contains("token") || name.contains("secret");
            if is_called_secret && text.len() >= SECRET_BYTES_MIN {
                found.push(text);
            }
        }
        Value::Object(members) => {
            members.iter().for_each(|(inner, value)| collect(inner, value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(name, item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_found_by_their_names_at_any_depth() {
        let others = json!({
            "token_type": "Bearer",
            "authed_user": { "id": "U1234567890123456", "access_token": "xoxp-1234567890123" },
            "app_secrets": ["0123456789abcdef0123"],
        });
        let event = FetchUserProfile {
            access_token: &Secret::new("at-1"),
            id_token: Some(&Secret::new("it-1")),
            scope: "openid",
            others: others.as_object().unwrap(),
        };
        let mut found = event.secrets();
        found.sort_unstable();
        assert_eq!(found, ["0123456789abcdef0123", "at-1", "it-1", "xoxp-1234567890123"]);
        let told: Value = serde_json::from_str(&event.arguments()).unwrap();
        assert_eq!(told[0], "at-1");
        assert_eq!(told[1]["authed_user"]["id"], "U1234567890123456");
        assert_eq!(told[1]["id_token"], "it-1");
    }
}
