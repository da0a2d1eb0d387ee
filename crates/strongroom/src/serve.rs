//! `strongroom serve`: the server.
//!
//! TLS ends here if there is a certificate, otherwise at a proxy in front, which must pass on the
//! `Host` of the request: by it the tenant is found.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::HeaderName;
use clap::Args;
use engine::clock::{Clock, SystemClock};
use engine::entropy::OsEntropy;
use engine::outbound::Reach;
use ipnet::IpNet;
use model::ip_range::IpRange;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use store::Database;
use vault::keyring::KekSet;
use web::Edge;
use web::client_certificates::ClientCertificates;
use web::listen::{Limits, Tls};
use web::proxies::TrustedProxies;

use crate::failure::Failure;
use crate::kek_options::KekOptions;
use crate::providers::ProviderOptions;
use crate::signals::StopSignals;
use crate::storage::{self, DatabaseLocation};
use crate::wiring::{self, Servers};
use crate::{listeners, tls};

/// What `serve` takes.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) storage: StorageOptions,
    #[command(flatten)]
    providers: ProviderOptions,
    /// Where to listen
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "STRONGROOM_LISTEN",
        default_value = "127.0.0.1:4000"
    )]
    listen: SocketAddr,
    /// The certificate and its chain, in PEM; without one, TLS ends at a proxy in front
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// A proxy in front, or its network: believe the X-Forwarded-For that it sends; may be repeated
    #[arg(long, value_name = "CIDR", env = "STRONGROOM_TRUSTED_PROXIES", value_delimiter = ',')]
    trusted_proxy: Vec<IpRange>,
    /// The header by which trusted proxies tell of the client's certificate
    #[arg(long, value_name = "NAME", requires = "trusted_proxy")]
    client_cert_header: Option<HeaderName>,
    /// Answer at mtls.HOST too, and ask clients for a certificate there
    #[arg(long)]
    mtls_aliases: bool,
    /// The authorities that sign clients' certificates for `tls_client_auth`, in PEM
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    #[command(flatten)]
    reach: ReachOptions,
}

/// Where calls to providers may lead, beside public addresses.
#[derive(Args)]
pub(crate) struct ReachOptions {
    /// Let connections lead to providers on this machine, for tests
    #[arg(long)]
    allow_loopback_providers: bool,
    /// Let connections and event streams lead into this network too, over TLS; may be repeated
    #[arg(long, value_name = "CIDR", conflicts_with = "allow_loopback_providers")]
    allow_private_network: Vec<IpNet>,
}

impl ReachOptions {
    /// The rule for the guarded client.
    pub(crate) fn reach(self) -> Reach {
        match self.allow_private_network {
            networks if !networks.is_empty() => Reach::PublicAnd(networks),
            _ if self.allow_loopback_providers => Reach::PublicAndLoopback,
            _ => Reach::Public,
        }
    }
}

/// Where the data is and what opens it.
#[derive(Args)]
pub(crate) struct StorageOptions {
    /// postgres://… or sqlite:FILE
    #[arg(long, value_name = "URL", env = "STRONGROOM_DATABASE", hide_env_values = true)]
    database: DatabaseLocation,
    #[command(flatten)]
    kek: KekOptions,
    /// Where renewed tokens wait, sealed, while the database is gone; each node has its own. Without
    /// this option: beside SQLite's file, or strongroom.unstored in the working directory
    #[arg(long, value_name = "FOLDER", env = "STRONGROOM_JOURNAL")]
    journal: Option<PathBuf>,
}

impl StorageOptions {
    /// The folder of the journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.journal.clone().unwrap_or_else(|| self.database.journal())
    }

    /// Opens a database that has a tenant; makes nothing.
    pub(crate) async fn open_populated(&self) -> Result<(Database, KekSet), Failure> {
        if self.database.is_missing() {
            return Err(Failure::NoTenant);
        }
        let database = storage::open(&self.database, SystemClock.now()).await?;
        if !store::tenants::exist(&mut database.read().await?).await? {
            return Err(Failure::NoTenant);
        }
        let keks = self.keks(&database).await?;
        Ok((database, keks))
    }

    /// Opens the database; makes it and its key file if both are missing.
    pub(crate) async fn open_or_make(&self) -> Result<(Database, KekSet), Failure> {
        self.kek.locations()?;
        let database = storage::open(&self.database, SystemClock.now()).await?;
        let keks = self.keks(&database).await?;
        Ok((database, keks))
    }

    async fn keks(&self, database: &Database) -> Result<KekSet, Failure> {
        let (active, others) = self.kek.locations()?;
        Ok(storage::keks(&active, &others, database, &OsEntropy, SystemClock.now()).await?)
    }
}

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsFilesError {
    #[error("{} is not a certificate or key in PEM", file.display())]
    Pem { file: PathBuf, source: rustls_pki_types::pem::Error },
    #[error("{} and its key cannot be used", file.display())]
    Unusable { file: PathBuf, source: rustls::Error },
    #[error("{} does not hold certificates of authorities", file.display())]
    Authorities { file: PathBuf, source: rustls::Error },
}

/// Serves until told to stop.
pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let mut signals = StopSignals::listen().map_err(Failure::Signals)?;
    let certificate = match (&options.tls_certificate, &options.tls_key) {
        (Some(certificate), Some(key)) => Some(server_tls(certificate, key, options.mtls_aliases)?),
        _ => None,
    };
    let mut proxies = TrustedProxies::within(options.trusted_proxy);
    if let Some(header) = options.client_cert_header {
        proxies = proxies.telling_certificates_by(header);
    }
    let authorities = options.client_ca.as_deref().map(client_authorities).transpose()?;
    let certificates = ClientCertificates { authorities, has_aliases: options.mtls_aliases };
    let edge = Edge { proxies, certificates };
    let catalogue = options.providers.catalogue()?;
    let listener = listeners::on(options.listen, "--listen").await?;
    let (database, keks) = options.storage.open_populated().await?;
    let reach = options.reach.reach();
    let journal = options.storage.journal();
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let app = wiring::app(database, keks, clock, entropy, reach, &journal, catalogue).await?;
    let servers = Servers::new(app, Limits::default(), edge)?;
    servers.serve(listener, certificate);
    tracing::info!(address = %options.listen, "listening");

    signals.next().await;
    tracing::info!("stopping");
    tokio::select! {
        () = servers.stop() => tracing::info!("stopped"),
        () = signals.next() => tracing::warn!("stopped at once"),
    }
    Ok(())
}

fn server_tls(certificate: &Path, key: &Path, asks: bool) -> Result<Tls, TlsFilesError> {
    let chain = certificates(certificate)?;
    let private_key = PrivateKeyDer::from_pem_file(key)
        .map_err(|source| TlsFilesError::Pem { file: key.to_owned(), source })?;
    let unusable = |source| TlsFilesError::Unusable { file: certificate.to_owned(), source };
    let asking = if asks {
        let asking = tls::asking_config(chain.clone(), private_key.clone_key());
        Some(asking.map_err(unusable)?)
    } else {
        None
    };
    Ok(Tls::new(tls::server_config(chain, private_key).map_err(unusable)?, asking))
}

fn client_authorities(file: &Path) -> Result<Arc<dyn ClientCertVerifier>, TlsFilesError> {
    tls::authorities(certificates(file)?)
        .map_err(|source| TlsFilesError::Authorities { file: file.to_owned(), source })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFilesError> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| TlsFilesError::Pem { file: file.to_owned(), source })
}
