//! One file of the catalogue, as types.
//!
//! An entry says what is true of a provider whoever connects to it. Unknown
//! keys are errors, so that a misspelt fact cannot be silently without effect.
//! `catalogue.schema.json` is made of these types by a test, and `build.rs`
//! checks every file against it: a bad file stops the build.

use std::collections::BTreeMap;
use std::time::Duration;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use crate::template::{self, Template};

mod account;
mod facts;
mod scopes;
mod tokens;

pub use account::{AccountSpec, Call, MatchSpec, RevocationCall, RevocationSpec, UserinfoSpec};
pub use facts::{FactSpec, Teller, ToldSpec};
pub use scopes::{AnswerSeparator, EmptyAnswer, OfflineSpec, RequestSeparator, ScopesSpec};
pub use tokens::{
    BodyFormat, ErrorCase, ErrorSpec, Meaning, RefreshSpec, Rotation, TokenKind, TokenSpec,
    UnsaidExpiry,
};

/// What is known of one provider.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Auth0's name for it: the `strategy` of connections.
    pub strategy: String,
    /// The name that people read.
    pub name: String,
    /// The day on which the facts were last looked up (YYYY-MM-DD).
    pub verified_on: String,
    /// Where the facts come from.
    pub sources: Vec<Source>,
    /// What stands here without having been checked: a section, or `section.member`.
    #[serde(default)]
    pub unchecked: Vec<String>,
    /// Whether a discovery document may supply endpoints and abilities.
    #[serde(default)]
    pub discovery: bool,
    /// Behaviour that data cannot express.
    #[serde(default)]
    pub quirk: Quirk,
    /// What differs between the customers of the provider and stands in its addresses.
    #[serde(default)]
    pub variables: BTreeMap<String, VariableSpec>,
    /// Its addresses.
    #[serde(default)]
    pub endpoints: EndpointsSpec<Template>,
    /// Which options of a connection supply (or replace) endpoints.
    #[serde(default)]
    pub endpoint_options: EndpointsSpec<String>,
    /// Who we are there and how we prove it.
    pub client: ClientSpec,
    /// The authorization request.
    #[serde(default)]
    pub authorize: AuthorizeSpec,
    /// Scopes, and how they are written.
    pub scopes: ScopesSpec,
    /// How access in the person's absence is asked for.
    #[serde(default)]
    pub offline: OfflineSpec,
    /// Token requests and their answers.
    #[serde(default)]
    pub token: TokenSpec,
    /// How its refresh tokens live and die.
    pub refresh: RefreshSpec,
    /// What its errors mean.
    #[serde(default)]
    pub errors: ErrorSpec,
    /// How an account is asked for.
    #[serde(default)]
    pub userinfo: UserinfoSpec,
    /// How a grant is ended.
    #[serde(default)]
    pub revocation: RevocationSpec,
    /// Where the facts about an account stand.
    pub account: AccountSpec,
    /// What is kept of an account because calls to the provider's API need it, by name.
    #[serde(default)]
    pub facts: BTreeMap<String, FactSpec>,
    /// What an operator has to do there.
    #[serde(default)]
    pub setup: SetupSpec,
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

    /// The same facts with every address under `base`, a URL without a slash at
    /// its end: for a provider that somebody pretends to be. Paths stay.
    #[must_use]
    pub fn moved_to(&self, base: &str) -> Self {
        let moved = |endpoint: &Option<Template>| endpoint.as_ref().map(|at| at.moved_to(base));
        let EndpointsSpec {
            authorization,
            token,
            refresh,
            userinfo,
            emails,
            revocation,
            jwks,
            issuer,
        } = &self.endpoints;
        let endpoints = EndpointsSpec {
            authorization: moved(authorization),
            token: moved(token),
            refresh: moved(refresh),
            userinfo: moved(userinfo),
            emails: moved(emails),
            revocation: moved(revocation),
            jwks: moved(jwks),
            issuer: issuer.as_ref().map(|_| base.to_owned()),
        };
        Self { endpoints, ..self.clone() }
    }
}

/// Where a fact was looked up.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The page or file that was read.
    pub url: String,
    /// The sections of this file that it bears out.
    #[serde(rename = "for")]
    pub sections: Vec<String>,
}

/// Names a module of `quirks`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Quirk {
    /// Data says it all.
    #[default]
    None,
    /// `quirks::github`.
    Github,
}

