//! Starting a server.

use std::cell::Cell;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actions::{Pool, Program};
use engine::app::{App, Parts};
use engine::clock::Clock;
use engine::journal::Journal;
use engine::keys::SigningMaterial;
use engine::outbound::{CALL_TIMEOUT, Outbound, Reach};
use model::tenant::BaseUrl;
use reqwest::header::HeaderName;
use store::{Database, WriteTx, tenants};
use strongroom::seed::TENANT;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use vault::keyring::KekSet;
use web::Edge;
use web::client_certificates::ClientCertificates;
use web::listen::{self, Limits};
use web::proxies::TrustedProxies;

use crate::catalogue;
use crate::certificates::Authority;
use crate::clock::{ManualClock, WrongClock};
use crate::database::{Engine, Place};
use crate::emulated;
use crate::entropy::SeededEntropy;
use crate::front::Front;
use crate::link::Link;
use crate::tenant::Tenant;
use crate::world::{World, http_client};

const OTHER_TENANT: &str = "other";

/// A server on a free port, with its tenant; it has the steps of the [`Tenant`].
pub struct TestServer {
    world: Arc<World>,
    tenant: Tenant,
    seed: String,
    limits: Limits,
    edge: Edge,
    link: Option<Link>,
}

/// Another process that holds the database's write lock.
pub struct DatabaseLock(#[expect(dead_code, reason = "its drop is its use")] WriteTx);

/// What a server is to be like.
#[derive(Debug)]
pub struct Builder {
    engine: Engine,
    seed: String,
    limits: Limits,
    call_timeout: Duration,
    by_link: bool,
    edge: Edge,
    providers: Vec<(String, String)>,
}

impl Default for Builder {
    fn default() -> Self {
        // A short drain: tests end with connections that nobody closes.
        let limits = Limits { drain_timeout: Duration::from_millis(100), ..Limits::default() };
        let (engine, seed) = (Engine::Sqlite, test_name());
        let (call_timeout, by_link) = (CALL_TIMEOUT, false);
        let (edge, providers) = (Edge::default(), Vec::new());
        Self { engine, seed, limits, call_timeout, by_link, edge, providers }
    }
}

impl Builder {
    /// The database's engine; SQLite if nothing is said.
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// What all randomness follows from; if nothing is said, the test's name.
    #[must_use]
    pub fn seed(mut self, seed: &str) -> Self {
        seed.clone_into(&mut self.seed);
        self
    }

    /// What a connection may take.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// For how long a provider may keep the server waiting.
    #[must_use]
    pub fn call_timeout(mut self, call_timeout: Duration) -> Self {
        self.call_timeout = call_timeout;
        self
    }

    /// Whoever calls is a proxy of the operator's own.
    #[must_use]
    pub fn behind_proxies(self) -> Self {
        let networks = ["127.0.0.0/8", "10.0.0.0/8"].map(|text| text.parse().unwrap());
        let proxies = TrustedProxies::within(networks.into());
        let proxies = proxies.telling_certificates_by(HeaderName::from_static("client-cert"));
        Self { edge: Edge { proxies, ..self.edge }, ..self }
    }

    /// Each host answers as `mtls.` and itself too, and believes the names that these authorities sign.
    #[must_use]
    pub fn taking_certificates(self, authorities: &[&Authority]) -> Self {
        let authorities = authorities.iter().map(|authority| authority.certificate()).collect();
        let authorities = Some(strongroom::tls::authorities(authorities).unwrap());
        let certificates = ClientCertificates { authorities, has_aliases: true };
        Self { edge: Edge { certificates, ..self.edge }, ..self }
    }

    /// With one more file of a provider, as from `--providers-dir`. The emulator plays it too.
    #[must_use]
    pub fn provider(mut self, name: &str, text: &str) -> Self {
        self.providers.push((name.to_owned(), text.to_owned()));
        self
    }

    /// PostgreSQL, over a [`Link`].
    #[must_use]
    pub fn by_link(self) -> Self {
        Self { by_link: true, ..self.engine(Engine::Postgres) }
    }

    /// Starts it: provider, server, tenant.
    pub async fn start(self) -> TestServer {
        let Self { engine, seed, limits, call_timeout, by_link, edge, providers } = self;
        let catalogue = catalogue::with(&providers);
        let clock = Arc::new(ManualClock::new());
        let entropy = Arc::new(SeededEntropy::new(&seed));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let bases = base_urls(TENANT, port);
        let callbacks = bases.iter().chain(&base_urls(OTHER_TENANT, port)).map(callback).collect();
        let (emulator, provider, registered_keys) =
            emulated::start(&catalogue, &clock, &entropy, callbacks).await;

        let journal = tempfile::tempdir().unwrap();
        let place = Place::make(engine).await;
        let (database, link) = if by_link {
            let (database, link) = place.open_by_link().await;
            (database, Some(link))
        } else {
            (place.open().await, None)
        };
        store::migrate::migrate(&database, clock.now()).await.unwrap();
        let app = App::new(Parts {
            store: database,
            keks: Keks::Usual.of(&seed),
            clock: Arc::<ManualClock>::clone(&clock),
            entropy: Arc::<SeededEntropy>::clone(&entropy),
            outbound: Outbound::within(Reach::PublicAndLoopback, call_timeout).unwrap(),
            catalogue: catalogue::of_emulator(&catalogue, &emulator.base_url),
            actions: Pool::new(actions_worker()),
            journal: Journal::open(journal.path(), &*entropy).unwrap(),
        })
        .await
        .unwrap();
        let stop = CancellationToken::new();
        let router = web::router(Arc::clone(&app), edge.clone()).unwrap();
        tokio::spawn(listen::serve(listener, None, router, limits, stop.clone()));

        let http = http_client();
        let stop = stop.drop_guard();
        let world = World {
            app,
            clock,
            entropy,
            http,
            emulator,
            provider,
            registered_keys,
            port,
            place,
            journal,
            stop,
        };
        let world = Arc::new(world);
        let tenant = Tenant::plant(&world, TENANT, bases).await;
        TestServer { world, tenant, seed, limits, edge, link }
    }
}

impl TestServer {
    /// Starts one that is like most.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// To start one that is not.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The clock of everything.
    pub fn clock(&self) -> &ManualClock {
        &self.world.clock
    }

    /// The randomness of everything.
    pub fn entropy(&self) -> &SeededEntropy {
        &self.world.entropy
    }

    /// The tenant as it is known by its second host, `127.0.0.1`.
    pub fn by_second_host(&self) -> Tenant {
        self.tenant.by_host(1)
    }

    /// Makes a second tenant, at a host of its own.
    pub async fn other_tenant(&self) -> Tenant {
        let bases = base_urls(OTHER_TENANT, self.world.port);
        Tenant::plant(&self.world, OTHER_TENANT, bases).await
    }

    /// Starts another node of the cluster: it shares the database and the keys, and remembers
    /// nothing of what the first one does. The [`Link`] is the first one's.
    pub async fn another_node(&self) -> Front {
        self.node(&self.world.journal.path().join("another"), Keks::Usual).await
    }

    /// Starts another node whose clock is so many seconds ahead, or behind.
    pub async fn another_node_ahead(&self, ahead_seconds: i64) -> Front {
        let journal = self.world.journal.path().join(format!("ahead-{ahead_seconds}"));
        let clock = WrongClock { clock: Arc::clone(&self.world.clock), ahead_seconds };
        let app = self.app_by(&journal, Keks::Usual, Arc::new(clock)).await;
        Front::plain(&app, self.limits).await
    }

    /// Starts the same node anew, as after a crash: it finds its journal.
    pub async fn same_node_again(&self) -> Front {
        self.node(self.world.journal.path(), Keks::Usual).await
    }

    /// Renews what is due, as the server does by itself now and then. Answers how many tokensets it
    /// looked after.
    pub async fn renew_due(&self) -> usize {
        engine::renewals::renew_due(&self.world.app, self.world.clock.now()).await.unwrap()
    }

    /// Revokes what is due, as the server does by itself each second. Answers how many grants it looked
    /// after.
    pub async fn revoke_due(&self) -> usize {
        let now = self.world.clock.now();
        engine::provider_revocations::revoke_due(&self.world.app, now).await.unwrap()
    }

    /// Delivers what is due, as the server does by itself each second. Answers how many deliveries it
    /// attempted.
    pub async fn deliver_due(&self) -> usize {
        engine::event_streams::deliver_due(&self.world.app, self.world.clock.now()).await.unwrap()
    }

    /// Removes accounts that are of no use any more, as the server does by itself each hour.
    pub async fn clean(&self) -> u64 {
        engine::retention::clean(&self.world.app, self.world.clock.now()).await.unwrap()
    }

    /// Takes away what has ended, as the server does by itself each minute.
    pub async fn sweep(&self) {
        engine::jobs::sweep_all(&self.world.app).await.unwrap();
    }

    /// How many renewed tokensets wait for the database.
    pub fn journalled(&self) -> usize {
        self.world.app.journal.waiting()
    }

    /// The wire to the database, of a server that was started by one.
    pub fn link(&self) -> &Link {
        self.link.as_ref().expect("a server with a link")
    }

    /// Connections of one's own to the database, as another program has them.
    pub async fn another_program(&self) -> Database {
        self.world.place.open().await
    }

    /// Lets nobody write to the SQLite database until it is dropped, or ten seconds have passed.
    pub async fn lock_database(&self) -> DatabaseLock {
        let mut tx = self.another_program().await.write().await.unwrap();
        assert!(tenants::exist(&mut tx).await.unwrap());
        DatabaseLock(tx)
    }

    /// Starts a node that has none but the key-encryption key that keys are rotated to.
    pub async fn node_with_next_kek(&self) -> Front {
        self.node(&self.world.journal.path().join("next"), Keks::NextAlone).await
    }

    /// What `strongroom keys` works with: a node that serves nobody, whose active key-encryption key is
    /// the next one.
    pub async fn rotating(&self) -> Arc<App> {
        self.app_with(&self.world.journal.path().join("rotating"), Keks::Next).await
    }

    async fn node(&self, journal: &Path, keks: Keks) -> Front {
        Front::plain(&self.app_with(journal, keks).await, self.limits).await
    }

    async fn app_with(&self, journal: &Path, keks: Keks) -> Arc<App> {
        self.app_by(journal, keks, Arc::<ManualClock>::clone(&self.world.clock)).await
    }

    async fn app_by(&self, journal: &Path, keks: Keks, clock: Arc<dyn Clock>) -> Arc<App> {
        let World { app, place, entropy, .. } = &*self.world;
        let app = App::new(Parts {
            store: if self.link.is_some() { place.open().await } else { app.store.clone() },
            keks: keks.of(&self.seed),
            clock,
            entropy: Arc::<SeededEntropy>::clone(entropy),
            outbound: Outbound::new(Reach::PublicAndLoopback).unwrap(),
            catalogue: app.catalogue.clone(),
            actions: Pool::new(actions_worker()),
            journal: Journal::open(journal, &**entropy).unwrap(),
        });
        app.await.unwrap()
    }

    /// Lets the same node listen with TLS too.
    pub async fn with_tls(&self) -> Front {
        Front::tls(&self.world.app, self.limits, self.edge.clone()).await
    }

    /// The folder with the database's files, on SQLite.
    pub fn database_folder(&self) -> Option<&Path> {
        self.world.place.folder()
    }
}

impl Deref for TestServer {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

/// Which key-encryption keys a node has, the active one first.
#[derive(Clone, Copy)]
enum Keks {
    /// The first one, and the next one for opening.
    Usual,
    /// The next one, and the first one for opening.
    Next,
    /// The next one.
    NextAlone,
}

impl Keks {
    /// The same for each node of a cluster.
    fn of(self, seed: &str) -> KekSet {
        let kek =
            |name| engine::kek::ephemeral(&SeededEntropy::new(&format!("{seed} {name}"))).unwrap();
        let (first, next) = (kek("KEK"), kek("next KEK"));
        match self {
            Self::Usual => KekSet::new(first, vec![next]),
            Self::Next => KekSet::new(next, vec![first]),
            Self::NextAlone => next.into(),
        }
    }
}

/// The keys that every tenant of this process signs with: making them takes longer than a test.
pub(crate) async fn signing_material() -> SigningMaterial {
    static MATERIAL: OnceCell<SigningMaterial> = OnceCell::const_new();
    let material = MATERIAL.get_or_init(async || SigningMaterial::generate().await.unwrap());
    material.await.clone()
}

/// What scripts run in. Cargo builds it before the tests of this package and says where it is.
pub fn actions_worker() -> Program {
    Program::new(std::env::var_os("CARGO_BIN_EXE_actions-worker").unwrap_or_default(), &[])
}

/// Two hosts for the main tenant, one for another.
fn base_urls(tenant: &str, port: u16) -> Vec<BaseUrl> {
    let hosts = match tenant {
        TENANT => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
        other => vec![format!("{other}.localhost")],
    };
    let base = |host: &String| BaseUrl::parse(&format!("http://{host}:{port}")).unwrap();
    hosts.iter().map(base).collect()
}

fn callback(base: &BaseUrl) -> String {
    base.join("login/callback")
}

/// The test runner names the thread after the test; a test's servers are told apart by number.
fn test_name() -> String {
    thread_local! {
        static STARTED: Cell<u32> = const { Cell::new(0) };
    }
    let number = STARTED.replace(STARTED.get() + 1);
    format!("{} {number}", std::thread::current().name().unwrap_or_default())
}
