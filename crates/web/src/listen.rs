//! The accept loop.
//!
//! Ours, because the usual one waits for ever for a request's headers. Every connection has limits
//! of time and size, and a shutdown lets requests under way come to their end.

mod tls;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{ServiceExt, service_fn};

pub(crate) use self::tls::PeerCertificates;
pub use self::tls::Tls;

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait unaccepted.
    pub connections_max: usize,
    /// A TLS handshake takes no longer.
    pub handshake_timeout: Duration,
    /// The headers of a request arrive within this time, counted from the end of the one before.
    pub header_timeout: Duration,
    /// A request with its answer takes no longer.
    pub request_timeout: Duration,
    /// A request's body is no longer, in bytes.
    pub body_bytes_max: usize,
    /// A connection on which nothing is read or written for so long is closed. Longer than a
    /// request may take, which is silent meanwhile.
    pub idle_timeout: Duration,
    /// Requests under way get this long to end when the server stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            body_bytes_max: 1024 * 1024,
            idle_timeout: Duration::from_secs(45),
            drain_timeout: Duration::from_secs(25),
        }
    }
}

/// A body that announces more is refused unread, in bytes.
const ANNOUNCED_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest head of an HTTP/1 request, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Longest header list of an HTTP/2 request, in bytes.
const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;
/// Most headers of an HTTP/1 request.
const HEADERS_MAX: usize = 100;
/// Most requests at once on an HTTP/2 connection.
const STREAMS_MAX: u32 = 100;
/// How many streams a peer may reset before its connection is closed.
const RESETS_MAX: usize = 20;
/// After a failed accept, as when no file descriptor is free, the loop rests.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Serves until told to stop, then drains.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let router = router.layer(DefaultBodyLimit::max(limits.body_bytes_max));
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let router = router.clone();
        let tls = tls.clone();
        let shutdown = shutdown.clone();
        connections.spawn(async move {
            serve_stream(stream, peer, tls, router, limits, shutdown).await;
            drop(slot);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.drain_timeout, connections.wait()).await.is_err() {
        tracing::warn!("connections were still open when the time to drain was over");
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_REST).await;
            None
        }
    }
}

/// HTTP/2 needs TLS and its negotiation (ALPN), so that nobody has to guess the version from the
/// first bytes: the wait for those would have no limit.
async fn serve_stream(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Tls>,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) {
    // Small answers should not wait for more; where this fails they do.
    let _ = stream.set_nodelay(true);
    let service = |certificates: Option<PeerCertificates>| {
        TowerToHyperService::new(service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            if let Some(certificates) = &certificates {
                request.extensions_mut().insert(certificates.clone());
            }
            answer(router.clone(), request, limits)
        }))
    };
    let mut stream = TimeoutStream::new(stream);
    // What the protocols' own timers miss: a peer that opens HTTP/2 and says nothing, and one that
    // asks and does not read.
    stream.set_read_timeout(Some(limits.idle_timeout));
    stream.set_write_timeout(Some(limits.idle_timeout));
    let stream = Box::pin(stream);
    let Some(tls) = tls else {
        let connection = http1(limits).serve_connection(TokioIo::new(stream), service(None));
        return drain(connection, http1::Connection::graceful_shutdown, shutdown).await;
    };
    let stream = match tokio::time::timeout(limits.handshake_timeout, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => return tracing::debug!("a TLS handshake took too long"),
    };
    let service = service(PeerCertificates::of(&stream));
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let connection = http2(limits).serve_connection(TokioIo::new(stream), service);
        drain(connection, http2::Connection::graceful_shutdown, shutdown).await;
    } else {
        let connection = http1(limits).serve_connection(TokioIo::new(stream), service);
        drain(connection, http1::Connection::graceful_shutdown, shutdown).await;
    }
}

fn http1(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    builder
}

fn http2(limits: Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .keep_alive_interval(Some(limits.header_timeout))
        .keep_alive_timeout(limits.header_timeout);
    builder
}

/// Drives a connection to its end; told to stop, it finishes what is under way.
async fn drain<C, E>(
    connection: C,
    graceful_shutdown: impl FnOnce(Pin<&mut C>),
    shutdown: CancellationToken,
) where
    C: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = shutdown.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            graceful_shutdown(connection.as_mut());
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(router: Router, request: Request, limits: Limits) -> Result<Response, Infallible> {
    // RFC 9110 §15.5.14: what announces itself as far too large is not waited for. What is somewhat
    // too large gets its answer from the surface, in the envelope that its callers read.
    if request.body().size_hint().lower() > ANNOUNCED_BYTES_MAX {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    }
    match tokio::time::timeout(limits.request_timeout, router.oneshot(request)).await {
        Ok(response) => response,
        // RFC 9110 §15.6.4; and not 408, which invites the client to repeat what may have been done.
        Err(_) => Ok(StatusCode::SERVICE_UNAVAILABLE.into_response()),
    }
}