/// A part of a provider's addresses that a connection's option fills.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VariableSpec {
    /// The connection's options that may hold it; the first that is there counts.
    pub options: Vec<String>,
    /// The connection's boolean options that stand for a value.
    #[serde(default)]
    pub switches: BTreeMap<String, String>,
    /// What a value must match, from end to end. Whatever it allows, a value has
    /// letters, digits, dots, dashes and underscores only.
    pub pattern: String,
    /// The value where no option says one.
    pub default: Option<String>,
    /// A value, for those who fill in a form.
    pub example: String,
    /// What it is, in plain words.
    pub words: String,
    /// Where the provider tells a person's own value, which then goes before the connection's.
    pub told: Option<ToldSpec>,
}

impl VariableSpec {
    /// Whether a value may stand in an address.
    pub(crate) fn admits(&self, value: &str) -> bool {
        // The catalogue was refused if one of its patterns is none.
        template::pattern(&self.pattern).is_ok_and(|pattern| template::fits(&pattern, value))
    }
}

/// A provider's addresses, or the options that hold them.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default, bound(deserialize = "T: Deserialize<'de>"))]
pub struct EndpointsSpec<T> {
    /// Where the browser goes.
    pub authorization: Option<T>,
    /// Where codes are redeemed.
    pub token: Option<T>,
    /// Where refresh tokens are redeemed, if not where codes are.
    pub refresh: Option<T>,
    /// Where the account is described.
    pub userinfo: Option<T>,
    /// Where the account's e-mail addresses are, if not in the description.
    pub emails: Option<T>,
    /// Where tokens are revoked.
    pub revocation: Option<T>,
    /// Where the keys of ID tokens are.
    pub jwks: Option<T>,
    /// Its name for itself.
    pub issuer: Option<String>,
}

// By hand: a derive would demand `T: Default`.
impl<T> Default for EndpointsSpec<T> {
    fn default() -> Self {
        Self {
            authorization: None,
            token: None,
            refresh: None,
            userinfo: None,
            emails: None,
            revocation: None,
            jwks: None,
            issuer: None,
        }
    }
}

impl<T> EndpointsSpec<T> {
    /// All but the issuer.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        let Self { authorization, token, refresh, userinfo, emails, revocation, jwks, issuer: _ } =
            self;
        [authorization, token, refresh, userinfo, emails, revocation, jwks].into_iter().flatten()
    }
}

/// Who we are at a provider, and how we prove it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClientSpec {
    /// How we authenticate.
    pub auth: ClientAuthRule,
    /// Whether codes are bound to a verifier.
    pub pkce: PkceRule,
    /// What the parameter with our identifier is called.
    #[serde(default = "client_id")]
    pub id_parameter: String,
}

fn client_id() -> String {
    "client_id".to_owned()
}

/// Where the way of authenticating comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuthRule {
    /// Identifier and secret in the body.
    Post,
    /// Identifier and secret in the header.
    Basic,
    /// The secret alone in the header, as the user name.
    BasicSecret,
    /// From `token_endpoint_auth_method`, else from the discovery document,
    /// else in the body.
    Discovered,
}

/// What decides about PKCE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PkceRule {
    /// Always.
    S256,
    /// Never: the provider does not document it.
    Off,
    /// The connection's `pkce_enabled`.
    Option,
    /// `connection_settings.pkce`, else the discovery document.
    Discovered,
}

/// The authorization request.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AuthorizeSpec {
    /// Parameters that every request carries.
    pub parameters: BTreeMap<String, String>,
    /// Parameters whose value is an option of the connection.
    pub from_options: BTreeMap<String, String>,
    /// Parameters of our `/authorize` that reach the provider on a login.
    pub forwarded: Vec<String>,
    /// Parameters that go by another name there.
    pub renamed: BTreeMap<String, String>,
    /// The `prompt` values it understands; others are left out. Absent: all.
    pub prompts: Option<Vec<String>>,
    /// Parameters that must not stand beside `prompt`.
    pub prompt_excludes: Vec<String>,
}

/// What an operator has to do at the provider.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SetupSpec {
    /// Where applications are registered.
    pub console: Option<String>,
    /// What to do there, in order.
    pub steps: Vec<String>,
}

/// Seconds, as files write durations.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer};

    pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u32::deserialize(deserializer).map(|seconds| Duration::from_secs(seconds.into()))
    }

    pub(super) fn some<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        read(deserializer).map(Some)
    }
}
