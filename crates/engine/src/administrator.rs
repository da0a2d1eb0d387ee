//! Who administers a tenant: a client with an access token for the Management API.

use std::collections::HashMap;

use model::client::Client;
use model::client_grant::SubjectType;
use model::ids::ClientId;
use model::log_event::LogEventKind;
use model::resource_server::SystemApi;
use protocol::oauth::answer::TokenType;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::AccessToken;
use protocol::time::Timestamp;
use store::{Query, StoreError, client_grants, clients, resource_servers};

use crate::access_token::{self, AccessTokenError, Subject};
use crate::app::App;
use crate::audit::Event;
use crate::binding::Binding;
use crate::context::Context;
use crate::keys::KeyError;

/// A client that may use the Management API, shown by a token that is for it.
#[derive(Clone, Debug)]
pub struct Administrator {
    client: Client,
    scope: ScopeSet,
}

/// Why a token makes nobody an administrator.
#[derive(Debug, thiserror::Error)]
pub enum NotAnAdministrator {
    /// It is no token for the Management API of this tenant, or not any more.
    #[error(transparent)]
    Token(#[from] AccessTokenError),
    /// It is bound to a key, or to a certificate that is not the request's.
    #[error("the token is bound to what the request does not have")]
    Binding,
    /// It acts for a person.
    #[error("the token acts for a person")]
    ForPerson,
    /// The client that it was given to exists no more.
    #[error("the client of the token exists no more")]
    ClientGone,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for NotAnAdministrator {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// Recognises the administrator whose token a request brings as a bearer token.
///
/// The scopes are those of the token that the client's grant still allows: what was taken from a
/// client since it got the token is gone at once.
pub async fn recognise(
    app: &App,
    context: &Context,
    token: &AccessToken,
    now: Timestamp,
) -> Result<Administrator, NotAnAdministrator> {
    let keys = app.tenant_keys(context.tenant_id(), now).await?;
    let audience = SystemApi::Management.audience(&context.base);
    let token = access_token::verify(&keys, context, token, &audience, now)?;
    // RFC 9449 §7.2: a protected resource must not accept a bound token as a bearer token; and this
    // one takes no proofs.
    if !Binding::admits(token.binding.as_ref(), context, TokenType::Bearer, None) {
        return Err(NotAnAdministrator::Binding);
    }
    match token.subject {
        Subject::Client(_) => {}
        Subject::User(_) => return Err(NotAnAdministrator::ForPerson),
    }
    let mut read = app.store.read().await?;
    let stored = clients::find(&mut read, context.tenant_id(), &token.client_id).await?;
    let client = stored.ok_or(NotAnAdministrator::ClientGone)?.client;
    let held = scopes_held(&mut read, context, &client.client_id).await?;
    Ok(Administrator { client, scope: token.scope.intersection(&held) })
}

/// The scopes of the Management API that a client can get tokens with: what whoever has the
/// client's secret can do.
pub async fn scopes_held(
    q: &mut impl Query,
    context: &Context,
    client_id: &ClientId,
) -> Result<ScopeSet, StoreError> {
    let tenant = context.tenant_id();
    let audience = stored_audience(context);
    let grant =
        client_grants::find_for(q, tenant, client_id, &audience, SubjectType::Client).await?;
    let Some(grant) = grant else { return Ok(ScopeSet::empty()) };
    let server = resource_servers::find_by_identifier(q, tenant, &audience).await?;
    Ok(server.map_or_else(ScopeSet::empty, |server| grant.allowed(&server.scope_set())))
}

/// [`scopes_held`] of every client that holds any.
pub async fn holders(
    q: &mut impl Query,
    context: &Context,
) -> Result<HashMap<ClientId, ScopeSet>, StoreError> {
    let tenant = context.tenant_id();
    let audience = stored_audience(context);
    let Some(server) = resource_servers::find_by_identifier(q, tenant, &audience).await? else {
        return Ok(HashMap::new());
    };
    let of_server = server.scope_set();
    let grants = client_grants::list(q, tenant)
        .await?
        .into_iter()
        .filter(|grant| grant.audience == audience && grant.subject_type == SubjectType::Client);
    Ok(grants.map(|grant| (grant.client_id.clone(), grant.allowed(&of_server))).collect())
}

/// The Management API's identifier in its stored form.
pub fn stored_audience(context: &Context) -> String {
    context.tenant.canonical_audience(&SystemApi::Management.audience(&context.base))
}

impl Administrator {
    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether a scope is held.
    pub fn holds(&self, scope: &str) -> bool {
        self.scope.contains(scope)
    }

    /// Whether any of the scopes is held.
    pub fn holds_any(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|scope| self.holds(scope))
    }

    /// What of `handed_out` is not this administrator's to hand out: nobody makes another mightier
    /// than themselves, or takes the place of one who is.
    pub fn lacking(&self, handed_out: &ScopeSet) -> ScopeSet {
        handed_out.without(&self.scope)
    }

    /// An event of which this administrator is the cause.
    pub fn event(&self, kind: LogEventKind, context: &Context) -> Event {
        Event::new(kind, context).client(&self.client)
    }
}
