//! Public keys as JSON (RFC 7517, RFC 7518 §6) and their thumbprints (RFC 7638).
//!
//! Parsing a [`Jwk`] also parses the key for the library, once, and rejects
//! weak and ill-formed ones: what exists as a `Jwk` can verify signatures.

mod json;
mod roca;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use serde_json::error::Category;

use super::algorithm::Algorithm;
use super::encoding;

/// Shortest RSA modulus that we trust, in bits.
pub const RSA_BITS_MIN: usize = 2048;

/// Longest RSA modulus that we spend time on, in bits.
pub const RSA_BITS_MAX: usize = 4096;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jwk {
    /// `kty: RSA`.
    Rsa(RsaPublicKey),
    /// `kty: EC` on the curve P-256.
    EcP256(EcP256PublicKey),
}

impl Jwk {
    /// Key ID (RFC 7517 §4.5).
    pub fn kid(&self) -> Option<&str> {
        match self {
            Self::Rsa(key) => key.kid.as_deref(),
            Self::EcP256(key) => key.kid.as_deref(),
        }
    }

    /// The same key under this identifier.
    #[must_use]
    pub fn named(mut self, kid: impl Into<String>) -> Self {
        match &mut self {
            Self::Rsa(RsaPublicKey { kid: own, .. })
            | Self::EcP256(EcP256PublicKey { kid: own, .. }) => *own = Some(kid.into()),
        }
        self
    }

    /// The one algorithm that the key is restricted to, if any (RFC 7517 §4.4).
    pub fn algorithm(&self) -> Option<Algorithm> {
        match self {
            Self::Rsa(key) => key.algorithm,
            Self::EcP256(key) => key.algorithm,
        }
    }

    /// Whether this key may verify signatures by `algorithm`.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        let unrestricted = self.algorithm().is_none_or(|only| only == algorithm);
        unrestricted && self.parsed_for(algorithm).is_some()
    }

    /// SHA-256 thumbprint (RFC 7638).
    pub fn thumbprint(&self) -> Thumbprint {
        // RFC 7638 §3.2 and §3.3: the required members only, in lexicographic
        // order, without white space. Base64url text needs no JSON escapes.
        let canonical = match self {
            Self::Rsa(RsaPublicKey { n, e, .. }) => {
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
            Self::EcP256(EcP256PublicKey { x, y, .. }) => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
        };
        Thumbprint(encoding::encode(digest::digest(&digest::SHA256, canonical.as_bytes())))
    }

    /// Whether `signature` is this key's over `message`. That the algorithm
    /// [`fits`](Self::fits) is checked by the caller, who reports it apart.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.parsed_for(algorithm).is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }

    fn parsed_for(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        match (self, algorithm) {
            (Self::Rsa(key), Algorithm::Rs256) => Some(&key.parsed.rs256),
            (Self::Rsa(key), Algorithm::Rs384) => Some(&key.parsed.rs384),
            (Self::Rsa(key), Algorithm::Ps256) => Some(&key.parsed.ps256),
            (Self::EcP256(key), Algorithm::Es256) => Some(&key.parsed),
            (Self::Rsa(_), Algorithm::Es256)
            | (Self::EcP256(_), Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Ps256) => None,
        }
    }
}

/// An RSA public key of [`RSA_BITS_MIN`] to [`RSA_BITS_MAX`] bits.
#[derive(Clone)]
pub struct RsaPublicKey {
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    n: String,
    e: String,
    parsed: Arc<ParsedRsa>,
}

/// The library ties a parsed key to one algorithm, so there is one for each.
struct ParsedRsa {
    rs256: ParsedPublicKey,
    rs384: ParsedPublicKey,
    ps256: ParsedPublicKey,
}

impl RsaPublicKey {
    /// From modulus and exponent, big-endian without leading zeros.
    pub(super) fn new(
        modulus: &[u8],
        exponent: &[u8],
        kid: Option<String>,
        algorithm: Option<Algorithm>,
    ) -> Result<Self, JwkError> {
        check_modulus(modulus)?;
        check_exponent(exponent)?;
        let components = RsaPublicKeyComponents { n: modulus, e: exponent };
        let parse = |parameters| {
            components
                .to_parsed_public_key(parameters)
                .map_err(|reason| JwkError::Rejected(reason.description_()))
        };
        let parsed = ParsedRsa {
            rs256: parse(&signature::RSA_PKCS1_2048_8192_SHA256)?,
            rs384: parse(&signature::RSA_PKCS1_2048_8192_SHA384)?,
            ps256: parse(&signature::RSA_PSS_2048_8192_SHA256)?,
        };
        let (n, e) = (encoding::encode(modulus), encoding::encode(exponent));
        Ok(Self { kid, algorithm, n, e, parsed: Arc::new(parsed) })
    }
}

fn check_modulus(modulus: &[u8]) -> Result<(), JwkError> {
    // RFC 7518 §6.3.1.1: the minimum number of octets, so no leading zero.
    let (Some(&first @ 1..), Some(last)) = (modulus.first(), modulus.last()) else {
        return Err(JwkError::BadEncoding("n"));
    };
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) || last % 2 == 0 {
        return Err(JwkError::BadModulus);
    }
    if roca::is_suspect(modulus) {
        return Err(JwkError::GuessableModulus);
    }
    Ok(())
}

fn check_exponent(exponent: &[u8]) -> Result<(), JwkError> {
    // An exponent of 1 makes every signature valid and an even one is no RSA;
    // beyond 32 bits it only burns time.
    let (Some(1..), Some(last)) = (exponent.first(), exponent.last()) else {
        return Err(JwkError::BadEncoding("e"));
    };
    if exponent.len() > 4 || exponent == [1] || last % 2 == 0 {
        return Err(JwkError::BadExponent);
    }
    Ok(())
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaPublicKey")
            .field("kid", &self.kid)
            .field("n", &self.n)
            .finish_non_exhaustive()
    }
}

