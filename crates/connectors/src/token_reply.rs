//! What a token endpoint says, read with tolerance and without trust.

use std::fmt;
use std::time::Duration;

use protocol::oauth::scope::ScopeSet;
use protocol::secret::{ProviderAccessToken, ProviderIdToken, ProviderRefreshToken, Secret};
use serde_json::{Map, Value};

use crate::fault::{TokenFault, classify, error_code};
use crate::place;
use crate::provider::Provider;
use crate::quirks::github;
use crate::reply::Reply;
use crate::scopes;
use crate::spec::{Quirk, Spec, TokenSpec, UnsaidExpiry};

/// Longest token that is taken, in bytes.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Longest lifetime that is believed. What claims more has mistaken the unit,
/// or is no number to reckon with.
const LIFETIME_MAX: Duration = Duration::from_hours(10 * 366 * 24);

/// Tokens that a provider issued.
#[derive(Clone, Debug)]
pub struct TokenReply {
    /// The access token, fit to stand in a header.
    pub access_token: ProviderAccessToken,
    /// The refresh token. `None` does not end an older one: RFC 6749 §6 lets a
    /// server answer a refresh without.
    pub refresh_token: Option<ProviderRefreshToken>,
    /// The ID token, not verified.
    pub id_token: Option<ProviderIdToken>,
    /// When the access token ends.
    pub expires_in: Expiry,
    /// How long the refresh token lives, where the provider says so.
    pub refresh_expires_in: Option<Duration>,
    /// What was granted, in the provider's own words. `None`: what was asked for
    /// (RFC 6749 §5.1).
    pub granted: Option<ScopeSet>,
    /// The same under every name that it goes by
    /// ([`Provider::settle_scopes`] adds the names that were asked for).
    pub scopes: Option<ScopeSet>,
    /// Members that are not OAuth's.
    pub extras: Extras,
}

/// The members that are read here.
const OAUTH_MEMBERS: [&str; 8] = [
    "access_token",
    "expires_in",
    "id_token",
    "refresh_expires_in",
    "refresh_token",
    "refresh_token_expires_in",
    "scope",
    "token_type",
];

/// How long an access token lives from the moment of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// So long.
    Known(Duration),
    /// The provider did not say, or not in a way to believe; reckon with
    /// [`Provider::assumed_lifetime`].
    Unknown,
    /// Until it is revoked.
    Never,
}

/// A reply's further members, such as an instance's address. They may carry
/// secrets, so they do not print.
#[derive(Clone, Default, PartialEq)]
pub struct Extras(Map<String, Value>);

impl Extras {
    /// Whatever an answer says that is not a token.
    fn of(mut members: Map<String, Value>) -> Self {
        members.retain(|name, _| is_extra(name));
        Self(members)
    }

    /// The members.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Extras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} members]", self.0.len())
    }
}

/// Reads the reply to [`code_request`](crate::code_request) or
/// [`refresh_request`](crate::refresh_request).
pub fn read_token_reply(provider: &Provider, reply: &Reply<'_>) -> Result<TokenReply, TokenFault> {
    if reply.is_too_large() {
        return Err(TokenFault::unreadable("reply_too_large"));
    }
    let spec = &*provider.spec;
    let Some(mut members) = reply.members() else {
        if reply.status.is_success() {
            return Err(TokenFault::unreadable("unreadable_reply"));
        }
        return Err(classify(&spec.errors, reply, None, None));
    };
    // Some providers put `"error": null` beside tokens, others an error at
    // status 200: the token decides.
    let mut tokens = take_tokens(&spec.token, &mut members);
    if !reply.status.is_success() || !has_text(&tokens, "access_token") {
        let description = place::find(&members, &spec.errors.description).and_then(Value::as_str);
        let code = error_code(&spec.errors, &members);
        return Err(classify(&spec.errors, reply, code, description));
    }
    let access_token =
        token(tokens.remove("access_token"))?.ok_or(TokenFault::unreadable("malformed_token"))?;
    check_token_type(tokens.get("token_type"))?;
    let expires_in = expiry(spec, &tokens);
    let scopes_speak = match spec.quirk {
        Quirk::None => true,
        Quirk::Github => !github::has_permissions(&access_token, expires_in != Expiry::Never),
    };
    let granted = place::find(&tokens, &spec.token.scope).filter(|_| scopes_speak);
    let granted = scopes::read_answer(spec, granted);
    Ok(TokenReply {
        access_token,
        refresh_token: token(tokens.remove("refresh_token"))?,
        id_token: token(tokens.remove("id_token"))?,
        expires_in,
        refresh_expires_in: refresh_lifetime(spec, &tokens),
        scopes: granted.as_ref().map(|granted| scopes::effective(spec, granted)),
        granted,
        extras: Extras::of(members),
    })
}

