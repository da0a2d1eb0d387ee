//! Credentials as they are handed over, and what is kept of them.

use model::client_credential::{ClientCredential, CredentialMaterial};
use protocol::client_certificate::ClientCertificate;
use protocol::jose::jws::Algorithm;
use protocol::jose::pem;
use protocol::time::Timestamp;
use serde::Deserialize;

use crate::app::App;
use crate::invalid::Invalid;

const ID_PREFIX: &str = "cred_";

/// A credential to be registered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "credential_type", rename_all = "snake_case")]
pub enum NewCredential {
    /// A key to verify signatures with.
    PublicKey(NewPublicKey),
    /// A name in certificates of trusted authorities (RFC 8705 §2.1).
    CertSubjectDn(NewSubjectDn),
    /// A certificate that counts as itself (RFC 8705 §2.2).
    X509Cert(NewCertificate),
}

/// A name to be registered: as text, or as a certificate has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NewSubjectDn {
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// The name, in the form of RFC 4514.
    pub subject_dn: Option<String>,
    /// A certificate with the name, in PEM.
    pub pem: Option<String>,
}

/// A certificate to be registered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NewCertificate {
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// The certificate, in PEM.
    pub pem: String,
}

/// A public key to be registered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NewPublicKey {
    /// The key or a certificate of it, in PEM.
    pub pem: String,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// The one algorithm; RS256 if none is named.
    pub alg: Option<String>,
    /// Its name in headers; its thumbprint (RFC 7638) if none is given.
    pub kid: Option<String>,
    /// When it ends, in RFC 3339.
    pub expires_at: Option<String>,
    /// Whether it ends with its certificate, if nothing else is said.
    #[serde(default)]
    pub parse_expiry_from_cert: bool,
}

pub(super) fn read(
    app: &App,
    new: NewCredential,
    now: Timestamp,
) -> Result<ClientCredential, Invalid> {
    let (name, material, expires_at) = match new {
        NewCredential::PublicKey(new) => read_key(new)?,
        NewCredential::CertSubjectDn(NewSubjectDn { name, subject_dn, pem }) => {
            let subject_dn = match (subject_dn, pem) {
                (Some(subject_dn), None) => subject_dn,
                (None, Some(pem)) => read_certificate(&pem)?.subject_dn().to_owned(),
                (None, None) | (Some(_), Some(_)) => {
                    let why = "there must be either this or pem";
                    return Err(Invalid::new("subject_dn", why));
                }
            };
            (name, CredentialMaterial::CertSubjectDn { subject_dn }, None)
        }
        NewCredential::X509Cert(NewCertificate { name, pem }) => {
            let thumbprint_sha256 = read_certificate(&pem)?.thumbprint().to_string();
            (name, CredentialMaterial::X509Cert { thumbprint_sha256 }, None)
        }
    };
    check_expiry(expires_at, now)?;
    let id = app.entropy.id(ID_PREFIX, 22);
    Ok(ClientCredential { id, name, material, created_at: now, updated_at: now, expires_at })
}

fn read_certificate(pem: &str) -> Result<ClientCertificate, Invalid> {
    let certificate = ClientCertificate::read_pem(pem);
    certificate.map_err(|error| Invalid::new("pem", error.to_string()))
}

fn read_key(new: NewPublicKey) -> Result<(String, CredentialMaterial, Option<Timestamp>), Invalid> {
    let NewPublicKey { pem, name, alg, kid, expires_at, parse_expiry_from_cert } = new;
    let algorithm = match alg {
        None => Algorithm::Rs256,
        Some(alg) => Algorithm::parse(&alg).ok_or_else(|| Invalid::new("alg", "it is unknown"))?,
    };
    let read = pem::read_public_key(&pem, algorithm)
        .map_err(|error| Invalid::new("pem", error.to_string()))?;
    let expires_at = match expires_at {
        Some(text) => Some(
            Timestamp::parse_rfc3339(&text)
                .map_err(|error| Invalid::new("expires_at", error.to_string()))?,
        ),
        None if parse_expiry_from_cert => match read.not_after {
            Some(not_after) => Some(not_after),
            None => {
                let why = "the PEM is no certificate";
                return Err(Invalid::new("parse_expiry_from_cert", why));
            }
        },
        None => None,
    };
    let kid = kid.unwrap_or_else(|| read.key.thumbprint().as_str().to_owned());
    Ok((name, CredentialMaterial::PublicKey { key: read.key.named(kid) }, expires_at))
}

pub(super) fn check_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), Invalid> {
    match expires_at {
        Some(expires_at) if expires_at <= now => {
            Err(Invalid::new("expires_at", "it is in the past"))
        }
        Some(_) | None => Ok(()),
    }
}
