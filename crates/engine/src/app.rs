//! Everything that the use cases work with.

use std::sync::Arc;
use std::time::Duration;

use actions::Pool;
use connectors::Catalogue;
use model::ids::TenantId;
use model::tenant::Tenant;
use protocol::time::Timestamp;
use store::{Database, StoreError, refresh_leases, tenants};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use vault::keyring::KekSet;
use vault::seal::Sealed;

use crate::circuits::Circuits;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::journal::Journal;
use crate::keys::{KeyError, Keys, TenantKeys};
use crate::outbound::Outbound;
use crate::passwords::PasswordHashing;
use crate::provider_documents::ProviderDocuments;
use crate::recent::Recent;
use crate::refresh_flights::RefreshFlights;

/// A change of configuration shows no later.
const CONFIGURATION_KEPT: Duration = Duration::from_secs(1);

/// The application. Handlers share one behind an [`Arc`].
pub struct App {
    /// The database.
    pub store: Database,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The way out.
    pub outbound: Outbound,
    /// What is known of providers.
    pub catalogue: Catalogue,
    /// Where the scripts of tenants run.
    pub actions: Pool,
    /// The keys of the tenants.
    pub keys: Keys,
    /// Hashes passwords, a few at a time.
    pub passwords: PasswordHashing,
    /// What waits for the database.
    pub journal: Journal,
    /// What this process is called among the nodes.
    pub(crate) node: String,

    pub(crate) flights: RefreshFlights,
    pub(crate) circuits: Circuits,
    pub(crate) origins: Recent<TenantId, Vec<String>>,
    tenants: Recent<String, Tenant>,
    pub(crate) provider_documents: ProviderDocuments,
    tasks: TaskTracker,
}

/// What an application is made of.
pub struct Parts {
    /// The database, migrated.
    pub store: Database,
    /// The key-encryption keys.
    pub keks: KekSet,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The way out.
    pub outbound: Outbound,
    /// What is known of providers.
    pub catalogue: Catalogue,
    /// Where the scripts of tenants run.
    pub actions: Pool,
    /// Where renewed tokensets wait when the database is gone.
    pub journal: Journal,
}

impl App {
    /// Puts the parts together; checks the key-encryption key before anything else, and brings into the
    /// database what an earlier process could not.
    pub async fn new(parts: Parts) -> Result<Arc<Self>, KeyError> {
        let Parts { store, keks, clock, entropy, outbound, catalogue, actions, journal } = parts;
        let keys = Keys::unlock(&store, keks, &*entropy, clock.now()).await?;
        let node = journal.node().map_or_else(|| entropy.uuid(), str::to_owned);
        let app = Arc::new(Self {
            store,
            clock,
            entropy,
            outbound,
            catalogue,
            actions,
            keys,
            passwords: PasswordHashing::new(),
            journal,
            node,

            flights: RefreshFlights::default(),
            circuits: Circuits::default(),
            origins: Recent::new(CONFIGURATION_KEPT),
            tenants: Recent::new(CONFIGURATION_KEPT),
            provider_documents: ProviderDocuments::default(),
            tasks: TaskTracker::new(),
        });
        app.journal.replay(&app).await?;
        app.end_own_leases().await?;
        Ok(app)
    }

    /// What an earlier process of this node was renewing when it ended is known to be over: nobody has
    /// to wait for its leases.
    async fn end_own_leases(&self) -> Result<(), StoreError> {
        let mut tx = self.store.write().await?;
        let ended = refresh_leases::run_out(&mut tx, &self.node).await?;
        if ended > 0 {
            tracing::warn!(ended, "renewals were cut off when the process before this one ended");
        }
        tx.commit().await
    }

    /// The time now; a handler asks once.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The tenant that answers at `host[:port]`.
    pub async fn tenant_at(
        &self,
        authority: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Tenant>>, StoreError> {
        let key = authority.to_owned();
        if let Some(tenant) = self.tenants.get(&key, now) {
            return Ok(Some(tenant));
        }
        let found = tenants::find_by_authority(&mut self.store.read().await?, authority).await?;
        // A host that is nobody's is not remembered: anybody could fill the memory with such.
        Ok(found.map(|tenant| self.tenants.put(key, tenant, now)))
    }

    /// The keys of a tenant.
    pub async fn tenant_keys(
        &self,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        self.keys.of(&mut self.store.read().await?, tenant, now).await
    }

    /// The keys of a tenant, to open these records with.
    pub(crate) async fn keys_for_records(
        &self,
        tenant: &TenantId,
        records: &[&Sealed],
        now: Timestamp,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        self.keys.for_records(&mut self.store.read().await?, tenant, records, now).await
    }

    /// Runs what must finish even when its caller hangs up: a handler's future is dropped with its
    /// connection, this one is not. [`Self::finish`] waits for it.
    pub fn detach<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tasks.spawn(task)
    }

    /// Waits for all that was detached; called once nothing new comes in.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