/// Takes out the members among which the tokens are: those of an inner object
/// that has an access token, else the answer's own.
fn take_tokens(spec: &TokenSpec, members: &mut Map<String, Value>) -> Map<String, Value> {
    for place in &spec.inside {
        if let Some(Value::Object(inner)) = members.get_mut(place)
            && has_text(inner, "access_token")
        {
            let tokens = inner.clone();
            inner.retain(|name, _| is_extra(name));
            return tokens;
        }
    }
    members.clone()
}

fn is_extra(name: &str) -> bool {
    !OAUTH_MEMBERS.contains(&name)
}

fn has_text(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name).is_some_and(|value| value.as_str().is_some_and(|text| !text.is_empty()))
}

/// A token, if there is one. Its characters are checked here once, so that it
/// can be put into a header or an answer anywhere later.
fn token<K>(member: Option<Value>) -> Result<Option<Secret<K>>, TokenFault> {
    let text = match member {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        // A refresh token that cannot be read must not pass for none.
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            return Err(TokenFault::unreadable("malformed_token"));
        }
    };
    if text.is_empty() {
        return Ok(None);
    }
    // RFC 6749 appendix A.12 and A.17: access-token = 1*VSCHAR, refresh-token = 1*VSCHAR.
    let well_formed = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    if !well_formed || text.len() > TOKEN_BYTES_MAX {
        return Err(TokenFault::unreadable("malformed_token"));
    }
    Ok(Some(Secret::new(text)))
}

fn check_token_type(member: Option<&Value>) -> Result<(), TokenFault> {
    // RFC 6749 §7.1: the client MUST NOT use an access token if it does not
    // understand the token type. Types that need a proof with every call are
    // named; other words are in the field for plain bearer tokens.
    let name = member.and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    if matches!(name.as_str(), "dpop" | "mac" | "pop" | "n_a") {
        return Err(TokenFault::unreadable("unsupported_token_type"));
    }
    Ok(())
}

fn expiry(spec: &Spec, members: &Map<String, Value>) -> Expiry {
    match place::find(members, &spec.token.expires_in) {
        None => match spec.token.unsaid_expiry {
            UnsaidExpiry::Unknown => Expiry::Unknown,
            UnsaidExpiry::Never => Expiry::Never,
        },
        Some(value) => lifetime(value).map_or(Expiry::Unknown, Expiry::Known),
    }
}

/// Said by some providers, each with its own word. Zero is how one of them says
/// that a token has no end.
fn refresh_lifetime(spec: &Spec, members: &Map<String, Value>) -> Option<Duration> {
    let places = spec.token.refresh_expires_in.iter();
    places.filter_map(|place| place::descend(members, place)).find_map(lifetime)
}

/// Seconds as a number or a string of digits; `None` for what cannot be meant.
fn lifetime(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let lifetime = Duration::try_from_secs_f64(seconds.floor()).ok()?;
    (!lifetime.is_zero() && lifetime <= LIFETIME_MAX).then_some(lifetime)
}

#[cfg(test)]
mod tests;
