//! Extra parameters of the authorization request that a connection configures.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use crate::options::{Options, OptionsError, malformed};
use crate::spec::Spec;

/// Where the value of an extra parameter comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamParameter {
    /// Always this one.
    Value(String),
    /// The parameter of that name in the request that led here; without it,
    /// nothing is sent.
    Alias(String),
}

/// What options may not set: with one of these a connection could be turned
/// into another flow, another client or another caller's transaction.
const RESERVED: [&str; 13] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// The names that Auth0 allows as `alias`.
const ALIASES: [&str; 12] = [
    "acr_values",
    "audience",
    "client_id",
    "display",
    "id_token_hint",
    "login_hint",
    "max_age",
    "prompt",
    "resource",
    "response_mode",
    "response_type",
    "ui_locales",
];

/// Reads `authParams`, `authParamsMap` and `upstream_params`, on top of what the
/// catalogue says. Where two set the same parameter, the one named last wins.
pub(crate) fn configured(
    spec: &Spec,
    options: Options<'_>,
) -> Result<BTreeMap<String, UpstreamParameter>, OptionsError> {
    let mut parameters = BTreeMap::new();
    for (name, value) in &spec.authorize.parameters {
        parameters.insert(name.clone(), UpstreamParameter::Value(value.clone()));
    }
    for (name, option) in &spec.authorize.from_options {
        if let Some(value) = options.string(option)? {
            parameters.insert(name.clone(), UpstreamParameter::Value(value.to_owned()));
        }
    }
    for (name, value) in options.strings_by_name("authParams")? {
        refuse_reserved("authParams", name)?;
        parameters.insert(name.to_owned(), UpstreamParameter::Value(value.to_owned()));
    }
    for (name, source) in options.strings_by_name("authParamsMap")? {
        refuse_reserved("authParamsMap", name)?;
        parameters.insert(name.to_owned(), UpstreamParameter::Alias(source.to_owned()));
    }
    for (name, form) in options.object("upstream_params")? {
        refuse_reserved("upstream_params", name)?;
        parameters.insert(name.to_owned(), upstream_parameter(name, form)?);
    }
    Ok(parameters)
}

fn upstream_parameter(name: &str, form: &Value) -> Result<UpstreamParameter, OptionsError> {
    let expected = || malformed(&format!("upstream_params.{name}"), "{value} or {alias}");
    let members = form.as_object().filter(|members| members.len() == 1).ok_or_else(expected)?;
    if let Some(Value::String(value)) = members.get("value") {
        return Ok(UpstreamParameter::Value(value.clone()));
    }
    if let Some(Value::String(alias)) = members.get("alias")
        && ALIASES.contains(&alias.as_str())
    {
        return Ok(UpstreamParameter::Alias(alias.clone()));
    }
    Err(expected())
}

fn refuse_reserved(option: &'static str, parameter: &str) -> Result<(), OptionsError> {
    if RESERVED.contains(&parameter) {
        return Err(OptionsError::Reserved { option, parameter: parameter.to_owned() });
    }
    Ok(())
}

/// The query of an authorization request while it is being put together: each
/// name once, in order of first mention.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Begins with what the endpoint's own address carries.
    pub(crate) fn of(endpoint: &Url) -> Self {
        // RFC 6749 §3.1: the endpoint URI MAY include a query component, which
        // MUST be retained when adding additional query parameters.
        let mut query = Self(Vec::new());
        for (name, value) in endpoint.query_pairs() {
            query.set(&name, value.into_owned());
        }
        query
    }

    /// Sets a parameter, in the place of an earlier value.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        // RFC 6749 §3.1: parameters MUST NOT be included more than once.
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((name.to_owned(), value.into())),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The endpoint with this query.
    pub(crate) fn into_url(self, endpoint: &Url) -> Url {
        let mut url = endpoint.clone();
        url.set_query(None);
        url.query_pairs_mut().extend_pairs(self.0);
        url
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::spec;

    #[test]
    fn reads_auth0s_three_ways() {
        let value = json!({
            "authParams": {"audience": "calendar", "tone": "low"},
            "authParamsMap": {"custom_param": "access_type"},
            "upstream_params": {
                "screen_name": {"alias": "login_hint"},
                "tone": {"value": "high"}
            }
        });
        let parameters = configured(&spec("oidc"), Options(value.as_object().unwrap())).unwrap();
        let expected = [
            ("audience", UpstreamParameter::Value("calendar".into())),
            ("custom_param", UpstreamParameter::Alias("access_type".into())),
            ("screen_name", UpstreamParameter::Alias("login_hint".into())),
            ("tone", UpstreamParameter::Value("high".into())),
        ];
        assert_eq!(parameters, expected.map(|(name, value)| (name.to_owned(), value)).into());
    }

    #[test]
    fn refuses_what_would_change_the_flow() {
        let check = |options: Value, expected: &str| {
            let options = Options(options.as_object().unwrap());
            let error = configured(&spec("oidc"), options).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(
            json!({"upstream_params": {"redirect_uri": {"value": "https://evil.example"}}}),
            "options.upstream_params must not set \"redirect_uri\"",
        );
        check(json!({"authParams": {"state": "x"}}), "options.authParams must not set \"state\"");
        check(
            json!({"authParamsMap": {"response_mode": "prompt"}}),
            "options.authParamsMap must not set \"response_mode\"",
        );
        let malformed = "options.upstream_params.a is not {value} or {alias}";
        check(json!({"upstream_params": {"a": "b"}}), malformed);
        check(json!({"upstream_params": {"a": {}}}), malformed);
        check(json!({"upstream_params": {"a": {"alias": "state"}}}), malformed);
        check(json!({"upstream_params": {"a": {"value": "b", "alias": "prompt"}}}), malformed);
    }

    #[test]
    fn a_query_has_each_name_once() {
        let endpoint = Url::parse("https://idp.example/authorize?tenant=a&prompt=login").unwrap();
        let mut query = Query::of(&endpoint);
        query.set("prompt", "consent");
        query.set("scope", "a b");
        query.remove("absent");
        let url = query.into_url(&endpoint);
        assert_eq!(url.as_str(), "https://idp.example/authorize?tenant=a&prompt=consent&scope=a+b");
    }
}
