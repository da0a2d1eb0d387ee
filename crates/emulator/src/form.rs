//! Parameters as they come in queries and form bodies.
//!
//! Written apart from the parser of the server under test, on purpose: an
//! oversight in one must not hide the same oversight in the other.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

/// Parameters by name, in the order sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    values: Vec<(String, String)>,
}

/// Why a body could not be read as a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InvalidForm {
    WrongContentType,
    NotUtf8,
    Repeated(String),
}

impl InvalidForm {
    pub(crate) fn description(&self) -> String {
        match self {
            Self::WrongContentType => {
                "The body must be application/x-www-form-urlencoded.".to_owned()
            }
            Self::NotUtf8 => "The body is not UTF-8.".to_owned(),
            Self::Repeated(name) => format!("The parameter {name} is sent more than once."),
        }
    }
}

impl Form {
    /// Reads `name=value&…`. Repeated names are kept, to be judged by the caller.
    pub(crate) fn parse(text: &str) -> Self {
        Self { values: form_urlencoded::parse(text.as_bytes()).into_owned().collect() }
    }

    /// Parameters that were put together.
    pub(crate) fn of(values: Vec<(String, String)>) -> Self {
        Self { values }
    }

    /// All of them.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = &(String, String)> {
        self.values.iter()
    }

    /// Reads a POST body as strictly as real token endpoints do.
    pub(crate) fn from_body(headers: &HeaderMap, body: &[u8]) -> Result<Self, InvalidForm> {
        // RFC 6749 §4.1.3: parameters using the
        // "application/x-www-form-urlencoded" format with a character encoding
        // of UTF-8.
        if !has_content_type(headers, "application/x-www-form-urlencoded") {
            return Err(InvalidForm::WrongContentType);
        }
        let Ok(text) = std::str::from_utf8(body) else { return Err(InvalidForm::NotUtf8) };
        let form = Self::parse(text);
        // RFC 6749 §3.2: Request and response parameters MUST NOT be included
        // more than once.
        match form.repeated() {
            Some(name) => Err(InvalidForm::Repeated(name.to_owned())),
            None => Ok(form),
        }
    }

    /// The value of a parameter.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        // RFC 6749 §3.1: Parameters sent without a value MUST be treated as if
        // they were omitted from the request.
        let found = self.values.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a field that pages send several times, such as check boxes.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first name that occurs more than once.
    pub(crate) fn repeated(&self) -> Option<&str> {
        let mut names = self.values.iter().map(|(name, _)| name.as_str());
        names.find(|name| self.all(name).nth(1).is_some())
    }

    /// Whether this name occurs more than once.
    pub(crate) fn is_repeated(&self, name: &str) -> bool {
        self.all(name).nth(1).is_some()
    }
}

/// Whether the media type is `wanted`, parameters such as `charset` aside.
pub(crate) fn has_content_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.map(|value| value.split(';').next().unwrap_or_default().trim());
    media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(content_type: &'static str, body: &[u8]) -> Result<Form, InvalidForm> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Form::from_body(&headers, body)
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn an_empty_value_counts_as_absent() {
        let form = read(FORM, b"a=&b=1").unwrap();
        assert_eq!(form.value("a"), None);
        assert_eq!(form.value("b"), Some("1"));
    }

    #[test]
    fn a_repeated_name_is_refused_even_with_the_same_value() {
        assert_eq!(read(FORM, b"a=1&b=2&a=1").unwrap_err(), InvalidForm::Repeated("a".into()));
    }

    #[test]
    fn only_forms_are_read() {
        assert_eq!(read("application/json", b"a=1").unwrap_err(), InvalidForm::WrongContentType);
        assert!(read("application/x-www-form-urlencoded; charset=UTF-8", b"a=1").is_ok());
        assert_eq!(read(FORM, b"\xff").unwrap_err(), InvalidForm::NotUtf8);
    }
}
