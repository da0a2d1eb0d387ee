//! The parameters of a request, before anybody has looked at what they mean.
//!
//! Whatever way they came (form body, query string, JSON object), they are a
//! list in which each name occurs once. Values are wiped when dropped, since
//! codes, tokens and client secrets are among them, and never printed.

use std::fmt;

use serde_json::Value;
use serde_json::error::Category;
use zeroize::Zeroizing;

use super::error::ErrorCode;
use super::scope::{InvalidScope, ScopeSet};
use crate::json::OrderedObject;
use crate::secret::Secret;

/// Most parameters in one request.
pub const PARAMETERS_MAX: usize = 100;

/// Longest encoded list of parameters, in bytes.
pub const ENCODED_BYTES_MAX: usize = 64 * 1024;

/// Longest single value, in bytes after decoding.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Longest name, in bytes after decoding.
pub const NAME_BYTES_MAX: usize = 256;

/// A list of named values without repetition.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, Zeroizing<String>)>);

impl Parameters {
    /// No parameters.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads an `application/x-www-form-urlencoded` body.
    pub fn from_form(body: &[u8]) -> Result<Self, ParametersError> {
        check_length(body)?;
        let mut parameters = Self::new();
        for (name, value) in form_urlencoded::parse(body) {
            // The decoder puts U+FFFD where the bytes are not UTF-8; nobody
            // has a use for that character otherwise.
            if name.contains(char::REPLACEMENT_CHARACTER)
                || value.contains(char::REPLACEMENT_CHARACTER)
            {
                return Err(ParametersError::NotUtf8);
            }
            parameters.push(name, value)?;
        }
        Ok(parameters)
    }

    /// Reads the query component of a URL, without its question mark.
    pub fn from_query(query: &str) -> Result<Self, ParametersError> {
        Self::from_form(query.as_bytes())
    }

    /// Reads a flat JSON object. As Auth0 does: `null` is an absent parameter,
    /// numbers and booleans are their text.
    pub fn from_json(body: &[u8]) -> Result<Self, ParametersError> {
        check_length(body)?;
        let OrderedObject(members) = serde_json::from_slice(body)
            .map_err(|error| ParametersError::NotAnObject(error.classify()))?;
        let mut parameters = Self::new();
        for (name, value) in members {
            let value = match value {
                Value::Null => String::new(),
                Value::Bool(value) => value.to_string(),
                Value::Number(value) => value.to_string(),
                Value::String(value) => value,
                Value::Array(_) | Value::Object(_) => return Err(ParametersError::Nested),
            };
            parameters.push(name, value)?;
        }
        Ok(parameters)
    }

