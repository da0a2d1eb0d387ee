//! A connection's `options`, read with care.
//!
//! The object is Auth0's and open: what other parts of the server use stands in
//! it too. So unknown members are left alone, `null` means absent (clients send
//! it to clear a field), and a member of the wrong type is an error that names it.

use protocol::oauth::scope::InvalidScope;
use serde_json::{Map, Value};

use crate::endpoint::{Endpoint, InvalidEndpoint};

/// Why a connection's options do not describe a provider that we can call.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The catalogue has no such strategy.
    #[error("the strategy {0:?} is not supported")]
    UnknownStrategy(String),
    /// An option that this strategy needs is absent.
    #[error("options.{0} is missing")]
    Missing(&'static str),
    /// An option that completes the provider's addresses is absent.
    #[error("options.{0} is missing")]
    MissingVariable(String),
    /// An endpoint is neither configured nor discovered.
    #[error("options.{0} is missing, and discovery does not supply it")]
    MissingEndpoint(String),
    /// An option has another type or shape than it should.
    #[error("options.{option} is not {expected}")]
    Malformed {
        /// Which one, with the path inside it.
        option: String,
        /// What it should be.
        expected: &'static str,
    },
    /// An endpoint option is not an address.
    #[error("options.{option}: {source}")]
    Endpoint {
        /// Which one.
        option: String,
        /// What is wrong with it.
        source: InvalidEndpoint,
    },
    /// An option asks for something that is not a scope.
    #[error("options.{option}: {source}")]
    Scope {
        /// Which one.
        option: &'static str,
        /// What is wrong with it.
        source: InvalidScope,
    },
    /// A parameter that the protocol owns is not for options to set.
    #[error("options.{option} must not set {parameter:?}")]
    Reserved {
        /// Which option tries.
        option: &'static str,
        /// The parameter or header.
        parameter: String,
    },
    /// A value that Auth0 knows and this server does not support.
    #[error("options.{option}: {value:?} is not supported")]
    Unsupported {
        /// Which one.
        option: &'static str,
        /// The value.
        value: String,
    },
    /// The cached discovery document is not one.
    #[error("options.oidc_metadata is not provider metadata")]
    Metadata(#[source] serde_json::Error),
}

/// Typed access to the object.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a>(pub &'a Map<String, Value>);

impl<'a> Options<'a> {
    /// The member, unless it is absent or `null`.
    pub(crate) fn value(self, option: &str) -> Option<&'a Value> {
        self.0.get(option).filter(|value| !value.is_null())
    }

    /// A string; an empty one counts as absent, as dashboards send them.
    pub(crate) fn string(self, option: &str) -> Result<Option<&'a str>, OptionsError> {
        match self.value(option) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(malformed(option, "a string")),
        }
    }

    pub(crate) fn boolean(self, option: &str) -> Result<Option<bool>, OptionsError> {
        match self.value(option) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(malformed(option, "a boolean")),
        }
    }

    /// An object; an absent one is empty.
    pub(crate) fn object(
        self,
        option: &str,
    ) -> Result<impl Iterator<Item = (&'a str, &'a Value)>, OptionsError> {
        let members = match self.value(option) {
            None => None,
            Some(Value::Object(members)) => Some(members),
            Some(_) => return Err(malformed(option, "an object")),
        };
        Ok(members.into_iter().flatten().map(|(name, value)| (name.as_str(), value)))
    }

    /// An object whose members are all strings.
    pub(crate) fn strings_by_name(
        self,
        option: &str,
    ) -> Result<Vec<(&'a str, &'a str)>, OptionsError> {
        self.object(option)?
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name, text.as_str())),
                _ => Err(malformed(&format!("{option}.{name}"), "a string")),
            })
            .collect()
    }

    /// An array of strings; an absent one is empty.
    pub(crate) fn strings(self, option: &str) -> Result<Vec<&'a str>, OptionsError> {
        let Some(value) = self.value(option) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| malformed(option, "an array of strings"))?;
        items
            .iter()
            .map(|item| item.as_str().ok_or_else(|| malformed(option, "an array of strings")))
            .collect()
    }

    pub(crate) fn endpoint(self, option: &str) -> Result<Option<Endpoint>, OptionsError> {
        let Some(text) = self.string(option)? else { return Ok(None) };
        let endpoint = Endpoint::parse(text)
            .map_err(|source| OptionsError::Endpoint { option: option.to_owned(), source })?;
        Ok(Some(endpoint))
    }
}

pub(crate) fn malformed(option: &str, expected: &'static str) -> OptionsError {
    OptionsError::Malformed { option: option.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wrong_types_are_named_and_null_is_absence() {
        let value = json!({
            "client_id": null, "name": "", "flag": "yes", "list": ["a", 1], "map": {"a": 1},
            "url": "ftp://x"
        });
        let options = Options(value.as_object().unwrap());
        assert_eq!(options.string("client_id").unwrap(), None);
        assert_eq!(options.string("name").unwrap(), None);
        assert_eq!(options.strings("absent").unwrap(), Vec::<&str>::new());
        let check = |outcome: OptionsError, expected: &str| {
            assert_eq!(outcome.to_string(), expected);
        };
        check(options.boolean("flag").unwrap_err(), "options.flag is not a boolean");
        check(options.string("list").unwrap_err(), "options.list is not a string");
        check(options.strings("list").unwrap_err(), "options.list is not an array of strings");
        check(options.strings_by_name("map").unwrap_err(), "options.map.a is not a string");
        check(options.endpoint("url").unwrap_err(), "options.url: neither https nor http");
    }
}
