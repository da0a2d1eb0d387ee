//! What is kept of an account beside its tokens, because calls to the provider's API need it: an
//! instance's address, a company's number; and where the account is, if the provider has several
//! places that know nothing of each other.
//!
//! Only what a file names is kept, so that no secret can be among it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::callback::CallbackFault;
use crate::place;
use crate::spec::{Spec, Teller, ToldSpec};

/// Facts by the names that the provider's file gives them.
pub type Facts = BTreeMap<String, String>;

/// Longest fact that is kept, in bytes.
const FACT_BYTES_MAX: usize = 1024;

/// What somebody tells, of that which is to be kept.
pub fn read_facts(spec: &Spec, from: Teller, members: &Map<String, Value>) -> Facts {
    let told = spec.facts.iter().filter(|(_, fact)| fact.from == from);
    told.filter_map(|(name, fact)| {
        let text = place::text(members, std::slice::from_ref(&fact.place))?;
        let sound = text.len() <= FACT_BYTES_MAX && !text.contains(char::is_control);
        (sound && !text.is_empty()).then(|| (name.clone(), text))
    })
    .collect()
}

/// What the browser brings back of it, and where the account is.
pub(crate) fn of_callback(
    spec: &Spec,
    parameters: &Map<String, Value>,
) -> Result<Facts, CallbackFault> {
    let mut facts = read_facts(spec, Teller::Callback, parameters);
    for (name, variable) in &spec.variables {
        let Some(ToldSpec { parameter, prefix }) = &variable.told else { continue };
        let Some(text) = parameters.get(parameter).and_then(Value::as_str) else { continue };
        // Whoever sends the browser here could name a host of their own.
        let value = text.strip_prefix(prefix).filter(|value| variable.admits(value));
        facts.insert(name.clone(), value.ok_or(CallbackFault::Elsewhere)?.to_owned());
    }
    Ok(facts)
}

/// Whether a parameter of the callback tells a fact.
pub(crate) fn is_told_by(spec: &Spec, parameter: &str) -> bool {
    let mut told = spec.variables.values().filter_map(|variable| variable.told.as_ref());
    told.any(|told| told.parameter == parameter)
        || spec.facts.values().any(|fact| fact.from == Teller::Callback && fact.place == parameter)
}

/// The options of a connection, as they are for one account: where that one is goes before what the
/// connection says.
#[must_use]
pub fn options_of_account(
    spec: &Spec,
    mut options: Map<String, Value>,
    facts: &Facts,
) -> Map<String, Value> {
    for (name, variable) in &spec.variables {
        let (Some(_), Some(value)) = (&variable.told, facts.get(name)) else { continue };
        options.retain(|option, _| {
            !variable.options.contains(option) && !variable.switches.contains_key(option)
        });
        if let Some(option) = variable.options.first() {
            options.insert(option.clone(), Value::from(value.as_str()));
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{provider, try_provider};

    fn members(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_a_file_names_is_kept_and_nothing_else() {
        let slack = provider("slack", &json!({"scope": "chat:write"}));
        let answer = json!({"team": {"id": "T1", "name": "Acme"}, "access_token": "xoxb-bot"});
        let facts = read_facts(&slack.spec, Teller::Token, &members(&answer));
        let expected = [("team_id", "T1"), ("team_name", "Acme")];
        assert_eq!(facts, expected.map(|(name, value)| (name.into(), value.into())).into());
        for bad in [json!("a\nb"), json!(""), json!({}), json!("x".repeat(1025))] {
            let answer = members(&json!({"team": {"id": bad}}));
            assert!(read_facts(&slack.spec, Teller::Token, &answer).is_empty(), "{answer:?}");
        }
    }

    #[test]
    fn an_account_may_be_in_another_place_than_the_connection_says() {
        let zoho = provider("zoho", &json!({}));
        let told =
            |server: &str| of_callback(&zoho.spec, &members(&json!({"accounts-server": server})));
        for (server, expected) in [
            ("https://accounts.zoho.eu", "https://accounts.zoho.eu/oauth/v2/token"),
            ("https://accounts.zoho.com.au", "https://accounts.zoho.com.au/oauth/v2/token"),
            ("https://accounts.zohocloud.ca", "https://accounts.zohocloud.ca/oauth/v2/token"),
        ] {
            let facts = told(server).unwrap();
            let options = members(&json!({"domain": "zoho.in"}));
            let options = options_of_account(&zoho.spec, options, &facts);
            let there = try_provider("zoho", &Value::Object(options), None).unwrap();
            assert_eq!(there.endpoints.token.to_string(), expected);
        }
        for server in [
            "https://accounts.evil.example",
            "https://accounts.zoho.eu.evil.example",
            "https://accounts.zoho.eu/",
            "https://accounts.zoho.eu:444",
            "https://evil.example/https://accounts.zoho.eu",
            "http://accounts.zoho.eu",
            "",
        ] {
            assert_eq!(told(server), Err(CallbackFault::Elsewhere), "{server}");
        }
        // What was stored is checked again: a row that somebody changed leads nowhere.
        let facts = Facts::from([("domain".to_owned(), "evil.example".to_owned())]);
        let options = options_of_account(&zoho.spec, Map::new(), &facts);
        assert!(try_provider("zoho", &Value::Object(options), None).is_err());
    }
}
