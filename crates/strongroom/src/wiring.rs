//! The parts, put together and running.

use std::path::Path;
use std::sync::Arc;

use actions::{Pool, Program};
use connectors::Catalogue;
use engine::app::{App, Parts};
use engine::clock::Clock;
use engine::entropy::Entropy;
use engine::jobs;
use engine::journal::{self, Journal};
use engine::outbound::{Outbound, Reach};
use engine::{event_streams, provider_revocations, renewals};
use store::Database;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vault::keyring::KekSet;
use web::Edge;
use web::listen::{self, Limits, Tls};

use crate::failure::Failure;

/// The argument that makes this binary a worker for scripts.
pub(crate) const ACTIONS_WORKER: &str = "actions-worker";

/// The application over a database.
pub(crate) async fn app(
    store: Database,
    keks: KekSet,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    reach: Reach,
    journal: &Path,
    catalogue: Catalogue,
) -> Result<Arc<App>, Failure> {
    let outbound = Outbound::new(reach).map_err(Failure::Outbound)?;
    let journal = Journal::open(journal, &*entropy)
        .map_err(|source| Failure::Journal { folder: journal.to_owned(), source })?;
    let actions = Pool::new(Program::this(ACTIONS_WORKER).map_err(Failure::Program)?);
    let parts = Parts { store, keks, clock, entropy, outbound, catalogue, actions, journal };
    Ok(App::new(parts).await?)
}

/// The listeners that serve an application.
pub(crate) struct Servers {
    app: Arc<App>,
    router: axum::Router,
    limits: Limits,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Servers {
    /// Serves nothing yet.
    pub(crate) fn new(app: Arc<App>, limits: Limits, edge: Edge) -> Result<Self, Failure> {
        let router = web::router(Arc::clone(&app), edge)?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(jobs::housekeeping(Arc::clone(&app), stop.clone()));
        tasks.spawn(jobs::forgetting(Arc::clone(&app), stop.clone()));
        tasks.spawn(journal::replaying(Arc::clone(&app), stop.clone()));
        tasks.spawn(renewals::renewing(Arc::clone(&app), stop.clone()));
        tasks.spawn(provider_revocations::revoking(Arc::clone(&app), stop.clone()));
        tasks.spawn(event_streams::delivering(Arc::clone(&app), stop.clone()));
        tasks.spawn(jobs::retaining(Arc::clone(&app), stop.clone()));
        Ok(Self { app, router, limits, stop, tasks })
    }

    /// Serves on one more listener.
    pub(crate) fn serve(&self, listener: TcpListener, tls: Option<Tls>) {
        let Self { app: _, router, limits, stop, tasks } = self;
        tasks.spawn(listen::serve(listener, tls, router.clone(), *limits, stop.clone()));
    }

    /// Something else that stops together with the listeners.
    pub(crate) fn beside(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Becomes ready when it is time to stop.
    pub(crate) fn stopping(&self) -> impl Future<Output = ()> + Send + 'static {
        self.stop.clone().cancelled_owned()
    }

    /// Accepts nothing new, lets requests under way end, then what they have detached.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.app.finish().await;
    }
}
