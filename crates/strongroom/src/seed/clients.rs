//! The four clients, and what they may ask for.

use std::collections::BTreeMap;

use engine::client_auth::{Held, reveal_secret, store_secret};
use engine::management_scopes::MANAGEMENT_SCOPES;
use engine::tenants::MY_ACCOUNT_SCOPES;
use model::client::{
    AppType, AuthMethod, Client, ExpirationType, JwtConfiguration, RefreshTokenPolicy,
    RefreshTokenSettings, RegisteredGrant, RotationType,
};
use model::client_grant::{ClientGrant, SubjectType};
use model::ids::ClientId;
use model::resource_server::SystemApi;
use model::tenant::Tenant;
use protocol::oauth::token::GrantType;
use protocol::secret::ClientSecret;
use serde_json::Map;
use store::clients::{StoredClient, StoredSecret};
use store::{client_grants, clients};

use super::apis::READ_CALENDAR;
use super::{Applications, Credentials, Plot, RESOURCE_SERVER, SeedError};

/// The member of a client's metadata by which it is found again, whatever it is called by then.
const ROLE_MEMBER: &str = "strongroom_role";
const CLIENT_ID_LENGTH: usize = 32;

/// Two tabs may refresh the same token at the same moment.
const REFRESH_LEEWAY_SECONDS: u32 = 10;
/// The loopback hosts on whose every port an application may run, and its usual paths there.
const LOOPBACK: [&str; 2] = ["http://localhost:*", "http://127.0.0.1:*"];
const CALLBACK_PATHS: [&str; 5] = ["", "/", "/callback", "/auth/callback", "/api/auth/callback"];

/// The clients.
pub(super) struct Clients {
    pub(super) management: Credentials,
    pub(super) spa: ClientId,
    pub(super) web: Credentials,
    pub(super) api: Credentials,
    made_now: Vec<ClientId>,
}

impl Clients {
    /// The clients that people's connections serve.
    pub(super) fn of_people(&self) -> [&ClientId; 3] {
        [&self.spa, &self.web.client_id, &self.api.client_id]
    }

    /// Those among them that did not exist before. What an operator did to the others stays.
    pub(super) fn newcomers(&self) -> impl Iterator<Item = &ClientId> {
        self.of_people().into_iter().filter(|client_id| self.made_now.contains(client_id))
    }
}

#[derive(Clone, Copy)]
enum Role {
    Management,
    Spa,
    Web,
    Api,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Management => "management",
            Self::Spa => "spa",
            Self::Web => "web",
            Self::Api => "api",
        }
    }
}

/// Finds or makes the clients.
pub(super) async fn all(
    plot: &mut Plot<'_>,
    applications: &Applications,
) -> Result<Clients, SeedError> {
    let management = management(plot).await?;
    let mut garden = Garden::enter(plot, applications).await?;
    let spa = garden.public(Role::Spa).await?;
    let web = garden.confidential(Role::Web).await?;
    let api = garden.confidential(Role::Api).await?;
    let made_now = garden.made_now;

    for client_id in [&spa, &web.client_id] {
        grant_my_account(plot, client_id).await?;
    }
    Ok(Clients { management, spa, web, api, made_now })
}

/// Finds or makes the client that holds every scope of the Management API.
pub(super) async fn management(plot: &mut Plot<'_>) -> Result<Credentials, SeedError> {
    let nowhere = Applications::default();
    let mut garden = Garden::enter(plot, &nowhere).await?;
    let management = garden.confidential(Role::Management).await?;
    grant_management(plot, &management.client_id).await?;
    Ok(management)
}

struct Garden<'a, 'p> {
    plot: &'a mut Plot<'p>,
    applications: &'a Applications,
    existing: Vec<StoredClient>,
    made_now: Vec<ClientId>,
}

impl<'a, 'p> Garden<'a, 'p> {
    async fn enter(
        plot: &'a mut Plot<'p>,
        applications: &'a Applications,
    ) -> Result<Self, SeedError> {
        let existing = clients::list(&mut plot.tx, &plot.tenant.id).await?;
        Ok(Self { plot, applications, existing, made_now: Vec::new() })
    }