impl PartialEq for RsaPublicKey {
    fn eq(&self, other: &Self) -> bool {
        let Self { kid, algorithm, n, e, parsed: _ } = self;
        (kid, algorithm, n, e) == (&other.kid, &other.algorithm, &other.n, &other.e)
    }
}

impl Eq for RsaPublicKey {}

/// A public key on the curve P-256, known to be a point of it.
#[derive(Clone)]
pub struct EcP256PublicKey {
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    x: String,
    y: String,
    parsed: Arc<ParsedPublicKey>,
}

const P256_COORDINATE_BYTES: usize = 32;

impl EcP256PublicKey {
    /// From the uncompressed point (SEC 1 §2.3.3): `04 ‖ x ‖ y`.
    pub(super) fn from_point(
        point: &[u8],
        kid: Option<String>,
        algorithm: Option<Algorithm>,
    ) -> Result<Self, JwkError> {
        let parsed = ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
            .map_err(|reason| JwkError::Rejected(reason.description_()))?;
        let coordinates = point.get(1..).unwrap_or_default();
        let (x, y) = coordinates
            .split_at_checked(P256_COORDINATE_BYTES)
            .ok_or(JwkError::BadEncoding("x"))?;
        let (x, y) = (encoding::encode(x), encoding::encode(y));
        Ok(Self { kid, algorithm, x, y, parsed: Arc::new(parsed) })
    }
}

impl fmt::Debug for EcP256PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EcP256PublicKey")
            .field("kid", &self.kid)
            .field("x", &self.x)
            .finish_non_exhaustive()
    }
}

impl PartialEq for EcP256PublicKey {
    fn eq(&self, other: &Self) -> bool {
        let Self { kid, algorithm, x, y, parsed: _ } = self;
        (kid, algorithm, x, y) == (&other.kid, &other.algorithm, &other.x, &other.y)
    }
}

impl Eq for EcP256PublicKey {}

/// A set of public keys (RFC 7517 §5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

impl JwkSet {
    /// A set of these keys, in this order.
    pub fn new(keys: Vec<Jwk>) -> Self {
        Self { keys }
    }

    /// The keys in order.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The key that a signature by `algorithm` names.
    ///
    /// Without a `kid` the choice must be unambiguous: the only fitting key.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Jwk> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.fits(algorithm) && (kid.is_none() || key.kid() == kid));
        let first = fitting.next()?;
        match (kid, fitting.next()) {
            (None, Some(_)) => None,
            (Some(_), _) | (None, None) => Some(first),
        }
    }
}

impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Members {
            keys: Vec<Value>,
        }
        let members = Members::deserialize(deserializer)?;
        // RFC 7517 §5: keys of a type or use that is not understood are ignored.
        let keys = members.keys.iter().filter_map(|key| Jwk::from_json(key).ok());
        Ok(Self { keys: keys.collect() })
    }
}

/// A key's SHA-256 thumbprint in base64url (RFC 7638): 43 characters.
///
/// Also the `jkt` of RFC 9449.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Thumbprint(String);

impl Thumbprint {
    /// Reads a thumbprint, as from `dpop_jkt` or `cnf.jkt`.
    pub fn parse(text: &str) -> Result<Self, InvalidThumbprint> {
        match encoding::decode(text) {
            Some(bytes) if bytes.len() == digest::SHA256_OUTPUT_LEN => Ok(Self(text.to_owned())),
            Some(_) | None => Err(InvalidThumbprint),
        }
    }

    /// The base64url text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Thumbprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The text is not a SHA-256 thumbprint in base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 thumbprint in base64url")]
pub struct InvalidThumbprint;

/// Why a JSON object is not a public key that we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// It is no JSON object, or has members of the wrong types.
    #[error("the key is not an object of strings ({0:?})")]
    NotAnObject(Category),
    /// It holds private or symmetric key material: `d`, `k`, a prime, ….
    #[error("a public key must not carry private members")]
    PrivateMember,
    /// A `kty` other than `RSA` and `EC`.
    #[error("unsupported key type")]
    UnsupportedKeyType,
    /// A `crv` other than `P-256`.
    #[error("unsupported curve")]
    UnsupportedCurve,
    /// A `use` other than `sig`, or `key_ops` without `verify`.
    #[error("the key is not for signatures")]
    UnsupportedUse,
    /// An `alg` that we do not know, or that is not one for this type of key.
    #[error("unsupported algorithm")]
    UnsupportedAlgorithm,
    /// A member that this type of key needs is absent.
    #[error("the member `{0}` is missing")]
    MissingMember(&'static str),
    /// A member is not the base64url of a number of the right form.
    #[error("the member `{0}` is malformed")]
    BadEncoding(&'static str),
    /// The RSA modulus is even, too short or too long.
    #[error("the RSA modulus is not odd, of {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")]
    BadModulus,
    /// The factors of the RSA modulus can be guessed, because of how the key was made.
    #[error("the RSA modulus can be factored")]
    GuessableModulus,
    /// The RSA exponent is even, 1, or longer than 32 bits.
    #[error("the RSA exponent is not odd, of 3 or more and at most 32 bits")]
    BadExponent,
    /// The library found fault with the key, as with a point off the curve.
    #[error("the key was rejected: {0}")]
    Rejected(&'static str),
}

#[cfg(test)]
mod tests;
