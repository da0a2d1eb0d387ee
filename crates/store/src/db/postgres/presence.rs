//! Whether the server is there.
//!
//! A server that is stopped, or at the other end of a network that is cut, refuses nothing; it is
//! silent. Whoever has waited for longer than a server lets a statement take doubts that it is there,
//! and has it asked over a new connection. If it does not answer that either, it is absent: those who
//! wait for it are told so at once, as is whoever comes, until it answers again. So a request that
//! needs the database several times waits for its absence once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Config, NoTls};

use crate::{Result, StoreError};

/// As long as the server lets a statement take.
const DOUBT_AFTER: Duration = Duration::from_millis(1500);
/// For how long a new connection is waited for. Whoever doubts waits as long again.
const PROBE_WAIT: Duration = Duration::from_millis(500);
/// How often an absent server is looked for.
const PROBE_EVERY: Duration = Duration::from_millis(200);

#[derive(Clone)]
pub(super) struct Presence {
    server: Arc<Server>,
}

struct Server {
    config: Config,
    pool: Pool,
    is_absent: watch::Sender<bool>,
    is_doubted: AtomicBool,
}

impl Presence {
    pub(super) fn new(config: Config, pool: Pool) -> Self {
        let is_absent = watch::Sender::new(false);
        let is_doubted = AtomicBool::new(false);
        Self { server: Arc::new(Server { config, pool, is_absent, is_doubted }) }
    }

    /// The answer, unless the server is absent or takes too long. What becomes of a statement that is
    /// given up is unknown, and its connection is in the middle of something.
    pub(super) async fn in_time<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let mut is_absent = self.server.is_absent.subscribe();
        tokio::select! {
            biased;
            _ = is_absent.wait_for(|&is_absent| is_absent) => unavailable("the server is silent"),
            answer = answer => answer,
            () = self.patience() => unavailable("no answer in time"),
        }
    }

    async fn patience(&self) {
        sleep(DOUBT_AFTER).await;
        if !self.server.is_doubted.swap(true, Ordering::AcqRel) {
            tokio::spawn(look_for(Arc::clone(&self.server)));
        }
        sleep(PROBE_WAIT).await;
    }
}

/// Asks until the server answers.
async fn look_for(server: Arc<Server>) {
    while !server.answers().await {
        if !server.is_absent.send_replace(true) {
            tracing::error!("the database server does not answer");
            // The server may have forgotten them when it is back.
            server.pool.retain(|_, _| false);
        }
        sleep(PROBE_EVERY).await;
    }
    server.is_doubted.store(false, Ordering::Release);
    if server.is_absent.send_replace(false) {
        tracing::info!("the database server answers again");
    }
}

impl Server {
    /// A refusal is an answer too, unless it comes from the network.
    async fn answers(&self) -> bool {
        match timeout(PROBE_WAIT, self.config.connect(NoTls)).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => error.as_db_error().is_some(),
            Err(_) => false,
        }
    }
}

fn unavailable<T>(reason: &str) -> Result<T> {
    Err(StoreError::Unavailable(reason.to_owned()))
}
