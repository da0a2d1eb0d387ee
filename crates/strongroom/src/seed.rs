//! What `strongroom dev` and the tests find in their tenant.
//!
//! Planting is idempotent: what exists is found again, what is missing is made.
//!
//! 1. The tenant with its keys and the two system APIs, or new base URLs for the one that exists.
//! 2. The users' passwords are hashed: slow work, and none for a transaction.
//! 3. In one transaction: the demo's API, the clients with their grants, the connections, the users.

mod apis;
mod clients;
mod connections;
mod users;

use std::sync::Arc;

use connectors::Spec;
use engine::app::App;
use engine::keys::{KeyError, SigningMaterial};
use engine::passwords::PasswordError;
use engine::tenants::{self, NewTenant};
use futures_util::future::try_join_all;
use model::ids::{ClientId, TenantId, UserId};
use model::tenant::{BaseUrl, Tenant, TenantSettings};
use protocol::secret::{ClientSecret, Password};
use protocol::time::Timestamp;
use store::StoreError;

use self::clients::Clients;

/// The tenant of `strongroom dev`.
pub const TENANT: &str = "dev";
/// The identifier of the demo's API.
pub const RESOURCE_SERVER: &str = "https://calendar.strongroom.test/";
/// The connection of the tenant's own users.
pub const DATABASE_CONNECTION: &str = "Username-Password-Authentication";
/// The connection to the emulated provider.
pub const CALENDAR_CONNECTION: &str = "calendar";

/// What is planted.
#[derive(Debug)]
pub struct Plan {
    /// The tenant's name.
    pub tenant: TenantId,
    /// Where the tenant answers; the first is what audiences of system APIs are stored with, unless
    /// the tenant exists.
    pub base_urls: Vec<BaseUrl>,
    /// What the applications may do beyond localhost.
    pub applications: Applications,
    /// Who can log in with a password.
    pub people: Vec<Person>,
    /// The provider behind the calendar connection.
    pub provider: ProviderAccess,
    /// Whom else the emulator pretends to be, to us as the same client. Each gets a connection of its
    /// strategy's name.
    pub emulated: Vec<Arc<Spec>>,
}

/// Places outside of `http://localhost:*` that the `spa` and `web` clients are registered with.
#[derive(Clone, Debug, Default)]
pub struct Applications {
    /// Redirect URIs.
    pub callbacks: Vec<String>,
    /// Origins of browser applications.
    pub origins: Vec<String>,
    /// Where logout may lead.
    pub logout_urls: Vec<String>,
}

/// Somebody with a password.
#[derive(Clone, Debug)]
pub struct Person {
    /// The e-mail address; the address counts as verified.
    pub email: String,
    /// The full name.
    pub name: String,
    /// The password; one that exists is replaced by it.
    pub password: Password,
}

/// Our registration at the provider.
#[derive(Clone, Debug)]
pub struct ProviderAccess {
    /// Its issuer, with the slash at the end.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// What proves it.
    pub client_secret: ClientSecret,
}

/// What stands in the tenant now.
#[derive(Clone, Debug)]
pub struct Seeded {
    /// The tenant.
    pub tenant: Tenant,
    /// The machine with every scope of the Management API.
    pub management: Credentials,
    /// The single-page application.
    pub spa: ClientId,
    /// The web application.
    pub web: Credentials,
    /// The Custom API Client of [`RESOURCE_SERVER`].
    pub api: Credentials,
    /// The people of the plan, in its order.
    pub people: Vec<SeededPerson>,
}

/// A confidential client.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Its id.
    pub client_id: ClientId,
    /// Its secret.
    pub client_secret: ClientSecret,
}

/// Somebody who can log in.
#[derive(Clone, Debug)]
pub struct SeededPerson {
    /// The user.
    pub user_id: UserId,
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: Password,
}

/// Why nothing was planted.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A password cannot be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Something with a name of the seed's is not what it was planted as.
    #[error("{0} is in the way of the seed: start with another database")]
    Occupied(String),
}

/// Plants what the plan says. `signing` is awaited only if the tenant is new.
pub async fn plant(
    app: &App,
    plan: Plan,
    signing: impl Future<Output = Result<SigningMaterial, KeyError>>,
    now: Timestamp,
) -> Result<Seeded, SeedError> {
    let Plan { tenant, base_urls, applications, people, provider, emulated } = plan;
    let tenant = find_or_make_tenant(app, tenant, base_urls, signing, now).await?;
    let keys = app.tenant_keys(&tenant.id, now).await?;
    let hashes = try_join_all(
        people.iter().map(|person| app.passwords.hash(person.password.clone(), &*app.entropy)),
    )
    .await?;

    let mut plot = Plot { app, tenant: &tenant, keys: &keys, tx: app.store.write().await?, now };
    apis::calendar(&mut plot).await?;
    let clients = clients::all(&mut plot, &applications).await?;
    let database = connections::database(&mut plot, &clients).await?;
    connections::calendar(&mut plot, &provider, &clients).await?;
    for spec in &emulated {
        connections::emulated(&mut plot, spec, &provider, &clients).await?;
    }
    let mut seeded_people = Vec::with_capacity(people.len());
    for (person, hash) in people.into_iter().zip(hashes) {
        seeded_people.push(users::person(&mut plot, &database, person, hash).await?);
    }
    plot.tx.commit().await?;

    let Clients { management, spa, web, api, .. } = clients;
    Ok(Seeded { tenant, management, spa, web, api, people: seeded_people })
}

/// Makes the client by which the Management API sets up everything else, in a tenant without one.
pub(crate) async fn management_client(
    app: &App,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<Credentials, SeedError> {
    let keys = app.tenant_keys(&tenant.id, now).await?;
    let mut plot = Plot { app, tenant, keys: &keys, tx: app.store.write().await?, now };
    let credentials = clients::management(&mut plot).await?;
    plot.tx.commit().await?;
    Ok(credentials)
}

/// Where planting happens.
struct Plot<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    keys: &'a engine::keys::TenantKeys,
    tx: store::WriteTx,
    now: Timestamp,
}

/// The tenant of the seed, answering at the base URLs.
///
/// One that exists keeps its canonical base URL, whether it is asked for or not: the audiences of
/// the system APIs are stored with it.
async fn find_or_make_tenant(
    app: &App,
    id: TenantId,
    base_urls: Vec<BaseUrl>,
    signing: impl Future<Output = Result<SigningMaterial, KeyError>>,
    now: Timestamp,
) -> Result<Tenant, SeedError> {
    let mut read = app.store.read().await?;
    let existing = store::tenants::find(&mut read, &id).await?;
    drop(read);
    let Some(mut tenant) = existing else {
        let settings = TenantSettings::default();
        let new = NewTenant { id, base_urls, settings, signing: signing.await? };
        return Ok(tenants::create(app, new, now).await?);
    };
    tenant.base_urls.truncate(1);
    for base in base_urls {
        if !tenant.base_urls.contains(&base) {
            tenant.base_urls.push(base);
        }
    }
    let mut tx = app.store.write().await?;
    store::tenants::replace_base_urls(&mut tx, &tenant).await?;
    tx.commit().await?;
    Ok(tenant)
}
