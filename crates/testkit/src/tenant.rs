//! A tenant of a running server, and what everybody does with it.

use std::sync::Arc;

use engine::app::App;
use engine::entropy::Entropy;
use model::ids::TenantId;
use model::tenant::BaseUrl;
use protocol::secret::Password;
use reqwest::Method;
use strongroom::seed::{self, Applications, Person, Plan, Seeded};
use url::Url;

use crate::browser::{Browser, Persona};
use crate::call::Call;
use crate::dpop::DpopKey;
use crate::emulated::Emulated;
use crate::server::signing_material;
use crate::world::World;

/// A tenant, by one of its hosts.
///
/// It stands for whoever uses it: an application, an API, an operator.
#[derive(Clone)]
pub struct Tenant {
    pub(crate) world: Arc<World>,
    pub(crate) base: BaseUrl,
    seeded: Arc<Seeded>,
}

impl Tenant {
    pub(crate) async fn plant(world: &Arc<World>, name: &str, base_urls: Vec<BaseUrl>) -> Self {
        let base = base_urls[0].clone();
        let entropy: &dyn Entropy = &*world.entropy;
        let person = |username: &str| Person {
            email: format!("{username}@strongroom.test"),
            name: username.to_owned(),
            password: Password::new(entropy.id::<()>("", 16).as_str()),
        };
        let plan = Plan {
            tenant: TenantId::new(name),
            base_urls,
            applications: Applications::default(),
            people: vec![person("ada"), person("grace")],
            provider: world.provider.clone(),
            emulated: Vec::new(),
        };
        let signing = async { Ok(signing_material().await) };
        let seeded = seed::plant(&world.app, plan, signing, world.app.now()).await.unwrap();
        Self { world: Arc::clone(world), base, seeded: Arc::new(seeded) }
    }

    /// The same tenant by another of its hosts.
    pub(crate) fn by_host(&self, position: usize) -> Self {
        Self { base: self.seeded.tenant.base_urls[position].clone(), ..self.clone() }
    }

    /// What stands in it.
    pub fn seeded(&self) -> &Seeded {
        &self.seeded
    }

    /// The issuer of its tokens, by this host.
    pub fn issuer(&self) -> &str {
        self.base.issuer()
    }

    /// The origin of this host.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The audience of its My Account API, by this host.
    pub fn my_account_audience(&self) -> String {
        self.base.join("me/")
    }

    /// The audience of its Management API, by this host.
    pub fn management_audience(&self) -> String {
        self.base.join("api/v2/")
    }

    /// The URL of a path, which has a leading slash.
    pub fn url(&self, path: &str) -> Url {
        Url::parse(self.base.issuer()).unwrap().join(path).unwrap()
    }

    /// A request to be made.
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call::new(&self.world, method, self.url(path))
    }

    /// A GET to be made.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A POST to be made.
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// A PATCH to be made.
    pub fn patch(&self, path: &str) -> Call {
        self.call(Method::PATCH, path)
    }

    /// A DELETE to be made.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// The application behind the server.
    pub fn app(&self) -> &Arc<App> {
        &self.world.app
    }

    /// The provider.
    pub fn provider(&self) -> Emulated {
        Emulated::new(&self.world)
    }

    /// A browser that nobody has used.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.world)
    }

    /// A key that nobody has used.
    pub fn dpop_key(&self) -> DpopKey {
        DpopKey::generate(&self.world)
    }

    /// Ada: the first of the tenant's people, and the provider's user of that name.
    pub fn ada(&self) -> Persona {
        self.persona(0, "ada")
    }

    /// Grace, likewise.
    pub fn grace(&self) -> Persona {
        self.persona(1, "grace")
    }

    fn persona(&self, position: usize, provider_user: &str) -> Persona {
        let person = &self.seeded.people[position];
        Persona {
            login: (person.email.clone(), person.password.expose().to_owned()),
            provider_user: provider_user.to_owned(),
            accepts: true,
            allows: true,
        }
    }
}
