//! The providers that we know: one file each.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::spec::Spec;

const EMBEDDED: [(&str, &str); 4] = [
    ("github.toml", include_str!("../catalogue/github.toml")),
    ("google-oauth2.toml", include_str!("../catalogue/google-oauth2.toml")),
    ("oauth2.toml", include_str!("../catalogue/oauth2.toml")),
    ("oidc.toml", include_str!("../catalogue/oidc.toml")),
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
        empty.load_dir(EMBEDDED)
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
    #[error("no source")]
    Sources,
}

fn parse(name: &str, text: &str) -> Result<Spec, CatalogueError> {
    let fault = |problem| CatalogueError { file: name.to_owned(), problem };
    let spec: Spec = toml::from_str(text).map_err(|error| fault(Box::new(error).into()))?;
    check(name, &spec).map_err(fault)?;
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
    if !is_date(&spec.verified_on) {
        return Err(Problem::Date);
    }
    if spec.sources.is_empty() {
        return Err(Problem::Sources);
    }
    Ok(())
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

    #[test]
    fn every_embedded_file_is_sound() {
        let catalogue = Catalogue::embedded().unwrap();
        let strategies: Vec<&str> = catalogue.iter().map(|spec| spec.strategy.as_str()).collect();
        assert_eq!(strategies, ["github", "google-oauth2", "oauth2", "oidc"]);
    }

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, EMBEDDED.map(|(name, _)| name.to_owned()));
    }

    #[test]
    fn a_later_file_takes_the_place_of_an_earlier_one() {
        let renamed = EMBEDDED[0].1.replace("name = \"GitHub\"", "name = \"Our GitHub\"");
        let embedded = Catalogue::embedded().unwrap();
        let extended = embedded.load_dir([("github.toml", renamed.as_str())]).unwrap();
        assert_eq!(extended.get("github").unwrap().name, "Our GitHub");
        assert_eq!(embedded.get("github").unwrap().name, "GitHub");
        assert!(extended.get("oidc").is_some());
    }

    #[test]
    fn an_unsound_file_is_refused_with_its_name() {
        let check = |name: &str, from: &str, to: &str, expected: &str| {
            let text = EMBEDDED[3].1.replace(from, to);
            let error = Catalogue::embedded().unwrap().load_dir([(name, &*text)]).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(name) && message.contains(expected), "{message}");
        };
        check("oidc.toml", "rotates = \"may\"", "rotates = \"perhaps\"", "unknown variant");
        check("oidc.toml", "rotates = ", "rotate = ", "unknown field");
        check("oidc.toml", "2026-11-21", "today", "verified_on is not a date");
        check("other.toml", "", "", "not its strategy");
        check("oidc.toml", "token = \"token_endpoint\"", "", "no token endpoint");
        check("oidc.toml", "subject = [\"sub\"]", "subject = []", "subject");
        check("oidc.toml", "[\"offline_access\"]", "\"offline_access\"", "invalid type");
    }
}
