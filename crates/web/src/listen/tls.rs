//! TLS, which begins before it is known what is asked for.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::client_certificates::is_alias;

/// How TLS is spoken.
#[derive(Clone, Debug)]
pub struct Tls {
    usual: Arc<ServerConfig>,
    asking: Option<Arc<ServerConfig>>,
}

impl Tls {
    /// `asking` asks for the client's certificate, at the names that are there for it alone: browsers
    /// would trouble people with the question.
    pub fn new(usual: Arc<ServerConfig>, asking: Option<Arc<ServerConfig>>) -> Self {
        Self { usual, asking }
    }

    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let asks = begun.client_hello().server_name().is_some_and(is_alias);
        let config = self.asking.as_ref().filter(|_| asks).unwrap_or(&self.usual);
        begun.into_stream(Arc::clone(config)).await
    }
}

/// What a peer presented: its certificate first, then those that lead to an authority. That it has the
/// first one's key was shown in the handshake.
#[derive(Clone, Debug)]
pub(crate) struct PeerCertificates(pub(crate) Arc<[CertificateDer<'static>]>);

impl PeerCertificates {
    pub(super) fn of<S>(stream: &TlsStream<S>) -> Option<Self> {
        let chain = stream.get_ref().1.peer_certificates()?;
        Some(Self(chain.iter().map(|one| one.clone().into_owned()).collect()))
    }
}
