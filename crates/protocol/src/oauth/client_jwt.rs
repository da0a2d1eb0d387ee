//! What a client signs with a key of its own: that it is the client (RFC 7523), for whom it wants a
//! token of the vault, and what it wants to be authorized for (RFC 9101).
//!
//! All are good for a short time, at one server, and the first two for one use: that nobody used them
//! before is left to the caller, who remembers [`OneTime`].

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::parameters::{Parameters, ParametersError};
use crate::jose::jwk::JwkSet;
use crate::jose::jws::{Algorithm, ExpectedTyp, JwsError, Unverified};
use crate::oidc::Audience;
use crate::secret::ClientJwt;
use crate::time::Timestamp;

/// The value of `client_assertion_type` (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The `typ` of a privileged client's request to the vault.
pub const VAULT_REQUEST_TYP: &str = "token-vault-req+jwt";

/// The `typ` of a signed authorization request (RFC 9101 §10.8).
pub const REQUEST_OBJECT_TYP: &str = "oauth-authz-req+jwt";

/// An assertion or a signed authorization request may live so long at most. What lives for years is a
/// password.
pub const LIFETIME_MAX: Duration = Duration::from_hours(1);

/// How long after its `iat` a request to the vault is accepted, whatever its `exp` says.
pub const VAULT_REQUEST_AGE_MAX: Duration = Duration::from_mins(1);

/// How far the clocks of clients and nodes may be apart.
pub const SKEW_MAX: Duration = Duration::from_mins(1);

/// Longest `jti`, in bytes.
pub const JTI_BYTES_MAX: usize = 256;

/// Longest `audit_context`, in characters.
pub const AUDIT_CONTEXT_CHARS_MAX: usize = 256;

/// Longest identifier of a user or an organization, in bytes.
pub const ID_BYTES_MAX: usize = 600;

/// Most actors in a chain.
pub const ACTORS_MAX: usize = 8;

/// Longest name of an actor, in characters.
pub const ACTOR_CHARS_MAX: usize = 256;

/// By whom, for whom and when a token has to be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The client that the request names.
    pub client_id: &'a str,
    /// The keys that the client registered for this purpose.
    pub keys: &'a JwkSet,
    /// What we are called, any of which may be the one audience.
    pub audiences: &'a [&'a str],
    /// When the request arrived.
    pub now: Timestamp,
}

/// What makes a token one of a kind, to be remembered for as long as the token could be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTime {
    /// Unique among the tokens of its client.
    pub jti: String,
    /// When nobody would accept the token any more.
    pub remember_until: Timestamp,
}

/// A request for tokens of one person's accounts, signed by the privileged client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultRequest {
    /// For whom: the `sub`, a user's id.
    pub user_id: String,
    /// Why, in the client's words, for the log. One to [`AUDIT_CONTEXT_CHARS_MAX`] characters.
    pub audit_context: String,
    /// `org_id`: the organization in which the person is meant.
    pub organization: Option<String>,
    /// `act` (RFC 8693 §4.1): who acts, the present actor first, then on whose behalf it does. Told by
    /// the client, for the log.
    pub actors: Vec<String>,
    /// What makes it one of a kind.
    pub one_time: OneTime,
}

/// Believes a client's assertion of who it is (RFC 7523 §3).
pub fn verify_assertion(token: &ClientJwt, expected: Expected<'_>) -> Result<OneTime, JwtError> {
    let claims: Claims = verified(token, ExpectedTyp::GenericJwt, expected)?;
    // (2.B) For client authentication, the subject MUST be the client_id.
    if claims.sub.as_deref() != Some(expected.client_id) {
        return Err(JwtError::OtherSubject);
    }
    // (4) The JWT MUST contain an "exp" claim.
    let expires_at = claims.ends_soon(expected.now)?;
    let jti = claims.jti.ok_or(JwtError::BadJti)?;
    Ok(OneTime { jti, remember_until: expires_at.saturating_add(SKEW_MAX) })
}