    async fn public(&mut self, role: Role) -> Result<ClientId, SeedError> {
        Ok(self.find_or_insert(role, false).await?.0)
    }

    async fn confidential(&mut self, role: Role) -> Result<Credentials, SeedError> {
        let (client_id, client_secret) = self.find_or_insert(role, true).await?;
        let client_secret = client_secret
            .ok_or_else(|| SeedError::Occupied("a client without a secret".to_owned()))?;
        Ok(Credentials { client_id, client_secret })
    }

    async fn find_or_insert(
        &mut self,
        role: Role,
        is_confidential: bool,
    ) -> Result<(ClientId, Option<ClientSecret>), SeedError> {
        let Plot { app, tenant, keys, tx, now } = &mut *self.plot;
        let has_role = |stored: &StoredClient| {
            stored.client.client_metadata.get(ROLE_MEMBER).is_some_and(|it| it == role.as_str())
        };
        if let Some(at) = self.existing.iter().position(has_role) {
            let mut stored = self.existing.swap_remove(at);
            let client_id = stored.client.client_id.clone();
            let secret = match &stored.secret {
                Some(StoredSecret { sealed, .. }) => {
                    Some(reveal_secret(keys, &tenant.id, &client_id, Held::Present, sealed)?)
                }
                None => None,
            };
            if register(&mut stored.client, role, self.applications) {
                clients::update(tx, &tenant.id, &stored, *now).await?;
            }
            return Ok((client_id, secret));
        }
        let client_id: ClientId = app.entropy.id("", CLIENT_ID_LENGTH);
        let secret = is_confidential.then(|| engine::clients::mint(app));
        let sealed = match &secret {
            Some(secret) => {
                let (entropy, held) = (&*app.entropy, Held::Present);
                Some(store_secret(keys, &tenant.id, &client_id, held, secret, entropy)?)
            }
            None => None,
        };
        let mut client = client(client_id.clone(), role, tenant);
        register(&mut client, role, self.applications);
        let stored = StoredClient { client, secret: sealed };
        clients::insert(tx, &tenant.id, &stored, *now).await?;
        self.made_now.push(client_id.clone());
        Ok((client_id, secret))
    }
}

fn client(client_id: ClientId, role: Role, tenant: &Tenant) -> Client {
    let (name, app_type, grants) = match role {
        Role::Management => {
            ("Management", AppType::NonInteractive, vec![GrantType::ClientCredentials])
        }
        Role::Spa => (
            "Single-page application",
            AppType::Spa,
            vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        ),
        Role::Web => (
            "Web application",
            AppType::RegularWeb,
            vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::VaultExchange],
        ),
        Role::Api => ("Calendar API", AppType::ResourceServer, vec![GrantType::VaultExchange]),
    };
    Client {
        client_id,
        name: name.to_owned(),
        app_type: Some(app_type),
        is_first_party: true,
        oidc_conformant: true,
        callbacks: Vec::new(),
        allowed_origins: Vec::new(),
        web_origins: Vec::new(),
        allowed_logout_urls: Vec::new(),
        grant_types: grants.into_iter().map(RegisteredGrant::Served).collect(),
        token_endpoint_auth_method: match role {
            Role::Spa => AuthMethod::None,
            Role::Management | Role::Web | Role::Api => AuthMethod::ClientSecretPost,
        },
        client_authentication_methods: None,
        signed_request_object: None,
        token_vault_privileged_access: None,
        token_vault_policy: None,
        jwt_configuration: JwtConfiguration::default(),
        refresh_token: refresh_token(role, tenant),
        resource_server_identifier: match role {
            Role::Api => Some(RESOURCE_SERVER.to_owned()),
            Role::Management | Role::Spa | Role::Web => None,
        },
        require_proof_of_possession: false,
        require_pushed_authorization_requests: false,
        par_request_expiry: None,
        client_metadata: BTreeMap::from([(ROLE_MEMBER.to_owned(), role.as_str().to_owned())]),
        kept: Map::new(),
    }
}

