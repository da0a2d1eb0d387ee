//! What a file says about scopes.

use std::collections::BTreeMap;

use protocol::oauth::scope::{Scope, ScopeSet};
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

/// Scopes, and how they are written.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScopesSpec {
    /// Asked for whatever else is asked for.
    #[serde(default, deserialize_with = "scopes")]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub always: ScopeSet,
    /// Asked for when the connection says nothing.
    #[serde(default, deserialize_with = "scopes")]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub default: ScopeSet,
    /// What the parameter of the authorization request is called.
    #[serde(default = "parameter")]
    pub parameter: String,
    /// What stands between the scopes of a request.
    pub request_separator: RequestSeparator,
    /// What stands between the scopes of an answer.
    pub answer_separator: AnswerSeparator,
    /// What `"scope": ""` in an answer means.
    #[serde(default)]
    pub empty_answer: EmptyAnswer,
    /// Scopes that are granted under another name than they are asked for.
    #[serde(default)]
    pub answered_as: BTreeMap<String, String>,
    /// What an answer may leave away from a scope's beginning, or put there.
    pub prefix: Option<String>,
    /// Whether capitals and small letters are one.
    #[serde(default)]
    pub case_insensitive: bool,
    /// Scopes that stand for others and that no answer names.
    #[serde(default)]
    pub unanswered: Vec<String>,
    /// Whether an answer that names scopes names all that were granted, by names
    /// that are known here. Where it may not, nothing is missed.
    #[serde(default = "complete")]
    pub complete_answer: bool,
    /// Scopes that hold others, which an answer then leaves out.
    #[serde(default, deserialize_with = "scope_map")]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, Vec<String>>"))]
    pub includes: BTreeMap<String, ScopeSet>,
    /// Parameters with which an answer also grants what was granted earlier.
    #[serde(default)]
    pub widening: BTreeMap<String, String>,
    /// The connection's boolean options, each with the scopes it stands for.
    #[serde(default, deserialize_with = "scope_map")]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, Vec<String>>"))]
    pub options: BTreeMap<String, ScopeSet>,
    /// What a scope allows, in plain words.
    #[serde(default)]
    pub words: BTreeMap<String, String>,
}

fn complete() -> bool {
    true
}

fn parameter() -> String {
    "scope".to_owned()
}

/// What stands between the scopes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RequestSeparator {
    /// A space (RFC 6749 §3.3).
    Space,
    /// A comma.
    Comma,
}

/// What stands between the scopes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AnswerSeparator {
    /// A space (RFC 6749 §3.3).
    Space,
    /// A comma.
    Comma,
    /// Either.
    Any,
}

/// What `"scope": ""` in an answer means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EmptyAnswer {
    /// As if there were no such member.
    #[default]
    Unsaid,
    /// Nothing was granted.
    Nothing,
}

/// How a provider is asked for access in the person's absence.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct OfflineSpec {
    /// Scopes that ask for it.
    pub scopes: Vec<String>,
    /// Whether every application may ask for those scopes: then a connect does,
    /// without being told to.
    pub open: bool,
    /// Parameters that ask for it.
    pub parameters: BTreeMap<String, String>,
    /// The `prompt` without which the request may be ignored.
    pub prompt: Option<String>,
}

fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ScopeSet, D::Error> {
    let tokens = Vec::<String>::deserialize(deserializer)?;
    scope_set(&tokens)
}

fn scope_map<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, ScopeSet>, D::Error> {
    let options = BTreeMap::<String, Vec<String>>::deserialize(deserializer)?;
    options.into_iter().map(|(name, tokens)| Ok((name, scope_set(&tokens)?))).collect()
}

fn scope_set<E: de::Error>(tokens: &[String]) -> Result<ScopeSet, E> {
    tokens.iter().map(|token| Scope::parse(token)).collect::<Result<_, _>>().map_err(E::custom)
}
