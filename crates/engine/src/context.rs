//! Who asks, where, and from where: what every use case is told about the request.

use std::sync::Arc;

use model::ids::TenantId;
use model::tenant::{BaseUrl, Tenant};

/// The circumstances of a request.
#[derive(Clone, Debug)]
pub struct Context {
    /// The tenant that was asked.
    pub tenant: Arc<Tenant>,
    /// The base URL by which it was asked; issuer, audiences and links follow it.
    pub base: BaseUrl,
    /// The address of the peer.
    pub ip: Option<String>,
    /// What the peer says it is.
    pub user_agent: Option<String>,
}

impl Context {
    /// Of what the server does by itself for a tenant.
    pub(crate) fn of_ourselves(tenant: Tenant) -> Option<Self> {
        let base = tenant.canonical_base()?.clone();
        Some(Self { tenant: Arc::new(tenant), base, ip: None, user_agent: None })
    }

    /// The tenant's id.
    pub fn tenant_id(&self) -> &TenantId {
        &self.tenant.id
    }

    /// The issuer of tokens made in answer to this request.
    pub fn issuer(&self) -> &str {
        self.base.issuer()
    }
}
