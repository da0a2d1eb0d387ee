use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::encoding;
use super::jwk::{EcP256PublicKey, Jwk, JwkError, RsaPublicKey};

/// A key of ours that signs what others verify, by one algorithm: RS256 for tokens.
///
/// The private key is parsed once, here; parsing it for each signature costs
/// more than the signature.
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    pair: Pair,
    public: Jwk,
}

enum Pair {
    /// With the padding and hash of its algorithm.
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    EcP256(EcdsaKeyPair),
}

impl SigningKey {
    /// A new key pair for tokens, as PKCS#8, to be sealed before it is kept.
    pub fn generate() -> Result<Zeroizing<Vec<u8>>, SigningError> {
        Self::generate_for(Algorithm::Rs256)
    }

    /// A new key pair for an algorithm, as PKCS#8: RSA has 2048 bits.
    pub fn generate_for(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        match algorithm {
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Ps256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(SigningError::Library)?;
                let document: Pkcs8V1Der<'_> = pair.as_der().map_err(SigningError::Library)?;
                Ok(Zeroizing::new(document.as_ref().to_vec()))
            }
            Algorithm::Es256 => Es256SigningKey::generate()?.to_pkcs8(),
        }
    }

    /// Opens a key pair for tokens of PKCS#8 bytes; `kid` will name it in every header.
    pub fn from_pkcs8(pkcs8: &[u8], kid: impl Into<String>) -> Result<Self, SigningError> {
        Self::from_pkcs8_for(Algorithm::Rs256, pkcs8, kid)
    }

    /// The same for an algorithm.
    pub fn from_pkcs8_for(
        algorithm: Algorithm,
        pkcs8: &[u8],
        kid: impl Into<String>,
    ) -> Result<Self, SigningError> {
        let kid = kid.into();
        let encoding: &'static dyn RsaEncoding = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
            Algorithm::Rs384 => &RSA_PKCS1_SHA384,
            Algorithm::Ps256 => &RSA_PSS_SHA256,
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                    .map_err(SigningError::Key)?;
                let (point, id) = (pair.public_key().as_ref(), Some(kid.clone()));
                let public = EcP256PublicKey::from_point(point, id, Some(algorithm))
                    .map_err(SigningError::PublicKey)?;
                let public = Jwk::EcP256(public);
                return Ok(Self { kid, algorithm, pair: Pair::EcP256(pair), public });
            }
        };
        let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(SigningError::Key)?;
        let public = RsaPublicKey::new(
            pair.public_key().modulus().big_endian_without_leading_zero(),
            pair.public_key().exponent().big_endian_without_leading_zero(),
            Some(kid.clone()),
            Some(algorithm),
        )
        .map_err(SigningError::PublicKey)?;
        Ok(Self { kid, algorithm, pair: Pair::Rsa(pair, encoding), public: Jwk::Rsa(public) })
    }

    /// The key's identifier.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as published in the key set.
    pub fn public_jwk(&self) -> Jwk {
        self.public.clone()
    }

    /// Signs `claims`, a JSON object, as a compact JWS of the type `typ`.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        #[derive(Serialize)]
        struct Header<'a> {
            alg: Algorithm,
            typ: &'a str,
            kid: &'a str,
        }
        let header = Header { alg: self.algorithm, typ, kid: &self.kid };
        compact(&header, claims, |input| match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), input, &mut signature)?;
                Ok(signature)
            }
            Pair::EcP256(pair) => Ok(pair.sign(&SystemRandom::new(), input)?.as_ref().to_vec()),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A client's key that signs DPoP proofs: P-256, used with ES256.
pub struct Es256SigningKey {
    pair: EcdsaKeyPair,
    public: Jwk,
}

impl Es256SigningKey {
    /// A new key pair, kept in memory only.
    pub fn generate() -> Result<Self, SigningError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(SigningError::Library)?;
        Self::new(pair)
    }

    /// Opens a key pair of PKCS#8 bytes.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, SigningError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .map_err(SigningError::Key)?;
        Self::new(pair)
    }

    /// The key pair as PKCS#8, for clients that keep theirs.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        let document = self.pair.to_pkcs8v1().map_err(SigningError::Library)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    fn new(pair: EcdsaKeyPair) -> Result<Self, SigningError> {
        let public = EcP256PublicKey::from_point(pair.public_key().as_ref(), None, None)
            .map_err(SigningError::PublicKey)?;
        Ok(Self { pair, public: Jwk::EcP256(public) })
    }

    /// The public half, without identifier.
    pub fn public_jwk(&self) -> Jwk {
        self.public.clone()
    }

    /// Signs `claims`, a JSON object, as a compact JWS of the type `typ` whose
    /// header carries the public key as `jwk`.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        #[derive(Serialize)]
        struct Header<'a> {
            typ: &'a str,
            alg: Algorithm,
            jwk: &'a Jwk,
        }
        let header = Header { typ, alg: Algorithm::Es256, jwk: &self.public };
        compact(&header, claims, |input| {
            Ok(self.pair.sign(&SystemRandom::new(), input)?.as_ref().to_vec())
        })
    }
}

impl fmt::Debug for Es256SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Es256SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// RFC 7515 §3.1: header, payload and signature, each in base64url.
fn compact(
    header: &impl Serialize,
    claims: &impl Serialize,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Unspecified>,
) -> Result<String, SigningError> {
    let header = serde_json::to_vec(header).map_err(SigningError::Json)?;
    let claims = serde_json::to_vec(claims).map_err(SigningError::Json)?;
    // RFC 7519 §7.2: the claims set is a JSON object.
    if claims.first() != Some(&b'{') {
        return Err(SigningError::ClaimsNotAnObject);
    }
    let mut token = encoding::encode(header);
    token.push('.');
    token.push_str(&encoding::encode(claims));
    let signature = sign(token.as_bytes()).map_err(SigningError::Library)?;
    token.push('.');
    token.push_str(&encoding::encode(signature));
    Ok(token)
}

/// Why nothing was signed. None of these can be caused by a request.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The private key is not one that we use.
    #[error("the private key was rejected")]
    Key(#[source] KeyRejected),
    /// The public half is not one that we would publish.
    #[error("the public key was rejected")]
    PublicKey(#[source] JwkError),
    /// The claims do not serialize.
    #[error("the claims do not serialize")]
    Json(#[source] serde_json::Error),
    /// The claims serialize to something else than an object.
    #[error("the claims are not a JSON object")]
    ClaimsNotAnObject,
    /// The library failed.
    #[error("the cryptographic library failed")]
    Library(#[source] Unspecified),
}
