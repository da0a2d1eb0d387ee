//! Keys and certificates of clients, and what a client uses them for.

use protocol::jose::jwk::Jwk;
use protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exchange_policy::ConnectionGrant;
use crate::ids::ClientCredentialId;
use crate::ip_range::IpRange;

/// A key or a certificate that a client proves itself with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCredential {
    /// Its id.
    pub id: ClientCredentialId,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub material: CredentialMaterial,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// When it ends; `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// What a credential is. No secret is among it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "credential_type", rename_all = "snake_case")]
pub enum CredentialMaterial {
    /// A key to verify the client's signatures with. It has a `kid` and one algorithm.
    PublicKey {
        /// The key.
        key: Jwk,
    },
    /// The name in certificates that a trusted authority signs (RFC 8705 §2.1).
    CertSubjectDn {
        /// RFC 4514 string of the distinguished name.
        subject_dn: String,
    },
    /// One certificate, whoever signed it (RFC 8705 §2.2).
    X509Cert {
        /// Base64url of the SHA-256 of its DER.
        thumbprint_sha256: String,
    },
}

impl ClientCredential {
    /// Whether it is still good.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// The key, if it is one.
    pub fn key(&self) -> Option<&Jwk> {
        match &self.material {
            CredentialMaterial::PublicKey { key } => Some(key),
            CredentialMaterial::CertSubjectDn { .. } | CredentialMaterial::X509Cert { .. } => None,
        }
    }
}

/// That a credential of the client is used for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRef {
    /// The credential.
    pub id: ClientCredentialId,
}

/// How a client authenticates with a key instead of a secret. `C` is how a credential is named:
/// by reference in a record, or with its definition in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthenticationMethods<C = CredentialRef> {
    /// With an assertion (RFC 7523).
    PrivateKeyJwt(Credentials<C>),
    /// With a certificate of a trusted authority (RFC 8705 §2.1).
    TlsClientAuth(Credentials<C>),
    /// With a registered certificate (RFC 8705 §2.2).
    SelfSignedTlsClientAuth(Credentials<C>),
}

/// The credentials of a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials<C = CredentialRef> {
    /// Any of them will do, so that one can be replaced by the next.
    pub credentials: Vec<C>,
}

/// Whether a client's authorization requests are signed (RFC 9101).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedRequestObject {
    /// Whether an unsigned one is refused.
    #[serde(default)]
    pub required: bool,
    /// The keys that they may be signed with.
    #[serde(default)]
    pub credentials: Vec<CredentialRef>,
}

/// What a privileged client may have of whom, without the person's token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivilegedAccess<C = CredentialRef> {
    /// The keys that its requests may be signed with.
    pub credentials: Vec<C>,
    /// From where it may ask. `None` is anywhere; an empty list is nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_allowlist: Option<Vec<IpRange>>,
    /// What it may have. `None` is every connection that is enabled for it; an empty list is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<ConnectionGrant>>,
}

impl<C> ClientAuthenticationMethods<C> {
    /// The registered name of the method.
    pub fn method(&self) -> &'static str {
        match self {
            Self::PrivateKeyJwt(_) => "private_key_jwt",
            Self::TlsClientAuth(_) => "tls_client_auth",
            Self::SelfSignedTlsClientAuth(_) => "self_signed_tls_client_auth",
        }
    }

    /// The credentials of the method.
    pub fn credentials(&self) -> &[C] {
        match self {
            Self::PrivateKeyJwt(of)
            | Self::TlsClientAuth(of)
            | Self::SelfSignedTlsClientAuth(of) => &of.credentials,
        }
    }

    /// The same with each credential named in another way.
    pub fn try_map<D, E>(
        self,
        f: impl FnMut(C) -> Result<D, E>,
    ) -> Result<ClientAuthenticationMethods<D>, E> {
        Ok(match self {
            Self::PrivateKeyJwt(of) => ClientAuthenticationMethods::PrivateKeyJwt(of.try_map(f)?),
            Self::TlsClientAuth(of) => ClientAuthenticationMethods::TlsClientAuth(of.try_map(f)?),
            Self::SelfSignedTlsClientAuth(of) => {
                ClientAuthenticationMethods::SelfSignedTlsClientAuth(of.try_map(f)?)
            }
        })
    }
}

impl<C> Credentials<C> {
    fn try_map<D, E>(self, f: impl FnMut(C) -> Result<D, E>) -> Result<Credentials<D>, E> {
        let credentials = self.credentials.into_iter().map(f).collect::<Result<_, E>>()?;
        Ok(Credentials { credentials })
    }
}

impl<C> PrivilegedAccess<C> {
    /// The same with each credential named in another way.
    pub fn try_map<D, E>(self, f: impl FnMut(C) -> Result<D, E>) -> Result<PrivilegedAccess<D>, E> {
        let Self { credentials, ip_allowlist, grants } = self;
        let credentials = credentials.into_iter().map(f).collect::<Result<_, E>>()?;
        Ok(PrivilegedAccess { credentials, ip_allowlist, grants })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn methods_have_auth0s_shape() {
        let shape = json!({"private_key_jwt": {"credentials": [{"id": "cred_1"}]}});
        let methods: ClientAuthenticationMethods = serde_json::from_value(shape.clone()).unwrap();
        assert_eq!(methods.method(), "private_key_jwt");
        assert_eq!(methods.credentials().len(), 1);
        assert_eq!(serde_json::to_value(methods).unwrap(), shape);
    }
}
