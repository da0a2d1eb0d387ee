//! Where a fact stands in a provider's answer: `email`, `authed_user.id`,
//! `data.0.id`, or made of several facts: `{team_id}-{user_id}`.

use serde_json::{Map, Value};

/// The value at the first of the places that holds anything.
pub(crate) fn find<'a>(members: &'a Map<String, Value>, places: &[String]) -> Option<&'a Value> {
    places.iter().find_map(|place| descend(members, place))
}

/// The value at a place: a member by its name, or by a path of names and numbers
/// joined by dots.
pub(crate) fn descend<'a>(members: &'a Map<String, Value>, place: &str) -> Option<&'a Value> {
    if let Some(value) = members.get(place) {
        return Some(value).filter(|value| !value.is_null());
    }
    let (first, rest) = place.split_once('.')?;
    descend_value(members.get(first)?, rest)
}

fn descend_value<'a>(value: &'a Value, place: &str) -> Option<&'a Value> {
    let items = match value {
        Value::Object(members) => return descend(members, place),
        Value::Array(items) => items,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    };
    let (index, rest) = place.split_once('.').map_or((place, None), |(i, rest)| (i, Some(rest)));
    let item = items.get(index.parse::<usize>().ok()?)?;
    match rest {
        Some(rest) => descend_value(item, rest),
        None => Some(item).filter(|value| !value.is_null()),
    }
}

/// The text at the first of the places that holds anything; a whole number
/// counts as one, and a place with braces needs all of its facts.
pub(crate) fn text(members: &Map<String, Value>, places: &[String]) -> Option<String> {
    places.iter().find_map(|place| {
        if place.contains('{') { composed(members, place) } else { plain(descend(members, place)?) }
    })
}

fn composed(members: &Map<String, Value>, place: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = place;
    while let Some((literal, opened)) = rest.split_once('{') {
        let (name, after) = opened.split_once('}')?;
        text.push_str(literal);
        text.push_str(&plain(descend(members, name)?)?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fact_is_found_where_it_stands() {
        let value = json!({
            "id": 7, "a.b": "dotted", "user": {"id": "U1", "name": null},
            "data": [{"id": "first"}, {"id": "second"}], "half": 1.5
        });
        let check = |places: &[&str], expected: Option<&str>| {
            let places: Vec<String> = places.iter().map(|&place| place.to_owned()).collect();
            let found = text(value.as_object().unwrap(), &places);
            assert_eq!(found.as_deref(), expected, "{places:?}");
        };
        check(&["id"], Some("7"));
        check(&["absent", "user.id"], Some("U1"));
        check(&["a.b"], Some("dotted"));
        check(&["data.1.id"], Some("second"));
        check(&["data.2.id"], None);
        check(&["data.x"], None);
        check(&["user.name", "half"], None);
        check(&["{id}-{user.id}"], Some("7-U1"));
        check(&["{id}-{user.name}", "{user.id}!"], Some("U1!"));
    }
}