/// Believes a privileged client's request to the vault.
pub fn verify_vault_request(
    token: &ClientJwt,
    expected: Expected<'_>,
) -> Result<VaultRequest, JwtError> {
    let claims: Claims = verified(token, ExpectedTyp::Exactly(VAULT_REQUEST_TYP), expected)?;
    let times = claims.times(expected.now)?;
    let issued_at = times.issued_at.ok_or(JwtError::NoIssueTime)?;
    if expected.now.since(issued_at) > VAULT_REQUEST_AGE_MAX {
        return Err(JwtError::TooOld);
    }
    let audit_context = claims.audit_context.ok_or(JwtError::BadAuditContext)?;
    if !(1..=AUDIT_CONTEXT_CHARS_MAX).contains(&audit_context.chars().count()) {
        return Err(JwtError::BadAuditContext);
    }
    let user_id = claims.sub.ok_or(JwtError::NoSubject)?;
    if !is_id(&user_id) || claims.org_id.as_deref().is_some_and(|id| !is_id(id)) {
        return Err(JwtError::BadId);
    }
    let actors = actors(claims.act.as_ref())?;
    let jti = claims.jti.ok_or(JwtError::BadJti)?;
    // Accepted until a minute after `iat`, by a clock that may lag behind ours by another one.
    let remembered_for = VAULT_REQUEST_AGE_MAX.saturating_add(SKEW_MAX);
    Ok(VaultRequest {
        user_id,
        audit_context,
        organization: claims.org_id,
        actors,
        one_time: OneTime { jti, remember_until: issued_at.saturating_add(remembered_for) },
    })
}

/// Believes a client's authorization request (RFC 9101), whose parameters these are then.
pub fn verify_request_object(
    token: &ClientJwt,
    expected: Expected<'_>,
) -> Result<Parameters, JwtError> {
    // Many give it no type of its own.
    let typ = match Unverified::parse(token.expose())?.header().typ.as_deref() {
        Some(REQUEST_OBJECT_TYP) => ExpectedTyp::Exactly(REQUEST_OBJECT_TYP),
        Some(_) | None => ExpectedTyp::GenericJwt,
    };
    let claims: Claims = verified(token, typ, expected)?;
    // §10.8: that is what tells an assertion from it.
    if claims.sub.is_some() {
        return Err(JwtError::HasSubject);
    }
    claims.ends_soon(expected.now)?;
    let mut parameters = Parameters::new();
    for (name, value) in claims.parameters {
        let value = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            // Of no parameter that we know.
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        parameters.push(name, value)?;
    }
    // §4: request and request_uri parameters MUST NOT be included in request objects.
    if parameters.value("request").is_some() || parameters.value("request_uri").is_some() {
        return Err(JwtError::Nested);
    }
    // §5: the client identifiers within and beside the object MUST be the same.
    if parameters.value("client_id") != Some(expected.client_id) {
        return Err(JwtError::OtherClient);
    }
    Ok(parameters)
}

/// The claims that we look at. Types are part of the check: a time is a number, not a text.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Option<String>,
    aud: Audience,
    exp: Option<f64>,
    iat: Option<f64>,
    nbf: Option<f64>,
    jti: Option<String>,
    audit_context: Option<String>,
    org_id: Option<String>,
    act: Option<Value>,
    /// Everything else: what an authorization request consists of.
    #[serde(flatten)]
    parameters: Map<String, Value>,
}

/// Whether a text can be the identifier of a user or an organization. It goes into the log as it is.
fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The `sub` of each actor of a chain.
fn actors(mut act: Option<&Value>) -> Result<Vec<String>, JwtError> {
    let mut actors = Vec::new();
    while let Some(actor) = act {
        let sub = actor.get("sub").and_then(Value::as_str).ok_or(JwtError::BadActor)?;
        let fits = (1..=ACTOR_CHARS_MAX).contains(&sub.chars().count());
        if !fits || actors.len() == ACTORS_MAX {
            return Err(JwtError::BadActor);
        }
        actors.push(sub.to_owned());
        act = actor.get("act");
    }
    Ok(actors)
}

/// Checks what all kinds have in common: the signature by a key of the client, and that the client
/// meant us.
fn verified(
    token: &ClientJwt,
    typ: ExpectedTyp<'_>,
    expected: Expected<'_>,
) -> Result<Claims, JwtError> {
    let token = Unverified::parse(token.expose())?;
    let header = token.header();
    // The keys are those that were registered. What the token says of keys is the attacker's.
    if header.points_elsewhere || header.jwk.is_some() {
        return Err(JwtError::KeyInHeader);
    }
    let key = expected.keys.find(header.kid.as_deref(), header.algorithm);
    let claims: Claims =
        token.verify_with(key.ok_or(JwtError::NoSuchKey)?, &Algorithm::ALL, typ)?.into_claims();
    if claims.iss != expected.client_id {
        return Err(JwtError::OtherIssuer);
    }
    // One audience only: a token for two servers could be replayed by the one at the other.
    let is_for_us = expected.audiences.iter().any(|audience| claims.aud.contains(audience));
    if !is_for_us || claims.aud.count() != 1 {
        return Err(JwtError::OtherAudience);
    }
    if claims.jti.as_ref().is_some_and(|jti| jti.is_empty() || jti.len() > JTI_BYTES_MAX) {
        return Err(JwtError::BadJti);
    }
    Ok(claims)
}

