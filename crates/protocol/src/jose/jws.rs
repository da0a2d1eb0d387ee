//! Compact JSON Web Signatures (RFC 7515) whose payload is a set of claims.
//!
//! A token read from the wire is [`Unverified`]: its header may be looked at to
//! choose a key, its claims not at all. Only [`Unverified::verify_with`] turns
//! it into [`Verified`] claims, and that is the only way to come by one.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

pub use super::algorithm::Algorithm;
pub use super::signing::{Es256SigningKey, SigningError, SigningKey};

use super::encoding;
use super::jwk::{Jwk, JwkError};
use crate::json::OrderedObject;

/// Longest token that we look at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// A well-formed compact JWS; nothing is known about its signature.
pub struct Unverified<'a> {
    header: Header,
    signing_input: &'a [u8],
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Takes the token apart.
    pub fn parse(token: &'a str) -> Result<Self, JwsError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwsError::TooLarge);
        }
        // RFC 7515 §3.1: BASE64URL(header) . BASE64URL(payload) . BASE64URL(signature)
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::NotThreeParts)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::NotThreeParts)?;
        if payload.contains('.') {
            return Err(JwsError::NotThreeParts);
        }
        let decode = |part| encoding::decode(part).ok_or(JwsError::BadBase64);
        Ok(Self {
            header: Header::parse(&decode(header)?)?,
            signing_input: signing_input.as_bytes(),
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    /// The header, good for choosing a key and for nothing else.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The issuer that the token names: good for finding the keys that it may be signed with, and
    /// for nothing else.
    pub fn claimed_issuer(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Claims {
            iss: String,
        }
        serde_json::from_slice::<Claims>(&self.payload).ok().map(|claims| claims.iss)
    }

    /// Checks type, algorithm and signature, in this order, and only then reads
    /// the claims. Which `allowed` algorithms there are is the caller's policy;
    /// the key must fit the algorithm as well.
    pub fn verify_with<T: DeserializeOwned>(
        &self,
        key: &Jwk,
        allowed: &[Algorithm],
        typ: ExpectedTyp<'_>,
    ) -> Result<Verified<T>, JwsError> {
        // RFC 8725 §3.11: explicit typing keeps one kind of token from being
        // taken for another.
        if !typ.admits(self.header.typ.as_deref()) {
            return Err(JwsError::WrongTyp);
        }
        // RFC 8725 §3.1: the algorithm is the verifier's choice, and each key
        // is used with exactly one.
        if !allowed.contains(&self.header.algorithm) {
            return Err(JwsError::AlgorithmNotAllowed);
        }
        if !key.fits(self.header.algorithm) {
            return Err(JwsError::KeyDoesNotFit);
        }
        if !key.verifies(self.header.algorithm, self.signing_input, &self.signature) {
            return Err(JwsError::BadSignature);
        }
        // RFC 7519 §7.2: the claims set is a JSON object. `serde` would read a
        // struct from an array as well.
        if !self.payload.trim_ascii_start().starts_with(b"{") {
            return Err(JwsError::ClaimsNotAnObject);
        }
        let claims = serde_json::from_slice(&self.payload)
            .map_err(|error| JwsError::BadClaims(error.classify()))?;
        Ok(Verified { claims })
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Claims under a valid signature. Their times, issuer and audience are still
/// to be judged by whoever knows what to expect.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    claims: T,
}

impl<T> Verified<T> {
    /// The claims.
    pub fn claims(&self) -> &T {
        &self.claims
    }

    /// The claims, leaving the proof behind.
    pub fn into_claims(self) -> T {
        self.claims
    }
}

/// Which `typ` header a token must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedTyp<'a> {
    /// Exactly this text.
    Exactly(&'a str),
    /// `JWT` in any case, or none: tokens of issuers that predate explicit typing.
    GenericJwt,
}

impl ExpectedTyp<'_> {
    fn admits(self, typ: Option<&str>) -> bool {
        match self {
            Self::Exactly(expected) => typ == Some(expected),
            Self::GenericJwt => typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT")),
        }
    }
}

/// The protected header of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `alg`.
    pub algorithm: Algorithm,
    /// `typ`.
    pub typ: Option<String>,
    /// `kid`.
    pub kid: Option<String>,
    /// `jwk`: a key that the signer claims as its own. Trust it only where the
    /// protocol says so, as RFC 9449 does.
    pub jwk: Option<Jwk>,
    /// Whether `jku`, `x5u` or `x5c` is present. We never follow them.
    pub points_elsewhere: bool,
}

