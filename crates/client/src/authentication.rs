//! How a client proves who it is, and what it signs.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use protocol::jose::jws::{SigningError, SigningKey};
use protocol::oauth::client_jwt::{ASSERTION_TYPE, VAULT_REQUEST_TYP};
use protocol::secret::{ClientJwt, ClientSecret};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Serialize;
use uuid::Uuid;

use crate::error::SetupError;

/// An assertion is sent at once. The rest of its time is for clocks that disagree.
const ASSERTION_SECONDS: u64 = 60;

/// How a client proves that it is the one that it says.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// `client_secret_post` (RFC 6749 §2.3.1).
    Secret(ClientSecret),
    /// `private_key_jwt` (RFC 7523 §2.2).
    Key(ClientKey),
}

impl From<ClientSecret> for Authentication {
    fn from(secret: ClientSecret) -> Self {
        Self::Secret(secret)
    }
}

impl From<ClientKey> for Authentication {
    fn from(key: ClientKey) -> Self {
        Self::Key(key)
    }
}

/// An RSA key whose public half is registered as a credential of the client.
#[derive(Clone, Debug)]
pub struct ClientKey(Arc<SigningKey>);

impl ClientKey {
    /// Reads a private key: PKCS#8 in PEM, as OpenSSL 3 writes it. `kid` is the credential's.
    pub fn from_pem(pem: &str, kid: impl Into<String>) -> Result<Self, SetupError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(SetupError::NotPem)?;
        let key = SigningKey::from_pkcs8(der.secret_pkcs8_der(), kid).map_err(SetupError::Key)?;
        Ok(Self(Arc::new(key)))
    }
}

/// For whom a privileged worker wants a token, and why.
#[derive(Clone, Copy, Debug)]
pub struct WorkerRequest<'a> {
    /// The person's id in the tenant, such as `auth0|…`.
    pub user_id: &'a str,
    /// Why, in 1 to 256 characters. It stands in the tenant's log.
    pub audit_context: &'a str,
}

/// The two who take part, by their names in tokens.
#[derive(Clone, Copy)]
pub(crate) struct Parties<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) issuer: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_context: Option<&'a str>,
}

impl Parties<'_> {
    /// The parameters by which the client authenticates.
    pub(crate) fn proof(
        self,
        authentication: &Authentication,
    ) -> Result<Vec<(&'static str, String)>, SigningError> {
        Ok(match authentication {
            Authentication::Secret(secret) => {
                vec![("client_secret", secret.expose().to_owned())]
            }
            Authentication::Key(ClientKey(key)) => vec![
                ("client_assertion_type", ASSERTION_TYPE.to_owned()),
                ("client_assertion", key.sign("JWT", &self.claims(self.client_id, None))?),
            ],
        })
    }

    /// The subject token of a privileged worker.
    pub(crate) fn vault_request(
        self,
        ClientKey(key): &ClientKey,
        request: &WorkerRequest<'_>,
    ) -> Result<ClientJwt, SigningError> {
        let claims = self.claims(request.user_id, Some(request.audit_context));
        key.sign(VAULT_REQUEST_TYP, &claims).map(ClientJwt::new)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "clock and randomness of the server are injected; an SDK has its machine's"
    )]
    fn claims<'c>(&'c self, sub: &'c str, audit_context: Option<&'c str>) -> Claims<'c> {
        let iat = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Claims {
            iss: self.client_id,
            sub,
            aud: self.issuer,
            iat,
            exp: iat + ASSERTION_SECONDS,
            jti: Uuid::new_v4().to_string(),
            audit_context,
        }
    }
}
