//! Scopes (RFC 6749 §3.3): what a token may be used for.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest scope token that we take, in bytes.
pub const SCOPE_BYTES_MAX: usize = 255;

/// Most scope tokens that we take in one list.
pub const SCOPES_MAX: usize = 512;

/// One scope token, known to be well-formed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

impl Scope {
    /// Checks one token.
    pub fn parse(token: &str) -> Result<Self, InvalidScope> {
        // RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if token.is_empty() {
            return Err(InvalidScope::Empty);
        }
        if token.len() > SCOPE_BYTES_MAX {
            return Err(InvalidScope::TooLong);
        }
        if !token.bytes().all(allowed) {
            return Err(InvalidScope::ForbiddenCharacter);
        }
        Ok(Self(token.to_owned()))
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A list of scopes without duplicates, in the order in which they were named.
///
/// The order is kept because people read it; it means nothing. Two sets with
/// the same members are equal. Serialized as the space-separated string.
#[derive(Clone, Debug, Default)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// No scope at all.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Reads a space-separated list; one bad token spoils it all.
    ///
    /// Empty text is the empty set, and runs of spaces count as one, since
    /// clients in the field send both.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let mut scopes = Self::empty();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            scopes.insert(Scope::parse(token)?);
            if scopes.len() > SCOPES_MAX {
                return Err(InvalidScope::TooMany);
            }
        }
        Ok(scopes)
    }

    /// Reads a provider's answer, which may be separated by spaces, commas or
    /// other white space. What cannot be a scope is left out.
    pub fn parse_lenient(text: &str) -> Self {
        text.split(|c: char| c == ',' || c.is_whitespace())
            .filter_map(|token| Scope::parse(token).ok())
            .take(SCOPES_MAX)
            .collect()
    }

    /// Whether exactly this token is a member.
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|scope| scope.as_str() == token)
    }

    /// Whether every member is also a member of `other`.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.0.iter().all(|scope| other.contains(scope.as_str()))
    }

    /// The members of both, ours first.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).cloned().collect()
    }

    /// The members that `other` has too.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.0.iter().filter(|scope| other.contains(scope.as_str())).cloned().collect()
    }

    /// The members that `other` does not have.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.0.iter().filter(|scope| !other.contains(scope.as_str())).cloned().collect()
    }

    /// Adds one scope at the end, unless it is a member already.
    pub fn insert(&mut self, scope: Scope) {
        if !self.contains(scope.as_str()) {
            self.0.push(scope);
        }
    }

    /// The members in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for ScopeSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.is_subset_of(other)
    }
}

impl Eq for ScopeSet {}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut set = Self::empty();
        for scope in scopes {
            set.insert(scope);
        }
        set
    }
}

impl<'a> IntoIterator for &'a ScopeSet {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// Why a text is not a scope, or not a list of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScope {
    /// A token without characters.
    #[error("a scope is empty")]
    Empty,
    /// A token longer than [`SCOPE_BYTES_MAX`].
    #[error("a scope is longer than {SCOPE_BYTES_MAX} bytes")]
    TooLong,
    /// A control character, blank, quote, backslash or non-ASCII character.
    #[error("a scope contains a character that RFC 6749 forbids")]
    ForbiddenCharacter,
    /// More than [`SCOPES_MAX`] tokens.
    #[error("more than {SCOPES_MAX} scopes")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(text: &str) -> ScopeSet {
        ScopeSet::parse(text).unwrap()
    }

    #[test]
    fn parse_keeps_order_and_drops_duplicates() {
        assert_eq!(set("b a  b c ").to_string(), "b a c");
        assert!(set("").is_empty());
        assert!(set("   ").is_empty());
    }

    #[test]
    fn parse_refuses_what_the_grammar_refuses() {
        let check = |text: &str, expected| assert_eq!(ScopeSet::parse(text), Err(expected));
        for text in ["a\"b", "a\\b", "a\tb", "a\nb", "é", "a\u{7f}", "a b\u{0}"] {
            check(text, InvalidScope::ForbiddenCharacter);
        }
        check(&"x".repeat(SCOPE_BYTES_MAX + 1), InvalidScope::TooLong);
        let many: Vec<String> = (0..=SCOPES_MAX).map(|n| n.to_string()).collect();
        check(&many.join(" "), InvalidScope::TooMany);
        assert_eq!(Scope::parse(""), Err(InvalidScope::Empty));
    }

    #[test]
    fn lenient_reads_what_providers_send() {
        assert_eq!(
            ScopeSet::parse_lenient("repo,gist, user:email").to_string(),
            "repo gist user:email"
        );
        assert_eq!(ScopeSet::parse_lenient("a\r\n\"b\" c").to_string(), "a c");
        assert!(ScopeSet::parse_lenient(", ,").is_empty());
    }

    #[test]
    fn algebra() {
        let left = set("a b c");
        let right = set("c d");
        assert_eq!(left.union(&right).to_string(), "a b c d");
        assert_eq!(left.intersection(&right).to_string(), "c");
        assert_eq!(left.without(&right).to_string(), "a b");
        assert!(set("c a").is_subset_of(&left));
        assert!(!right.is_subset_of(&left));
        assert!(ScopeSet::empty().is_subset_of(&right));
        assert_eq!(set("a b"), set("b a"));
        assert_ne!(set("a b"), set("a c"));
        assert!(!left.contains("A"));
    }

    #[test]
    fn serialized_as_one_string() {
        let scopes = set("openid profile");
        assert_eq!(serde_json::to_string(&scopes).unwrap(), "\"openid profile\"");
        assert_eq!(serde_json::from_str::<ScopeSet>("\"openid profile\"").unwrap(), scopes);
        assert!(serde_json::from_str::<ScopeSet>("\"a\\u0000\"").is_err());
    }

    proptest! {
        #[test]
        fn parse_never_panics(text in "\\PC*") {
            let lenient = ScopeSet::parse_lenient(&text);
            prop_assert_eq!(ScopeSet::parse(&lenient.to_string()).unwrap(), lenient);
            if let Ok(scopes) = ScopeSet::parse(&text) {
                prop_assert_eq!(ScopeSet::parse(&scopes.to_string()).unwrap(), scopes);
            }
        }
    }
}
