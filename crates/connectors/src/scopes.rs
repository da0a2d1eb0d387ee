//! Scopes: what a connection asks for, how it is written, how answers are read.

use protocol::oauth::scope::{SCOPES_MAX, Scope, ScopeSet};
use serde_json::Value;

use crate::options::{Options, OptionsError};
use crate::provider::SettledScopes;
use crate::spec::{AnswerSeparator, EmptyAnswer, RequestSeparator, ScopesSpec, Spec};

/// Auth0's word for access in the person's absence. In options and in requests
/// it is an instruction to us, whatever the provider calls it.
const OFFLINE_ACCESS: &str = "offline_access";

/// The scopes of OpenID Connect Core §5.4 and §11.
const OPENID_SCOPES: [&str; 6] = ["openid", "profile", "email", "address", "phone", OFFLINE_ACCESS];

/// What a connection asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfiguredScopes {
    /// Without those that mean offline access.
    pub(crate) scopes: ScopeSet,
    /// Those that mean offline access to this provider.
    pub(crate) offline_scopes: ScopeSet,
    /// Whether offline access is asked for in any way.
    pub(crate) offline: bool,
    pub(crate) separator: RequestSeparator,
}

/// Reads `scope`, `freeform_scopes` and the boolean options of the strategy.
pub(crate) fn configured(
    spec: &Spec,
    options: Options<'_>,
) -> Result<ConfiguredScopes, OptionsError> {
    let mut asked = ScopeSet::empty();
    let mut separator = spec.scopes.request_separator;
    let mut said = false;
    for (option, scopes) in &spec.scopes.options {
        if options.boolean(option)? == Some(true) {
            said = true;
            asked = asked.union(scopes);
        }
    }
    match options.value("scope") {
        None => {}
        Some(Value::String(text)) => {
            said |= !text.trim().is_empty();
            // Auth0 sends this string as it stands, so whoever wrote commas
            // has a provider that wants commas.
            if text.contains(',') && !text.trim().contains(' ') {
                separator = RequestSeparator::Comma;
            }
            for token in text.split([' ', ',']).filter(|token| !token.is_empty()) {
                add(spec, &mut asked, "scope", token)?;
            }
        }
        Some(_) => {
            for token in options.strings("scope")? {
                said = true;
                add(spec, &mut asked, "scope", token)?;
            }
        }
    }
    for token in options.strings("freeform_scopes")? {
        said = true;
        add(spec, &mut asked, "freeform_scopes", token)?;
    }
    if !said {
        asked = spec.scopes.default.clone();
    }
    let flag = options.boolean(OFFLINE_ACCESS)? == Some(true);
    let Split { scopes, offline_scopes, offline } = split(spec, &asked);
    Ok(ConfiguredScopes { scopes, offline_scopes, offline: offline || flag, separator })
}

/// Adds one token; the name of a boolean option stands for its scopes, because
/// Auth0 lists either in `options.scope`.
fn add(
    spec: &Spec,
    asked: &mut ScopeSet,
    option: &'static str,
    token: &str,
) -> Result<(), OptionsError> {
    if let Some(scopes) = spec.scopes.options.get(token) {
        *asked = asked.union(scopes);
        return Ok(());
    }
    let scope = Scope::parse(token).map_err(|source| OptionsError::Scope { option, source })?;
    asked.insert(scope);
    Ok(())
}

/// Scopes of a request, sorted by what they mean to this provider.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) scopes: ScopeSet,
    pub(crate) offline_scopes: ScopeSet,
    pub(crate) offline: bool,
}

/// Takes the words for offline access out of a list.
pub(crate) fn split(spec: &Spec, asked: &ScopeSet) -> Split {
    let means_offline = |scope: &&Scope| spec.offline.scopes.iter().any(|s| s == scope.as_str());
    let offline_scopes: ScopeSet = asked.iter().filter(means_offline).cloned().collect();
    let scopes = asked
        .without(&offline_scopes)
        .iter()
        .filter(|scope| scope.as_str() != OFFLINE_ACCESS)
        .cloned()
        .collect();
    let offline = !offline_scopes.is_empty() || asked.contains(OFFLINE_ACCESS);
    Split { scopes, offline_scopes, offline }
}

