//! A certificate authority that is good for one name on this machine.
//!
//! It is made when a host is first asked for, in `ca/<host>/`, and lives as long as the folder.
//! Whoever trusts it takes no risk beyond that host: name constraints (RFC 5280 §4.2.1.10) keep it
//! from speaking for anything else, should its key be taken. The server's own certificate is made
//! at each start, and its key never touches the disk.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::tenant::BaseUrl;
use protocol::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, date_time_ymd,
};
use rustls_pki_types::PrivateKeyDer;

use super::place::{make_private_folder, write_private};
use crate::tls;

const CA_LIFETIME: Duration = Duration::from_hours(10 * 365 * 24);
/// Platforms refuse certificates of servers that live longer than a year or two.
const CERTIFICATE_LIFETIME: Duration = Duration::from_hours(90 * 24);
/// For clients whose clock is behind.
const BACKDATED: Duration = Duration::from_hours(24);
/// Where systems keep the authorities that they trust.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What https needs.
pub(super) struct LocalCertificate {
    /// For the listener.
    pub(super) config: Arc<rustls::ServerConfig>,
    /// For whoever is to trust it.
    pub(super) files: CaFiles,
}

/// The files that clients are pointed at, as absolute paths.
pub(super) struct CaFiles {
    /// The authority's certificate.
    pub(super) ca: PathBuf,
    /// The same together with the system's authorities, for clients that replace one by the other.
    pub(super) bundle: PathBuf,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalCaError {
    #[error("the local CA in {} cannot be read or written", folder.display())]
    Files { folder: PathBuf, source: io::Error },
    #[error("no certificate can be made for {host}")]
    Certificate { host: String, source: rcgen::Error },
    #[error("the certificate for {host} cannot be used")]
    Unusable { host: String, source: rustls::Error },
}

/// A certificate for the host of an origin, for localhost and for the loopback addresses.
pub(super) fn certificate(
    data: &Path,
    origin: &BaseUrl,
    now: Timestamp,
) -> Result<LocalCertificate, LocalCaError> {
    let host = host_of(origin);
    let folder = data.join("ca").join(host);
    let certificate_error = |source| LocalCaError::Certificate { host: host.to_owned(), source };

    let authority = Authority::find_or_make(&folder, host, now)?;
    let (leaf, key) = authority.issue(host, now).map_err(certificate_error)?;
    let files = authority.publish(&folder)?;
    let key = PrivateKeyDer::try_from(key.serialize_der());
    let key = key.map_err(|problem| LocalCaError::Unusable {
        host: host.to_owned(),
        source: rustls::Error::General(problem.to_owned()),
    })?;
    let config = tls::server_config(vec![leaf.into()], key)
        .map_err(|source| LocalCaError::Unusable { host: host.to_owned(), source })?;
    Ok(LocalCertificate { config, files })
}

/// The host without its port. Those of IPv6 lose their brackets.
fn host_of(origin: &BaseUrl) -> &str {
    let authority = origin.authority();
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _port)) => address,
        None => authority.split(':').next().unwrap_or(authority),
    }
}

struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn find_or_make(folder: &Path, host: &str, now: Timestamp) -> Result<Self, LocalCaError> {
        let files_error = |source| LocalCaError::Files { folder: folder.to_owned(), source };
        let certificate_error =
            |source| LocalCaError::Certificate { host: host.to_owned(), source };
        let (certificate_file, key_file) = (folder.join("ca.pem"), folder.join("ca.key"));
        let params = authority_params(host, now);
        if certificate_file.exists() {
            let certificate_pem = fs::read_to_string(&certificate_file).map_err(files_error)?;
            let key_pem = fs::read_to_string(&key_file).map_err(files_error)?;
            let key = KeyPair::from_pem(&key_pem).map_err(certificate_error)?;
            return Ok(Self { certificate_pem, issuer: Issuer::new(params, key) });
        }
        let key = KeyPair::generate().map_err(certificate_error)?;
        let certificate_pem = params.self_signed(&key).map_err(certificate_error)?.pem();
        make_private_folder(folder).map_err(files_error)?;
        // The key first: a certificate without its key would never be replaced.
        write_private(&key_file, &key.serialize_pem()).map_err(files_error)?;
        fs::write(&certificate_file, &certificate_pem).map_err(files_error)?;
        Ok(Self { certificate_pem, issuer: Issuer::new(params, key) })
    }

    fn issue(
        &self,
        host: &str,
        now: Timestamp,
    ) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
        let mut names = vec![host.to_owned()];
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        names.dedup();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = named(host);
        params.not_before = date_time_ymd(1970, 1, 1) + since_epoch(now.saturating_sub(BACKDATED));
        params.not_after =
            date_time_ymd(1970, 1, 1) + since_epoch(now.saturating_add(CERTIFICATE_LIFETIME));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate, key))
    }

    /// Writes the bundle anew each time: the system's part of it changes.
    fn publish(&self, folder: &Path) -> Result<CaFiles, LocalCaError> {
        let files_error = |source| LocalCaError::Files { folder: folder.to_owned(), source };
        let folder = std::path::absolute(folder).map_err(files_error)?;
        let files = CaFiles { ca: folder.join("ca.pem"), bundle: folder.join("bundle.pem") };
        let system = SYSTEM_BUNDLES.iter().find_map(|file| fs::read_to_string(file).ok());
        let bundle = format!("{}{}", self.certificate_pem, system.unwrap_or_default());
        fs::write(&files.bundle, bundle).map_err(files_error)?;
        Ok(files)
    }
}

fn authority_params(host: &str, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&format!("Strongroom local CA for {host}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(1970, 1, 1) + since_epoch(now.saturating_sub(BACKDATED));
    params.not_after = date_time_ymd(1970, 1, 1) + since_epoch(now.saturating_add(CA_LIFETIME));
    let mut permitted = vec![
        GeneralSubtree::DnsName("localhost".to_owned()),
        single_address(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        single_address(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    permitted.push(match host.parse() {
        Ok(address) => single_address(address),
        Err(_) => GeneralSubtree::DnsName(host.to_owned()),
    });
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
    params
}

fn single_address(address: IpAddr) -> GeneralSubtree {
    let prefix_bits = if address.is_ipv4() { 32 } else { 128 };
    GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix_bits))
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// Certificates count from this day as well, but say it in calendar dates.
fn since_epoch(time: Timestamp) -> Duration {
    time.since(Timestamp::from_millis(0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_262_400);

    #[test]
    fn the_host_of_an_origin_has_no_port() {
        for (origin, host) in [
            ("https://acme.strongroom.test", "acme.strongroom.test"),
            ("https://acme.strongroom.test:8443", "acme.strongroom.test"),
            ("https://127.0.0.1:8443", "127.0.0.1"),
            ("https://[::1]:8443", "::1"),
        ] {
            assert_eq!(host_of(&BaseUrl::parse(origin).unwrap()), host);
        }
    }

    #[test]
    fn the_authority_stays_and_its_key_is_private() {
        let data = tempfile::tempdir().unwrap();
        let origin = BaseUrl::parse("https://acme.strongroom.test").unwrap();
        let first = certificate(data.path(), &origin, NOW).unwrap().files;
        let ca = fs::read_to_string(&first.ca).unwrap();
        let second = certificate(data.path(), &origin, NOW).unwrap().files;
        assert_eq!(fs::read_to_string(second.ca).unwrap(), ca);
        assert!(fs::read_to_string(second.bundle).unwrap().starts_with(&ca));
        let key = first.ca.with_file_name("ca.key");
        assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
