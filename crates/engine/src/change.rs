//! What a change means to do with a member: leave it, clear it, or set it.
//!
//! RFC 7396 writes the three as absence, `null` and a value.

use serde_json::{Map, Value};

/// What is to become of a member.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It goes back to what it is when nobody sets it.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Change<T> {
    /// Whether nothing is to happen.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The same intent for another type.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(f(value)),
        }
    }

    /// The same intent for another type, if the value has one.
    pub fn try_map<U, E>(self, f: impl FnOnce(T) -> Result<U, E>) -> Result<Change<U>, E> {
        Ok(match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(f(value)?),
        })
    }

    /// Does it to a member that has a default of its own.
    pub fn apply_or(self, member: &mut T, default: T) {
        match self {
            Self::Keep => {}
            Self::Clear => *member = default,
            Self::Set(value) => *member = value,
        }
    }

    /// Does it to a member whose default is its type's.
    pub fn apply(self, member: &mut T)
    where
        T: Default,
    {
        self.apply_or(member, T::default());
    }

    /// Does it to a member that may be absent.
    pub fn apply_optional(self, member: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *member = None,
            Self::Set(value) => *member = Some(value),
        }
    }
}

/// Merges free-form metadata on the first level, as Auth0 does: a member that is `null` goes, any
/// other is replaced whole, and an empty object clears all.
pub fn merge_metadata(metadata: &mut Map<String, Value>, change: Change<Map<String, Value>>) {
    match change {
        Change::Keep => {}
        Change::Clear => metadata.clear(),
        Change::Set(members) if members.is_empty() => metadata.clear(),
        Change::Set(members) => merge_members(metadata, members),
    }
}

/// Takes over members one by one; one that is `null` goes.
pub fn merge_members(target: &mut Map<String, Value>, members: Map<String, Value>) {
    for (name, value) in members {
        if value.is_null() {
            target.remove(&name);
        } else {
            target.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_null_and_value_are_three_things() {
        let check = |change: Change<u32>, expected: u32, expected_optional: Option<u32>| {
            let mut member = 7;
            change.clone().apply_or(&mut member, 1);
            assert_eq!(member, expected);
            let mut member = Some(7);
            change.apply_optional(&mut member);
            assert_eq!(member, expected_optional);
        };
        check(Change::Keep, 7, Some(7));
        check(Change::Clear, 1, None);
        check(Change::Set(3), 3, Some(3));
    }

    #[test]
    fn metadata_merge_on_the_first_level() {
        let check = |change: Change<Value>, expected: Value| {
            let object = |value: Value| value.as_object().cloned().unwrap_or_default();
            let mut metadata = object(json!({"a": {"x": 1}, "b": 2}));
            merge_metadata(&mut metadata, change.map(object));
            assert_eq!(Value::Object(metadata), expected);
        };
        check(Change::Keep, json!({"a": {"x": 1}, "b": 2}));
        check(Change::Clear, json!({}));
        check(Change::Set(json!({})), json!({}));
        check(Change::Set(json!({"a": {"y": 1}})), json!({"a": {"y": 1}, "b": 2}));
        check(Change::Set(json!({"b": null, "c": 3})), json!({"a": {"x": 1}, "c": 3}));
    }
}
