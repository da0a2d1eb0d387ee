//! A person, where and as a provider describes one.

use connectors::Spec;
use connectors::spec::Teller;
use serde_json::{Map, Value, json};

use crate::config::User;

/// What the provider tells about somebody: each fact at the first place where
/// its file looks for it.
pub(crate) fn profile(spec: &Spec, user: &User) -> Map<String, Value> {
    let account = &spec.account;
    let mut members = Map::new();
    let attributes = [
        (&account.name, json!(user.name)),
        (&account.nickname, json!(user.username)),
        (&account.email, json!(user.email)),
        (&account.email_verified, json!(user.email_verified)),
        // Last, so that nothing stands in its way.
        (&account.subject, json!(user.sub)),
    ];
    for (places, value) in attributes {
        let Some(place) = places.first() else { continue };
        put_all(&mut members, place, &value);
    }
    if let Some(rule) = &account.must_match {
        put(&mut members, &rule.place, json!(organization(user)));
    }
    for (place, value) in facts(spec, Teller::Account, user) {
        put(&mut members, place, json!(value));
    }
    // What accounts are told apart by may stand at places of its own.
    for part in account.label.first().into_iter().flat_map(|label| parts(label)) {
        let pointer = format!("/{}", part.replace('.', "/"));
        if Value::Object(members.clone()).pointer(&pointer).is_none() {
            put(&mut members, part, json!(user.username));
        }
    }
    members
}

/// What the provider tells of somebody that is to be kept beside: places and values.
pub(super) fn facts<'a>(spec: &'a Spec, from: Teller, user: &User) -> Vec<(&'a str, String)> {
    let told = spec.facts.iter().filter(|(_, fact)| fact.from == from);
    told.map(|(name, fact)| (fact.place.as_str(), format!("{name}-of-{}", user.username))).collect()
}

/// What stands beside the code when the browser comes back: facts, and where the account is.
pub(crate) fn callback(spec: &Spec, user: &User) -> Vec<(String, String)> {
    let told = facts(spec, Teller::Callback, user).into_iter();
    let places = spec.variables.values().filter_map(|variable| {
        let told = variable.told.as_ref()?;
        Some((told.parameter.as_str(), format!("{}{}", told.prefix, variable.example)))
    });
    told.chain(places).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The organization that somebody belongs to: the domain of the address.
pub(crate) fn organization(user: &User) -> &str {
    user.email.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// Puts a value at a place; at every one of a place that is made of several.
fn put_all(members: &mut Map<String, Value>, place: &str, value: &Value) {
    for part in parts(place) {
        put(members, part, value.clone());
    }
}

/// The places that a place is made of.
fn parts(place: &str) -> Vec<&str> {
    if !place.contains('{') {
        return vec![place];
    }
    place.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
}

/// Puts a value at a path of names and numbers, making what is missing on the way.
pub(super) fn put(members: &mut Map<String, Value>, place: &str, value: Value) {
    let Some((first, rest)) = place.split_once('.') else {
        members.insert(place.to_owned(), value);
        return;
    };
    let inner = members.entry(first.to_owned()).or_insert(Value::Null);
    put_inside(inner, rest, value);
}

fn put_inside(at: &mut Value, place: &str, value: Value) {
    let (first, rest) = place.split_once('.').map_or((place, None), |(a, b)| (a, Some(b)));
    let Ok(index) = first.parse::<usize>() else {
        if !at.is_object() {
            *at = json!({});
        }
        if let Value::Object(members) = at {
            put(members, place, value);
        }
        return;
    };
    if !at.is_array() {
        *at = json!([]);
    }
    let Value::Array(items) = at else { return };
    while items.len() <= index {
        items.push(Value::Null);
    }
    match rest {
        Some(rest) => put_inside(&mut items[index], rest, value),
        None => items[index] = value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_as_it_is_gone() {
        let mut members = Map::new();
        put(&mut members, "a", json!(1));
        put(&mut members, "b.c.d", json!(2));
        put(&mut members, "b.c.e", json!(3));
        put(&mut members, "f.1.g", json!(4));
        put_all(&mut members, "{h.i}-{j}", &json!(5));
        let expected = json!({
            "a": 1, "b": {"c": {"d": 2, "e": 3}}, "f": [null, {"g": 4}], "h": {"i": 5}, "j": 5
        });
        assert_eq!(Value::Object(members), expected);
    }
}
