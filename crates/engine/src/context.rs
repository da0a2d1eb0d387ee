//! Who asks, where, and from where: what every use case is told about the request.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use model::ids::TenantId;
use model::tenant::{BaseUrl, Tenant};
use protocol::client_certificate::ClientCertificate;

/// Where a request comes from. An address is one value however it was written: IPv4 inside of IPv6 is
/// IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerAddress(IpAddr);

impl CallerAddress {
    /// The address.
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for CallerAddress {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }
}

impl fmt::Display for CallerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The circumstances of a request.
#[derive(Clone, Debug)]
pub struct Context {
    /// The tenant that was asked.
    pub tenant: Arc<Tenant>,
    /// The base URL by which it was asked; issuer, audiences and links follow it.
    pub base: BaseUrl,
    /// Where it comes from; `None` is here.
    pub ip: Option<CallerAddress>,
    /// The certificate whose key the sender has shown to have.
    pub certificate: Option<ClientCertificate>,
    /// What the peer says it is.
    pub user_agent: Option<String>,
}

impl Context {
    /// Of what the server, or an operator beside it, does for a tenant. `None` if the tenant answers
    /// nowhere.
    pub fn of_ourselves(tenant: Tenant) -> Option<Self> {
        let base = tenant.canonical_base()?.clone();
        Some(Self { tenant: Arc::new(tenant), base, ip: None, certificate: None, user_agent: None })
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
