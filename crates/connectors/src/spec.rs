//! One file of the catalogue, as types.
//!
//! An entry says what is true of a provider whoever connects to it. Unknown
//! keys are errors, so that a misspelt fact cannot be silently without effect.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::oauth::scope::{Scope, ScopeSet};
use serde::{Deserialize, Deserializer, de};

use crate::endpoint::Endpoint;

/// What is known of one provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Auth0's name for it: the `strategy` of connections.
    pub strategy: String,
    /// The name that people read.
    pub name: String,
    /// The day on which the facts were last looked up (YYYY-MM-DD).
    pub verified_on: String,
    /// Where the facts come from.
    pub sources: Vec<String>,
    /// Whether a discovery document may supply endpoints and abilities.
    #[serde(default)]
    pub discovery: bool,
    /// Behaviour that data cannot express.
    #[serde(default)]
    pub(crate) quirk: Quirk,
    #[serde(default)]
    pub(crate) endpoints: EndpointsSpec<Endpoint>,
    /// Which options of a connection supply (or replace) endpoints.
    #[serde(default)]
    pub(crate) endpoint_options: EndpointsSpec<String>,
    pub(crate) client: ClientSpec,
    #[serde(default)]
    pub(crate) authorize: AuthorizeSpec,
    pub(crate) scopes: ScopesSpec,
    #[serde(default)]
    pub(crate) offline: OfflineSpec,
    #[serde(default)]
    pub(crate) token: TokenSpec,
    /// How its refresh tokens live and die.
    pub refresh: RefreshSpec,
    #[serde(default)]
    pub(crate) errors: ErrorSpec,
    #[serde(default)]
    pub(crate) userinfo: UserinfoSpec,
    #[serde(default)]
    pub(crate) revocation: RevocationSpec,
    pub(crate) account: AccountSpec,
}

impl Spec {
    /// How long an access token is believed to live when the provider did not
    /// say, or said something absurd.
    pub fn assumed_lifetime(&self) -> Duration {
        self.token.assumed_lifetime
    }

    /// Whether a connection needs to name no endpoints: the provider's are known.
    pub fn knows_its_endpoints(&self) -> bool {
        self.endpoints.token.is_some()
    }
}

/// Names a module of `quirks`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Quirk {
    #[default]
    None,
    Github,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct EndpointsSpec<T> {
    pub authorization: Option<T>,
    pub token: Option<T>,
    pub userinfo: Option<T>,
    pub emails: Option<T>,
    pub revocation: Option<T>,
    pub jwks: Option<T>,
    pub issuer: Option<String>,
}

// By hand: a derive would demand `T: Default`.
impl<T> Default for EndpointsSpec<T> {
    fn default() -> Self {
        Self {
            authorization: None,
            token: None,
            userinfo: None,
            emails: None,
            revocation: None,
            jwks: None,
            issuer: None,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientSpec {
    pub auth: ClientAuthRule,
    pub pkce: PkceRule,
}

/// Where the way of authenticating comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientAuthRule {
    Post,
    Basic,
    /// From `token_endpoint_auth_method`, else from the discovery document,
    /// else in the body.
    Discovered,
}

/// What decides about PKCE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PkceRule {
    S256,
    /// The connection's `pkce_enabled`.
    Option,
    /// `connection_settings.pkce`, else the discovery document.
    Discovered,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuthorizeSpec {
    /// Parameters of our `/authorize` that reach the provider on a login.
    pub forwarded: Vec<String>,
    /// Parameters that go by another name there.
    pub renamed: BTreeMap<String, String>,
    /// The `prompt` values it understands; others are left out. `None`: all.
    pub prompts: Option<Vec<String>>,
    /// Parameters that must not stand beside `prompt`.
    pub prompt_excludes: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopesSpec {
    /// Asked for whatever else is asked for.
    #[serde(default, deserialize_with = "scopes")]
    pub always: ScopeSet,
    /// Asked for when the connection says nothing.
    #[serde(default, deserialize_with = "scopes")]
    pub default: ScopeSet,
    pub request_separator: RequestSeparator,
    pub answer_separator: AnswerSeparator,
    #[serde(default)]
    pub empty_answer: EmptyAnswer,
    /// Scopes that are granted under another name than they are asked for.
    #[serde(default)]
    pub answered_as: BTreeMap<String, String>,
    /// The connection's boolean options, each with the scopes it stands for.
    #[serde(default, deserialize_with = "scope_options")]
    pub options: BTreeMap<String, ScopeSet>,
}

/// What stands between the scopes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RequestSeparator {
    Space,
    Comma,
}

/// What stands between the scopes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AnswerSeparator {
    Space,
    Comma,
    Any,
}

/// What `"scope": ""` in an answer means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EmptyAnswer {
    /// As if there were no such member.
    #[default]
    Unsaid,
    /// Nothing was granted.
    Nothing,
}

