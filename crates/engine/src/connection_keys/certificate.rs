//! A public key as a certificate that it signed itself, for providers that want one. It says whose key it
//! is and no more: it has no end, because a key ends when its connection rotates.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use model::ids::ConnectionId;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

/// A certificate and what people compare it by.
pub(super) struct Certificate {
    pub(super) pem: String,
    pub(super) thumbprint: String,
}

/// The certificate of a key pair in PKCS#8.
pub(super) fn of(id: &ConnectionId, pkcs8: &[u8]) -> Result<Certificate, rcgen::Error> {
    let pair = KeyPair::try_from(pkcs8)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, id.as_str());
    let certificate = params.self_signed(&pair)?;
    // Nothing is trusted for it: dashboards show this sum, and people know their keys by it.
    let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate.der());
    let mut thumbprint = String::new();
    for byte in sum.as_ref() {
        // Writing to a string does not fail.
        let _ = write!(thumbprint, "{byte:02X}");
    }
    Ok(Certificate { pem: certificate.pem(), thumbprint })
}
