//! The providers that we know: one file each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::spec::{Rotation, Source, Spec};
use crate::template;

/// Name and text of every file of the folder `catalogue`, listed by `build.rs`.
const EMBEDDED: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// The parts of a file that state facts; each present one needs a source.
const SECTIONS: [&str; 12] = [
    "account",
    "authorize",
    "client",
    "endpoints",
    "errors",
    "facts",
    "offline",
    "refresh",
    "revocation",
    "scopes",
    "token",
    "userinfo",
];

/// All known providers by strategy. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Catalogue {
    specs: Arc<BTreeMap<String, Arc<Spec>>>,
}

impl Catalogue {
    /// The catalogue that this build carries.
    pub fn embedded() -> Result<Self, CatalogueError> {
        let empty = Self { specs: Arc::default() };
        empty.load_dir(EMBEDDED.iter().copied())
    }

    /// This catalogue with further files, given as (name, text); an entry of a
    /// strategy that is already known takes its place. The caller reads the folder.
    pub fn load_dir<'a>(
        &self,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, CatalogueError> {
        let mut specs = BTreeMap::clone(&self.specs);
        for (name, text) in files {
            let spec = parse(name, text)?;
            specs.insert(spec.strategy.clone(), Arc::new(spec));
        }
        Ok(Self { specs: Arc::new(specs) })
    }

    /// The same providers under a base URL that depends on the strategy; `None`
    /// leaves one where it is. For providers that somebody pretends to be.
    #[must_use]
    pub fn moved(&self, base: impl Fn(&str) -> Option<String>) -> Self {
        let moved = |(strategy, spec): (&String, &Arc<Spec>)| {
            let spec = match base(strategy) {
                Some(base) => Arc::new(spec.moved_to(&base)),
                None => Arc::clone(spec),
            };
            (strategy.clone(), spec)
        };
        Self { specs: Arc::new(self.specs.iter().map(moved).collect()) }
    }

    /// What is known of the provider behind a strategy.
    pub fn get(&self, strategy: &str) -> Option<&Arc<Spec>> {
        self.specs.get(strategy)
    }

    /// Everything that is known, by strategy.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Spec>> {
        self.specs.values()
    }
}

