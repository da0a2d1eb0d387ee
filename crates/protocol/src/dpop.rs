//! Demonstrating Proof of Possession (RFC 9449).
//!
//! A proof is a small JWT, made for one request and signed by a key that the
//! client keeps. [`Proof::verify`] is the checklist of RFC 9449 §4.3 as far as
//! it can be judged from the request alone. What needs memory is left to the
//! caller: that the `jti` is new, that the `nonce` is one of ours, and that the
//! token presented is bound to [`Proof::jkt`].

mod target_uri;

use std::time::Duration;

use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::jose::encoding;
use crate::jose::jwk::Thumbprint;
use crate::jose::jws::{
    Algorithm, Es256SigningKey, ExpectedTyp, JwsError, SigningError, Unverified,
};
use crate::time::Timestamp;

/// The `typ` of a proof's header.
pub const PROOF_TYP: &str = "dpop+jwt";

/// The algorithm of proofs, as discovery announces it.
pub const PROOF_ALGORITHM: Algorithm = Algorithm::Es256;

/// How long after its `iat` a proof is accepted.
pub const PROOF_AGE_MAX: Duration = Duration::from_mins(1);

/// How far a client's clock may run ahead of ours.
pub const PROOF_SKEW_MAX: Duration = Duration::from_mins(1);

/// How long a seen `jti` must be remembered, from when it was seen.
///
/// A security invariant: this must exceed [`PROOF_AGE_MAX`] + [`PROOF_SKEW_MAX`],
/// since a proof from a clock that runs ahead stays acceptable that long, and
/// it does so by one more skew, since another node's clock may lag behind the
/// one that saw the proof first. Were it shorter, a proof could be replayed
/// between being forgotten and growing too old.
pub const JTI_MEMORY: Duration = Duration::from_mins(3);

/// Longest `jti` that we accept, in bytes.
pub const JTI_BYTES_MAX: usize = 256;

/// The request that a proof came with.
#[derive(Clone, Copy, Debug)]
pub struct ProofContext<'a> {
    /// The HTTP method as received.
    pub method: &'a str,
    /// The URL of the request as the outside knows it, from configuration and
    /// the path; never from forwarded headers. Query and fragment do not count.
    pub url: &'a Url,
    /// When the request arrived.
    pub now: Timestamp,
    /// The access token that the request presents, at a protected resource.
    pub access_token: Option<&'a str>,
}

/// A proof that fits its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    jkt: Thumbprint,
    jti: String,
    issued_at: Timestamp,
    nonce: Option<String>,
}

impl Proof {
    /// Verifies the value of the one `DPoP` header against its request.
    pub fn verify(header: &str, context: &ProofContext<'_>) -> Result<Self, DpopError> {
        // RFC 9449 §4.3 (2): the value is a single, well-formed JWT.
        let token = Unverified::parse(header).map_err(DpopError::Token)?;
        // (4) typ is dpop+jwt; (5) alg is asymmetric and acceptable; (6) the
        // signature verifies with the jwk; (7) the jwk holds no private key,
        // which no `Jwk` does; (3) the required claims are there.
        if token.header().points_elsewhere {
            return Err(DpopError::KeyByReference);
        }
        let key = token.header().jwk.as_ref().ok_or(DpopError::NoKey)?;
        let claims: ReceivedClaims = token
            .verify_with(key, &[PROOF_ALGORITHM], ExpectedTyp::Exactly(PROOF_TYP))
            .map_err(DpopError::Token)?
            .into_claims();
        let ReceivedClaims { jti, htm, htu, iat, ath, nonce } = claims;

        if jti.is_empty() || jti.len() > JTI_BYTES_MAX {
            return Err(DpopError::BadJti);
        }
        // (8) htm matches the HTTP method.
        if htm != context.method {
            return Err(DpopError::MethodMismatch);
        }
        // (9) htu matches the HTTP URI, ignoring any query and fragment parts.
        if !target_uri::matches(&htu, context.url) {
            return Err(DpopError::UriMismatch);
        }
        // (10) the nonce is the caller's to judge. (11) iat within the window.
        let issued_at = acceptable_issue_time(iat, context.now)?;
        // (12) with an access token, ath equals its hash.
        if let Some(access_token) = context.access_token {
            check_token_hash(ath.as_deref(), access_token)?;
        }
        Ok(Self { jkt: key.thumbprint(), jti, issued_at, nonce })
    }

