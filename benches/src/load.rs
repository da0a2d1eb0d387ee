//! The load generator: a fixed number of requests over a fixed number of kept-alive connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use url::Url;

use crate::Outcome;

const CONNECTIONS: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(30);

/// A request that is sent over and over.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) url: Url,
    pub(crate) body: Arc<str>,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Measured {
    took: Duration,
    latencies: Vec<Duration>,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        let requests = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        f64::from(requests) / self.took.as_secs_f64()
    }

    /// A percentile of the latencies, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let position = (self.latencies.len() * percent / 100).min(self.latencies.len() - 1);
        self.latencies[position].as_secs_f64() * 1000.0
    }
}

/// A client that keeps its connections.
pub(crate) fn client() -> Outcome<reqwest::Client> {
    #[expect(clippy::disallowed_methods, reason = "the load generator is not the server")]
    let builder = reqwest::Client::builder();
    Ok(builder.pool_max_idle_per_host(CONNECTIONS).timeout(TIMEOUT).no_proxy().build()?)
}

/// Sends the request so often; any answer but 200 ends the run.
pub(crate) async fn run(
    client: &reqwest::Client,
    request: &Request,
    requests: usize,
) -> Outcome<Measured> {
    let left = Arc::new(AtomicUsize::new(requests));
    let began = Instant::now();
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(work(client.clone(), request.clone(), Arc::clone(&left))))
        .collect();
    let mut latencies = Vec::with_capacity(requests);
    for worker in workers {
        latencies.extend(worker.await??);
    }
    let took = began.elapsed();
    latencies.sort();
    Ok(Measured { took, latencies })
}

async fn work(
    client: reqwest::Client,
    request: Request,
    left: Arc<AtomicUsize>,
) -> Outcome<Vec<Duration>> {
    let mut latencies = Vec::new();
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
        let sent = Instant::now();
        let answer = client
            .post(request.url.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(request.body.to_string())
            .send()
            .await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        if status != 200 {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
        }
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}