/// A file of the catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("catalogue file {file}: {problem}")]
pub struct CatalogueError {
    file: String,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Syntax(#[from] Box<toml::de::Error>),
    #[error("the file's name is not its strategy, {0:?}")]
    Name(String),
    #[error("no {0} endpoint, nor an option that supplies it")]
    Endpoint(&'static str),
    #[error("no place where an account's subject stands")]
    Subject,
    #[error("{0:?} is not a header")]
    Header(String),
    #[error("verified_on is not a date")]
    Date,
    #[error("no source bears out the section {0:?}, and it is not listed as unchecked")]
    Unsourced(&'static str),
    #[error("{0:?} is spoken of and does not stand in the file")]
    NotThere(String),
    #[error("an address needs the variable {0:?}, which is not described")]
    Variable(String),
    #[error("the variable {0:?} has a pattern that its own default or example does not match")]
    Example(String),
    #[error("the variable {name:?}: {source}")]
    Pattern { name: String, source: regex_lite::Error },
    #[error("the variable {0:?} is told, and has no option or is a fact too")]
    Told(String),
    #[error("refresh.narrows contradicts what else is said of refreshing")]
    Narrows,
    #[error("userinfo.body is not JSON")]
    Body(#[source] serde_json::Error),
}

fn parse(name: &str, text: &str) -> Result<Spec, CatalogueError> {
    let fault = |problem| CatalogueError { file: name.to_owned(), problem };
    let syntax = |error| fault(Problem::Syntax(Box::new(error)));
    let spec: Spec = toml::from_str(text).map_err(syntax)?;
    let table: toml::Table = toml::from_str(text).map_err(syntax)?;
    check(name, &spec).and_then(|()| check_provenance(&spec, &table)).map_err(fault)?;
    Ok(spec)
}

fn check(name: &str, spec: &Spec) -> Result<(), Problem> {
    if name.strip_suffix(".toml") != Some(spec.strategy.as_str()) {
        return Err(Problem::Name(spec.strategy.clone()));
    }
    if spec.endpoints.authorization.is_none() && spec.endpoint_options.authorization.is_none() {
        return Err(Problem::Endpoint("authorization"));
    }
    if spec.endpoints.token.is_none() && spec.endpoint_options.token.is_none() {
        return Err(Problem::Endpoint("token"));
    }
    if spec.account.subject.is_empty() {
        return Err(Problem::Subject);
    }
    for (name, value) in spec.token.headers.iter().chain(&spec.userinfo.headers) {
        if http::HeaderName::try_from(name).is_err() || http::HeaderValue::try_from(value).is_err()
        {
            return Err(Problem::Header(name.clone()));
        }
    }
    if http::HeaderName::try_from(&spec.userinfo.header).is_err() {
        return Err(Problem::Header(spec.userinfo.header.clone()));
    }
    if let Some(body) = &spec.userinfo.body {
        serde_json::from_str::<serde_json::Value>(body).map_err(Problem::Body)?;
    }
    // The broader access token goes on being used beside the narrower one.
    let refresh = &spec.refresh;
    if refresh.narrows && (refresh.ends_access_token || refresh.rotates == Rotation::None) {
        return Err(Problem::Narrows);
    }
    if !is_date(&spec.verified_on) {
        return Err(Problem::Date);
    }
    check_variables(spec)
}

fn check_variables(spec: &Spec) -> Result<(), Problem> {
    for name in spec.endpoints.all().flat_map(template::Template::names) {
        if !spec.variables.contains_key(name) {
            return Err(Problem::Variable(name.to_owned()));
        }
    }
    for (name, variable) in &spec.variables {
        let pattern = template::pattern(&variable.pattern)
            .map_err(|source| Problem::Pattern { name: name.clone(), source })?;
        let values = variable.default.iter().chain(variable.switches.values());
        if !values.chain([&variable.example]).all(|value| template::fits(&pattern, value)) {
            return Err(Problem::Example(name.clone()));
        }
        if variable.told.is_some() && (variable.options.is_empty() || spec.facts.contains_key(name))
        {
            return Err(Problem::Told(name.clone()));
        }
    }
    Ok(())
}

/// Every section that states facts says where they come from, or that nobody
/// has checked them.
fn check_provenance(spec: &Spec, table: &toml::Table) -> Result<(), Problem> {
    let borne_out: BTreeSet<&str> = spec
        .sources
        .iter()
        .flat_map(|Source { sections, .. }| sections)
        .chain(&spec.unchecked)
        .map(String::as_str)
        .collect();
    for section in SECTIONS {
        if table.contains_key(section) && !borne_out.contains(section) {
            return Err(Problem::Unsourced(section));
        }
    }
    match borne_out.into_iter().find(|path| !stands_there(table, path)) {
        None => Ok(()),
        Some(path) => Err(Problem::NotThere(path.to_owned())),
    }
}

fn stands_there(table: &toml::Table, path: &str) -> bool {
    match path.split_once('.') {
        None => table.contains_key(path),
        Some((first, rest)) => {
            let inner = table.get(first).and_then(toml::Value::as_table);
            inner.is_some_and(|inner| stands_there(inner, rest))
        }
    }
}

/// Whether the text has the shape YYYY-MM-DD.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(position, byte)| match position {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(file: &str) -> &'static str {
        EMBEDDED.iter().find(|(name, _)| *name == file).unwrap().1
    }

    #[test]
    fn every_embedded_file_is_sound() {
        let catalogue = Catalogue::embedded().unwrap();
        assert_eq!(catalogue.iter().count(), EMBEDDED.len());
        for strategy in ["github", "google-oauth2", "oauth2", "oidc"] {
            assert!(catalogue.get(strategy).is_some());
        }
    }

    /// `STRONGROOM_WRITE_DOCS=1` writes the schema anew.
    #[test]
    fn the_schema_is_that_of_the_types() {
        let schema = schemars::schema_for!(Spec);
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue.schema.json");
        if std::env::var_os("STRONGROOM_WRITE_DOCS").is_some() {
            std::fs::write(file, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(file).unwrap(), text);
    }

    #[test]
    fn a_later_file_takes_the_place_of_an_earlier_one() {
        let renamed = text_of("github.toml").replace("name = \"GitHub\"", "name = \"Our GitHub\"");
        let embedded = Catalogue::embedded().unwrap();
        let extended = embedded.load_dir([("github.toml", renamed.as_str())]).unwrap();
        assert_eq!(extended.get("github").unwrap().name, "Our GitHub");
        assert_eq!(embedded.get("github").unwrap().name, "GitHub");
        assert!(extended.get("oidc").is_some());
    }

    #[test]
    fn a_catalogue_can_be_moved() {
        let at = |strategy: &str| Some(format!("http://localhost:4001/{strategy}"));
        let moved = Catalogue::embedded().unwrap().moved(at);
        let google = &moved.get("google-oauth2").unwrap().endpoints;
        assert_eq!(
            google.authorization.as_ref().unwrap().to_string(),
            "http://localhost:4001/google-oauth2/o/oauth2/v2/auth"
        );
        assert_eq!(google.issuer.as_deref(), Some("http://localhost:4001/google-oauth2"));
    }

    #[test]
    fn an_unsound_file_is_refused_with_its_name() {
        let check = |name: &str, from: &str, to: &str, expected: &str| {
            let text = text_of("oidc.toml").replace(from, to);
            let error = Catalogue::embedded().unwrap().load_dir([(name, &*text)]).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(name) && message.contains(expected), "{message}");
        };
        check("oidc.toml", "rotates = \"may\"", "rotates = \"perhaps\"", "unknown variant");
        check("oidc.toml", "rotates = ", "rotate = ", "unknown field");
        check("oidc.toml", "verified_on = \"2", "verified_on = \"today\" # ", "not a date");
        check("other.toml", "", "", "not its strategy");
        check("oidc.toml", "token = \"token_endpoint\"", "", "no token endpoint");
        check("oidc.toml", "subject = [\"sub\"]", "subject = []", "subject");
        check("oidc.toml", "[\"offline_access\"]", "\"offline_access\"", "invalid type");
        check("oidc.toml", "\"refresh\"", "\"refreshes\"", "\"refresh\", and it is not listed");
        let narrows = "[refresh]\nnarrows = true\nends_access_token = true";
        check("oidc.toml", "[refresh]", narrows, "refresh.narrows contradicts");
        check("oidc.toml", "[offline]", "[userinfo]\nbody = \"{\"\n[offline]", "not JSON");
        let endpoint = "[endpoints]\nuserinfo = \"https://{place}.test/\"\n[offline]";
        check("oidc.toml", "[offline]", endpoint, "the variable \"place\"");
    }
}
