//! What a file says about tokens: how they are asked for, where answers hold
//! them, how they end, and what errors mean.

use std::collections::BTreeMap;
use std::time::Duration;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::seconds;

/// Token requests and their answers. Places are tried in order; dots descend
/// into objects, numbers into arrays.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TokenSpec {
    /// How the parameters of a request are written.
    pub body: BodyFormat,
    /// Headers of every request.
    pub headers: BTreeMap<String, String>,
    /// Parameters that redeeming a code needs beside the standard ones.
    pub code_parameters: BTreeMap<String, String>,
    /// Parameters that a refresh needs beside the standard ones.
    pub refresh_parameters: BTreeMap<String, String>,
    /// Objects of an answer in which the tokens may stand; else they are members
    /// of the answer itself.
    pub inside: Vec<String>,
    /// Where the seconds stand that the access token has to live.
    pub expires_in: Vec<String>,
    /// Where the seconds stand that the refresh token has to live.
    pub refresh_expires_in: Vec<String>,
    /// Where the granted scopes stand.
    pub scope: Vec<String>,
    /// What it means that an answer does not tell when the access token ends.
    pub unsaid_expiry: UnsaidExpiry,
    /// How long an access token then lives.
    #[serde(rename = "assumed_lifetime_seconds", deserialize_with = "seconds::read")]
    #[cfg_attr(test, schemars(with = "u32"))]
    pub assumed_lifetime: Duration,
}

impl Default for TokenSpec {
    fn default() -> Self {
        let places = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            body: BodyFormat::Form,
            headers: BTreeMap::new(),
            code_parameters: BTreeMap::new(),
            refresh_parameters: BTreeMap::new(),
            inside: Vec::new(),
            expires_in: places(&["expires_in"]),
            refresh_expires_in: places(&["refresh_token_expires_in", "refresh_expires_in"]),
            scope: places(&["scope"]),
            unsaid_expiry: UnsaidExpiry::Unknown,
            // What Auth0 documents for opaque tokens without a stated lifetime.
            assumed_lifetime: Duration::from_mins(10),
        }
    }
}

/// How parameters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BodyFormat {
    /// `application/x-www-form-urlencoded` (RFC 6749).
    Form,
    /// A JSON object of strings.
    Json,
}

/// What it means that an answer does not tell when the access token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UnsaidExpiry {
    /// At some time.
    Unknown,
    /// Not by itself.
    Never,
}

/// How the refresh tokens of a provider live and die.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RefreshSpec {
    /// Whether a refresh brings a new refresh token.
    pub rotates: Rotation,
    /// Whether a refresh ends the access token that was current.
    #[serde(default)]
    pub ends_access_token: bool,
    /// Whether a refresh that asks for fewer scopes brings an access token with
    /// these alone, and leaves the grant and earlier tokens as they are
    /// (RFC 6749 §6).
    #[serde(default)]
    pub narrows: bool,
    /// How long a spent refresh token is still accepted after its successor
    /// was issued; zero if it is not.
    #[serde(default, rename = "reuse_grace_seconds", deserialize_with = "seconds::read")]
    #[cfg_attr(test, schemars(with = "u32"))]
    pub reuse_grace: Duration,
    /// How long a refresh token lives without being used.
    #[serde(default, rename = "idle_lifetime_seconds", deserialize_with = "seconds::some")]
    #[cfg_attr(test, schemars(with = "Option<u32>"))]
    pub idle_lifetime: Option<Duration>,
    /// How long the grant lives however often it is used.
    #[serde(default, rename = "absolute_lifetime_seconds", deserialize_with = "seconds::some")]
    #[cfg_attr(test, schemars(with = "Option<u32>"))]
    pub absolute_lifetime: Option<Duration>,
    /// How grants live while our registration there is not approved yet.
    pub trial: Option<TrialSpec>,
    /// How long before an access token's end it is refreshed.
    #[serde(rename = "margin_seconds", deserialize_with = "seconds::read")]
    #[cfg_attr(test, schemars(with = "u32"))]
    pub margin: Duration,
}

/// How grants live while our registration at a provider is not approved yet.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TrialSpec {
    /// A grant of which the provider says that it lives no longer is one of a trial.
    #[serde(rename = "lifetime_seconds", deserialize_with = "seconds::read")]
    #[cfg_attr(test, schemars(with = "u32"))]
    pub lifetime: Duration,
    /// What whoever runs the connection is to do.
    pub advice: String,
}

/// Whether a refresh brings a new refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// There are no refresh tokens.
    None,
    /// The first one stays good.
    Never,
    /// Each is good for one use.
    Always,
    /// Not known in advance: treat each as good for one use.
    May,
}

/// Error codes beside the standard ones (RFC 6749 §5.2), or against them.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ErrorSpec {
    /// The status of a refused request.
    pub status: u16,
    /// Where the code stands.
    pub code: Vec<String>,
    /// Where the sentence about it stands, in which `cases` look.
    pub description: Vec<String>,
    /// Finer judgements than the code allows; the first that fits counts.
    pub cases: Vec<ErrorCase>,
    /// The grant is dead; only the person can help, by connecting again.
    pub permanent: Vec<String>,
    /// Our registration there is at fault.
    pub client: Vec<String>,
    /// Worth trying again.
    pub passing: Vec<String>,
}

impl Default for ErrorSpec {
    fn default() -> Self {
        let places = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            status: 400,
            code: places(&["error", "error.code", "error.type"]),
            description: places(&["error_description"]),
            cases: Vec::new(),
            permanent: Vec::new(),
            client: Vec::new(),
            passing: Vec::new(),
        }
    }
}

/// One error, told apart by more than its code. What is absent is not looked at.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ErrorCase {
    /// The status.
    pub status: Option<u16>,
    /// The code.
    pub code: Option<String>,
    /// What the description contains.
    pub contains: Option<String>,
    /// Whose matter it is.
    pub means: Meaning,
    /// The word by which it is told, instead of the code.
    pub told: Option<String>,
}

/// Whose matter an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// The person's: the grant is dead.
    Permanent,
    /// The operator's: our registration is at fault.
    Client,
    /// Nobody's: it may succeed later.
    Passing,
}

/// One of a grant's two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    /// The refresh token; the access token where there is none.
    Refresh,
    /// The access token.
    Access,
}
