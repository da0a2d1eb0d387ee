//! `fields` and `include_fields`: which members of an object an answer shows.

use serde_json::{Map, Value};

use super::error::ManagementError;
use super::query::Query;

/// Longest value of `fields`, in bytes.
const FIELDS_BYTES_MAX: usize = 1000;

/// Which members are shown.
#[derive(Debug)]
pub(super) struct Fields {
    named: Option<Vec<String>>,
    are_shown: bool,
}

impl Fields {
    /// Reads both parameters.
    pub(super) fn read(query: &mut Query) -> Result<Self, ManagementError> {
        let named = query.text("fields")?.filter(|text| !text.is_empty());
        if named.as_ref().is_some_and(|text| text.len() > FIELDS_BYTES_MAX) {
            return Err(ManagementError::invalid_query("fields", "String is too long"));
        }
        let named = named.map(|text| text.split(',').map(|name| name.trim().to_owned()).collect());
        let are_shown = query.boolean("include_fields")?.unwrap_or(true);
        Ok(Self { named, are_shown })
    }

    /// Every member.
    pub(super) fn all() -> Self {
        Self { named: None, are_shown: true }
    }

    /// Whether a member is shown. What is not shown need not be fetched, or opened.
    pub(super) fn show(&self, name: &str) -> bool {
        match &self.named {
            None => true,
            Some(named) => named.iter().any(|known| known == name) == self.are_shown,
        }
    }

    /// The object with the members that are shown.
    pub(super) fn of(&self, mut object: Map<String, Value>) -> Value {
        object.retain(|name, _| self.show(name));
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn named_members_are_shown_or_hidden() {
        let check = |text: &str, expected: Value| {
            let fields = Fields::read(&mut Query::of(text)).unwrap();
            let object = json!({"a": 1, "b": 2, "c": 3}).as_object().cloned().unwrap();
            assert_eq!(fields.of(object), expected, "{text}");
        };
        check("", json!({"a": 1, "b": 2, "c": 3}));
        check("fields=", json!({"a": 1, "b": 2, "c": 3}));
        check("include_fields=false", json!({"a": 1, "b": 2, "c": 3}));
        check("fields=a,%20b", json!({"a": 1, "b": 2}));
        check("fields=a,b&include_fields=true", json!({"a": 1, "b": 2}));
        check("fields=a,b&include_fields=false", json!({"c": 3}));
        check("fields=x", json!({}));
    }
}
