//! The JSON form of a [`Jwk`].

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::{EcP256PublicKey, Jwk, JwkError, P256_COORDINATE_BYTES, RsaPublicKey};
use crate::jose::algorithm::Algorithm;
use crate::jose::encoding;

impl Jwk {
    /// Reads a public key, telling precisely what is wrong with one that is not.
    pub fn from_json(json: &Value) -> Result<Self, JwkError> {
        let members =
            Members::deserialize(json).map_err(|error| JwkError::NotAnObject(error.classify()))?;
        Self::try_from(members)
    }
}

/// The members that we look at; all others are ignored (RFC 7517 §4).
#[derive(Deserialize)]
struct Members {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    use_: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
}

impl TryFrom<Members> for Jwk {
    type Error = JwkError;

    fn try_from(members: Members) -> Result<Self, JwkError> {
        let Members { kty, kid, use_, key_ops, alg, n, e, crv, x, y, d, k, p, q, dp, dq, qi, oth } =
            members;
        if [d, k, p, q, dp, dq, qi, oth].iter().any(Option::is_some) {
            return Err(JwkError::PrivateMember);
        }
        let cannot_verify = |ops: Vec<String>| !ops.iter().any(|operation| operation == "verify");
        if use_.is_some_and(|use_| use_ != "sig") || key_ops.is_some_and(cannot_verify) {
            return Err(JwkError::UnsupportedUse);
        }
        let algorithm = match alg {
            Some(name) => Some(Algorithm::parse(&name).ok_or(JwkError::UnsupportedAlgorithm)?),
            None => None,
        };
        let key = match kty.as_str() {
            "RSA" => {
                let (n, e) = (number(n, "n")?, number(e, "e")?);
                Self::Rsa(RsaPublicKey::new(&n, &e, kid, algorithm)?)
            }
            "EC" => {
                if crv.ok_or(JwkError::MissingMember("crv"))? != "P-256" {
                    return Err(JwkError::UnsupportedCurve);
                }
                let point = [vec![4], coordinate(x, "x")?, coordinate(y, "y")?].concat();
                Self::EcP256(EcP256PublicKey::from_point(&point, kid, algorithm)?)
            }
            _ => return Err(JwkError::UnsupportedKeyType),
        };
        match algorithm {
            Some(algorithm) if !key.fits(algorithm) => Err(JwkError::UnsupportedAlgorithm),
            Some(_) | None => Ok(key),
        }
    }
}

fn number(text: Option<String>, member: &'static str) -> Result<Vec<u8>, JwkError> {
    let text = text.ok_or(JwkError::MissingMember(member))?;
    encoding::decode(&text).ok_or(JwkError::BadEncoding(member))
}

fn coordinate(text: Option<String>, member: &'static str) -> Result<Vec<u8>, JwkError> {
    let bytes = number(text, member)?;
    // RFC 7518 §6.2.1.2: the length of this octet string MUST be the full size
    // of a coordinate for the curve.
    if bytes.len() != P256_COORDINATE_BYTES {
        return Err(JwkError::BadEncoding(member));
    }
    Ok(bytes)
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Members::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Default, Serialize)]
        struct PublicMembers<'a> {
            kty: &'static str,
            #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
            use_: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            crv: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            n: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            e: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            x: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            y: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            kid: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            alg: Option<Algorithm>,
        }
        // A key with an identifier is one of a published set; a bare one
        // stands in a proof's header, where every byte travels each time.
        let (use_, kid, alg) = (self.kid().map(|_| "sig"), self.kid(), self.algorithm());
        let common = PublicMembers { use_, kid, alg, ..PublicMembers::default() };
        let members = match self {
            Self::Rsa(RsaPublicKey { n, e, .. }) => {
                PublicMembers { kty: "RSA", n: Some(n), e: Some(e), ..common }
            }
            Self::EcP256(EcP256PublicKey { x, y, .. }) => {
                PublicMembers { kty: "EC", crv: Some("P-256"), x: Some(x), y: Some(y), ..common }
            }
        };
        members.serialize(serializer)
    }
}
