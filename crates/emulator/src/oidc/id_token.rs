//! ID tokens (OIDC Core §2).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::jose::jws::SigningError;
use protocol::secret::{ProviderAccessToken, ProviderIdToken};
use serde::Serialize;

use crate::app::App;
use crate::catalogued::organization;
use crate::config::Behaviour;
use crate::flavour::Flavour;
use crate::grants::{Account, Issued};
use crate::ledger::Value;

/// Seconds for which an ID token may be accepted.
const LIFETIME_SECONDS: i64 = 3600;

#[derive(Serialize)]
struct Claims<'a> {
    iss: String,
    sub: &'a str,
    aud: &'a str,
    azp: &'a str,
    iat: i64,
    exp: i64,
    auth_time: i64,
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(flatten)]
    person: PersonClaims<'a>,
    /// By a name of the provider's own, such as Google's `hd`.
    #[serde(flatten)]
    organization: BTreeMap<&'a str, &'a str>,
}

fn organization_claim<'a>(app: &'a App, account: &Account) -> BTreeMap<&'a str, &'a str> {
    let rule = app.spec(account.flavour).and_then(|spec| spec.account.must_match.as_ref());
    match (rule, app.user(&account.sub)) {
        (Some(rule), Some(user)) => BTreeMap::from([(rule.place.as_str(), organization(user))]),
        (Some(_) | None, Some(_) | None) => BTreeMap::new(),
    }
}

/// What `profile` and `email` reveal (OIDC Core §5.4).
#[derive(Default, Serialize)]
pub(crate) struct PersonClaims<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
}

impl<'a> PersonClaims<'a> {
    /// The claims about the user with this subject that the scopes allow.
    pub(crate) fn of(app: &'a App, sub: &str, scope: &protocol::oauth::scope::ScopeSet) -> Self {
        let Some(user) = app.user(sub) else { return Self::default() };
        let profile = scope.contains("profile");
        let email = scope.contains("email");
        Self {
            name: profile.then_some(user.name.as_str()),
            preferred_username: profile.then_some(user.username.as_str()),
            email: email.then_some(user.email.as_str()),
            email_verified: email.then_some(user.email_verified),
        }
    }
}

/// The ID token that goes with an answer, if one does.
pub(crate) fn of(
    app: &App,
    issued: &Issued,
    behaviour: &Behaviour,
) -> Result<Option<ProviderIdToken>, SigningError> {
    let is_due = match issued.account.flavour {
        Flavour::Oidc | Flavour::Google => issued.scope.contains("openid"),
        Flavour::GitHub | Flavour::GitHubApp => false,
        // Its file says so, whatever was asked for.
        Flavour::Catalogued(_) => true,
    };
    if !is_due || !behaviour.send_id_token {
        return Ok(None);
    }
    let now = app.now();
    let account = &issued.account;
    let claims = Claims {
        iss: app.issuer(account.flavour),
        sub: &account.sub,
        aud: &account.client_id,
        azp: &account.client_id,
        iat: now.as_seconds(),
        exp: now.as_seconds().saturating_add(LIFETIME_SECONDS),
        auth_time: issued.auth_time.as_seconds(),
        at_hash: at_hash(&issued.access_token),
        nonce: issued.nonce.as_deref(),
        person: PersonClaims::of(app, &account.sub, &issued.scope),
        organization: organization_claim(app, account),
    };
    let token = ProviderIdToken::new(app.signing_key.sign("JWT", &claims)?);
    app.lock().ledger.record(Value::Id(token.clone()), account, now);
    Ok(Some(token))
}

/// OIDC Core §3.1.3.6: the base64url encoding of the left-most half of the hash
/// of the octets of the ASCII representation of the access token.
fn at_hash(token: &ProviderAccessToken) -> String {
    let hash = token.hashed();
    let (left, _right) = hash.as_bytes().split_at(16);
    URL_SAFE_NO_PAD.encode(left)
}
