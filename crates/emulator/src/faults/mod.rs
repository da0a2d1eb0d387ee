//! Misbehaviour on command: rules that make an endpoint slow, wrong or silent.
//!
//! A rule says which calls it is about, how often it strikes, how long it
//! waits, and what it does to the answer. [`layer`] applies the rules; handlers
//! know nothing of them.

pub(crate) mod layer;

use serde::{Deserialize, Serialize};

use crate::flavour::Flavour;
use crate::grants::Account;

/// How many rules are kept at once.
const RULES_MAX: usize = 1000;

/// The endpoints that a rule can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Endpoint {
    Discovery,
    Jwks,
    /// The authorization endpoint itself.
    Authorize,
    /// The redirect back to the client; takes the effect `edit` and no delays.
    AuthorizationResponse,
    /// Every token request.
    Token,
    /// Token requests with `grant_type=authorization_code`.
    CodeExchange,
    /// Token requests with `grant_type=refresh_token`.
    Refresh,
    #[serde(rename = "userinfo")]
    UserInfo,
    Revoke,
    Calendar,
}

/// One rule as `POST /_emulator/faults` takes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) endpoint: Endpoint,
    /// `None`: all flavours.
    #[serde(default)]
    pub(crate) flavour: Option<Flavour>,
    /// Only calls by this client, where the call reveals one.
    #[serde(default)]
    pub(crate) client_id: Option<String>,
    /// Only calls about this user: subject, user name or e-mail.
    #[serde(default)]
    pub(crate) user: Option<String>,
    /// How often the rule strikes before it goes away.
    #[serde(default = "once")]
    pub(crate) times: u64,
    /// Strike until the rule is deleted, whatever `times` says.
    #[serde(default)]
    pub(crate) sticky: bool,
    /// Milliseconds to wait before the call is looked at.
    #[serde(default)]
    pub(crate) delay_ms: u64,
    /// Milliseconds to hold the answer back when all is done.
    #[serde(default)]
    pub(crate) answer_delay_ms: u64,
    #[serde(default)]
    pub(crate) effect: Effect,
}

fn once() -> u64 {
    1
}

/// What a rule does to the call.
///
/// Braces even where nothing is inside: serde refuses unknown members of such
/// variants only.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub(crate) enum Effect {
    /// Nothing but the delays.
    None {},
    /// A fixed answer; the call changes nothing.
    Status {
        status: u16,
        #[serde(default)]
        body: String,
        #[serde(default = "html")]
        content_type: String,
    },
    /// Status 429; the call changes nothing.
    RateLimited {
        /// The value of `Retry-After`: seconds or an HTTP date.
        retry_after: String,
    },
    /// An OAuth error in the flavour's form; the call changes nothing.
    Error {
        error: String,
        #[serde(default)]
        error_description: String,
        /// Without one: 200 at GitHub, 400 elsewhere.
        status: Option<u16>,
    },
    /// The connection closes without an answer.
    Drop {
        /// Whether the call takes effect first: then only the answer is lost.
        after_commit: bool,
    },
    /// The call takes effect twice, as when something on the way repeats it.
    Twice { arriving: Arriving },
    /// The call takes effect, and half of the answer's body arrives.
    Malformed {},
    /// The call takes effect, and members of the answer are changed.
    Edit {
        #[serde(default)]
        omit: Vec<String>,
        #[serde(default)]
        set: serde_json::Map<String, serde_json::Value>,
    },
    /// The call takes effect, and the answer has one more member, of so many bytes.
    Bloated { bytes: usize },
}

/// Which of two answers arrives.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Arriving {
    First,
    Second,
}

impl Default for Effect {
    fn default() -> Self {
        Self::None {}
    }
}

fn html() -> String {
    "text/html; charset=utf-8".to_owned()
}

/// Who a call comes from and is about, as far as that can be seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallSubject {
    client_id: Option<String>,
    sub: Option<String>,
}

impl CallSubject {
    pub(crate) fn of(account: &Account) -> Self {
        Self { client_id: Some(account.client_id.clone()), sub: Some(account.sub.clone()) }
    }

    pub(crate) fn of_client(client_id: Option<&str>) -> Self {
        Self { client_id: client_id.map(ToOwned::to_owned), sub: None }
    }
}

/// One line of `GET /_emulator/faults`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Installed {
    id: u64,
    #[serde(flatten)]
    rule: Rule,
    /// How often it has struck.
    hits: u64,
}

#[derive(Default)]
pub(crate) struct Faults {
    rules: Vec<Installed>,
    last_id: u64,
}

/// Why a rule was not added.
pub(crate) enum RuleRefusal {
    /// There are [`RULES_MAX`] already.
    TooMany,
    /// It would have no effect on the redirect back to the client.
    OnlyEditsRedirects,
}