struct Times {
    issued_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl Claims {
    /// Reads the end, which there must be, and not far away.
    fn ends_soon(&self, now: Timestamp) -> Result<Timestamp, JwtError> {
        let expires_at = self.times(now)?.expires_at.ok_or(JwtError::NoExpiry)?;
        if expires_at.since(now) > LIFETIME_MAX.saturating_add(SKEW_MAX) {
            return Err(JwtError::LivesTooLong);
        }
        Ok(expires_at)
    }

    /// Reads the times and checks that now lies between them.
    fn times(&self, now: Timestamp) -> Result<Times, JwtError> {
        let read = |claim: Option<f64>| match claim {
            None => Ok(None),
            Some(seconds) => {
                Timestamp::from_numeric_date(seconds).map(Some).ok_or(JwtError::BadTime)
            }
        };
        let (issued_at, expires_at, not_before) =
            (read(self.iat)?, read(self.exp)?, read(self.nbf)?);
        if expires_at.is_some_and(|expires_at| now >= expires_at) {
            return Err(JwtError::Expired);
        }
        let is_early =
            |from: Option<Timestamp>| from.is_some_and(|from| from.since(now) > SKEW_MAX);
        if is_early(issued_at) || is_early(not_before) {
            return Err(JwtError::NotYetValid);
        }
        Ok(Times { issued_at, expires_at })
    }
}

/// Why a token of a client is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// It is no JWT of the right type and algorithm with a valid signature and all the claims.
    #[error(transparent)]
    Token(#[from] JwsError),
    /// The header brings or names a key.
    #[error("the header brings a key of its own")]
    KeyInHeader,
    /// No current key of the client is of that `kid` and algorithm; or several fit, and there is no
    /// `kid`.
    #[error("no key of the client fits the header's `kid` and `alg`")]
    NoSuchKey,
    /// The `iss` is not the client.
    #[error("the `iss` is not the client")]
    OtherIssuer,
    /// The `sub` of an assertion is not the client.
    #[error("the `sub` is not the client")]
    OtherSubject,
    /// A request to the vault names nobody.
    #[error("the `sub` is missing")]
    NoSubject,
    /// An authorization request has what only assertions have.
    #[error("it has a `sub`")]
    HasSubject,
    /// The `client_id` of an authorization request is not the client.
    #[error("the `client_id` is not the client")]
    OtherClient,
    /// An authorization request leads to another one.
    #[error("it holds another request")]
    Nested,
    /// The claims of an authorization request cannot be parameters.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// The `aud` is not us alone.
    #[error("the `aud` is not this server alone")]
    OtherAudience,
    /// A time is not a time.
    #[error("a time is out of range")]
    BadTime,
    /// There is no `exp`.
    #[error("the `exp` is missing")]
    NoExpiry,
    /// There is no `iat`.
    #[error("the `iat` is missing")]
    NoIssueTime,
    /// The `exp` is past.
    #[error("it has expired")]
    Expired,
    /// The `exp` is further away than [`LIFETIME_MAX`].
    #[error("it lives for longer than an hour")]
    LivesTooLong,
    /// The `iat` is longer ago than [`VAULT_REQUEST_AGE_MAX`].
    #[error("it is older than a minute")]
    TooOld,
    /// The `iat` or `nbf` is in the future.
    #[error("it is from the future")]
    NotYetValid,
    /// The `jti` is missing, empty or longer than [`JTI_BYTES_MAX`].
    #[error("the `jti` is missing, empty or too long")]
    BadJti,
    /// The `audit_context` is missing, empty or longer than [`AUDIT_CONTEXT_CHARS_MAX`].
    #[error("the `audit_context` is not of 1 to {AUDIT_CONTEXT_CHARS_MAX} characters")]
    BadAuditContext,
    /// The `sub` or the `org_id` cannot be an identifier.
    #[error("the `sub` or the `org_id` is empty, longer than {ID_BYTES_MAX} bytes or unprintable")]
    BadId,
    /// The `act` is not a chain of at most [`ACTORS_MAX`] objects with a `sub` each.
    #[error("the `act` is not a chain of actors with a `sub`")]
    BadActor,
}

#[cfg(test)]
mod tests;
