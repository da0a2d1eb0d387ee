//! The shapes of request bodies, as data: which members are documented, and what each takes.
//!
//! A member that is not in a table is refused, so nobody sets what is not theirs to set by adding it
//! to a body. One that would protect somebody and that nothing here keeps is refused as well, rather
//! than accepted as if it worked. The reasons are worded as Auth0's.

use serde_json::{Map, Value};

use super::error::ManagementError;

/// A documented member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    shape: Shape,
    is_required: bool,
    is_nullable: bool,
}

/// What a member takes.
#[derive(Debug)]
pub(super) enum Shape {
    Boolean,
    Integer {
        least: i64,
        most: i64,
    },
    /// Lengths are in characters.
    Text {
        least: usize,
        most: usize,
    },
    /// A text of characters of one kind alone.
    Pattern {
        least: usize,
        most: usize,
        of: fn(char) -> bool,
    },
    OneOf(&'static [&'static str]),
    List {
        of: &'static Shape,
        most: usize,
    },
    /// An object with these members and no others.
    Record(&'static [Member]),
    /// An object with any members.
    Object,
    /// What would be off: false, or something empty. To have it on is not supported.
    Off,
    /// One of the words that mean what happens anyway. Other documented words are not supported.
    Only(&'static [&'static str]),
}

/// A text of some length, as most are.
pub(super) const TEXT: Shape = Shape::Text { least: 0, most: 2048 };
/// Several of them.
pub(super) const TEXTS: Shape = Shape::List { of: &TEXT, most: 100 };

impl Member {
    /// A member that may be absent and is not `null`.
    pub(super) const fn new(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, is_required: false, is_nullable: false }
    }

    /// A member that must be there.
    pub(super) const fn required(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, is_required: true, is_nullable: false }
    }

    /// A member that may be `null`.
    pub(super) const fn nullable(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, is_required: false, is_nullable: true }
    }
}

/// Checks that a body is an object with members of these tables, each of its shape.
pub(super) fn check(
    body: Value,
    tables: &[&[Member]],
) -> Result<Map<String, Value>, ManagementError> {
    match body {
        Value::Object(members) => {
            check_members(&members, tables, "")?;
            Ok(members)
        }
        other => Err(expected("object", &other, "")),
    }
}

/// The same for a change, which must change something.
pub(super) fn check_change(
    body: Value,
    tables: &[&[Member]],
) -> Result<Map<String, Value>, ManagementError> {
    let members = check(body, tables)?;
    if members.is_empty() {
        let why = "Too few properties defined (0), minimum 1";
        return Err(ManagementError::invalid_body("", why));
    }
    Ok(members)
}

fn check_members(
    members: &Map<String, Value>,
    tables: &[&[Member]],
    path: &str,
) -> Result<(), ManagementError> {
    let documented = || tables.iter().copied().flatten();
    if let Some(name) = members.keys().find(|name| !documented().any(|m| m.name == **name)) {
        let why = format!("Additional properties not allowed: {name}");
        return Err(ManagementError::invalid_body(path, &why));
    }
    for member in documented() {
        match members.get(member.name) {
            None if member.is_required => {
                let why = format!("Missing required property: {}", member.name);
                return Err(ManagementError::invalid_body(path, &why));
            }
            None => {}
            Some(Value::Null) if member.is_nullable => {}
            Some(value) => {
                let path = if path.is_empty() {
                    member.name.to_owned()
                } else {
                    format!("{path}.{}", member.name)
                };
                member.shape.check(value, &path)?;
            }
        }
    }
    Ok(())
}

impl Shape {
    /// Checks a value; `path` is where it stands.
    pub(super) fn check(&self, value: &Value, path: &str) -> Result<(), ManagementError> {
        let refused = |why: String| Err(ManagementError::invalid_body(path, &why));
        match (self, value) {
            (Self::Boolean, Value::Bool(_)) | (Self::Object, Value::Object(_)) => Ok(()),
            (Self::Integer { least, most }, Value::Number(number)) => match number.as_i64() {
                Some(number) if number < *least => {
                    refused(format!("Value {number} is less than minimum {least}"))
                }
                Some(number) if number > *most => {
                    refused(format!("Value {number} is greater than maximum {most}"))
                }
                Some(_) => Ok(()),
                None => Err(expected("integer", value, path)),
            },
            (Self::Text { least, most }, Value::String(text)) => match text.chars().count() {
                length if length < *least => {
                    refused(format!("String is too short ({length} chars), minimum {least}"))
                }
                length if length > *most => {
                    refused(format!("String is too long ({length} chars), maximum {most}"))
                }
                _ => Ok(()),
            },
            (Self::Pattern { least, most, of }, Value::String(text)) => {
                Self::Text { least: *least, most: *most }.check(value, path)?;
                if text.chars().all(of) {
                    Ok(())
                } else {
                    refused("String does not match pattern".to_owned())
                }
            }
            (Self::List { of, most }, Value::Array(items)) => {
                if items.len() > *most {
                    let length = items.len();
                    return refused(format!("Array is too long ({length}), maximum {most}"));
                }
                let mut items = items.iter().enumerate();
                items
                    .try_for_each(|(position, item)| of.check(item, &format!("{path}[{position}]")))
            }
            (Self::Record(members), Value::Object(object)) => {
                check_members(object, &[members], path)
            }
            (Self::OneOf(words), other) => match other.as_str() {
                Some(text) if words.contains(&text) => Ok(()),
                Some(_) | None => refused(format!("No enum match for: {other}")),
            },
            (Self::Only(words), other) => match other.as_str() {
                Some(text) if words.contains(&text) => Ok(()),
                Some(_) | None => refused(format!("The value {other} is not supported")),
            },
            (Self::Off, other) if is_off(other) => Ok(()),
            (Self::Off, _) => refused("This setting is not supported".to_owned()),
            (Self::Boolean, other) => Err(expected("boolean", other, path)),
            (Self::Integer { .. }, other) => Err(expected("integer", other, path)),
            (Self::Text { .. } | Self::Pattern { .. }, other) => {
                Err(expected("string", other, path))
            }
            (Self::List { .. }, other) => Err(expected("array", other, path)),
            (Self::Record(_) | Self::Object, other) => Err(expected("object", other, path)),
        }
    }
}