impl Faults {
    /// Adds a rule, whose `user` is a subject by now; answers its id.
    pub(crate) fn add(&mut self, rule: Rule) -> Result<u64, RuleRefusal> {
        if self.rules.len() >= RULES_MAX {
            return Err(RuleRefusal::TooMany);
        }
        let only_edits = matches!(rule.effect, Effect::Edit { .. })
            && rule.delay_ms == 0
            && rule.answer_delay_ms == 0;
        if rule.endpoint == Endpoint::AuthorizationResponse && !only_edits {
            return Err(RuleRefusal::OnlyEditsRedirects);
        }
        self.last_id += 1;
        self.rules.push(Installed { id: self.last_id, rule, hits: 0 });
        Ok(self.last_id)
    }

    pub(crate) fn list(&self) -> &[Installed] {
        &self.rules
    }

    /// Removes one rule; `false` if there is none of this id.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|installed| installed.id != id);
        self.rules.len() < before
    }

    /// Removes the rules that are about one flavour alone, or all.
    pub(crate) fn clear(&mut self, flavour: Option<Flavour>) {
        self.rules.retain(|installed| flavour.is_some() && installed.rule.flavour != flavour);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The first rule that is about this call; it counts as a strike.
    fn strike(&mut self, endpoint: Endpoint, flavour: Flavour, who: &CallSubject) -> Option<Rule> {
        let position = self
            .rules
            .iter()
            .position(|installed| installed.rule.matches(endpoint, flavour, who))?;
        let installed = self.rules.get_mut(position)?;
        installed.hits += 1;
        let rule = installed.rule.clone();
        if !rule.sticky && installed.hits >= rule.times {
            self.rules.remove(position);
        }
        Some(rule)
    }

    /// Changes the parameters that go back to a client's redirect URI.
    pub(crate) fn edit_authorization_response(
        &mut self,
        flavour: Flavour,
        who: &CallSubject,
        parameters: &mut Vec<(String, String)>,
    ) {
        let Some(rule) = self.strike(Endpoint::AuthorizationResponse, flavour, who) else { return };
        if let Effect::Edit { omit, set } = rule.effect {
            parameters.retain(|(name, _)| !omit.contains(name) && !set.contains_key(name));
            parameters.extend(set.into_iter().map(|(name, value)| (name, text_of(&value))));
        }
    }
}

impl Rule {
    fn matches(&self, endpoint: Endpoint, flavour: Flavour, who: &CallSubject) -> bool {
        let is_token_call = matches!(endpoint, Endpoint::CodeExchange | Endpoint::Refresh);
        let endpoint_fits =
            self.endpoint == endpoint || (self.endpoint == Endpoint::Token && is_token_call);
        endpoint_fits
            && self.flavour.is_none_or(|wanted| wanted == flavour)
            && (self.client_id.is_none() || self.client_id == who.client_id)
            && (self.user.is_none() || self.user == who.sub)
    }
}

/// A JSON value where only text fits.
fn text_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    fn ada() -> CallSubject {
        CallSubject { client_id: Some("client".into()), sub: Some("ada".into()) }
    }

    #[test]
    fn a_rule_strikes_as_often_as_it_says() {
        let mut faults = Faults::default();
        let text = r#"{"endpoint":"refresh","times":2,"effect":{"kind":"malformed"}}"#;
        assert!(faults.add(rule(text)).is_ok());
        let mut strikes = || faults.strike(Endpoint::Refresh, Flavour::Oidc, &ada()).is_some();
        assert_eq!([strikes(), strikes(), strikes()], [true, true, false]);
    }

    #[test]
    fn a_sticky_rule_stays_and_filters_apply() {
        let mut faults = Faults::default();
        let text = r#"{"endpoint":"token","sticky":true,"user":"ada","flavour":"oidc"}"#;
        assert!(faults.add(rule(text)).is_ok());
        for _ in 0..3 {
            assert!(faults.strike(Endpoint::CodeExchange, Flavour::Oidc, &ada()).is_some());
        }
        let nobody = CallSubject::default();
        assert!(faults.strike(Endpoint::Refresh, Flavour::Oidc, &nobody).is_none());
        assert!(faults.strike(Endpoint::Refresh, Flavour::Google, &ada()).is_none());
        assert!(faults.strike(Endpoint::UserInfo, Flavour::Oidc, &ada()).is_none());
    }

    #[test]
    fn misspelt_rules_are_refused() {
        for text in [
            r#"{"endpoint":"refreshes"}"#,
            r#"{"endpoint":"refresh","dealy_ms":1}"#,
            r#"{"endpoint":"refresh","effect":{"kind":"drop"}}"#,
            r#"{"endpoint":"refresh","effect":{"kind":"malformed","status":1}}"#,
        ] {
            assert!(serde_json::from_str::<Rule>(text).is_err(), "{text}");
        }
    }
}
