//! Whom the emulator is to pretend to be, by the names of `--providers`.

use std::sync::Arc;

use connectors::{Catalogue, Spec};
use emulator::Flavour;
use url::Url;

/// What people say for a strategy, where it is neither the strategy nor the provider's own name.
const ALSO_KNOWN_AS: [(&str, &str); 9] = [
    ("azure", "waad"),
    ("confluence", "atlassian"),
    ("entra", "waad"),
    ("gmail", "google-oauth2"),
    ("jira", "atlassian"),
    ("microsoft", "windowslive"),
    ("monday.com", "monday"),
    ("outlook", "windowslive"),
    ("stripe", "stripe-connect"),
];
/// So like an unknown name is one that may have been meant, and so many are told.
const NEAR: f64 = 0.75;
const NEAR_MAX: usize = 3;

/// A name that leads to nobody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmulatedError {
    #[error("no provider {name} is known{near}; see: strongroom providers list")]
    Unknown { name: String, near: String },
    #[error(
        "{0} has no addresses of its own to emulate; the connection calendar leads to a provider \
         that speaks OpenID Connect"
    )]
    NoAddresses(String),
}

/// The providers of these names, each once.
pub(super) fn named(
    names: &[String],
    catalogue: &Catalogue,
) -> Result<Vec<Arc<Spec>>, EmulatedError> {
    let mut specs: Vec<Arc<Spec>> = Vec::new();
    for name in names {
        let spec = find(name, catalogue)?;
        if specs.iter().all(|known| known.strategy != spec.strategy) {
            specs.push(Arc::clone(spec));
        }
    }
    Ok(specs)
}

/// The same facts with the addresses of these providers at the emulator whose root is `base`.
pub(super) fn moved(catalogue: &Catalogue, specs: &[Arc<Spec>], base: &Url) -> Catalogue {
    catalogue.moved(|strategy| {
        let is_emulated = specs.iter().any(|spec| spec.strategy == strategy);
        Flavour::of_strategy(strategy).filter(|_| is_emulated).map(|flavour| flavour.issuer(base))
    })
}

fn find<'a>(name: &str, catalogue: &'a Catalogue) -> Result<&'a Arc<Spec>, EmulatedError> {
    let name = name.trim().to_ascii_lowercase();
    let by_other_name = ALSO_KNOWN_AS.iter().find(|(known, _)| *known == name);
    let strategy = by_other_name.map_or(name.as_str(), |(_, strategy)| strategy);
    let spec = catalogue.get(strategy).or_else(|| {
        let plain = letters(&name);
        catalogue.iter().find(|spec| letters(&spec.name) == plain)
    });
    let spec = spec.ok_or_else(|| unknown(&name, catalogue))?;
    if spec.knows_its_endpoints() {
        Ok(spec)
    } else {
        Err(EmulatedError::NoAddresses(spec.strategy.clone()))
    }
}

fn unknown(name: &str, catalogue: &Catalogue) -> EmulatedError {
    let strategies = catalogue.iter().map(|spec| spec.strategy.as_str());
    let others = ALSO_KNOWN_AS.iter().map(|(known, _)| *known);
    let mut near: Vec<(f64, &str)> = strategies
        .chain(others)
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > NEAR)
        .collect();
    near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let near: Vec<&str> = near.into_iter().take(NEAR_MAX).map(|(_, known)| known).collect();
    let near =
        if near.is_empty() { String::new() } else { format!(" (near it: {})", near.join(", ")) };
    EmulatedError::Unknown { name: name.to_owned(), near }
}

/// A name without what people leave out of it.
fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_found_by_what_people_call_them() {
        let catalogue = Catalogue::embedded().unwrap();
        let check = |name: &str, expected: &str| {
            let found = named(&[name.to_owned()], &catalogue);
            let found = found.map(|specs| specs[0].strategy.clone());
            assert_eq!(found.unwrap_or_else(|error| error.to_string()), expected, "{name}");
        };
        for (name, strategy) in ALSO_KNOWN_AS {
            check(name, strategy);
        }
        check("slack", "slack");
        check("google", "google-oauth2");
        check("google-oauth2", "google-oauth2");
        check("Google Workspace", "google-apps");
        check("x", "twitter");
        check("basecamp", "thirtysevensignals");
        check("HuggingFace", "hugging-face");
        check(
            "gitub",
            "no provider gitub is known (near it: github, gitlab); see: strongroom providers list",
        );
        check("qqqq", "no provider qqqq is known; see: strongroom providers list");
        check(
            "oidc",
            "oidc has no addresses of its own to emulate; the connection calendar leads to a \
             provider that speaks OpenID Connect",
        );
        let twice = named(&["google".to_owned(), "google-oauth2".to_owned()], &catalogue);
        assert_eq!(twice.unwrap().len(), 1);
    }

    #[test]
    fn only_those_that_were_named_are_moved() {
        let catalogue = Catalogue::embedded().unwrap();
        let specs = named(&["google".to_owned(), "slack".to_owned()], &catalogue).unwrap();
        let base = Url::parse("http://localhost:4001/").unwrap();
        let moved = moved(&catalogue, &specs, &base);
        let token = |strategy: &str| {
            moved.get(strategy).unwrap().endpoints.token.as_ref().unwrap().to_string()
        };
        assert_eq!(token("google-oauth2"), "http://localhost:4001/google/token");
        assert!(token("slack").starts_with("http://localhost:4001/slack/"));
        assert!(token("github").starts_with("https://github.com/"));
    }
}
