//! More doors to the same house: another node of the cluster, and one that speaks TLS.

use std::net::Ipv4Addr;
use std::sync::Arc;

use engine::app::App;
use rcgen::{CertificateParams, KeyPair};
use rustls::client::WantsClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use web::Edge;
use web::listen::{self, Limits, Tls};

use crate::certificates::Identity;
use crate::world;

/// What the certificate of a listener with TLS is for.
const NAMES: [&str; 2] = ["localhost", "mtls.localhost"];

/// A listener that is asked for the hosts of the first one, as behind a load balancer.
pub struct Front {
    pub(crate) port: u16,
    certificate: Option<CertificateDer<'static>>,
    #[expect(dead_code, reason = "its drop is its use")]
    stop: DropGuard,
}

impl Front {
    pub(crate) async fn plain(app: &Arc<App>, limits: Limits) -> Self {
        Self::open(app, None, limits, Edge::default()).await
    }

    pub(crate) async fn tls(app: &Arc<App>, limits: Limits, edge: Edge) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(NAMES.map(str::to_owned)).unwrap();
        let certificate: CertificateDer<'static> = params.self_signed(&key).unwrap().into();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let chain = vec![certificate.clone()];
        let usual = strongroom::tls::server_config(chain.clone(), key.clone_key()).unwrap();
        let asking = strongroom::tls::asking_config(chain, key).unwrap();
        let tls = Tls::new(usual, Some(asking));
        Self { certificate: Some(certificate), ..Self::open(app, Some(tls), limits, edge).await }
    }

    async fn open(app: &Arc<App>, tls: Option<Tls>, limits: Limits, edge: Edge) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = CancellationToken::new();
        let router = web::router(Arc::clone(app), edge).unwrap();
        tokio::spawn(listen::serve(listener, tls, router, limits, stop.clone()));
        Self { port, certificate: None, stop: stop.drop_guard() }
    }

    /// A connection on which nothing was said yet.
    pub async fn stream(&self) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.unwrap()
    }

    /// A connection over TLS on which this protocol (RFC 7301) was agreed on.
    pub async fn connect(&self, protocol: &str) -> TlsStream<TcpStream> {
        let mut config = self.trusting().with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, self.stream().await).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        stream
    }

    /// A client that trusts this listener and presents a certificate where it is asked for one.
    pub(crate) fn client(&self, identity: Option<&Identity>) -> reqwest::Client {
        let config = match identity {
            None => self.trusting().with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.to_present();
                self.trusting().with_client_auth_cert(chain, key).unwrap()
            }
        };
        world::http_client_with(|builder| builder.tls_backend_preconfigured(config))
    }

    fn trusting(&self) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone().expect("a listener with TLS")).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        builder.with_root_certificates(roots)
    }
}
