//! ID tokens: the claims of ours, and the validation of a provider's
//! (OpenID Connect Core §2 and §3.1.3.7).

use std::time::Duration;

use aws_lc_rs::constant_time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Audience, StandardClaims};
use crate::jose::jwk::JwkSet;
use crate::jose::jws::{Algorithm, ExpectedTyp, JwsError, Unverified};
use crate::secret::ProviderIdToken;
use crate::time::Timestamp;

/// The `typ` of our ID tokens' header.
pub const ID_TOKEN_TYP: &str = "JWT";

/// How far a provider's clock may differ from ours.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_mins(1);

/// Longest `sub`, in bytes (OpenID Connect Core §2).
pub const SUBJECT_BYTES_MAX: usize = 255;

/// The claims of an ID token that we issue. Times are in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdTokenClaims {
    /// Our issuer, with its trailing slash.
    pub iss: String,
    /// The user.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// When it was issued.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
    /// Echo of the authorization request's `nonce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The login session, for logout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// When the person logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How strong the login was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// By what means (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The organization logged in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// Its name in lower case, if the request named it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_name: Option<String>,
    /// What the granted scopes tell about the person.
    #[serde(flatten)]
    pub person: StandardClaims,
}

/// What a provider's ID token must agree with.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedIdToken<'a> {
    /// The issuer of the connection.
    pub issuer: &'a str,
    /// Our client identifier at the provider.
    pub client_id: &'a str,
    /// The nonce that the authorization request sent, if it sent one.
    pub nonce: Option<&'a str>,
    /// The provider's keys.
    pub keys: &'a JwkSet,
    /// When the token came in.
    pub now: Timestamp,
}

/// A provider's ID token that is valid, meant for us, and current.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderIdentity {
    subject: String,
    claims: Map<String, Value>,
}

impl ProviderIdentity {
    /// Validates an ID token that a provider sent.
    pub fn verify(
        token: &ProviderIdToken,
        expected: &ExpectedIdToken<'_>,
    ) -> Result<Self, IdTokenError> {
        let unverified = Unverified::parse(token.expose()).map_err(IdTokenError::Token)?;
        let header = unverified.header();
        let key = expected
            .keys
            .find(header.kid.as_deref(), header.algorithm)
            .ok_or(IdTokenError::UnknownKey)?;
        let claims: ReceivedClaims = unverified
            .verify_with(key, &Algorithm::ALL, ExpectedTyp::GenericJwt)
            .map_err(IdTokenError::Token)?
            .into_claims();
        let ReceivedClaims { iss, sub, aud, azp, exp, iat, nbf, nonce, rest } = claims;

        // The numbers are those of OpenID Connect Core §3.1.3.7.
        // (2) The issuer MUST exactly match.
        if iss != expected.issuer {
            return Err(IdTokenError::WrongIssuer);
        }
        check_audience(&aud, azp.as_deref(), expected.client_id)?;
        check_times(exp, iat, nbf, expected.now)?;
        if let Some(sent) = expected.nonce {
            check_nonce(nonce.as_deref(), sent)?;
        }
        // §2: sub MUST NOT exceed 255 ASCII characters in length.
        if sub.is_empty() || sub.len() > SUBJECT_BYTES_MAX {
            return Err(IdTokenError::BadSubject);
        }
        Ok(Self { subject: sub, claims: rest })
    }

    /// Who it is, within the issuer.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// A claim about the person, if it is there and is text.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// Whether the provider vouches for the e-mail address. Only the boolean
    /// counts: some providers send `"false"`, which is true as text goes.
    pub fn email_verified(&self) -> bool {
        self.claims.get("email_verified") == Some(&Value::Bool(true))
    }

    /// All claims besides those of the protocol.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}

#[derive(Deserialize)]
struct ReceivedClaims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

fn check_audience(aud: &Audience, azp: Option<&str>, client_id: &str) -> Result<(), IdTokenError> {
    // (3) The aud Claim contains its client_id.
    if !aud.contains(client_id) {
        return Err(IdTokenError::WrongAudience);
    }
    // (4) With multiple audiences, an azp Claim is present; (5) if an azp Claim
    // is present, its value is our client_id.
    match azp {
        Some(azp) if azp != client_id => Err(IdTokenError::WrongAuthorizedParty),
        None if aud.count() > 1 => Err(IdTokenError::WrongAuthorizedParty),
        Some(_) | None => Ok(()),
    }
}

fn check_times(exp: f64, iat: f64, nbf: Option<f64>, now: Timestamp) -> Result<(), IdTokenError> {
    let moment = |date| Timestamp::from_numeric_date(date).ok_or(IdTokenError::BadTime);
    let latest = now.saturating_add(CLOCK_SKEW_MAX);
    // (9) The current time MUST be before the time represented by exp.
    if now >= moment(exp)?.saturating_add(CLOCK_SKEW_MAX) {
        return Err(IdTokenError::Expired);
    }
    // (10) iat tells tokens that were issued too far away from the current
    // time; what is too far in the past is said by exp.
    if moment(iat)? > latest {
        return Err(IdTokenError::FromTheFuture);
    }
    // RFC 7519 §4.1.5: not before nbf.
    match nbf.map(moment).transpose()? {
        Some(not_before) if not_before > latest => Err(IdTokenError::FromTheFuture),
        Some(_) | None => Ok(()),
    }
}

fn check_nonce(received: Option<&str>, sent: &str) -> Result<(), IdTokenError> {
    // (11) If a nonce was sent, a nonce Claim MUST be present and equal.
    let received = received.ok_or(IdTokenError::NoNonce)?;
    if constant_time::verify_slices_are_equal(received.as_bytes(), sent.as_bytes()).is_err() {
        return Err(IdTokenError::WrongNonce);
    }
    Ok(())
}

/// Why a provider's ID token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Not a JWT with a valid signature and all the claims.
    #[error("the ID token is not a valid JWT")]
    Token(#[source] JwsError),
    /// None of the keys is the one that signed. They may have been replaced
    /// since they were fetched.
    #[error("the ID token is signed with an unknown key")]
    UnknownKey,
    /// `iss` is another issuer.
    #[error("the ID token is another issuer's")]
    WrongIssuer,
    /// `aud` does not contain us.
    #[error("the ID token is for another client")]
    WrongAudience,
    /// `azp` is another client, or absent although there are several audiences.
    #[error("the ID token was issued to another client")]
    WrongAuthorizedParty,
    /// A time is negative or beyond all calendars.
    #[error("the ID token has an impossible time")]
    BadTime,
    /// `exp` is past.
    #[error("the ID token has expired")]
    Expired,
    /// `iat` or `nbf` is to come.
    #[error("the ID token is not valid yet")]
    FromTheFuture,
    /// A nonce was sent, and none came back.
    #[error("the ID token has no nonce")]
    NoNonce,
    /// Another nonce came back.
    #[error("the ID token has another nonce")]
    WrongNonce,
    /// `sub` is empty or longer than [`SUBJECT_BYTES_MAX`].
    #[error("the ID token has no usable subject")]
    BadSubject,
}

#[cfg(test)]
mod tests;
