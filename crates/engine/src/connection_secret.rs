//! What is secret among the options of a connection: taken out before the record is stored, sealed
//! beside it, and put back for a call to the provider.

use model::connection::Connection;
use model::ids::{ConnectionId, TenantId};
use protocol::secret::ClientSecret;
use serde_json::{Map, Value};
use store::StoreError;
use store::connections::StoredConnection;
use vault::keyring::Purpose;
use vault::seal::{Place, Sealed};
use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::keys::{KeyError, TenantKeys};

/// The option that holds our client secret at the provider.
pub const CLIENT_SECRET: &str = "client_secret";
/// Custom headers are secret as well: they carry API keys and credentials.
const SECRET_OPTIONS: [&str; 2] = [CLIENT_SECRET, "customHeaders"];

/// The secret options of a connection. It neither prints nor serializes.
pub struct SecretOptions(Map<String, Value>);

impl SecretOptions {
    /// The options, to be part of an answer to somebody who may read them.
    pub fn disclose(self) -> Map<String, Value> {
        self.0
    }
}

/// The options of a connection, for a call to its provider.
pub(crate) struct OpenedOptions {
    /// All but the client secret.
    pub(crate) options: Map<String, Value>,
    /// Our client secret at the provider.
    pub(crate) client_secret: Option<ClientSecret>,
}

/// Takes what is secret out of the options and seals it. There may be nothing.
pub fn take_and_seal(
    keys: &TenantKeys,
    tenant: &TenantId,
    connection: &mut Connection,
    entropy: &dyn Entropy,
) -> Result<Option<Sealed>, KeyError> {
    let options = &mut connection.options;
    let secrets: Map<String, Value> = SECRET_OPTIONS
        .into_iter()
        .filter_map(|name| options.remove_entry(name))
        .filter(|(_, value)| !is_nothing(value))
        .collect();
    if secrets.is_empty() {
        return Ok(None);
    }
    let plaintext = Zeroizing::new(Value::Object(secrets).to_string());
    let place = place(tenant, &connection.id);
    let purpose = Purpose::ProviderSecrets;
    keys.seal(purpose, None, &place, plaintext.as_bytes(), entropy).map(Some)
}

/// Opens the secret options of a connection.
pub(crate) fn open(
    keys: &TenantKeys,
    tenant: &TenantId,
    stored: &StoredConnection,
) -> Result<SecretOptions, KeyError> {
    let Some(sealed) = &stored.sealed_secret else { return Ok(SecretOptions(Map::new())) };
    let place = place(tenant, &stored.connection.id);
    let plaintext = keys.open(Purpose::ProviderSecrets, None, &place, sealed)?;
    Ok(SecretOptions(serde_json::from_slice(&plaintext).map_err(StoreError::from)?))
}

/// The options of a connection with what is secret among them.
pub(crate) fn open_options(
    keys: &TenantKeys,
    tenant: &TenantId,
    stored: &StoredConnection,
) -> Result<OpenedOptions, KeyError> {
    let mut options = stored.connection.options.clone();
    options.extend(open(keys, tenant, stored)?.0);
    let client_secret = match options.remove(CLIENT_SECRET) {
        Some(Value::String(secret)) => Some(ClientSecret::new(secret)),
        Some(_) | None => None,
    };
    Ok(OpenedOptions { options, client_secret })
}

/// Who we are at the provider: our client id, and what the client secret hashes to.
pub(crate) fn credentials(
    keys: &TenantKeys,
    tenant: &TenantId,
    stored: &StoredConnection,
) -> Result<impl PartialEq + use<>, KeyError> {
    let OpenedOptions { mut options, client_secret } = open_options(keys, tenant, stored)?;
    Ok((options.remove("client_id"), client_secret.map(|secret| secret.hashed())))
}

/// What clears an option, as dashboards send it.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    }
}

pub(crate) fn place<'a>(tenant: &'a TenantId, id: &'a ConnectionId) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        table: "connections",
        row: id.as_str(),
        user: "",
        connection: id.as_str(),
        field: "sealed_secret",
        generation: 0,
    }
}
