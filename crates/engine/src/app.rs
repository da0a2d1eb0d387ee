//! Everything that the use cases work with.

use std::sync::Arc;

use connectors::Catalogue;
use protocol::time::Timestamp;
use store::Database;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use vault::keyring::Kek;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::keys::{KeyError, Keys, TenantKeys};
use crate::origins::OriginCache;
use crate::outbound::Outbound;
use crate::passwords::PasswordHashing;

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
    /// The keys of the tenants.
    pub keys: Keys,
    /// Hashes passwords, a few at a time.
    pub passwords: PasswordHashing,

    pub(crate) origins: OriginCache,
    tasks: TaskTracker,
}

/// What an application is made of.
pub struct Parts {
    /// The database, migrated.
    pub store: Database,
    /// The key-encryption key.
    pub kek: Kek,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The way out.
    pub outbound: Outbound,
    /// What is known of providers.
    pub catalogue: Catalogue,
}

impl App {
    /// Puts the parts together; checks the key-encryption key before anything else.
    pub async fn new(parts: Parts) -> Result<Arc<Self>, KeyError> {
        let Parts { store, kek, clock, entropy, outbound, catalogue } = parts;
        let keys = Keys::unlock(&store, kek, &*entropy, clock.now()).await?;
        Ok(Arc::new(Self {
            store,
            clock,
            entropy,
            outbound,
            catalogue,
            keys,
            passwords: PasswordHashing::new(),

            origins: OriginCache::default(),
            tasks: TaskTracker::new(),
        }))
    }

    /// The time now; a handler asks once.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The keys of a tenant.
    pub async fn tenant_keys(
        &self,
        tenant: &model::ids::TenantId,
        now: Timestamp,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        self.keys.of(&mut self.store.read().await?, tenant, now).await
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
