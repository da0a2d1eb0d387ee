//! Certificates that clients present in TLS (RFC 8705).
//!
//! That the peer has the private key was shown in the handshake, before anybody reads in here.

use std::fmt::{self, Write as _};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use x509_parser::asn1_rs::ToDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// A certificate, as far as anybody here asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    thumbprint: CertificateThumbprint,
    subject_dn: String,
    is_vouched_for: bool,
}

impl ClientCertificate {
    /// Reads a certificate. `is_vouched_for` says whether an authority that the operator trusts has
    /// signed it, for clients and for now.
    pub fn read(der: &[u8], is_vouched_for: bool) -> Result<Self, NotACertificate> {
        match X509Certificate::from_der(der) {
            Ok(([], certificate)) => Ok(Self {
                thumbprint: CertificateThumbprint::of(der),
                subject_dn: print_name(certificate.subject()).ok_or(NotACertificate)?,
                is_vouched_for,
            }),
            Ok(_) | Err(_) => Err(NotACertificate),
        }
    }

    /// Reads a certificate in PEM, which nobody vouches for.
    pub fn read_pem(pem: &str) -> Result<Self, NotACertificate> {
        let mut blocks = Pem::iter_from_buffer(pem.as_bytes());
        match (blocks.next(), blocks.next()) {
            (Some(Ok(block)), None) if block.label == "CERTIFICATE" => {
                Self::read(&block.contents, false)
            }
            (None | Some(_), None | Some(_)) => Err(NotACertificate),
        }
    }

    /// The thumbprint, which stands for this certificate and no other.
    pub fn thumbprint(&self) -> &CertificateThumbprint {
        &self.thumbprint
    }

    /// The subject's distinguished name, in the text form of RFC 4514.
    pub fn subject_dn(&self) -> &str {
        &self.subject_dn
    }

    /// Whether an authority that the operator trusts has signed it. Otherwise its names are anybody's
    /// word.
    pub fn is_vouched_for(&self) -> bool {
        self.is_vouched_for
    }
}

/// The SHA-256 of a certificate, in base64url: `x5t#S256`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CertificateThumbprint(String);

impl CertificateThumbprint {
    fn of(der: &[u8]) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, der)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertificateThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// It is no X.509 certificate in DER, or one without a name that has a text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a certificate")]
pub struct NotACertificate;

/// The names of attribute types: those of RFC 4514 §3, and two that OpenSSL has.
const ATTRIBUTES: [(&str, &str); 11] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("2.5.4.5", "serialNumber"),
];

/// RFC 4514 §2.1: the last part of the name comes first.
fn print_name(name: &X509Name<'_>) -> Option<String> {
    let mut parts = name
        .iter_rdn()
        .map(|part| Some(part.iter().map(print_attribute).collect::<Option<Vec<_>>>()?.join("+")))
        .collect::<Option<Vec<_>>>()?;
    parts.reverse();
    Some(parts.join(","))
}

fn print_attribute(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    let oid = attribute.attr_type().to_id_string();
    let name = ATTRIBUTES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name);
    Some(match (name, attribute.as_str()) {
        (Some(name), Ok(value)) => format!("{name}={}", escape(value)),
        // RFC 4514 §2.4: whatever has no name is written as the bytes of its encoding.
        (None, _) | (Some(_), Err(_)) => {
            let bytes = attribute.attr_value().to_der_vec().ok()?;
            let mut text = format!("{oid}=#");
            for byte in bytes {
                write!(text, "{byte:02x}").ok()?;
            }
            text
        }
    })
}

/// RFC 4514 §2.4.
fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(value.len());
    for (at, c) in value.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => escaped.extend(['\\', c]),
            ' ' if at == 0 || at == last => escaped.extend(['\\', c]),
            '#' if at == 0 => escaped.extend(['\\', c]),
            '\0' => escaped.push_str("\\00"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = include_str!("client_certificate/named.pem");

    fn der() -> Vec<u8> {
        let pem = Pem::iter_from_buffer(CERTIFICATE.as_bytes()).next();
        pem.unwrap().unwrap().contents
    }

    #[test]
    fn a_name_is_printed_as_others_print_it() {
        let certificate = ClientCertificate::read(&der(), false).unwrap();
        // `openssl x509 -noout -subject -nameopt RFC2253,-esc_msb,utf8`
        let expected =
            r#"CN=wörker \"a\",emailAddress=a@example.com,OU=\#1 Team,O=Acme\, Inc.,C=DE"#;
        assert_eq!(certificate.subject_dn(), expected);
        assert!(!certificate.is_vouched_for());
        assert_eq!(certificate.thumbprint().as_str().len(), 43);
    }

    #[test]
    fn a_name_cannot_pass_for_another() {
        let check = |value: &str, escaped: &str| assert_eq!(escape(value), escaped);
        check("worker,O=Acme", "worker\\,O=Acme");
        check("worker+OU=x", "worker\\+OU=x");
        check(" worker ", "\\ worker\\ ");
        check("#04", "\\#04");
        check("a\\,b", "a\\\\\\,b");
        check("a\0b", "a\\00b");
        check("a b#c", "a b#c");
        check("", "");
        check(" ", "\\ ");
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let mut longer = der();
        longer.push(0);
        let shorter = &der()[..100];
        for bytes in [b"".as_slice(), b"certificate", &longer, shorter] {
            assert_eq!(ClientCertificate::read(bytes, true), Err(NotACertificate));
        }
    }
}