/// The members of `more` that `scopes` has under no name, each by one name: an answer is kept under
/// every name that its scopes go by.
pub(crate) fn beside(spec: &Spec, scopes: &ScopeSet, more: &ScopeSet) -> ScopeSet {
    let mut beside = ScopeSet::empty();
    for scope in &more.without(scopes) {
        let names = other_names(&spec.scopes, scope.as_str());
        let is_known = |name: &String| scopes.contains(name) || beside.contains(name);
        if !names.iter().any(is_known) {
            beside.insert(scope.clone());
        }
    }
    beside
}

/// What a scope allows, in plain words, if the catalogue has them under one of its names.
pub fn in_words<'a>(spec: &'a Spec, scope: &str) -> Option<&'a str> {
    let names = other_names(&spec.scopes, scope);
    let mut names = std::iter::once(scope).chain(names.iter().map(String::as_str));
    names.find_map(|name| spec.scopes.words.get(name)).map(String::as_str)
}

/// The words by which this provider is asked for offline access.
pub(crate) fn offline(spec: &Spec) -> ScopeSet {
    spec.offline.scopes.iter().filter_map(|scope| Scope::parse(scope).ok()).collect()
}

/// The list as the `scope` parameter of a request.
pub(crate) fn write(scopes: &ScopeSet, separator: RequestSeparator) -> String {
    let between = match separator {
        RequestSeparator::Space => " ",
        RequestSeparator::Comma => ",",
    };
    scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(between)
}

