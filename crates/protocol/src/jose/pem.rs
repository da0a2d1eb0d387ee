//! Public keys as people hand them over: PEM (RFC 7468).

use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::algorithm::Algorithm;
use super::jwk::{EcP256PublicKey, Jwk, JwkError, RsaPublicKey};
use crate::time::Timestamp;

/// Longest PEM text that we look at, in bytes.
pub const PEM_BYTES_MAX: usize = 16 * 1024;

/// A public key, and when the certificate that carried it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemKey {
    /// The key, without an identifier.
    pub key: Jwk,
    /// The end of the certificate; a bare key has none.
    pub not_after: Option<Timestamp>,
}

/// Reads a public key: `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`. It will be used with one
/// algorithm only (RFC 8725 §3.1).
///
/// Nobody is asked whether a certificate is to be trusted: who hands a key over vouches for it.
pub fn read_public_key(pem: &str, algorithm: Algorithm) -> Result<PemKey, PemError> {
    if pem.len() > PEM_BYTES_MAX {
        return Err(PemError::TooLong);
    }
    let mut blocks = Pem::iter_from_buffer(pem.as_bytes());
    let block = blocks.next().and_then(Result::ok).ok_or(PemError::NotPem)?;
    if blocks.next().is_some() {
        return Err(PemError::Several);
    }
    let der = block.contents.as_slice();
    let (key, not_after) = match block.label.as_str() {
        "PUBLIC KEY" => (of_info(&whole(SubjectPublicKeyInfo::from_der(der))?, algorithm)?, None),
        "RSA PUBLIC KEY" => (of_rsa(&whole(RSAPublicKey::from_der(der))?, algorithm)?, None),
        "CERTIFICATE" => {
            let certificate = whole(X509Certificate::from_der(der))?;
            let not_after = certificate.validity().not_after.timestamp();
            let key = of_info(certificate.public_key(), algorithm)?;
            (key, Some(Timestamp::from_seconds(not_after)))
        }
        label if label.contains("PRIVATE") => return Err(PemError::PrivateKey),
        _ => return Err(PemError::NotAPublicKey),
    };
    if !key.fits(algorithm) {
        return Err(PemError::WrongAlgorithm);
    }
    Ok(PemKey { key, not_after })
}

/// DER has one reading, and nothing after it.
fn whole<T>(parsed: Result<(&[u8], T), x509_parser::nom::Err<X509Error>>) -> Result<T, PemError> {
    match parsed {
        Ok(([], value)) => Ok(value),
        Ok(_) | Err(_) => Err(PemError::NotDer),
    }
}

fn of_info(info: &SubjectPublicKeyInfo<'_>, algorithm: Algorithm) -> Result<Jwk, PemError> {
    match info.parsed().or(Err(PemError::NotDer))? {
        PublicKey::RSA(key) => of_rsa(&key, algorithm),
        // The library that verifies finds out whether the point is one of the curve.
        PublicKey::EC(point) => EcP256PublicKey::from_point(point.data(), None, Some(algorithm))
            .map(Jwk::EcP256)
            .map_err(PemError::Key),
        _ => Err(PemError::NotAPublicKey),
    }
}

fn of_rsa(key: &RSAPublicKey<'_>, algorithm: Algorithm) -> Result<Jwk, PemError> {
    // DER writes a leading zero where the highest bit is set.
    let modulus = key.modulus.strip_prefix(&[0]).unwrap_or(key.modulus);
    let exponent = key.exponent.strip_prefix(&[0]).unwrap_or(key.exponent);
    RsaPublicKey::new(modulus, exponent, None, Some(algorithm)).map(Jwk::Rsa).map_err(PemError::Key)
}

/// Why a text is not a public key that we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Longer than [`PEM_BYTES_MAX`].
    #[error("it is longer than {PEM_BYTES_MAX} bytes")]
    TooLong,
    /// There is no PEM block in it.
    #[error("it is not PEM")]
    NotPem,
    /// There is more than one block.
    #[error("it holds more than one PEM block")]
    Several,
    /// The secret half: it should not have left its owner.
    #[error("it is a private key; give the public one, and replace this pair")]
    PrivateKey,
    /// Another kind of block, or of key.
    #[error("it is neither an RSA nor a P-256 public key")]
    NotAPublicKey,
    /// The bytes of the block are not what its label says.
    #[error("the block is not what its label says")]
    NotDer,
    /// The key is of another kind than the algorithm.
    #[error("the key does not fit the algorithm")]
    WrongAlgorithm,
    /// The key is weak or ill-formed.
    #[error(transparent)]
    Key(JwkError),
}

#[cfg(test)]
mod tests;
