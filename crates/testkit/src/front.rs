//! More doors to the same house: another node of the cluster, and one that speaks TLS.

use std::net::Ipv4Addr;
use std::sync::Arc;

use engine::app::App;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use web::listen::{self, Limits};
use web::proxies::TrustedProxies;

/// A listener that is asked for the hosts of the first one, as behind a load balancer.
pub struct Front {
    pub(crate) port: u16,
    certificate: Option<CertificateDer<'static>>,
    #[expect(dead_code, reason = "its drop is its use")]
    stop: DropGuard,
}

impl Front {
    pub(crate) async fn plain(app: &Arc<App>, limits: Limits) -> Self {
        Self::open(app, None, limits).await
    }

    pub(crate) async fn tls(app: &Arc<App>, limits: Limits) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = params.self_signed(&key).unwrap().into();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = strongroom::tls::server_config(vec![certificate.clone()], key).unwrap();
        Self { certificate: Some(certificate), ..Self::open(app, Some(config), limits).await }
    }

    async fn open(app: &Arc<App>, tls: Option<Arc<ServerConfig>>, limits: Limits) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = CancellationToken::new();
        let router = web::router(Arc::clone(app), TrustedProxies::default()).unwrap();
        tokio::spawn(listen::serve(listener, tls, router, limits, stop.clone()));
        Self { port, certificate: None, stop: stop.drop_guard() }
    }

    /// A connection on which nothing was said yet.
    pub async fn stream(&self) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.unwrap()
    }

    /// A connection over TLS on which this protocol (RFC 7301) was agreed on.
    pub async fn connect(&self, protocol: &str) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone().expect("a listener with TLS")).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, self.stream().await).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        stream
    }
}
