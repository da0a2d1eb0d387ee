//! Making a tenant: its keys, and the APIs that Strongroom is itself.

use model::ids::TenantId;
use model::resource_server::{
    ClientPolicy, ClientPolicyBox, Permission, ProofMechanism, ProofOfPossession, ProofRequiredFor,
    ResourceServer, SigningAlgorithm, SubjectTypeAuthorization, SystemApi, TokenDialect,
    UserPolicy, UserPolicyBox,
};
use model::tenant::{BaseUrl, Tenant, TenantSettings};
use protocol::time::Timestamp;
use serde_json::Map;
use store::{resource_servers, tenants};

use crate::app::App;
use crate::keys::{KeyError, SigningMaterial};
use crate::management_scopes::MANAGEMENT_SCOPES;

/// The scopes of the My Account API that are served.
pub const MY_ACCOUNT_SCOPES: &[(&str, &str)] = &[
    ("create:me:connected_accounts", "Connect accounts"),
    ("read:me:connected_accounts", "See connected accounts"),
    ("delete:me:connected_accounts", "Disconnect accounts"),
];

/// What a new tenant is made of.
#[derive(Debug)]
pub struct NewTenant {
    /// Its name.
    pub id: TenantId,
    /// Where it answers; the first is the canonical one.
    pub base_urls: Vec<BaseUrl>,
    /// What an operator may change later.
    pub settings: TenantSettings,
    /// Its first signing keys.
    pub signing: SigningMaterial,
}

/// Makes a tenant with its keys and the system APIs, all of it or nothing.
pub async fn create(app: &App, new: NewTenant, now: Timestamp) -> Result<Tenant, KeyError> {
    let NewTenant { id, base_urls, settings, signing } = new;
    let tenant = Tenant { id, base_urls, settings };
    let mut tx = app.store.write().await?;
    tenants::insert(&mut tx, &tenant, now).await?;
    app.keys.insert_for_new_tenant(&mut tx, &tenant.id, &signing, &*app.entropy, now).await?;
    if let Some(base) = tenant.canonical_base() {
        for api in SystemApi::ALL {
            let server = system_resource_server(app, api, base);
            resource_servers::insert(&mut tx, &tenant.id, &server, now).await?;
        }
    }
    tx.commit().await?;
    Ok(tenant)
}

fn system_resource_server(app: &App, api: SystemApi, base: &BaseUrl) -> ResourceServer {
    let permission = |value: &str, description: Option<&str>| Permission {
        value: value.to_owned(),
        description: description.map(str::to_owned),
    };
    let (name, scopes, proof_of_possession, user, client) = match api {
        SystemApi::Management => (
            "Auth0 Management API",
            MANAGEMENT_SCOPES.iter().map(|scope| permission(scope, None)).collect(),
            None,
            UserPolicy::DenyAll,
            ClientPolicy::RequireClientGrant,
        ),
        // Bound tokens are accepted and not demanded: server-side SDKs send bearer tokens.
        SystemApi::MyAccount => (
            "Auth0 My Account API",
            MY_ACCOUNT_SCOPES.iter().map(|(scope, text)| permission(scope, Some(text))).collect(),
            Some(ProofOfPossession {
                mechanism: ProofMechanism::Dpop,
                required: false,
                required_for: ProofRequiredFor::AllClients,
            }),
            UserPolicy::RequireClientGrant,
            ClientPolicy::DenyAll,
        ),
    };
    ResourceServer {
        id: app.entropy.hex_id(24),
        name: name.to_owned(),
        identifier: api.audience(base),
        scopes,
        signing_alg: SigningAlgorithm::RS256,
        allow_offline_access: false,
        skip_consent_for_verifiable_first_party_clients: true,
        token_lifetime: 86_400,
        token_lifetime_for_web: 7_200,
        token_dialect: TokenDialect::default(),
        proof_of_possession,
        subject_type_authorization: SubjectTypeAuthorization {
            user: UserPolicyBox { policy: user },
            client: ClientPolicyBox { policy: client },
        },
        is_system: true,
        kept: Map::new(),
    }
}
