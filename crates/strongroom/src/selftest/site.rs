//! Where a test takes place: a folder, a database, a key, the provider, and the servers.
//!
//! The tenant is planted by this process, which then lets go of the database. From there on it talks
//! to the servers as any application does; only the end of access tokens is brought forward in the
//! database, because an hour is long.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connectors::Catalogue;
use engine::app::App;
use engine::clock::{Clock as _, SystemClock};
use engine::entropy::OsEntropy;
use engine::keys::SigningMaterial;
use engine::outbound::Reach;
use model::ids::TenantId;
use model::tenant::BaseUrl;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::SelftestError;
use super::database::{Engine, OwnDatabase};
use super::http;
use super::provider::Provider;
use super::server::Server;
use crate::failure::Failure;
use crate::listeners::on_loopback;
use crate::seed::{self, Applications, CALENDAR_CONNECTION, Credentials, Plan, Seeded};
use crate::storage::{self, KekLocation};
use crate::wiring;

const TENANT: &str = "selftest";
/// The older switch of a connection: the tokens of a login go to the vault.
const KEEP_LOGIN_TOKENS: &str = "federated_connections_access_tokens";
/// So far in the past does an access token end that is made to.
const ENDED_AGO: Duration = Duration::from_secs(1);

/// What a test asks for.
pub(super) struct Setting {
    pub(super) engine: Engine,
    pub(super) processes: usize,
    pub(super) grace: Duration,
    pub(super) latency: Duration,
    pub(super) keep_folder: bool,
}

/// Everything that a test works with.
pub(super) struct Site {
    pub(super) http: reqwest::Client,
    pub(super) provider: Provider,
    pub(super) servers: Vec<Server>,
    pub(super) web: Credentials,
    tenant: TenantId,
    database: OwnDatabase,
    folder: TempDir,
}

impl Site {
    /// Makes everything and starts the servers. [`Site::leave`] takes it away again, so a test runs
    /// between the two whatever comes of it.
    pub(super) async fn enter(setting: &Setting) -> Result<Self, Failure> {
        let folder = new_folder(setting.keep_folder)?;
        let database = OwnDatabase::make(&setting.engine, folder.path(), &OsEntropy).await?;
        match furnish(setting, &folder, &database).await {
            Ok(Furniture { http, provider, servers, web, tenant }) => {
                let mut site = Self { http, provider, servers, web, tenant, database, folder };
                match site.start().await {
                    Ok(()) => Ok(site),
                    Err(error) => {
                        site.leave().await?;
                        Err(error)
                    }
                }
            }
            Err(error) => {
                database.remove().await?;
                Err(error)
            }
        }
    }

    async fn start(&mut self) -> Result<(), Failure> {
        for server in &mut self.servers {
            server.start(&self.http).await?;
        }
        Ok(())
    }

    /// The first of the servers.
    pub(super) fn first(&self) -> &Server {
        &self.servers[0]
    }

    /// Kills a server with SIGKILL.
    pub(super) async fn kill(&mut self, server: usize) -> Result<(), SelftestError> {
        self.servers[server].kill().await
    }

    /// Starts a server that has ended.
    pub(super) async fn restart(&mut self, server: usize) -> Result<(), SelftestError> {
        self.servers[server].start(&self.http).await
    }

