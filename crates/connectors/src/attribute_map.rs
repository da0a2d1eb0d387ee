//! `options.attribute_map`: how a connection makes user attributes of claims.
//!
//! With `bind_all`, the default, the provider's own names are kept and there is
//! nothing to do here. With `use_map` a profile has exactly the attributes that
//! the map names, each from a template: text with `${context.…}` expressions.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::options::{Options, OptionsError, malformed};

/// The templates of a connection, by attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttributeMap(BTreeMap<String, Vec<Part>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// A claim of the ID token.
    Tokenset(String),
    /// A member of the userinfo reply.
    Userinfo(String),
}

/// Reads the option; `None` where claims keep their names.
pub(crate) fn configured(options: Options<'_>) -> Result<Option<AttributeMap>, OptionsError> {
    let members: BTreeMap<_, _> = options.object("attribute_map")?.collect();
    match members.get("mapping_mode") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(mode)) if mode == "use_map" => {}
        Some(Value::String(mode)) if matches!(mode.as_str(), "bind_all" | "basic_profile") => {
            return Ok(None);
        }
        Some(other) => {
            let value = other.to_string();
            return Err(OptionsError::Unsupported { option: "attribute_map.mapping_mode", value });
        }
    }
    let attributes = members.get("attributes").and_then(|value| value.as_object());
    let attributes =
        attributes.ok_or_else(|| malformed("attribute_map.attributes", "an object"))?;
    let template = |(name, value): (&String, &Value)| {
        let text = value
            .as_str()
            .ok_or_else(|| malformed(&format!("attribute_map.attributes.{name}"), "a string"))?;
        Ok((name.clone(), parse(text)?))
    };
    Ok(Some(AttributeMap(attributes.iter().map(template).collect::<Result<_, _>>()?)))
}

impl AttributeMap {
    /// The attributes of one account. An attribute whose only source is absent
    /// is absent.
    pub(crate) fn apply(
        &self,
        tokenset: Option<&Map<String, Value>>,
        userinfo: Option<&Map<String, Value>>,
    ) -> Map<String, Value> {
        let find = |part: &Part| match part {
            Part::Literal(text) => Some(Value::String(text.clone())),
            Part::Tokenset(name) => tokenset?.get(name).cloned(),
            Part::Userinfo(name) => userinfo?.get(name).cloned(),
        };
        let mut attributes = Map::new();
        for (name, parts) in &self.0 {
            let value = match parts.as_slice() {
                // Alone, an expression keeps the type of what it names.
                [only] => find(only),
                several => {
                    let texts = several.iter().map(|part| find(part).as_ref().map(text_of));
                    Some(Value::String(texts.map(Option::unwrap_or_default).collect()))
                }
            };
            if let Some(value) = value {
                attributes.insert(name.clone(), value);
            }
        }
        attributes
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn parse(template: &str) -> Result<Vec<Part>, OptionsError> {
    let unsupported = || OptionsError::Unsupported {
        option: "attribute_map.attributes",
        value: template.to_owned(),
    };
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((literal, opened)) = rest.split_once("${") {
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        let (expression, after) = opened.split_once('}').ok_or_else(unsupported)?;
        parts.push(expression_part(expression.trim()).ok_or_else(unsupported)?);
        rest = after;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

fn expression_part(expression: &str) -> Option<Part> {
    let name = |prefix| expression.strip_prefix(prefix).filter(|name: &&str| !name.is_empty());
    if let Some(name) = name("context.tokenset.") {
        // Auth0 offers the access token here. A profile is read by many; the
        // vault would be in vain.
        return (name != "access_token").then(|| Part::Tokenset(name.to_owned()));
    }
    name("context.userinfo.").map(|name| Part::Userinfo(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(options: &Value) -> Result<Option<AttributeMap>, String> {
        configured(Options(options.as_object().unwrap())).map_err(|error| error.to_string())
    }

    fn use_map(attributes: &Value) -> Value {
        json!({"attribute_map": {"mapping_mode": "use_map", "attributes": attributes}})
    }

    #[test]
    fn templates_are_filled_in() {
        let map = read(&use_map(&json!({
            "email": "${context.tokenset.email}",
            "groups": "${context.userinfo.groups}",
            "alt_id": "user|${context.tokenset.email}|${context.tokenset.level}",
            "community": "3423409219032-32",
            "absent": "${context.tokenset.absent}",
            "empty": ""
        })));
        let tokenset = json!({"email": "a@b.test", "level": 3});
        let userinfo = json!({"groups": ["x", "y"]});
        let map = map.unwrap().unwrap();
        let attributes = map.apply(tokenset.as_object(), userinfo.as_object());
        let expected = json!({
            "email": "a@b.test", "groups": ["x", "y"], "alt_id": "user|a@b.test|3",
            "community": "3423409219032-32", "empty": ""
        });
        assert_eq!(Value::Object(attributes), expected);
    }

    #[test]
    fn only_use_map_needs_templates() {
        assert_eq!(read(&json!({})), Ok(None));
        assert_eq!(read(&json!({"attribute_map": null})), Ok(None));
        assert_eq!(read(&json!({"attribute_map": {"mapping_mode": "bind_all"}})), Ok(None));
        let check = |options: Value, expected: &str| {
            assert_eq!(read(&options).unwrap_err(), expected);
        };
        check(
            json!({"attribute_map": {"mapping_mode": "guess"}}),
            "options.attribute_map.mapping_mode: \"\\\"guess\\\"\" is not supported",
        );
        check(
            json!({"attribute_map": {"mapping_mode": "use_map"}}),
            "options.attribute_map.attributes is not an object",
        );
        check(use_map(&json!({"a": 1})), "options.attribute_map.attributes.a is not a string");
        for template in [
            "${context.tokenset.access_token}",
            "${context.tokenset.}",
            "${process.env}",
            "${context.tokenset.email",
        ] {
            let refused =
                format!("options.attribute_map.attributes: {template:?} is not supported");
            check(use_map(&json!({"a": template})), &refused);
        }
    }
}
