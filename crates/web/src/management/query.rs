//! Query strings: each parameter is asked for by name, and one that nobody asked for is refused.

use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use form_urlencoded::parse;

use super::error::ManagementError;
use crate::AppState;

/// The parameters of a request that were not read yet.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl FromRequestParts<AppState> for Query {
    type Rejection = ManagementError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Self::Rejection> {
        Self::read(parts.uri.query().unwrap_or_default())
    }
}

impl Query {
    fn read(text: &str) -> Result<Self, ManagementError> {
        let pairs: Vec<(String, String)> = parse(text.as_bytes()).into_owned().collect();
        if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err(ManagementError::invalid_query("", "A text contains NUL"));
        }
        Ok(Self(pairs))
    }

    /// The parameters of a text, for tests.
    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self(parse(text.as_bytes()).into_owned().collect())
    }

    /// Every value of a parameter that may be repeated.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let (found, left) =
            std::mem::take(&mut self.0).into_iter().partition(|(known, _)| known == name);
        self.0 = left;
        let found: Vec<(String, String)> = found;
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// The value of a parameter.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, ManagementError> {
        let mut values = self.texts(name).into_iter();
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(ManagementError::invalid_query(name, "It is there twice")),
        }
    }

    /// The value of a parameter that is `true` or `false`.
    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, ManagementError> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => {
                Err(ManagementError::invalid_query(name, "Expected type boolean but found string"))
            }
        }
    }

    /// The value of a parameter that is a number in a range.
    pub(super) fn number(
        &mut self,
        name: &str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ManagementError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        let number = number.ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let why = format!("Expected an integer between {least} and {most}");
            ManagementError::invalid_query(name, &why)
        })?;
        Ok(Some(number))
    }

    /// The value of a parameter that is one of a few words.
    pub(super) fn word(
        &mut self,
        name: &str,
        words: &[&str],
    ) -> Result<Option<String>, ManagementError> {
        match self.text(name)? {
            Some(text) if !words.contains(&text.as_str()) => {
                Err(ManagementError::invalid_query(name, &format!("No enum match for: {text}")))
            }
            word => Ok(word),
        }
    }

    /// Ends the reading. What is left was asked for by nobody, and who sent it expects something.
    pub(super) fn finish(self) -> Result<(), ManagementError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let why = format!("Additional properties not allowed: {name}");
                Err(ManagementError::invalid_query("", &why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_read_once_and_none_is_left() {
        let mut query = Query::read("a=1&b=true&c=x&c=y&d=w").unwrap();
        assert_eq!(query.number("a", 0..=10).unwrap(), Some(1));
        assert_eq!(query.number("a", 0..=10).unwrap(), None);
        assert_eq!(query.boolean("b").unwrap(), Some(true));
        assert_eq!(query.texts("c"), ["x", "y"]);
        assert_eq!(query.word("d", &["v", "w"]).unwrap().as_deref(), Some("w"));
        assert!(query.finish().is_ok());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let read = |text: &str| Query::read(text).unwrap();
        assert!(read("a=1&a=1").text("a").is_err());
        assert!(read("a=yes").boolean("a").is_err());
        assert!(read("a=11").number("a", 0..=10).is_err());
        assert!(read("a=-1").number("a", 0..=10).is_err());
        assert!(read("a=x").word("a", &["v"]).is_err());
        assert!(read("a=1").finish().is_err());
        assert!(Query::read("a=%00").is_err());
    }
}