    /// The thumbprint of the key that signed; tokens are bound to it.
    pub fn jkt(&self) -> &Thumbprint {
        &self.jkt
    }

    /// The identifier, to be remembered for [`JTI_MEMORY`]. It is unique only
    /// together with [`Proof::jkt`].
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// When the client says that it made the proof.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The nonce as received, not yet judged.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }
}

#[derive(Deserialize)]
struct ReceivedClaims {
    jti: String,
    htm: String,
    htu: String,
    // RFC 7519 §2 NumericDate: non-integer values can be represented, and some
    // clients send them.
    iat: f64,
    ath: Option<String>,
    nonce: Option<String>,
}

fn acceptable_issue_time(iat: f64, now: Timestamp) -> Result<Timestamp, DpopError> {
    let issued_at = Timestamp::from_numeric_date(iat).ok_or(DpopError::OutsideWindow)?;
    if now.since(issued_at) > PROOF_AGE_MAX || issued_at.since(now) > PROOF_SKEW_MAX {
        return Err(DpopError::OutsideWindow);
    }
    Ok(issued_at)
}

fn check_token_hash(ath: Option<&str>, access_token: &str) -> Result<(), DpopError> {
    let ath = ath.ok_or(DpopError::NoTokenHash)?;
    let expected = access_token_hash(access_token);
    if constant_time::verify_slices_are_equal(ath.as_bytes(), expected.as_bytes()).is_err() {
        return Err(DpopError::TokenHashMismatch);
    }
    Ok(())
}

/// The value of `ath` for an access token (RFC 9449 §4.2).
pub fn access_token_hash(access_token: &str) -> String {
    encoding::encode(digest::digest(&digest::SHA256, access_token.as_bytes()))
}

/// The claims of a proof, for whoever makes one.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ProofClaims<'a> {
    /// A fresh identifier of at least 96 random bits.
    pub jti: &'a str,
    /// The method of the request to come.
    pub htm: &'a str,
    /// Its URL, without query and fragment.
    pub htu: &'a str,
    /// Now, in seconds since the epoch.
    pub iat: i64,
    /// The hash of the access token that goes along; see [`access_token_hash`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ath: Option<&'a str>,
    /// The newest nonce that the server gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<&'a str>,
}

impl ProofClaims<'_> {
    /// The proof, ready for the `DPoP` header.
    pub fn sign(&self, key: &Es256SigningKey) -> Result<String, SigningError> {
        key.sign(PROOF_TYP, self)
    }
}

/// Why a proof is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DpopError {
    /// Not a JWT of the right type and algorithm with a valid signature and
    /// all the claims.
    #[error("the proof is not a valid JWT")]
    Token(#[source] JwsError),
    /// The header has no `jwk`.
    #[error("the proof carries no key")]
    NoKey,
    /// The header names a key or certificate besides `jwk`.
    #[error("the proof refers to a key elsewhere")]
    KeyByReference,
    /// The `jti` is empty or longer than [`JTI_BYTES_MAX`].
    #[error("the identifier is empty or too long")]
    BadJti,
    /// The `htm` is another method.
    #[error("the proof is for another method")]
    MethodMismatch,
    /// The `htu` is another URL, or none.
    #[error("the proof is for another URL")]
    UriMismatch,
    /// Too old, or from too far in the future.
    #[error("the proof is not of this minute")]
    OutsideWindow,
    /// An access token is presented and the proof has no `ath`.
    #[error("the proof does not name the access token")]
    NoTokenHash,
    /// The `ath` is of another access token.
    #[error("the proof is for another access token")]
    TokenHashMismatch,
}

#[cfg(test)]
mod tests;
