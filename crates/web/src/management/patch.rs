//! Members of a checked body, taken out one by one: absence, `null` and a value are three things.

use engine::change::Change;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ManagementError;

/// The members that nobody has taken yet.
#[derive(Debug)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// All members of a body.
    pub(super) fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// A member that stays where it is.
    pub(super) fn peek(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// What is to become of a member.
    pub(super) fn change<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Result<Change<T>, ManagementError> {
        match self.0.remove(name) {
            None => Ok(Change::Keep),
            Some(Value::Null) => Ok(Change::Clear),
            Some(value) => read(name, value).map(Change::Set),
        }
    }

    /// A member that is there or not; `null` is the same as absence.
    pub(super) fn optional<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, ManagementError> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(name, value).map(Some),
        }
    }

    /// A member that the shape demands.
    pub(super) fn required<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Result<T, ManagementError> {
        self.optional(name)?.ok_or_else(|| {
            ManagementError::invalid_body("", &format!("Missing required property: {name}"))
        })
    }

    /// The members that are left: documented ones that change nothing here.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.0
    }
}

fn read<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, ManagementError> {
    serde_json::from_value(value)
        .map_err(|error| ManagementError::invalid_body(name, &error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_null_and_value_are_three_things() {
        let body = json!({"null": null, "value": 7, "text": "x", "kept": {}});
        let mut members = Members::new(body.as_object().cloned().unwrap());
        assert_eq!(members.change::<u32>("absent").unwrap(), Change::Keep);
        assert_eq!(members.change::<u32>("null").unwrap(), Change::Clear);
        assert_eq!(members.change::<u32>("value").unwrap(), Change::Set(7));
        assert!(members.change::<u32>("text").is_err());
        assert_eq!(Value::Object(members.rest()), json!({"kept": {}}));
    }
}
