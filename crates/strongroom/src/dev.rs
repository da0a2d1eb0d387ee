//! `strongroom dev`: everything on this machine, in one process.
//!
//! 1. The ports are taken first: if one is not to be had, nothing is written. So the emulator's address
//!    is known before the server reads where the providers of `--providers` are.
//! 2. The folder, the database and the key are opened or made, while the signing keys of a new
//!    tenant and of the emulator are generated on other threads.
//! 3. The emulator starts, on an origin of its own.
//! 4. The tenant is planted ([`crate::seed`]); its `calendar` connection leads to the emulator, and so
//!    does one for each provider of `--providers`.
//! 5. The server listens, then the demo, on a third origin, and the door for commands ([`control`]).
//! 6. The announcement: for people, or one line of JSON.
//!
//! `dev fault` and `dev clock` command one that runs ([`remote`]).
//!
//! With `--https` the announced issuer is `https://HOST:PORT/` by a local CA, and plain http stays
//! beside it on a port of its own (`--http-port`): same tenant, other issuer. The demo keeps to that
//! one, so that it needs neither the CA nor a line in the hosts file.
//!
//! With `--data` the database outlives the process, the emulator does not: it forgets whom it gave
//! tokens to, so accounts have to be connected again. What is printed at the next start: the same
//! clients with the same secrets (from their sealed copies), and new passwords, because nobody can
//! print a password of which only the hash is kept.

mod announcement;
mod clock;
mod control;
mod demo;
mod emulated;
mod fault;
mod local_ca;
mod options;
mod place;
mod ports;
mod provider;
mod remote;
mod seed_file;
mod summary;

use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::{Catalogue, Spec};
use engine::app::App;
use engine::clock::{Clock, SystemClock};
use engine::entropy::{Entropy, OsEntropy};
use engine::keys::{KeyError, SigningMaterial};
use engine::outbound::Reach;
use model::ids::{Id, TenantId};
use protocol::secret::Password;
use web::Edge;
use web::listen::{Limits, Tls};

use crate::failure::Failure;
use crate::seed::{
    self, Applications, CALENDAR_CONNECTION, Person, Plan, RESOURCE_SERVER, Seeded, TENANT,
};
use crate::signals::StopSignals;
use crate::storage;
use crate::wiring::{self, Servers};

use self::announcement::Announcement;
use self::clock::DevClock;
use self::control::Control;
use self::demo::DemoConfig;
use self::options::DevCommand;
use self::place::Place;
use self::ports::{Origins, Ports};
use self::provider::Provider;
use self::seed_file::SeedFile;

pub(crate) use self::clock::ClockError;
pub(crate) use self::demo::DemoError;
pub(crate) use self::emulated::EmulatedError;
pub(crate) use self::fault::FaultError;
pub(crate) use self::local_ca::LocalCaError;
pub(crate) use self::options::Options;
pub(crate) use self::place::PlaceError;
pub(crate) use self::remote::RemoteError;
pub(crate) use self::seed_file::SeedFileError;

/// Short: whoever presses Ctrl-C is waiting.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Commands the server that runs, or runs one.
pub(crate) async fn run(mut options: Options) -> Result<(), Failure> {
    match options.command.take() {
        Some(DevCommand::Fault(options)) => fault::run(options).await,
        Some(DevCommand::Clock(options)) => clock::run(options).await,
        None => serve_until_stopped(options).await,
    }
}

async fn serve_until_stopped(options: Options) -> Result<(), Failure> {
    let began = Instant::now();
    let mut signals = StopSignals::listen().map_err(Failure::Signals)?;
    let seed_file = options.seed.as_deref().map(SeedFile::read).transpose()?.unwrap_or_default();
    let catalogue = options.providers.catalogue()?;
    let specs = emulated::named(&options.emulated, &catalogue)?;
    let (ports, origins) = Ports::take(&options).await?;
    let catalogue = emulated::moved(&catalogue, &specs, &ports::url(&origins.emulator)?);
    let place = Place::prepare(&options)?;

    // RSA keys take longer than everything else.
    let emulator_key = joined(tokio::task::spawn_blocking(provider::generate_key));
    let tenant_keys = tenant_keys(&place);
    let certificate = match &origins.secure {
        Some(base) => Some(local_ca::certificate(place.folder(), base, SystemClock.now())?),
        None => None,
    };
    let clock = Arc::new(DevClock::default());
    let app = open(&place, catalogue, Arc::clone(&clock)).await?;
    let callbacks = origins.base_urls().iter().map(|base| base.join("login/callback")).collect();
    let Ports { plain, secure, emulator, demo } = ports;
    let (now, entropy) = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
    let provider = Provider::start(emulator, &specs, callbacks, emulator_key, now, entropy).await?;
    let plan = plan(&app, &origins, &provider, seed_file, specs);
    let seeded = seed::plant(&app, plan, tenant_keys, app.now()).await?;

    let flavours = provider.flavours.iter();
    let flavours = flavours.map(|(name, flavour)| (name.clone(), (*flavour).into())).collect();
    let control = Control::open(place.folder(), &*app.entropy, flavours).await?;
    let announced = announcement::Control::of(place.folder(), &control.door);
    let servers = Servers::new(Arc::clone(&app), limits(), Edge::default())?;
    servers.serve(plain, None);
    if let (Some(listener), Some(certificate)) = (secure, &certificate) {
        servers.serve(listener, Some(Tls::new(Arc::clone(&certificate.config), None)));
    }
    if let (Some(listener), Some(_)) = (demo, &origins.demo) {
        let config = demo_config(&app, &origins, &seeded, &provider)?;
        beside(&servers, "the demo", demo::serve(listener, config, servers.stopping()));
    }
    let commands = control.serve(clock, provider.controls(), servers.stopping());
    beside(&servers, "the door for commands", commands);
    let ca = certificate.map(|certificate| certificate.files);
    Announcement::new(&origins, ca, seeded, &provider, announced)
        .print(options.json, began.elapsed())
        .map_err(Failure::Output)?;

    signals.next().await;
    let stop = async {
        servers.stop().await;
        provider.stop().await;
    };
    tokio::select! {
        () = stop => {}
        // A second signal: at once.
        () = signals.next() => {}
    }
    drop(place);
    Ok(())
}

