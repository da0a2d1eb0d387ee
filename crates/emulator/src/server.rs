//! The accept loop. An own one, because a fault rule may close a connection
//! without an answer, and because slow headers must not hold one for ever.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use crate::faults::layer::DropConnection;

const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause after a failed accept: mostly there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` changes or its sender is gone, then lets open requests
/// finish for a moment.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<()>) {
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _peer)) => spawn(stream, router.clone(), &connections),
                Err(_transient) => sleep(ACCEPT_PAUSE).await,
            },
            _stopped = stop.changed() => break,
        }
    }
    drop(listener);
    // What does not finish in time is dropped with the runtime.
    let _in_time = timeout(SHUTDOWN_TIMEOUT, connections.shutdown()).await;
}

fn spawn(stream: TcpStream, router: Router, connections: &GracefulShutdown) {
    let service = service_fn(move |request| answer(router.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // A broken connection is the peer's business, or a fault rule's wish.
        let _ended = connection.await;
    });
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dropped by a fault rule")
    }
}

impl std::error::Error for Dropped {}

async fn answer(router: Router, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    let answered: Result<Response<Body>, Infallible> = router.oneshot(request.map(Body::new)).await;
    match answered {
        Ok(response) if response.extensions().get::<DropConnection>().is_some() => Err(Dropped),
        Ok(response) => Ok(response),
    }
}
