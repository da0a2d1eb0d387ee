use serde::{Deserialize, Serialize};

/// The `aud` claim (RFC 7519 §4.1.3): one audience as a string, several as an
/// array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// A single audience.
    One(String),
    /// Any number of audiences.
    Many(Vec<String>),
}

impl Audience {
    /// Whether exactly this audience is among them.
    pub fn contains(&self, audience: &str) -> bool {
        self.iter().any(|candidate| candidate == audience)
    }

    /// The audiences in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let audiences = match self {
            Self::One(audience) => std::slice::from_ref(audience),
            Self::Many(audiences) => audiences,
        };
        audiences.iter().map(String::as_str)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.iter().count()
    }
}

impl From<Vec<String>> for Audience {
    fn from(mut audiences: Vec<String>) -> Self {
        match audiences.pop() {
            Some(only) if audiences.is_empty() => Self::One(only),
            Some(last) => {
                audiences.push(last);
                Self::Many(audiences)
            }
            None => Self::Many(audiences),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_a_string_and_several_are_an_array() {
        let check = |audiences: &[&str], json: &str| {
            let audience =
                Audience::from(audiences.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(serde_json::to_string(&audience).unwrap(), json);
            assert_eq!(serde_json::from_str::<Audience>(json).unwrap(), audience);
            assert_eq!(audience.count(), audiences.len());
            assert!(audiences.iter().all(|each| audience.contains(each)));
            assert!(!audience.contains("c"));
        };
        check(&["a"], r#""a""#);
        check(&["a", "b"], r#"["a","b"]"#);
        check(&[], "[]");
        assert!(serde_json::from_str::<Audience>("7").is_err());
        assert!(serde_json::from_str::<Audience>(r#"["a",7]"#).is_err());
    }
}
