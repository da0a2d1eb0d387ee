//! Addresses with gaps: `https://{shop}.myshopify.com/admin/oauth/authorize`.
//!
//! What fills a gap comes from a connection's options, and it must not be able
//! to lead elsewhere. So a value has letters, digits, dots, dashes and
//! underscores only, whatever the file's own pattern would allow.

use std::collections::BTreeMap;
use std::fmt;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::endpoint::{Endpoint, InvalidEndpoint};

/// Longest value of a gap, in bytes (RFC 1035 §2.3.4: a name).
const VALUE_BYTES_MAX: usize = 253;

/// An address in which parts may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(JsonSchema))]
#[cfg_attr(test, schemars(transparent))]
pub struct Template(String);

impl Template {
    fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        let template = Self(text.to_owned());
        let filled = template.names().map(|name| (name.to_owned(), "x".to_owned())).collect();
        template.fill(&filled)?;
        Ok(template)
    }

    /// The names of the gaps.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
    }

    /// The address with every gap filled.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> Result<Endpoint, InvalidEndpoint> {
        let filled = values.iter().fold(self.0.clone(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        });
        Endpoint::parse(&filled)
    }

    /// The path and what follows it, gaps included.
    pub fn path(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |at| at + 3);
        self.0[after_scheme..].find('/').map_or("/", |at| &self.0[after_scheme + at..])
    }

    /// The same path under another origin or folder.
    pub(crate) fn moved_to(&self, base: &str) -> Self {
        Self(format!("{base}{}", self.path()))
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// Whether a value may fill a gap with this pattern.
pub(crate) fn fits(pattern: &regex_lite::Regex, value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=VALUE_BYTES_MAX).contains(&value.len())
        && value.bytes().all(plain)
        && !value.contains("..")
        && pattern.find(value).is_some_and(|found| found.as_str() == value)
}

/// The pattern, which a value has to match from end to end.
pub(crate) fn pattern(text: &str) -> Result<regex_lite::Regex, regex_lite::Error> {
    regex_lite::Regex::new(&format!("^(?:{text})$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_and_paths_kept() {
        let template = Template::parse("https://{shop}.shop.example/admin/{shop}?a=b").unwrap();
        assert_eq!(template.names().collect::<Vec<_>>(), ["shop", "shop"]);
        let values = BTreeMap::from([("shop".to_owned(), "ada".to_owned())]);
        let filled = template.fill(&values).unwrap();
        assert_eq!(filled.to_string(), "https://ada.shop.example/admin/ada?a=b");
        assert_eq!(template.path(), "/admin/{shop}?a=b");
        let moved = template.moved_to("http://localhost:4001/shop");
        assert_eq!(moved.to_string(), "http://localhost:4001/shop/admin/{shop}?a=b");
        assert!(template.fill(&BTreeMap::new()).is_err());
        assert!(Template::parse("ftp://{shop}").is_err());
    }

    #[test]
    fn a_value_cannot_lead_elsewhere() {
        let anything = pattern(".*").unwrap();
        for value in
            ["evil.example/", "a@b", "a#", "a?b", "a:1", "a..b", "a/b", "", "é", "a b", "a\n"]
        {
            assert!(!fits(&anything, value), "{value:?}");
        }
        assert!(fits(&anything, "a-b.c_d"));
        let label = pattern("[a-z]+|b[0-9]").unwrap();
        assert!(fits(&label, "ada") && fits(&label, "b1") && !fits(&label, "ada1"));
    }
}