    /// Adds one parameter at the end.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<(), ParametersError> {
        let (name, value) = (name.into(), Zeroizing::new(value.into()));
        if self.0.len() == PARAMETERS_MAX {
            return Err(ParametersError::TooMany);
        }
        if name.len() > NAME_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
            return Err(ParametersError::TooLong);
        }
        // RFC 6749 appendix A allows it in no parameter, and no database takes it in a text.
        if name.contains('\0') || value.contains('\0') {
            return Err(ParametersError::Nul);
        }
        // RFC 6749 §3.1: request parameters MUST NOT be included more than once.
        if self.0.iter().any(|(earlier, _)| *earlier == name) {
            return Err(ParametersError::Duplicate);
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Puts two lists of one request together, as of a query and a body.
    pub fn joined(mut self, other: Self) -> Result<Self, ParametersError> {
        for (name, mut value) in other.0 {
            self.push(name, std::mem::take(&mut *value))?;
        }
        Ok(self)
    }

    /// Prints the list as a form body or query string.
    pub fn to_form(&self) -> Zeroizing<String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.0 {
            form.append_pair(name, value);
        }
        Zeroizing::new(form.finish())
    }

    /// The value of a parameter; an empty one counts as absent.
    pub fn value(&self, name: &str) -> Option<&str> {
        // RFC 6749 §3.1: parameters sent without a value MUST be treated as if
        // they were omitted from the request.
        self.0
            .iter()
            .find(|(candidate, value)| candidate == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Moves the value of a parameter out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let (_, value) =
            self.0.iter_mut().find(|(candidate, value)| candidate == name && !value.is_empty())?;
        Some(std::mem::take(&mut **value))
    }

    /// Moves the value of a parameter out that must be there.
    pub fn require(&mut self, name: &'static str) -> Result<String, InvalidParameter> {
        self.take(name).ok_or(InvalidParameter::Missing(name))
    }

    /// Moves a secret value out.
    pub fn take_secret<K>(&mut self, name: &str) -> Option<Secret<K>> {
        self.take(name).map(Secret::new)
    }

    /// Moves a secret value out that must be there.
    pub fn require_secret<K>(&mut self, name: &'static str) -> Result<Secret<K>, InvalidParameter> {
        self.require(name).map(Secret::new)
    }

    /// Moves `scope` out, if there is one.
    pub fn take_scope(&mut self) -> Result<Option<ScopeSet>, InvalidParameter> {
        let scope = self.take("scope");
        scope.map(|text| ScopeSet::parse(&text)).transpose().map_err(InvalidParameter::Scope)
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn check_length(encoded: &[u8]) -> Result<(), ParametersError> {
    if encoded.len() > ENCODED_BYTES_MAX {
        return Err(ParametersError::TooLong);
    }
    Ok(())
}

/// Why bytes are not a list of parameters. All of them are `invalid_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// More than [`PARAMETERS_MAX`].
    #[error("more than {PARAMETERS_MAX} parameters")]
    TooMany,
    /// The whole, a name or a value exceeds its limit.
    #[error("a parameter is too long")]
    TooLong,
    /// A name occurs twice.
    #[error("a parameter is included more than once")]
    Duplicate,
    /// U+0000 stands in it.
    #[error("a parameter contains the NUL character")]
    Nul,
    /// Not UTF-8.
    #[error("a parameter is not UTF-8")]
    NotUtf8,
    /// Not a JSON object.
    #[error("the body is not a JSON object ({0:?})")]
    NotAnObject(Category),
    /// An array or object where a plain value is meant.
    #[error("a parameter is not a plain value")]
    Nested,
}

/// Why one parameter is not acceptable. The texts are fit for
/// `error_description`: they name the parameter and never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidParameter {
    /// It is required and absent.
    #[error("Missing required parameter: {0}")]
    Missing(&'static str),
    /// Its value is none that it can have.
    #[error("Invalid parameter: {0}")]
    Malformed(&'static str),
    /// The scope does not follow the grammar.
    #[error("Invalid scope: {0}")]
    Scope(#[source] InvalidScope),
}

impl InvalidParameter {
    /// The code to answer with.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Missing(_) | Self::Malformed(_) => ErrorCode::InvalidRequest,
            Self::Scope(_) => ErrorCode::InvalidScope,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(parsed: Result<Parameters, ParametersError>, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Zeroizing::new((*value).to_owned())))
            .collect();
        assert_eq!(parsed.unwrap().0, expected);
    }

    #[test]
    fn forms() {
        check(Parameters::from_form(b""), &[]);
        check(
            Parameters::from_form(b"a=1&b=x+y%20z&c=%C3%A9"),
            &[("a", "1"), ("b", "x y z"), ("c", "\u{e9}")],
        );
        check(Parameters::from_query("a=b=c&federated"), &[("a", "b=c"), ("federated", "")]);
    }

    #[test]
    fn json_objects() {
        check(
            Parameters::from_json(br#"{"a":"1","b":2,"c":true,"d":null,"e":1.5}"#),
            &[("a", "1"), ("b", "2"), ("c", "true"), ("d", ""), ("e", "1.5")],
        );
    }

    #[test]
    fn refused_by_cause() {
        let form = |body: &str| Parameters::from_form(body.as_bytes()).unwrap_err();
        assert_eq!(form("a=1&a=1"), ParametersError::Duplicate);
        assert_eq!(form("a=&a=1"), ParametersError::Duplicate);
        assert_eq!(form("a=1&%61=2"), ParametersError::Duplicate);
        assert_eq!(form("a=%ff"), ParametersError::NotUtf8);
        assert_eq!(
            form(&format!("a={}", "x".repeat(VALUE_BYTES_MAX + 1))),
            ParametersError::TooLong
        );
        assert_eq!(form(&"x".repeat(NAME_BYTES_MAX + 1)), ParametersError::TooLong);
        assert_eq!(form(&"&".repeat(ENCODED_BYTES_MAX + 1)), ParametersError::TooLong);
        let many: Vec<String> = (0..=PARAMETERS_MAX).map(|n| format!("p{n}=1")).collect();
        assert_eq!(form(&many.join("&")), ParametersError::TooMany);

        let json = |body: &str| Parameters::from_json(body.as_bytes()).unwrap_err();
        assert_eq!(json(r#"{"a":1,"\u0061":2}"#), ParametersError::Duplicate);
        assert_eq!(json(r#"{"a":[1]}"#), ParametersError::Nested);
        assert_eq!(json(r#"{"a":{}}"#), ParametersError::Nested);
        assert_eq!(json("[]"), ParametersError::NotAnObject(Category::Data));
        assert_eq!(json("{"), ParametersError::NotAnObject(Category::Eof));
        assert_eq!(json("{}{}"), ParametersError::NotAnObject(Category::Syntax));
        let deep = format!("{{\"a\":{}", "[".repeat(10_000));
        assert_eq!(json(&deep), ParametersError::NotAnObject(Category::Syntax));
    }

    #[test]
    fn query_and_body_are_one_request() {
        let query = Parameters::from_query("a=1").unwrap();
        let body = Parameters::from_form(b"b=2").unwrap();
        check(query.clone().joined(body), &[("a", "1"), ("b", "2")]);
        assert_eq!(query.clone().joined(query), Err(ParametersError::Duplicate));
    }

    #[test]
    fn values_are_taken_once_and_empty_is_absent() {
        let mut parameters = Parameters::from_form(b"a=1&b=&scope=x+y").unwrap();
        assert_eq!(parameters.value("a"), Some("1"));
        assert_eq!(parameters.take("a").as_deref(), Some("1"));
        assert_eq!(parameters.take("a"), None);
        assert_eq!(parameters.require("b"), Err(InvalidParameter::Missing("b")));
        assert_eq!(parameters.take_scope().unwrap().unwrap().to_string(), "x y");
        assert_eq!(parameters.take_scope(), Ok(None));
    }

    #[test]
    fn nul_is_in_no_parameter() {
        assert_eq!(Parameters::from_form(b"a=x%00y"), Err(ParametersError::Nul));
        assert_eq!(Parameters::from_form(b"a%00=x"), Err(ParametersError::Nul));
        assert_eq!(Parameters::from_json(br#"{"a":"\u0000"}"#), Err(ParametersError::Nul));
    }

    #[test]
    fn values_do_not_print() {
        let parameters = Parameters::from_form(b"client_secret=canary").unwrap();
        assert_eq!(format!("{parameters:?}"), r#"["client_secret"]"#);
    }

    proptest! {
        #[test]
        fn parsers_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Parameters::from_form(&bytes).is_ok();
            let _ = Parameters::from_json(&bytes).is_ok();
        }

        #[test]
        fn parse_inverts_print(pairs in proptest::collection::btree_map("[^\u{fffd}\u{0}]{1,20}", "[^\u{fffd}\u{0}]*", 0..10)) {
            let mut parameters = Parameters::new();
            for (name, value) in pairs {
                parameters.push(name, value).unwrap();
            }
            prop_assert_eq!(Parameters::from_query(&parameters.to_form()).unwrap(), parameters);
        }
    }
}