/// Whether a setting is switched off: false, or an object or a list of nothing but that.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_off),
    }
}

fn expected(kind: &str, found: &Value, path: &str) -> ManagementError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let why = format!("Expected type {kind} but found type {found}");
    ManagementError::invalid_body(path, &why)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use serde_json::json;

    use super::*;
    use crate::management::error::Refusal;

    const INNER: &[Member] = &[
        Member::required("kind", Shape::OneOf(&["a", "b"])),
        Member::new("count", Shape::Integer { least: 1, most: 3 }),
    ];
    const TABLE: &[Member] = &[
        Member::required("name", Shape::Text { least: 1, most: 5 }),
        Member::nullable("flag", Shape::Boolean),
        Member::new("list", Shape::List { of: &TEXT, most: 2 }),
        Member::new("inner", Shape::List { of: &Shape::Record(INNER), most: 9 }),
        Member::new("open", Shape::Object),
        Member::nullable("off", Shape::Off),
        Member::new("only", Shape::Only(&["deny"])),
    ];

    fn refusal(body: Value) -> Option<String> {
        let error = check(body, &[TABLE]).err()?;
        error.into_response().extensions().get::<Refusal>().map(|refusal| refusal.why.clone())
    }

    #[test]
    fn each_member_is_told_what_is_wrong_with_it() {
        let check = |body: Value, expected: Option<&str>| {
            let expected = expected.map(|why| format!("Payload validation error: {why}."));
            assert_eq!(refusal(body.clone()), expected, "{body}");
        };
        check(json!({"name": "x", "flag": null, "off": null, "only": "deny"}), None);
        check(json!({"name": "x", "open": {"a": 1}, "off": {"a": false, "b": []}}), None);
        check(json!([]), Some("'Expected type object but found type array'"));
        check(json!({}), Some("'Missing required property: name'"));
        check(json!({"name": "x", "y": 1}), Some("'Additional properties not allowed: y'"));
        check(
            json!({"name": null}),
            Some("'Expected type string but found type null' on property name"),
        );
        check(
            json!({"name": ""}),
            Some("'String is too short (0 chars), minimum 1' on property name"),
        );
        check(
            json!({"name": "äöüäöü"}),
            Some("'String is too long (6 chars), maximum 5' on property name"),
        );
        check(
            json!({"name": "x", "flag": 1}),
            Some("'Expected type boolean but found type integer' on property flag"),
        );
        check(
            json!({"name": "x", "list": ["a", 1]}),
            Some("'Expected type string but found type integer' on property list[1]"),
        );
        check(
            json!({"name": "x", "list": ["a", "b", "c"]}),
            Some("'Array is too long (3), maximum 2' on property list"),
        );
        check(
            json!({"name": "x", "inner": [{"kind": "c"}]}),
            Some("'No enum match for: \"c\"' on property inner[0].kind"),
        );
        check(
            json!({"name": "x", "inner": [{"kind": "a", "count": 4}]}),
            Some("'Value 4 is greater than maximum 3' on property inner[0].count"),
        );
        check(
            json!({"name": "x", "inner": [{"kind": "a", "x": 4}]}),
            Some("'Additional properties not allowed: x' on property inner[0]"),
        );
        check(
            json!({"name": "x", "off": true}),
            Some("'This setting is not supported' on property off"),
        );
        check(
            json!({"name": "x", "off": {"a": {"b": 1}}}),
            Some("'This setting is not supported' on property off"),
        );
        check(
            json!({"name": "x", "only": "require"}),
            Some("'The value \"require\" is not supported' on property only"),
        );
    }

    #[test]
    fn an_empty_change_is_refused() {
        assert!(check_change(json!({}), &[&[]]).is_err());
        assert!(check_change(json!({"name": "x"}), &[TABLE]).is_ok());
    }
}
