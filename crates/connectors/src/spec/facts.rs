//! What a file says about that which is kept of an account beside its tokens.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

/// A fact about an account, which is no secret.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FactSpec {
    /// Who tells it.
    pub from: Teller,
    /// Where it stands there.
    pub place: String,
}

/// Where a provider tells facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Teller {
    /// The parameters with which the browser comes back.
    Callback,
    /// The answers that bring tokens.
    Token,
    /// The description of the account.
    Account,
}

/// A parameter with which the browser comes back, and which tells where the account is.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ToldSpec {
    /// The parameter.
    pub parameter: String,
    /// What stands before the value; the rest must match the variable's pattern.
    #[serde(default)]
    pub prefix: String,
}
