//! Who the client is: RFC 6749 §2.3, RFC 7523, RFC 8705 §2.

use model::client::{AuthMethod, Client};
use model::client_credential::{ClientAuthenticationMethods, ClientCredential, CredentialMaterial};
use model::ids::{ClientId, TenantId};
use protocol::client_certificate::ClientCertificate;
use protocol::oauth::client_auth::PresentedClient;
use protocol::oauth::client_jwt::{Expected, JwtError, OneTime, verify_assertion};
use protocol::secret::ClientSecret;
use protocol::time::Timestamp;
use store::clients::{StoredClient, StoredSecret};
use store::{Query, StoreError, clients, previous_client_secrets};
use vault::keyring::Purpose;
use vault::seal::{Place, Sealed};

use crate::app::App;
use crate::client_jwt::{self, ClientJwtError, Use};
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
    /// The client authenticates by a key and by nothing else.
    #[error("the client authenticates by {0}")]
    KeyMissing(&'static str),
    /// The client has no keys to authenticate with.
    #[error("the client does not authenticate by private_key_jwt")]
    AssertionUnexpected,
    /// The assertion is not believed.
    #[error("the client's assertion is not accepted: {0}")]
    Assertion(#[source] JwtError),
    /// The client authenticates by a certificate and presented none.
    #[error("the client presented no certificate")]
    CertificateMissing,
    /// The certificate is not one of the client's, or its name is anybody's word.
    #[error("the certificate is none of the client's")]
    CertificateWrong,
    /// The assertion was used before.
    #[error("the client's assertion was used before")]
    AssertionReplayed,
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<ClientJwtError> for ClientAuthError {
    fn from(error: ClientJwtError) -> Self {
        match error {
            ClientJwtError::Invalid(error) => Self::Assertion(error),
            ClientJwtError::Replayed => Self::AssertionReplayed,
            ClientJwtError::Store(error) => error.into(),
        }
    }
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
/// every other must. A client that registered keys proves itself by those alone: were its secret still
/// good, the keys would protect nothing.
pub async fn authenticate(
    app: &App,
    context: &Context,
    presented: &PresentedClient,
    now: Timestamp,
) -> Result<AuthenticatedClient, ClientAuthError> {
    let client_id = ClientId::new(presented.client_id());
    let mut read = app.store.read().await?;
    let stored = clients::find(&mut read, context.tenant_id(), &client_id).await?;
    let StoredClient { client, secret: expected } = stored.ok_or(ClientAuthError::Unknown)?;
    match (&client.client_authentication_methods, presented) {
        (None, _) => {
            if let Some(secret) = demanded_secret(&client, presented)? {
                let expected = expected.ok_or(ClientAuthError::SecretWrong)?;
                check_secret(app, &mut read, context, (&client_id, secret), &expected, now).await?;
            }
        }
        (
            Some(ClientAuthenticationMethods::PrivateKeyJwt(of)),
            PresentedClient::Assertion { assertion, .. },
        ) => {
            drop(read);
            let by = (Use::Assertion, of.credentials.as_slice());
            let verify = |expected: Expected<'_>| verify_assertion(assertion, expected);
            client_jwt::believe(app, context, &client_id, by, verify, OneTime::clone, now).await?;
        }
        // RFC 8705 §2: the request names the client, and the connection shows that it is the client.
        (
            Some(
                ClientAuthenticationMethods::TlsClientAuth(of)
                | ClientAuthenticationMethods::SelfSignedTlsClientAuth(of),
            ),
            PresentedClient::None { .. },
        ) => {
            let certificate = context.certificate.as_ref();
            let certificate = certificate.ok_or(ClientAuthError::CertificateMissing)?;
            let refs = &of.credentials;
            let registered = client_jwt::current(&mut read, context, &client_id, refs, now).await?;
            check_certificate(certificate, &registered)?;
        }
        (Some(methods), _) => return Err(ClientAuthError::KeyMissing(methods.method())),
    }
    Ok(AuthenticatedClient { client })
}

fn check_certificate(
    presented: &ClientCertificate,
    registered: &[ClientCredential],
) -> Result<(), ClientAuthError> {
    let names_it = |one: &ClientCredential| match &one.material {
        // §2.1.1: a name counts if an authority that is trusted has signed the certificate.
        CredentialMaterial::CertSubjectDn { subject_dn } => {
            presented.is_vouched_for() && presented.subject_dn() == subject_dn
        }
        // §2.2: it is this certificate, whoever signed it.
        CredentialMaterial::X509Cert { thumbprint_sha256 } => {
            presented.thumbprint().as_str() == thumbprint_sha256
        }
        CredentialMaterial::PublicKey { .. } => false,
    };
    if registered.iter().any(names_it) { Ok(()) } else { Err(ClientAuthError::CertificateWrong) }
}

/// The secret that a request has to be judged by. Public clients come without one.
fn demanded_secret<'a>(
    client: &Client,
    presented: &'a PresentedClient,
) -> Result<Option<&'a ClientSecret>, ClientAuthError> {
    let secret = match presented {
        PresentedClient::None { .. } => None,
        PresentedClient::Post { secret, .. } | PresentedClient::Basic { secret, .. } => {
            Some(secret)
        }
        PresentedClient::Assertion { .. } => return Err(ClientAuthError::AssertionUnexpected),
    };
    match (client.token_endpoint_auth_method, secret) {
        (AuthMethod::None, None) => Ok(None),
        (AuthMethod::None, Some(_)) => Err(ClientAuthError::SecretUnexpected),
        (AuthMethod::ClientSecretPost | AuthMethod::ClientSecretBasic, None) => {
            Err(ClientAuthError::SecretMissing)
        }
        (AuthMethod::ClientSecretPost | AuthMethod::ClientSecretBasic, Some(secret)) => {
            Ok(Some(secret))
        }
    }
}

async fn check_secret(
    app: &App,
    q: &mut impl Query,
    context: &Context,
    (client_id, secret): (&ClientId, &ClientSecret),
    expected: &StoredSecret,
    now: Timestamp,
) -> Result<(), ClientAuthError> {
    let tenant = context.tenant_id();
    // The keyed hash names no key: it is of the one that sealed the copy.
    let keys = app.keys.for_records(q, tenant, &[&expected.sealed], now).await?;
    if is_secret(&keys, client_id, secret, expected) {
        return Ok(());
    }
    // Some instance of the application may not have been given the present one yet.
    let previous = previous_client_secrets::find(q, tenant, client_id, now).await?;
    let previous = previous.ok_or(ClientAuthError::SecretWrong)?;
    let keys = app.keys.for_records(q, tenant, &[&previous.sealed], now).await?;
    if is_secret(&keys, client_id, secret, &previous) {
        Ok(())
    } else {
        Err(ClientAuthError::SecretWrong)
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

/// Which secret of a client a record holds. Neither opens in the place of the other.
#[derive(Clone, Copy, Debug)]
pub enum Held {
    /// The one that it has.
    Present,
    /// The one that it had before.
    Previous,
}

impl Held {
    /// Where it is stored.
    pub fn table(self) -> &'static str {
        match self {
            Self::Present => "clients",
            Self::Previous => "previous_client_secrets",
        }
    }
}

/// Puts a client's secret into the forms that the database takes.
pub fn store_secret(
    keys: &TenantKeys,
    tenant: &TenantId,
    client_id: &ClientId,
    held: Held,
    secret: &ClientSecret,
    entropy: &dyn Entropy,
) -> Result<StoredSecret, KeyError> {
    let plaintext = secret.expose().as_bytes();
    let key = keys.newest(Purpose::ClientSecrets)?;
    let mac = key.mac(&[client_id.as_str().as_bytes(), plaintext]);
    let place = secret_place(tenant, client_id, held);
    let sealed = keys.seal(Purpose::ClientSecrets, None, &place, plaintext, entropy)?;
    Ok(StoredSecret { mac, sealed })
}

/// Opens the sealed copy of a client's secret, for whoever holds `read:client_keys`.
pub fn reveal_secret(
    keys: &TenantKeys,
    tenant: &TenantId,
    client_id: &ClientId,
    held: Held,
    sealed: &Sealed,
) -> Result<ClientSecret, KeyError> {
    let place = secret_place(tenant, client_id, held);
    let opened = keys.open(Purpose::ClientSecrets, None, &place, sealed)?;
    Ok(ClientSecret::new(String::from_utf8_lossy(&opened)))
}

fn secret_place<'a>(tenant: &'a TenantId, client_id: &'a ClientId, held: Held) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        table: held.table(),
        row: client_id.as_str(),
        user: "",
        connection: "",
        field: "sealed_secret",
        generation: 0,
    }
}
