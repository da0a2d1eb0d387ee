//! What a client may have at a resource server: audience, scopes and binding.

use model::client::Client;
use model::client_grant::SubjectType;
use model::ids::ClientId;
use model::resource_server::{
    ClientPolicy, ProofMechanism, ProofRequiredFor, ResourceServer, SystemApi, UserPolicy,
};
use protocol::oauth::scope::ScopeSet;
use protocol::oauth::token::GrantType;
use store::{Query, StoreError, client_grants, resource_servers};

use crate::binding::Binding;
use crate::context::Context;
use crate::dpop::DpopBound;

/// The scopes of OpenID Connect that say something of a person.
pub const OIDC_SCOPES: &str = "openid profile email address phone";
/// The scope that asks for a refresh token.
pub const OFFLINE_ACCESS: &str = "offline_access";

/// What a client may have.
#[derive(Clone, Debug)]
pub struct Access {
    /// For which resource server; without one the token is for `/userinfo` alone.
    pub resource_server: Option<ResourceServer>,
    /// With which scopes.
    pub scope: ScopeSet,
}

/// Why a client may not have it.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No audience was named and the tenant has no default.
    #[error("no audience was named")]
    AudienceMissing,
    /// There is no resource server of that identifier.
    #[error("there is no resource server {0:?}")]
    UnknownAudience(String),
    /// The resource server gives such clients no tokens, or there is no client grant.
    #[error("the client is not authorized to access {audience:?}: {reason}")]
    NotAuthorized {
        /// The client.
        client_id: ClientId,
        /// The resource server.
        audience: String,
        /// What is missing.
        reason: &'static str,
    },
    /// The token would have to be bound to a key, and no proof came.
    #[error("a proof of possession is required")]
    ProofRequired,
    /// The token would have to be bound to a certificate, and a confidential client presented none.
    #[error("a client certificate is required")]
    CertificateRequired,
    /// The client takes bound tokens only, and the resource server knows none.
    #[error("the client requires a proof of possession that the resource server does not support")]
    ProofUnsupported,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a client may have on behalf of a person.
pub async fn for_user(
    q: &mut impl Query,
    context: &Context,
    client: &Client,
    audience: Option<&str>,
    requested: &ScopeSet,
) -> Result<Access, AccessError> {
    let audience = audience.or(context.tenant.settings.default_audience.as_deref());
    let resource_server = match audience {
        None => None,
        Some(audience) => Some(find_resource_server(q, context, audience).await?),
    };
    let of_person = ScopeSet::parse_lenient(OIDC_SCOPES);
    let mut scope = requested.intersection(&of_person);
    if let Some(server) = &resource_server {
        let allowed = allowed_for_user(q, context, client, server).await?;
        scope = scope.union(&requested.intersection(&allowed));
    }
    if requested.contains(OFFLINE_ACCESS)
        && may_have_refresh_token(client, resource_server.as_ref())
    {
        scope = scope.union(&ScopeSet::parse_lenient(OFFLINE_ACCESS));
    }
    Ok(Access { resource_server, scope })
}

/// What a client may have for itself.
pub async fn for_client(
    q: &mut impl Query,
    context: &Context,
    client: &Client,
    audience: Option<&str>,
    requested: Option<&ScopeSet>,
) -> Result<Access, AccessError> {
    let audience = audience.or(context.tenant.settings.default_audience.as_deref());
    let audience = audience.ok_or(AccessError::AudienceMissing)?;
    let server = find_resource_server(q, context, audience).await?;
    let refused = |reason| AccessError::NotAuthorized {
        client_id: client.client_id.clone(),
        audience: audience.to_owned(),
        reason,
    };
    match server.subject_type_authorization.client.policy {
        ClientPolicy::DenyAll => {
            return Err(refused("the resource server gives clients no tokens"));
        }
        ClientPolicy::RequireClientGrant => {}
    }
    // My Account speaks for a person; a client by itself is none.
    if context.tenant.system_api(&server.identifier) == Some(SystemApi::MyAccount) {
        return Err(refused("the resource server gives clients no tokens"));
    }
    let tenant = context.tenant_id();
    let grant = client_grants::find_for(
        q,
        tenant,
        &client.client_id,
        &server.identifier,
        SubjectType::Client,
    )
    .await?
    .ok_or_else(|| refused("there is no client grant"))?;
    let allowed = grant.allowed(&server.scope_set());
    let scope = match requested {
        Some(requested) if !requested.is_empty() => requested.intersection(&allowed),
        Some(_) | None => allowed,
    };
    Ok(Access { resource_server: Some(server), scope })
}

