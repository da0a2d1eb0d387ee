//! What a file says about accounts: how one is asked for, where its facts
//! stand, and how a grant is ended.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::TokenKind;

/// How an account is asked for.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct UserinfoSpec {
    /// The method.
    pub call: Call,
    /// The body of a POST: a JSON text.
    pub body: Option<String>,
    /// The header that carries the token.
    pub header: String,
    /// The word before the token; may be empty.
    pub scheme: String,
    /// Headers of the request.
    pub headers: BTreeMap<String, String>,
}

impl Default for UserinfoSpec {
    fn default() -> Self {
        Self {
            call: Call::Get,
            body: None,
            header: "authorization".to_owned(),
            scheme: "Bearer".to_owned(),
            headers: BTreeMap::new(),
        }
    }
}

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// GET.
    Get,
    /// POST.
    Post,
    /// DELETE.
    Delete,
}

/// How a grant is ended.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RevocationSpec {
    /// What the request carries.
    pub how: RevocationCall,
    /// The method.
    pub call: Call,
    /// By which token it ends.
    pub token: TokenKind,
    /// What the parameter with the token is called.
    pub parameter: String,
    /// Whether `token_type_hint` is sent.
    pub hint: bool,
    /// Whether the client authenticates (RFC 7009 §2.1 wants it to).
    pub client_auth: bool,
    /// Error codes that say that there was nothing left to revoke.
    pub already_gone: Vec<String>,
}

impl Default for RevocationSpec {
    fn default() -> Self {
        Self {
            how: RevocationCall::Form,
            call: Call::Post,
            token: TokenKind::Refresh,
            parameter: "token".to_owned(),
            hint: true,
            client_auth: false,
            already_gone: Vec::new(),
        }
    }
}

/// What a revocation request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RevocationCall {
    /// The token in a form (RFC 7009 §2.1).
    Form,
    /// The token in a JSON object.
    Json,
    /// The access token in the `Authorization` header, and nothing else.
    Bearer,
}

/// Where the facts about an account stand. Places are tried in order; dots
/// descend into objects, numbers into arrays. A place with braces is made of
/// several: `{team_id}-{user_id}`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountSpec {
    /// Whether an ID token vouches for the account.
    pub id_token: bool,
    /// Whether the token answer describes the account, too; where the userinfo
    /// endpoint says otherwise, that counts.
    #[serde(default)]
    pub from_token: bool,
    /// Whether a script of the connection may tell the profile.
    #[serde(default)]
    pub script: bool,
    /// What identifies it, for ever.
    pub subject: Vec<String>,
    /// Its address.
    #[serde(default = "standard::email")]
    pub email: Vec<String>,
    /// Whether the address is verified.
    #[serde(default = "standard::email_verified")]
    pub email_verified: Vec<String>,
    /// The full name.
    #[serde(default = "standard::name")]
    pub name: Vec<String>,
    /// The given name.
    #[serde(default = "standard::given_name")]
    pub given_name: Vec<String>,
    /// The family name.
    #[serde(default = "standard::family_name")]
    pub family_name: Vec<String>,
    /// What the person goes by.
    #[serde(default = "standard::nickname")]
    pub nickname: Vec<String>,
    /// A picture's address.
    #[serde(default = "standard::picture")]
    pub picture: Vec<String>,
    /// By what people tell their accounts apart; else by address, nickname, name.
    #[serde(default)]
    pub label: Vec<String>,
    /// What must be as a connection's option says.
    pub must_match: Option<MatchSpec>,
}

/// A fact about the account that a connection's options decide.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MatchSpec {
    /// Where the fact stands.
    pub place: String,
    /// The options that may hold what it must be; the first that is there counts.
    pub options: Vec<String>,
}

/// OpenID Connect Core §5.1: the standard claims, used where a file says nothing.
mod standard {
    pub(super) fn email() -> Vec<String> {
        vec!["email".into()]
    }
    pub(super) fn email_verified() -> Vec<String> {
        vec!["email_verified".into()]
    }
    pub(super) fn name() -> Vec<String> {
        vec!["name".into()]
    }
    pub(super) fn given_name() -> Vec<String> {
        vec!["given_name".into()]
    }
    pub(super) fn family_name() -> Vec<String> {
        vec!["family_name".into()]
    }
    pub(super) fn nickname() -> Vec<String> {
        vec!["nickname".into()]
    }
    pub(super) fn picture() -> Vec<String> {
        vec!["picture".into()]
    }
}