    /// Lets the access token in the vault end, as far as the servers know.
    pub(super) async fn expire(&self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let database = storage::open(self.database.location(), now).await?;
        let mut tx = database.write().await?;
        let at = now.saturating_sub(ENDED_AGO);
        store::access_expiry::bring_forward(&mut tx, &self.tenant, at).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends the processes and removes what was made.
    pub(super) async fn leave(self) -> Result<(), Failure> {
        let Self { http: _, provider, servers, web: _, tenant: _, database, folder } = self;
        let mut outcome = Ok(());
        for mut server in servers {
            outcome = outcome.and(server.kill().await);
        }
        provider.stop().await;
        database.remove().await?;
        drop(folder);
        Ok(outcome?)
    }
}

/// What stands in the folder.
struct Furniture {
    http: reqwest::Client,
    provider: Provider,
    servers: Vec<Server>,
    web: Credentials,
    tenant: TenantId,
}

fn new_folder(keep: bool) -> Result<TempDir, SelftestError> {
    let private = Permissions::from_mode(0o700);
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("strongroom-selftest-").permissions(private);
    let mut folder = builder.tempdir().map_err(SelftestError::Folder)?;
    folder.disable_cleanup(keep);
    if keep {
        tracing::info!(folder = %folder.path().display(), "the folder stays");
    }
    Ok(folder)
}

async fn furnish(
    setting: &Setting,
    folder: &TempDir,
    database: &OwnDatabase,
) -> Result<Furniture, Failure> {
    let http = http::client()?;
    let kek_file = folder.path().join("kek");
    let executable = std::env::current_exe().map_err(SelftestError::Spawn)?;
    // Held until everything is planted, so that nobody takes a port meanwhile.
    let mut places: Vec<(TcpListener, u16, BaseUrl)> = Vec::new();
    for _ in 0..setting.processes {
        let (listener, port) = on_loopback(0, "port").await?;
        let origin = format!("http://localhost:{port}");
        let base_url =
            BaseUrl::parse(&origin).map_err(|source| Failure::Origin { origin, source })?;
        places.push((listener, port, base_url));
    }
    let base_urls: Vec<BaseUrl> = places.iter().map(|(_, _, base_url)| base_url.clone()).collect();
    let callbacks = base_urls.iter().map(|base| base.join("login/callback")).collect();
    let provider = Provider::start(http.clone(), callbacks, setting.grace, setting.latency).await?;
    let Seeded { tenant, web, .. } = plant(database, &kek_file, base_urls, &provider).await?;
    let server = |(number, (listener, port, base_url)): (usize, (TcpListener, u16, BaseUrl))| {
        drop(listener);
        Server {
            executable: executable.clone(),
            base_url,
            port,
            database: database.as_option(),
            kek_file: kek_file.clone(),
            log: folder.path().join(format!("server-{number}.log")),
            child: None,
        }
    };
    let servers = places.into_iter().enumerate().map(server).collect();
    Ok(Furniture { http, provider, servers, web, tenant: tenant.id })
}

/// The tenant of `strongroom dev`, under another name and with nobody in it.
async fn plant(
    database: &OwnDatabase,
    kek_file: &std::path::Path,
    base_urls: Vec<BaseUrl>,
    provider: &Provider,
) -> Result<Seeded, Failure> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let store = storage::open(database.location(), clock.now()).await?;
    let location = KekLocation::File(PathBuf::from(kek_file));
    let keks = storage::keks(&location, &[], &store, &*entropy, clock.now()).await?;
    let journal = kek_file.with_extension("unstored");
    let (reach, catalogue) = (Reach::PublicAndLoopback, Catalogue::embedded()?);
    let app = wiring::app(store, keks, clock, entropy, reach, &journal, catalogue).await?;
    let plan = Plan {
        tenant: TenantId::new(TENANT),
        base_urls,
        applications: Applications::default(),
        people: Vec::new(),
        provider: provider.access.clone(),
        emulated: Vec::new(),
    };
    let seeded = seed::plant(&app, plan, SigningMaterial::generate(), app.now()).await?;
    keep_login_tokens(&app, &seeded).await?;
    app.finish().await;
    Ok(seeded)
}

async fn keep_login_tokens(app: &App, seeded: &Seeded) -> Result<(), Failure> {
    let tenant = &seeded.tenant.id;
    let mut tx = app.store.write().await?;
    let found = store::connections::find_by_name(&mut tx, tenant, CALENDAR_CONNECTION).await?;
    let mut stored = found.ok_or(SelftestError::NoConnection(CALENDAR_CONNECTION))?;
    stored.connection.options.insert(KEEP_LOGIN_TOKENS.to_owned(), json!({ "active": true }));
    store::connections::update(&mut tx, tenant, &stored).await?;
    tx.commit().await?;
    Ok(())
}
