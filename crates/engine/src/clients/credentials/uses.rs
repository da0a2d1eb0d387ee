//! What a client uses its credentials for, as a change of the client says it.

use model::client::Client;
use model::client_credential::{
    ClientAuthenticationMethods, ClientCredential, CredentialMaterial, CredentialRef,
    PrivilegedAccess,
};
use protocol::time::Timestamp;
use serde::Deserialize;

use super::form::{NewCredential, read};
use crate::app::App;
use crate::change::Change;
use crate::clients::ClientError;
use crate::invalid::Invalid;

/// A credential as a change of a client names it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum GivenCredential {
    /// One that is registered.
    Registered(CredentialRef),
    /// One to be registered along with the change.
    New(NewCredential),
}

/// What is to become of a client's signed authorization requests. What is not named stays.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SignedRequestChange<C> {
    /// Whether an unsigned one is refused.
    pub required: Option<bool>,
    /// The keys that they may be signed with.
    pub credentials: Option<Vec<C>>,
}

/// What is to become of the uses of a client's credentials.
#[derive(Clone, Debug)]
pub struct CredentialUses<C = GivenCredential> {
    /// How it authenticates.
    pub client_authentication_methods: Change<ClientAuthenticationMethods<C>>,
    /// Its signed authorization requests.
    pub signed_request_object: Change<SignedRequestChange<C>>,
    /// What it may have of the vault.
    pub token_vault_privileged_access: Change<PrivilegedAccess<C>>,
}

impl<C> SignedRequestChange<C> {
    fn try_map<D, E>(self, f: impl FnMut(C) -> Result<D, E>) -> Result<SignedRequestChange<D>, E> {
        let Self { required, credentials } = self;
        let credentials = credentials.map(|all| all.into_iter().map(f).collect()).transpose()?;
        Ok(SignedRequestChange { required, credentials })
    }
}

// By hand: a derive would demand a default credential.
impl<C> Default for CredentialUses<C> {
    fn default() -> Self {
        Self {
            client_authentication_methods: Change::Keep,
            signed_request_object: Change::Keep,
            token_vault_privileged_access: Change::Keep,
        }
    }
}

impl<C> CredentialUses<C> {
    /// Each with its name, and whether it stays.
    pub(in crate::clients) fn names(&self) -> [(&'static str, bool); 3] {
        let Self {
            client_authentication_methods: methods,
            signed_request_object: signed,
            token_vault_privileged_access: privileged,
        } = self;
        [
            ("client_authentication_methods", methods.is_keep()),
            ("signed_request_object", signed.is_keep()),
            ("token_vault_privileged_access", privileged.is_keep()),
        ]
    }
}

impl CredentialUses {
    /// Names every credential by its id: those that are registered, which must be of this client, and
    /// those to be registered, which are added to `fresh`.
    pub(in crate::clients) fn resolve(
        self,
        app: &App,
        registered: &[ClientCredential],
        fresh: &mut Vec<ClientCredential>,
        now: Timestamp,
    ) -> Result<CredentialUses<CredentialRef>, ClientError> {
        let Self {
            client_authentication_methods,
            signed_request_object,
            token_vault_privileged_access,
        } = self;
        let mut resolve = |property: &'static str, given: GivenCredential| match given {
            GivenCredential::Registered(wanted) => {
                if registered.iter().all(|one| one.id != wanted.id) {
                    let why = format!("the credential {} does not exist", wanted.id);
                    return Err(ClientError::from(Invalid::new(property, why)));
                }
                Ok(wanted)
            }
            GivenCredential::New(new) => {
                let credential = read(app, new, now)?;
                let id = credential.id.clone();
                fresh.push(credential);
                Ok(CredentialRef { id })
            }
        };
        Ok(CredentialUses {
            client_authentication_methods: client_authentication_methods.try_map(|methods| {
                methods.try_map(|one| resolve("client_authentication_methods", one))
            })?,
            signed_request_object: signed_request_object
                .try_map(|signed| signed.try_map(|one| resolve("signed_request_object", one)))?,
            token_vault_privileged_access: token_vault_privileged_access.try_map(|access| {
                access.try_map(|one| resolve("token_vault_privileged_access", one))
            })?,
        })
    }
}

impl CredentialUses<CredentialRef> {
    /// Does it.
    pub(in crate::clients) fn apply(self, client: &mut Client) {
        let Self {
            client_authentication_methods,
            signed_request_object,
            token_vault_privileged_access,
        } = self;
        client_authentication_methods.apply_optional(&mut client.client_authentication_methods);
        match signed_request_object {
            Change::Keep => {}
            Change::Clear => client.signed_request_object = None,
            Change::Set(SignedRequestChange { required, credentials }) => {
                let signed = client.signed_request_object.get_or_insert_default();
                signed.required = required.unwrap_or(signed.required);
                if let Some(credentials) = credentials {
                    signed.credentials = credentials;
                }
            }
        }
        token_vault_privileged_access.apply_optional(&mut client.token_vault_privileged_access);
    }
}

/// Checks that each use has credentials of its kind: one of another would never be accepted.
pub(in crate::clients) fn check_kinds(
    client: &Client,
    registered: &[ClientCredential],
    fresh: &[ClientCredential],
) -> Result<(), Invalid> {
    let is_key =
        |material: &CredentialMaterial| matches!(material, CredentialMaterial::PublicKey { .. });
    let check = |property, refs: &[CredentialRef], is_of_kind: fn(&CredentialMaterial) -> bool| {
        let mut used = registered
            .iter()
            .chain(fresh)
            .filter(|one| refs.iter().any(|wanted| wanted.id == one.id));
        match used.find(|one| !is_of_kind(&one.material)) {
            Some(one) => {
                let why = format!("the credential {} is of another kind", one.id);
                Err(Invalid::new(property, why))
            }
            None => Ok(()),
        }
    };
    if let Some(methods) = &client.client_authentication_methods {
        let is_of_kind: fn(&CredentialMaterial) -> bool = match methods {
            ClientAuthenticationMethods::PrivateKeyJwt(_) => is_key,
            ClientAuthenticationMethods::TlsClientAuth(_) => {
                |material| matches!(material, CredentialMaterial::CertSubjectDn { .. })
            }
            ClientAuthenticationMethods::SelfSignedTlsClientAuth(_) => {
                |material| matches!(material, CredentialMaterial::X509Cert { .. })
            }
        };
        check("client_authentication_methods", methods.credentials(), is_of_kind)?;
    }
    if let Some(signed) = &client.signed_request_object {
        check("signed_request_object", &signed.credentials, is_key)?;
    }
    if let Some(access) = &client.token_vault_privileged_access {
        check("token_vault_privileged_access", &access.credentials, is_key)?;
    }
    Ok(())
}
