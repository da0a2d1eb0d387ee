//! Administers client grants.
//!
//! A grant for the Management API makes an administrator, so nobody grants there what they do not
//! hold themselves.

use model::client_grant::{ClientGrant, SubjectType};
use model::ids::{ClientGrantId, ClientId};
use model::log_event::LogEventKind;
use model::resource_server::{ResourceServer, SystemApi};
use protocol::oauth::scope::{SCOPES_MAX, ScopeSet};
use protocol::time::Timestamp;
use serde_json::{Map, Value, json};
use store::{Query, StoreError, client_grants, clients, resource_servers};

use crate::administrator::Administrator;
use crate::app::App;
use crate::change::{Change, merge_members};
use crate::context::Context;
use crate::invalid::Invalid;
use crate::resource_servers::has_scopes_of;

/// A client grant in the making.
#[derive(Clone, Debug)]
pub struct NewClientGrant {
    /// To whom.
    pub client_id: ClientId,
    /// For which resource server, as the caller names it.
    pub audience: String,
    /// On whose behalf.
    pub subject_type: SubjectType,
    /// Everything else.
    pub change: ClientGrantChange,
}

/// What is to become of a client grant.
#[derive(Clone, Debug, Default)]
pub struct ClientGrantChange {
    /// The scopes allowed; all of them at once.
    pub scope: Change<Vec<String>>,
    /// Whether every scope is allowed, those to come included.
    pub allow_all_scopes: Change<bool>,
    /// Documented members that change nothing here; one that is `null` goes.
    pub kept: Map<String, Value>,
}

/// Why a client grant is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientGrantError {
    /// There is no such grant.
    #[error("the client grant does not exist")]
    Unknown,
    /// There is no such client.
    #[error("the client does not exist")]
    UnknownClient,
    /// There is no such resource server.
    #[error("the resource server does not exist")]
    UnknownResourceServer,
    /// The record cannot be so.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The client has a grant there already.
    #[error("there is a grant for this client, audience and subject type")]
    Taken,
    /// The caller would hand out what is not theirs.
    #[error("the caller does not hold what would be granted: {lacking}")]
    BeyondCaller {
        /// What the caller lacks.
        lacking: ScopeSet,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ClientGrantChange {
    /// Does it. Where every scope becomes allowed, a list that stands from before has no meaning.
    fn apply(self, grant: &mut ClientGrant) {
        let Self { scope, allow_all_scopes, kept } = self;
        if allow_all_scopes == Change::Set(true) && scope.is_keep() {
            grant.scope.clear();
        }
        scope.apply(&mut grant.scope);
        allow_all_scopes.apply(&mut grant.allow_all_scopes);
        merge_members(&mut grant.kept, kept);
    }
}

/// Makes a client grant.
pub async fn create(
    app: &App,
    context: &Context,
    by: &Administrator,
    new: NewClientGrant,
    now: Timestamp,
) -> Result<ClientGrant, ClientGrantError> {
    let NewClientGrant { client_id, audience, subject_type, change } = new;
    let tenant = context.tenant_id();
    let mut grant = ClientGrant {
        id: app.entropy.id("cgr_", 16),
        client_id,
        audience: context.tenant.canonical_audience(&audience),
        scope: Vec::new(),
        subject_type,
        allow_all_scopes: false,
        kept: Map::new(),
    };
    change.apply(&mut grant);
    let mut tx = app.store.write().await?;
    let server = server_of(&mut tx, context, &grant).await?;
    if clients::find(&mut tx, tenant, &grant.client_id).await?.is_none() {
        return Err(ClientGrantError::UnknownClient);
    }
    has_scopes_of(&server, &grant)?;
    check(context, by, &server, &grant, &ScopeSet::empty())?;
    client_grants::insert(&mut tx, tenant, &grant, now).await.map_err(|error| {
        if error.is_duplicate() { ClientGrantError::Taken } else { error.into() }
    })?;
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Create a client grant")
        .details(target(&grant))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(grant)
}

/// Changes a client grant.
pub async fn update(
    app: &App,
    context: &Context,
    by: &Administrator,
    id: &ClientGrantId,
    change: ClientGrantChange,
    now: Timestamp,
) -> Result<ClientGrant, ClientGrantError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let found = client_grants::find_for_update(&mut tx, tenant, id).await?;
    let mut grant = found.ok_or(ClientGrantError::Unknown)?;
    let server = server_of(&mut tx, context, &grant).await?;
    let before = grant.clone();
    let lists_scopes = !change.scope.is_keep();
    change.apply(&mut grant);
    if lists_scopes {
        has_scopes_of(&server, &grant)?;
    }
    // Who opens a grant to all scopes hands out those to come as well, and so must hold every one.
    let opens = grant.allow_all_scopes && !before.allow_all_scopes;
    let allowed_before =
        if opens { ScopeSet::empty() } else { before.allowed(&server.scope_set()) };
    check(context, by, &server, &grant, &allowed_before)?;
    client_grants::update(&mut tx, tenant, &grant).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Update a client grant")
        .details(target(&grant))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(grant)
}

/// Removes a client grant. Answers `false` if there was none.
pub async fn delete(
    app: &App,
    context: &Context,
    by: &Administrator,
    id: &ClientGrantId,
    now: Timestamp,
) -> Result<bool, ClientGrantError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let Some(grant) = client_grants::find_for_update(&mut tx, tenant, id).await? else {
        return Ok(false);
    };
    client_grants::delete(&mut tx, tenant, id).await?;
    by.event(LogEventKind::ManagementWrite, context)
        .describe("Delete a client grant")
        .details(target(&grant))
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(true)
}

async fn server_of(
    q: &mut impl Query,
    context: &Context,
    grant: &ClientGrant,
) -> Result<ResourceServer, ClientGrantError> {
    resource_servers::find_by_identifier(q, context.tenant_id(), &grant.audience)
        .await?
        .ok_or(ClientGrantError::UnknownResourceServer)
}

/// Checks a grant, and what it newly allows against the caller.
fn check(
    context: &Context,
    by: &Administrator,
    server: &ResourceServer,
    grant: &ClientGrant,
    allowed_before: &ScopeSet,
) -> Result<(), ClientGrantError> {
    if grant.scope.len() > SCOPES_MAX {
        let why = format!("it has more than {SCOPES_MAX} entries");
        return Err(Invalid::new("scope", why).into());
    }
    if grant.allow_all_scopes && !grant.scope.is_empty() {
        let why = "scopes are not listed where all are allowed";
        return Err(Invalid::new("scope", why).into());
    }
    match context.tenant.system_api(&server.identifier) {
        Some(SystemApi::Management) => {
            let newly_allowed = grant.allowed(&server.scope_set()).without(allowed_before);
            let lacking = by.lacking(&newly_allowed);
            if lacking.is_empty() {
                Ok(())
            } else {
                Err(ClientGrantError::BeyondCaller { lacking })
            }
        }
        Some(SystemApi::MyAccount) | None => Ok(()),
    }
}

fn target(grant: &ClientGrant) -> Value {
    let ClientGrant { id, client_id, audience, scope, allow_all_scopes, subject_type, .. } = grant;
    json!({ "client_grant": {
        "id": id,
        "client_id": client_id,
        "audience": audience,
        "scope": scope,
        "allow_all_scopes": allow_all_scopes,
        "subject_type": subject_type,
    } })
}
