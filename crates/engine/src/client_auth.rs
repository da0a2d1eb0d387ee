//! Who the client is: RFC 6749 §2.3.

use model::client::{AuthMethod, Client};
use model::ids::{ClientId, TenantId};
use protocol::oauth::client_auth::PresentedClient;
use protocol::secret::ClientSecret;
use protocol::time::Timestamp;
use store::clients::{StoredClient, StoredSecret};
use store::{StoreError, clients};
use vault::keyring::Purpose;
use vault::seal::{Place, Sealed};

use crate::app::App;
use crate::context::Context;
use crate::entropy::Entropy;
use crate::keys::{KeyError, TenantKeys};

/// A client that proved who it is, or that is registered as one that cannot.
#[derive(Debug)]
pub struct AuthenticatedClient {
    client: Client,
}

impl AuthenticatedClient {
    /// The record.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// Why a client is not authenticated. To the caller they are all one.
#[derive(Debug, thiserror::Error)]
pub enum ClientAuthError {
    /// No client was named.
    #[error("no client was named")]
    NotNamed,
    /// There is no client of that id in this tenant.
    #[error("the client is unknown")]
    Unknown,
    /// A confidential client sent no secret.
    #[error("the client sent no secret")]
    SecretMissing,
    /// A public client sent a secret: it is not what it is registered as.
    #[error("a public client sent a secret")]
    SecretUnexpected,
    /// The secret is not the client's.
    #[error("the client's secret is wrong")]
    SecretWrong,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for ClientAuthError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// Authenticates a client.
///
/// A secret is taken from the body and from HTTP Basic alike, whichever the client registered,
/// because published SDKs choose on their own; a client registered with `none` may send none, and
/// every other must.
pub async fn authenticate(
    app: &App,
    context: &Context,
    presented: &PresentedClient,
    now: Timestamp,
) -> Result<AuthenticatedClient, ClientAuthError> {
    let (client_id, secret) = match presented {
        PresentedClient::None { client_id } => (client_id, None),
        PresentedClient::Post { client_id, secret }
        | PresentedClient::Basic { client_id, secret } => (client_id, Some(secret)),
    };
    let tenant = context.tenant_id();
    let mut read = app.store.read().await?;
    let client_id = ClientId::new(client_id);
    let stored =
        clients::find(&mut read, tenant, &client_id).await?.ok_or(ClientAuthError::Unknown)?;
    let StoredClient { client, secret: expected } = stored;
    match (client.token_endpoint_auth_method, secret) {
        (AuthMethod::None, None) => Ok(AuthenticatedClient { client }),
        (AuthMethod::None, Some(_)) => Err(ClientAuthError::SecretUnexpected),
        (AuthMethod::ClientSecretPost | AuthMethod::ClientSecretBasic, None) => {
            Err(ClientAuthError::SecretMissing)
        }
        (AuthMethod::ClientSecretPost | AuthMethod::ClientSecretBasic, Some(secret)) => {
            let expected = expected.ok_or(ClientAuthError::SecretWrong)?;
            // The keyed hash names no key: it is of the one that sealed the copy.
            let keys = app.keys.for_records(&mut read, tenant, &[&expected.sealed], now).await?;
            if is_secret(&keys, &client_id, secret, &expected) {
                Ok(AuthenticatedClient { client })
            } else {
                Err(ClientAuthError::SecretWrong)
            }
        }
    }
}

/// Compares by keyed hashes, and those in constant time.
fn is_secret(
    keys: &TenantKeys,
    client_id: &ClientId,
    secret: &ClientSecret,
    expected: &StoredSecret,
) -> bool {
    keys.all(Purpose::ClientSecrets).any(|key| {
        let mac = key.mac(&[client_id.as_str().as_bytes(), secret.expose().as_bytes()]);
        aws_lc_rs::constant_time::verify_slices_are_equal(&mac, &expected.mac).is_ok()
    })
}

/// Puts a client's secret into the forms that the database takes.
pub fn store_secret(
    keys: &TenantKeys,
    tenant: &TenantId,
    client_id: &ClientId,
    secret: &ClientSecret,
    entropy: &dyn Entropy,
) -> Result<StoredSecret, KeyError> {
    let plaintext = secret.expose().as_bytes();
    let key = keys.newest(Purpose::ClientSecrets)?;
    let mac = key.mac(&[client_id.as_str().as_bytes(), plaintext]);
    let place = secret_place(tenant, client_id);
    let sealed = keys.seal(Purpose::ClientSecrets, None, &place, plaintext, entropy)?;
    Ok(StoredSecret { mac, sealed })
}

/// Opens the sealed copy of a client's secret, for whoever holds `read:client_keys`.
pub fn reveal_secret(
    keys: &TenantKeys,
    tenant: &TenantId,
    client_id: &ClientId,
    sealed: &Sealed,
) -> Result<ClientSecret, KeyError> {
    let place = secret_place(tenant, client_id);
    let opened = keys.open(Purpose::ClientSecrets, None, &place, sealed)?;
    Ok(ClientSecret::new(String::from_utf8_lossy(&opened)))
}

fn secret_place<'a>(tenant: &'a TenantId, client_id: &'a ClientId) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        table: "clients",
        row: client_id.as_str(),
        user: "",
        connection: "",
        field: "sealed_secret",
        generation: 0,
    }
}