/// Reads the `scope` member of an answer: a string, or an array of strings.
///
/// `None` is "as requested" (RFC 6749 §5.1).
pub(crate) fn read_answer(spec: &Spec, member: Option<&Value>) -> Option<ScopeSet> {
    let granted: ScopeSet = match member? {
        Value::String(text) => tokens(spec, text).take(SCOPES_MAX).collect(),
        Value::Array(items) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            texts.iter().flat_map(|text| tokens(spec, text)).take(SCOPES_MAX).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    let unsaid = granted.is_empty() && spec.scopes.empty_answer == EmptyAnswer::Unsaid;
    (!unsaid).then_some(granted)
}

fn tokens(spec: &Spec, text: &str) -> impl Iterator<Item = Scope> {
    let separator = spec.scopes.answer_separator;
    let separates = move |c: char| match separator {
        AnswerSeparator::Any => c == ',' || c.is_whitespace(),
        // A comma is a legal character of a scope (RFC 6749 §3.3).
        AnswerSeparator::Space => c.is_whitespace(),
        AnswerSeparator::Comma => c == ',',
    };
    text.split(separates).filter_map(|token| Scope::parse(token.trim()).ok())
}

/// What came of the scopes that were asked for.
///
/// Words for offline access and OpenID Connect's own are never missed: many
/// providers grant them and leave them out of the answer. Whether they were
/// granted is seen by the refresh token and by the account.
pub(crate) fn settle(spec: &Spec, asked: &ScopeSet, granted: Option<&ScopeSet>) -> SettledScopes {
    let granted = granted.unwrap_or(asked).clone();
    let named = effective(spec, &granted);
    let included = named.iter().filter_map(|scope| spec.scopes.includes.get(scope.as_str()));
    let known = included.fold(named.clone(), |known, included| known.union(included));
    let is_granted = |scope: &&Scope| {
        let same = |other: &Scope| other.as_str().eq_ignore_ascii_case(scope.as_str());
        known.contains(scope.as_str()) || spec.scopes.case_insensitive && known.iter().any(same)
    };
    let asked = split(spec, asked).scopes;
    let goes_unsaid = |scope: &Scope| {
        OPENID_SCOPES.contains(&scope.as_str())
            || spec.scopes.unanswered.iter().any(|known| known == scope.as_str())
    };
    let complete = spec.scopes.complete_answer;
    let is_missed = |scope: &&Scope| complete && !is_granted(scope) && !goes_unsaid(scope);
    let missing = asked.iter().filter(is_missed).cloned().collect();
    let found: ScopeSet = asked.iter().filter(is_granted).cloned().collect();
    SettledScopes { granted, effective: named.union(&found), missing }
}

/// A provider's answer under every name that its scopes go by, so that whoever
/// asked finds what they asked for, letter by letter. Nothing is taken away.
pub fn effective(spec: &Spec, granted: &ScopeSet) -> ScopeSet {
    let names = |scope: &Scope| other_names(&spec.scopes, scope.as_str());
    let others = granted.iter().flat_map(names).filter_map(|name| Scope::parse(&name).ok());
    granted.union(&others.take(SCOPES_MAX).collect())
}

fn other_names(spec: &ScopesSpec, scope: &str) -> Vec<String> {
    let mut names = Vec::new();
    names.extend(spec.answered_as.get(scope).cloned());
    let asked_as = spec.answered_as.iter().filter(|(_, answered)| *answered == scope);
    names.extend(asked_as.map(|(asked, _)| asked.clone()));
    if let Some(prefix) = &spec.prefix {
        names.push(match scope.strip_prefix(prefix.as_str()) {
            Some(short) => short.to_owned(),
            // Another resource's scopes, and OpenID Connect's own, have no prefix.
            None if scope.contains("://") || OPENID_SCOPES.contains(&scope) => return names,
            None => format!("{prefix}{scope}"),
        });
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::Catalogue;

    fn set(text: &str) -> ScopeSet {
        ScopeSet::parse(text).unwrap()
    }

    #[test]
    fn a_connection_asks_in_several_ways() {
        let check = |strategy: &str, options: Value, scopes: &str, offline: &str| {
            let catalogue = Catalogue::embedded().unwrap();
            let options = Options(options.as_object().unwrap());
            let configured = configured(catalogue.get(strategy).unwrap(), options).unwrap();
            let outcome = format!("{} {}", configured.offline, configured.offline_scopes);
            assert_eq!((configured.scopes, outcome.trim_end()), (set(scopes), offline));
        };
        let google = "google-oauth2";
        check(google, json!({}), "email profile", "false");
        check(google, json!({"email": true, "scope": ["email"]}), "email", "false");
        check(
            google,
            json!({"calendar": true, "drive": false, "offline_access": true, "scope": ["profile"]}),
            "https://www.googleapis.com/auth/calendar profile",
            "true",
        );
        check(google, json!({"scope": ["gmail"]}), "https://mail.google.com/", "false");
        check(google, json!({"scope": ["email", "offline_access"]}), "email", "true");
        check(google, json!({"orkut": true, "email": true}), "email", "false");
        check(
            google,
            json!({"freeform_scopes": ["https://www.googleapis.com/auth/tasks"]}),
            "https://www.googleapis.com/auth/tasks",
            "false",
        );
        check("github", json!({}), "user:email", "false");
        check("github", json!({"profile": true}), "", "false");
        check("github", json!({"read_org": true, "scope": ["repo"]}), "read:org repo", "false");
        check("oidc", json!({}), "openid profile email", "false");
        check(
            "oidc",
            json!({"scope": "openid offline_access x"}),
            "openid x",
            "true offline_access",
        );
        check("oauth2", json!({"scope": "read offline.access"}), "read", "true offline.access");
        check("oauth2", json!({"scope": ["a", "b"]}), "a b", "false");
        check("oauth2", json!({}), "", "false");
    }

    #[test]
    fn commas_in_the_option_mean_commas_in_the_request() {
        let check = |scope: &str, expected: &str| {
            let catalogue = Catalogue::embedded().unwrap();
            let options = json!({"scope": scope});
            let options = Options(options.as_object().unwrap());
            let configured = configured(catalogue.get("oauth2").unwrap(), options).unwrap();
            assert_eq!(write(&configured.scopes, configured.separator), expected);
        };
        check("a,b", "a,b");
        check("a b", "a b");
        check("a, b", "a b");
        check("a", "a");
    }

    #[test]
    fn answers_are_read_as_the_provider_writes_them() {
        let check = |strategy: &str, answer: Value, expected: Option<&str>| {
            let catalogue = Catalogue::embedded().unwrap();
            let granted = read_answer(catalogue.get(strategy).unwrap(), Some(&answer));
            assert_eq!(granted, expected.map(set), "{strategy} {answer}");
        };
        check("github", json!("repo,gist,user:email"), Some("repo gist user:email"));
        check("github", json!(""), Some(""));
        check("google-oauth2", json!("openid email"), Some("openid email"));
        check("oidc", json!("a,b c"), Some("a,b c"));
        check("oidc", json!(""), None);
        check("oauth2", json!("a, b c"), Some("a b c"));
        check("oauth2", json!(["user:read", "chat:edit"]), Some("user:read chat:edit"));
        check("oauth2", json!(["a b", 7]), Some("a b"));
        check("oauth2", json!(7), None);
        check("oauth2", json!(null), None);
    }

    #[test]
    fn what_was_not_granted_is_missing() {
        let check = |asked: &str, granted: &str, expected: &str| {
            let catalogue = Catalogue::embedded().unwrap();
            let spec = catalogue.get("google-oauth2").unwrap();
            let settled = settle(spec, &set(asked), Some(&set(granted)));
            assert_eq!((settled.granted, settled.missing), (set(granted), set(expected)));
        };
        let answered = "openid https://www.googleapis.com/auth/userinfo.email";
        check("openid email", answered, "");
        check("openid email offline_access", answered, "");
        check("openid email https://mail.google.com/", answered, "https://mail.google.com/");
        check("profile", answered, "");
    }

    #[test]
    fn what_an_answer_may_leave_out_is_not_missed() {
        let missing = |strategy: &str, asked: &str| {
            let spec = crate::testing::spec(strategy);
            settle(&spec, &set(asked), Some(&set("something"))).missing
        };
        assert_eq!(missing("windowslive", "Mail.Read"), set("Mail.Read"));
        assert_eq!(missing("windowslive", "https://graph.microsoft.com/.default"), set(""));
        assert_eq!(missing("oauth2", "read"), set(""));
        assert_eq!(missing("oidc", "read"), set("read"));
    }

    #[test]
    fn what_was_granted_goes_by_every_name() {
        let check = |strategy: &str, asked: &str, granted: Option<&str>, effective: &str| {
            let granted = granted.map(set);
            let settled = settle(&crate::testing::spec(strategy), &set(asked), granted.as_ref());
            assert!(settled.missing.is_empty(), "{}", settled.missing);
            assert_eq!(settled.effective, set(effective), "{strategy} {asked}");
        };
        let email = "https://www.googleapis.com/auth/userinfo.email";
        check(
            "google-oauth2",
            "openid email",
            Some(&format!("openid {email}")),
            &format!("openid email {email}"),
        );
        check("google-oauth2", email, Some("email"), &format!("email {email}"));
        check("github", "repo public_repo", Some("repo"), "repo public_repo");
        let graph = "https://graph.microsoft.com/";
        check(
            "windowslive",
            "openid Mail.Read",
            Some(&format!("openid {graph}Mail.Read")),
            &format!("openid Mail.Read {graph}Mail.Read"),
        );
        check(
            "windowslive",
            "https://graph.microsoft.com/mail.read",
            Some("Mail.Read profile"),
            &format!("Mail.Read {graph}Mail.Read {graph}mail.read profile"),
        );
        check("oidc", "a b", None, "a b");
    }
}