/// The resource server of an audience as a caller names it.
pub async fn find_resource_server(
    q: &mut impl Query,
    context: &Context,
    audience: &str,
) -> Result<ResourceServer, AccessError> {
    let stored = context.tenant.canonical_audience(audience);
    resource_servers::find_by_identifier(q, context.tenant_id(), &stored)
        .await?
        .ok_or_else(|| AccessError::UnknownAudience(audience.to_owned()))
}

/// The scopes that a client may ask for on behalf of a person.
pub async fn allowed_for_user(
    q: &mut impl Query,
    context: &Context,
    client: &Client,
    server: &ResourceServer,
) -> Result<ScopeSet, AccessError> {
    let refused = |reason| AccessError::NotAuthorized {
        client_id: client.client_id.clone(),
        audience: context.tenant.local_audience(&server.identifier, &context.base),
        reason,
    };
    let of_server = server.scope_set();
    match server.subject_type_authorization.user.policy {
        UserPolicy::DenyAll => Err(refused("the resource server gives no tokens for people")),
        UserPolicy::AllowAll if client.is_first_party => Ok(of_server),
        UserPolicy::AllowAll | UserPolicy::RequireClientGrant => {
            let tenant = context.tenant_id();
            let audience = &server.identifier;
            let subject = SubjectType::User;
            client_grants::find_for(q, tenant, &client.client_id, audience, subject)
                .await?
                .map(|grant| grant.allowed(&of_server))
                .ok_or_else(|| refused("there is no client grant for users"))
        }
    }
}

/// Whether `offline_access` is granted. A browser's refresh token must rotate: it cannot be kept
/// safe, so at least its theft must show.
fn may_have_refresh_token(client: &Client, server: Option<&ResourceServer>) -> bool {
    client.allows_grant(GrantType::RefreshToken)
        && server.is_none_or(|server| server.allow_offline_access)
        && !(client.is_public() && client.is_browser_app() && !client.refresh_token.rotates())
}

/// What a token is bound to, if anything: RFC 9449, RFC 8705 and the settings of both sides.
pub fn binding(
    context: &Context,
    client: &Client,
    server: Option<&ResourceServer>,
    proof: Option<&DpopBound>,
) -> Result<Option<Binding>, AccessError> {
    let key = proof.map(|proof| Binding::Key(proof.jkt().clone()));
    let certificate = context.certificate.as_ref();
    let certificate = certificate.map(|it| Binding::Certificate(it.thumbprint().clone()));
    let Some(server) = server else {
        // Our own /userinfo takes all kinds. A certificate may be there to authenticate alone.
        let wanted = certificate.filter(|_| client.require_proof_of_possession);
        let binding = key.or(wanted.filter(|_| !client.is_public()));
        return if client.require_proof_of_possession && binding.is_none() {
            Err(AccessError::ProofRequired)
        } else {
            Ok(binding)
        };
    };
    let Some(supported) = server.proof_of_possession else {
        return if client.require_proof_of_possession {
            Err(AccessError::ProofUnsupported)
        } else {
            Ok(None)
        };
    };
    let required_of_client = match supported.required_for {
        ProofRequiredFor::AllClients => true,
        ProofRequiredFor::PublicClients => client.is_public(),
    };
    let required = client.require_proof_of_possession || (supported.required && required_of_client);
    let binding = match supported.mechanism {
        ProofMechanism::Dpop => key,
        // A public client's refresh token would be bound to nothing: whoever stole it could have its
        // next access token bound to a certificate of theirs.
        ProofMechanism::Mtls if client.is_public() => None,
        ProofMechanism::Mtls => certificate,
    };
    if !required || binding.is_some() {
        return Ok(binding);
    }
    Err(match supported.mechanism {
        ProofMechanism::Dpop => AccessError::ProofRequired,
        ProofMechanism::Mtls => AccessError::CertificateRequired,
    })
}
