//! The application beside those that serve, for commands about their database.

use std::sync::Arc;

use connectors::Catalogue;
use engine::app::App;
use engine::clock::SystemClock;
use engine::entropy::OsEntropy;
use engine::outbound::Reach;
use model::ids::TenantId;
use model::tenant::Tenant;
use tempfile::TempDir;

use crate::failure::Failure;
use crate::serve::StorageOptions;
use crate::wiring;

/// The application, and a folder that goes with it.
pub(crate) struct Bystander {
    pub(crate) app: Arc<App>,
    _journal: TempDir,
}

impl Bystander {
    /// Opens a database that has a tenant. The journal is its own and empty: that of a server holds the
    /// server's name, and what only the server may bring into the database.
    pub(crate) async fn open(
        storage: &StorageOptions,
        reach: Reach,
        catalogue: Catalogue,
    ) -> Result<Self, Failure> {
        let (database, keks) = storage.open_populated().await?;
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let journal = tempfile::tempdir()
            .map_err(|source| Failure::Journal { folder: std::env::temp_dir(), source })?;
        let folder = journal.path();
        let app = wiring::app(database, keks, clock, entropy, reach, folder, catalogue).await?;
        Ok(Self { app, _journal: journal })
    }

    /// The tenant of a name, or the only one.
    pub(crate) async fn tenant(&self, name: Option<String>) -> Result<Tenant, Failure> {
        let mut read = self.app.store.read().await?;
        let id = match name {
            Some(name) => TenantId::new(name),
            None => {
                let mut tenants = store::resealing::tenants(&mut read).await?;
                match (tenants.pop(), tenants.pop()) {
                    (Some(only), None) => only,
                    (None, _) => return Err(Failure::NoTenant),
                    (Some(_), Some(_)) => return Err(Failure::WhichTenant),
                }
            }
        };
        let found = store::tenants::find(&mut read, &id).await?;
        found.ok_or_else(|| Failure::UnknownTenant { name: id.to_string() })
    }
}