/// One refresh token serves the demo's API and the My Account API.
fn refresh_token(role: Role, tenant: &Tenant) -> RefreshTokenSettings {
    // No more than reading: a policy adds its scopes to every refresh for its audience.
    let mut policies = vec![RefreshTokenPolicy {
        audience: RESOURCE_SERVER.to_owned(),
        scope: vec![READ_CALENDAR.to_owned()],
    }];
    if let Some(base) = tenant.canonical_base() {
        policies.push(RefreshTokenPolicy {
            audience: SystemApi::MyAccount.audience(base),
            scope: my_account_scopes(),
        });
    }
    match role {
        Role::Management | Role::Api => RefreshTokenSettings::default(),
        Role::Spa => RefreshTokenSettings {
            rotation_type: RotationType::Rotating,
            expiration_type: ExpirationType::Expiring,
            leeway: REFRESH_LEEWAY_SECONDS,
            infinite_token_lifetime: false,
            infinite_idle_token_lifetime: false,
            policies: Some(policies),
            ..RefreshTokenSettings::default()
        },
        Role::Web => {
            RefreshTokenSettings { policies: Some(policies), ..RefreshTokenSettings::default() }
        }
    }
}

/// Registers the places where the application runs. Whether anything was missing.
fn register(client: &mut Client, role: Role, applications: &Applications) -> bool {
    match role {
        Role::Management | Role::Api => return false,
        Role::Spa | Role::Web => {}
    }
    let on_loopback = |paths: &[&str]| -> Vec<String> {
        let hosts = LOOPBACK.iter();
        hosts.flat_map(|host| paths.iter().map(move |path| format!("{host}{path}"))).collect()
    };
    // The exact ones first: a request without a redirect URI goes to the first.
    let places = [
        (&mut client.callbacks, &applications.callbacks, on_loopback(&CALLBACK_PATHS)),
        (&mut client.allowed_logout_urls, &applications.logout_urls, on_loopback(&["", "/"])),
        (&mut client.allowed_origins, &applications.origins, on_loopback(&[""])),
        (&mut client.web_origins, &applications.origins, on_loopback(&[""])),
    ];
    let mut has_changed = false;
    for (registered, exact, loopback) in places {
        let missing: Vec<String> = exact
            .iter()
            .cloned()
            .chain(loopback)
            .filter(|place| !registered.contains(place))
            .collect();
        has_changed |= !missing.is_empty();
        registered.splice(0..0, missing);
    }
    has_changed
}

async fn grant_management(plot: &mut Plot<'_>, client_id: &ClientId) -> Result<(), SeedError> {
    let scopes = MANAGEMENT_SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
    grant(plot, client_id, SystemApi::Management, SubjectType::Client, scopes).await
}

async fn grant_my_account(plot: &mut Plot<'_>, client_id: &ClientId) -> Result<(), SeedError> {
    grant(plot, client_id, SystemApi::MyAccount, SubjectType::User, my_account_scopes()).await
}

fn my_account_scopes() -> Vec<String> {
    MY_ACCOUNT_SCOPES.iter().map(|(scope, _)| (*scope).to_owned()).collect()
}

/// Makes the grant if there is none.
async fn grant(
    plot: &mut Plot<'_>,
    client_id: &ClientId,
    api: SystemApi,
    subject_type: SubjectType,
    scope: Vec<String>,
) -> Result<(), SeedError> {
    let Plot { app, tenant, keys: _, tx, now } = plot;
    let Some(base) = tenant.canonical_base() else { return Ok(()) };
    let audience = api.audience(base);
    let known = client_grants::find_for(tx, &tenant.id, client_id, &audience, subject_type).await?;
    if known.is_some() {
        return Ok(());
    }
    let grant = ClientGrant {
        id: app.entropy.id("cgr_", 16),
        client_id: client_id.clone(),
        audience,
        scope,
        subject_type,
        allow_all_scopes: false,
        kept: Map::new(),
    };
    client_grants::insert(tx, &tenant.id, &grant, *now).await?;
    Ok(())
}