impl Header {
    fn parse(json: &[u8]) -> Result<Self, JwsError> {
        let OrderedObject(members) =
            serde_json::from_slice(json).map_err(|error| JwsError::BadHeader(error.classify()))?;
        let (mut alg, mut typ, mut kid, mut jwk, mut points_elsewhere) =
            (None, None, None, None, false);
        for (position, (name, value)) in members.iter().enumerate() {
            // RFC 7515 §4: the header parameter names MUST be unique.
            if members[..position].iter().any(|(earlier, _)| earlier == name) {
                return Err(JwsError::DuplicateMember);
            }
            match name.as_str() {
                "alg" => alg = Some(text(value)?),
                "typ" => typ = Some(text(value)?),
                "kid" => kid = Some(text(value)?),
                "jwk" => jwk = Some(Jwk::from_json(value).map_err(JwsError::BadEmbeddedKey)?),
                "jku" | "x5u" | "x5c" => points_elsewhere = true,
                // RFC 7515 §4.1.11: extensions that are not understood make the
                // JWS invalid. We understand none; `b64` (RFC 7797) and `zip`
                // would change what is signed or how much memory it takes.
                "crit" | "b64" | "zip" => return Err(JwsError::UnsupportedExtension),
                _ => {}
            }
        }
        let algorithm = alg.and_then(|name| Algorithm::parse(&name));
        let algorithm = algorithm.ok_or(JwsError::UnsupportedAlgorithm)?;
        Ok(Self { algorithm, typ, kid, jwk, points_elsewhere })
    }
}

fn text(value: &Value) -> Result<String, JwsError> {
    value.as_str().map(str::to_owned).ok_or(JwsError::BadHeader(Category::Data))
}

/// Why a token is not accepted.
///
/// Parser messages are reduced to their category, since they quote the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`TOKEN_BYTES_MAX`].
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLarge,
    /// Not a compact JWS; an encrypted token has five parts.
    #[error("the token does not have three parts")]
    NotThreeParts,
    /// A part is not base64url without padding.
    #[error("a part of the token is not base64url")]
    BadBase64,
    /// The header is not a JSON object with members of the right types.
    #[error("the header is malformed ({0:?})")]
    BadHeader(Category),
    /// A header member is given twice.
    #[error("a header member is repeated")]
    DuplicateMember,
    /// `crit`, `b64` or `zip`.
    #[error("the header demands an extension that is not supported")]
    UnsupportedExtension,
    /// `alg` is absent or names none of ours: `none`, `HS256`, ….
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// The header's `jwk` is not a public key that we use.
    #[error("the embedded key is not acceptable")]
    BadEmbeddedKey(#[source] JwkError),
    /// The token is of another type than was expected.
    #[error("the token is of another type")]
    WrongTyp,
    /// The algorithm is one of ours, but not allowed here.
    #[error("the algorithm is not allowed here")]
    AlgorithmNotAllowed,
    /// The key is of another type, or restricted to another algorithm.
    #[error("the key does not fit the algorithm")]
    KeyDoesNotFit,
    /// The signature is not this key's over this token.
    #[error("the signature is wrong")]
    BadSignature,
    /// The payload is not a JSON object.
    #[error("the claims are not a JSON object")]
    ClaimsNotAnObject,
    /// A claim is absent, repeated or of the wrong type.
    #[error("the claims are malformed ({0:?})")]
    BadClaims(Category),
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