/// How a provider is asked for access in the person's absence.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OfflineSpec {
    /// Scopes that ask for it.
    pub scopes: Vec<String>,
    /// Parameters that ask for it.
    pub parameters: BTreeMap<String, String>,
    /// The `prompt` without which the request may be ignored.
    pub prompt: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TokenSpec {
    /// What it means that an answer has no `expires_in`.
    pub unsaid_expiry: UnsaidExpiry,
    #[serde(rename = "assumed_lifetime_seconds", deserialize_with = "seconds")]
    pub assumed_lifetime: Duration,
    pub headers: BTreeMap<String, String>,
}

impl Default for TokenSpec {
    fn default() -> Self {
        Self {
            unsaid_expiry: UnsaidExpiry::Unknown,
            // What Auth0 documents for opaque tokens without a stated lifetime.
            assumed_lifetime: Duration::from_mins(10),
            headers: BTreeMap::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UnsaidExpiry {
    Unknown,
    Never,
}

/// How the refresh tokens of a provider live and die.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshSpec {
    /// Whether a refresh brings a new refresh token.
    pub rotates: Rotation,
    /// How long a spent refresh token is still accepted after its successor
    /// was issued; zero if it is not.
    #[serde(default, rename = "reuse_grace_seconds", deserialize_with = "seconds")]
    pub reuse_grace: Duration,
    /// How long a refresh token lives without being used.
    #[serde(default, rename = "idle_lifetime_seconds", deserialize_with = "some_seconds")]
    pub idle_lifetime: Option<Duration>,
    /// How long the grant lives however often it is used.
    #[serde(default, rename = "absolute_lifetime_seconds", deserialize_with = "some_seconds")]
    pub absolute_lifetime: Option<Duration>,
    /// How long before an access token's end it is refreshed.
    #[serde(rename = "margin_seconds", deserialize_with = "seconds")]
    pub margin: Duration,
}

/// Whether a refresh brings a new refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// The first one stays good.
    Never,
    /// Each is good for one use.
    Always,
    /// Not known in advance: treat each as good for one use.
    May,
}

/// Error codes beside the standard ones (RFC 6749 §5.2), or against them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ErrorSpec {
    /// The grant is dead; only the person can help, by connecting again.
    pub permanent: Vec<String>,
    /// Our registration there is at fault.
    pub client: Vec<String>,
    /// Worth trying again.
    pub passing: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UserinfoSpec {
    pub headers: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RevocationSpec {
    /// Whether the client authenticates (RFC 7009 §2.1 wants it to).
    pub client_auth: bool,
    /// Error codes that say that there was nothing left to revoke.
    pub already_gone: Vec<String>,
}

/// Where the facts about an account stand. Members are tried in order; dots
/// descend into objects.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountSpec {
    /// Whether an ID token vouches for the account.
    pub id_token: bool,
    /// Whether a script of the connection may tell the profile.
    #[serde(default)]
    pub script: bool,
    pub subject: Vec<String>,
    #[serde(default = "standard::email")]
    pub email: Vec<String>,
    #[serde(default = "standard::email_verified")]
    pub email_verified: Vec<String>,
    #[serde(default = "standard::name")]
    pub name: Vec<String>,
    #[serde(default = "standard::given_name")]
    pub given_name: Vec<String>,
    #[serde(default = "standard::family_name")]
    pub family_name: Vec<String>,
    #[serde(default = "standard::nickname")]
    pub nickname: Vec<String>,
    #[serde(default = "standard::picture")]
    pub picture: Vec<String>,
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

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u32::deserialize(deserializer).map(|seconds| Duration::from_secs(seconds.into()))
}

fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}

fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ScopeSet, D::Error> {
    let tokens = Vec::<String>::deserialize(deserializer)?;
    scope_set(&tokens)
}

fn scope_options<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, ScopeSet>, D::Error> {
    let options = BTreeMap::<String, Vec<String>>::deserialize(deserializer)?;
    options.into_iter().map(|(name, tokens)| Ok((name, scope_set(&tokens)?))).collect()
}

fn scope_set<E: de::Error>(tokens: &[String]) -> Result<ScopeSet, E> {
    tokens.iter().map(|token| Scope::parse(token)).collect::<Result<_, _>>().map_err(E::custom)
}
