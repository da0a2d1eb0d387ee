//! The certificates of clients (RFC 8705): where they come from, and who vouches for them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use model::tenant::BaseUrl;
use percent_encoding::percent_decode;
use protocol::client_certificate::ClientCertificate;
use protocol::time::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;

/// What precedes a host at which clients are asked for their certificate.
const ALIAS: &str = "mtls.";

/// Whether clients are asked for their certificate at a name.
pub(crate) fn is_alias(name: &str) -> bool {
    name.get(..ALIAS.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(ALIAS))
}

/// How clients' certificates are taken.
#[derive(Clone, Default)]
pub struct ClientCertificates {
    /// Signs the certificates whose names count. Without one, certificates count only as themselves.
    pub authorities: Option<Arc<dyn ClientCertVerifier>>,
    /// Whether each host answers by a second name too, at which clients are asked for their
    /// certificate (RFC 8705 §5).
    pub has_aliases: bool,
}

impl ClientCertificates {
    /// The host that is meant by an alias.
    pub(crate) fn without_alias<'a>(&self, authority: &'a str) -> &'a str {
        match authority.strip_prefix(ALIAS) {
            Some(host) if self.has_aliases => host,
            Some(_) | None => authority,
        }
    }

    /// The other origin of a base URL.
    pub(crate) fn alias_of(&self, base: &BaseUrl) -> Option<String> {
        let (scheme, authority) = base.origin().split_once("://")?;
        // RFC 6066 §3: addresses are no server names.
        let is_name =
            authority.bytes().any(|byte| byte.is_ascii_alphabetic()) && !authority.starts_with('[');
        (self.has_aliases && is_name).then(|| format!("{scheme}://{ALIAS}{authority}"))
    }

    /// Reads the certificate that leads a chain.
    pub(crate) fn read(
        &self,
        chain: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Option<ClientCertificate> {
        let (certificate, others) = chain.split_first()?;
        let seconds = u64::try_from(now.as_seconds()).unwrap_or_default();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let is_vouched_for = self.authorities.as_ref().is_some_and(|authorities| {
            authorities.verify_client_cert(certificate, others, time).is_ok()
        });
        ClientCertificate::read(certificate, is_vouched_for).ok()
    }
}

impl fmt::Debug for ClientCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authorities, has_aliases } = self;
        f.debug_struct("ClientCertificates")
            .field("authorities", &authorities.is_some())
            .field("has_aliases", has_aliases)
            .finish()
    }
}

/// Reads the header by which a proxy tells of a certificate: a byte sequence (RFC 9440 §2.1), or PEM
/// that is percent-encoded, as nginx and Auth0 have it.
pub(crate) fn read_header(value: &HeaderValue) -> Option<CertificateDer<'static>> {
    let text = value.to_str().ok()?.trim();
    match text.strip_prefix(':') {
        Some(rest) => {
            let der = BASE64_STANDARD.decode(rest.strip_suffix(':')?).ok()?;
            Some(CertificateDer::from(der))
        }
        None => {
            let pem: Vec<u8> = percent_decode(text.as_bytes()).collect();
            CertificateDer::from_pem_slice(&pem).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases() -> ClientCertificates {
        ClientCertificates { has_aliases: true, ..ClientCertificates::default() }
    }

    #[test]
    fn an_alias_is_another_name_of_a_host() {
        let check = |base: &str, expected: Option<&str>| {
            let base = BaseUrl::parse(base).unwrap();
            assert_eq!(aliases().alias_of(&base).as_deref(), expected);
            assert_eq!(ClientCertificates::default().alias_of(&base), None);
        };
        check("https://login.example.com/", Some("https://mtls.login.example.com"));
        check("http://localhost:4000", Some("http://mtls.localhost:4000"));
        check("http://127.0.0.1:4000", None);
        check("http://[::1]:4000", None);
        assert_eq!(aliases().without_alias("mtls.localhost:4000"), "localhost:4000");
        assert_eq!(aliases().without_alias("login.example.com"), "login.example.com");
        let none = ClientCertificates::default();
        assert_eq!(none.without_alias("mtls.localhost"), "mtls.localhost");
        for (name, expected) in [("mtls.a.example", true), ("MTLS.a", true), ("mtlsa.b", false)] {
            assert_eq!(is_alias(name), expected, "{name}");
        }
    }

    #[test]
    fn a_header_is_a_byte_sequence_or_encoded_pem() {
        let check = |text: &str, expected: Option<&[u8]>| {
            let read = read_header(&HeaderValue::from_str(text).unwrap());
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check(":AQID:", Some(&[1, 2, 3]));
        let pem = "-----BEGIN%20CERTIFICATE-----%0AAQID%0A-----END%20CERTIFICATE-----%0A";
        check(pem, Some(&[1, 2, 3]));
        check(&pem.replace("CERTIFICATE", "PUBLIC%20KEY"), None);
        for nonsense in ["", ":", ":AQID", ":A!:", "AQID", "-----BEGIN CERTIFICATE-----"] {
            check(nonsense, None);
        }
    }
}
