//! Our client secrets at providers, as the database takes them.

use model::ids::{ConnectionId, TenantId};
use protocol::secret::ClientSecret;
use vault::keyring::Purpose;
use vault::seal::{Place, Sealed};

use crate::entropy::Entropy;
use crate::keys::{KeyError, TenantKeys};

/// Where the secret of a connection stands.
pub fn connection_secret_place<'a>(
    tenant: &'a TenantId,
    connection_id: &'a ConnectionId,
) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        table: "connections",
        row: connection_id.as_str(),
        user: "",
        connection: connection_id.as_str(),
        field: "sealed_secret",
        generation: 0,
    }
}

/// Seals the secret of a connection.
pub fn seal(
    keys: &TenantKeys,
    tenant: &TenantId,
    connection_id: &ConnectionId,
    secret: &ClientSecret,
    entropy: &dyn Entropy,
) -> Result<Sealed, KeyError> {
    let place = connection_secret_place(tenant, connection_id);
    keys.seal(Purpose::ProviderSecrets, None, &place, secret.expose().as_bytes(), entropy)
}

/// Opens the secret of a connection.
pub fn open(
    keys: &TenantKeys,
    tenant: &TenantId,
    connection_id: &ConnectionId,
    sealed: &Sealed,
) -> Result<ClientSecret, KeyError> {
    let place = connection_secret_place(tenant, connection_id);
    let opened = keys.open(Purpose::ProviderSecrets, None, &place, sealed)?;
    Ok(ClientSecret::new(String::from_utf8_lossy(&opened)))
}