/// The signing keys of a new tenant, begun at once where it is certain that they will be needed.
fn tenant_keys(place: &Place) -> impl Future<Output = Result<SigningMaterial, KeyError>> {
    let begun = place.is_new().then(|| tokio::spawn(SigningMaterial::generate()));
    async {
        match begun {
            Some(task) => joined(task).await,
            None => SigningMaterial::generate().await,
        }
    }
}

/// What a task of ours returned. It is never cancelled, so what else can happen to it is a panic,
/// and that is ours.
async fn joined<T>(task: tokio::task::JoinHandle<T>) -> T {
    task.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

async fn open(
    place: &Place,
    catalogue: Catalogue,
    clock: Arc<DevClock>,
) -> Result<Arc<App>, Failure> {
    let entropy = Arc::new(OsEntropy);
    let database = storage::open(place.database(), clock.now()).await?;
    let keks = storage::keks(&place.kek(), &[], &database, &*entropy, clock.now()).await?;
    let journal = place.folder().join("unstored");
    let reach = Reach::PublicAndLoopback;
    wiring::app(database, keks, clock, entropy, reach, &journal, catalogue).await
}

fn plan(
    app: &App,
    origins: &Origins,
    provider: &Provider,
    seed_file: SeedFile,
    emulated: Vec<Arc<Spec>>,
) -> Plan {
    let SeedFile { mut applications, users } = seed_file;
    let Applications { callbacks, origins: application_origins, logout_urls } = &mut applications;
    if let Some(demo) = &origins.demo {
        callbacks.insert(0, demo.issuer().to_owned());
        application_origins.insert(0, demo.origin().to_owned());
        logout_urls.insert(0, demo.issuer().to_owned());
    }
    let person = |email: &str, name: &str, password: Option<Password>| Person {
        email: email.to_owned(),
        name: name.to_owned(),
        password: password.unwrap_or_else(|| fresh_password(&*app.entropy)),
    };
    let mut people = vec![
        person("ada@strongroom.test", "Ada Lovelace", None),
        person("grace@strongroom.test", "Grace Hopper", None),
    ];
    people.extend(users.into_iter().map(|user| {
        let name = user.name.as_deref().unwrap_or(&user.email);
        person(&user.email, name, user.password)
    }));
    Plan {
        tenant: TenantId::new(TENANT),
        base_urls: origins.base_urls(),
        applications,
        people,
        provider: provider.access.clone(),
        emulated,
    }
}

/// Nobody has to remember it, but somebody may have to type it.
fn fresh_password(entropy: &dyn Entropy) -> Password {
    const LENGTH: usize = 16;
    let text: Id<()> = entropy.id("", LENGTH);
    Password::new(text.as_str())
}

fn limits() -> Limits {
    Limits { drain_timeout: DRAIN_TIMEOUT, ..Limits::default() }
}

/// Serves something else, for as long as the servers do.
fn beside<E: std::error::Error + 'static>(
    servers: &Servers,
    what: &'static str,
    task: impl Future<Output = Result<(), E>> + Send + 'static,
) {
    servers.beside(async move {
        if let Err(error) = task.await {
            tracing::error!(%error, "{what} failed");
        }
    });
}

fn demo_config(
    app: &Arc<App>,
    origins: &Origins,
    seeded: &Seeded,
    provider: &Provider,
) -> Result<DemoConfig, Failure> {
    let clock = Arc::clone(&app.clock);
    Ok(DemoConfig {
        base_url: ports::url(origins.demo.as_ref().unwrap_or(&origins.plain))?,
        issuer: ports::url(&origins.plain)?,
        resource_server: RESOURCE_SERVER.to_owned(),
        spa_client_id: seeded.spa.as_str().to_owned(),
        api_client_id: seeded.api.client_id.as_str().to_owned(),
        api_client_secret: seeded.api.client_secret.clone(),
        connection: CALENDAR_CONNECTION.to_owned(),
        events_endpoint: provider.events_endpoint(),
        clock: Arc::new(move || clock.now()),
    })
}
