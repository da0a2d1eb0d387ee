//! Keys of clients: registered, prolonged and removed, and put to use by a change of the client.

use std::collections::HashSet;

use model::client::Client;
use model::client_credential::{
    ClientAuthenticationMethods, ClientCredential, CredentialMaterial, CredentialRef,
    PrivilegedAccess,
};
use model::ids::{ClientCredentialId, ClientId};
use model::log_event::LogEventKind;
use protocol::client_certificate::ClientCertificate;
use protocol::jose::jws::Algorithm;
use protocol::jose::pem;
use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;
use serde::Deserialize;
use serde_json::json;
use store::{WriteTx, client_credentials, clients};

use super::{ClientError, secrets, target};
use crate::administrator::Administrator;
use crate::app::App;
use crate::audit::Event;
use crate::change::Change;
use crate::context::Context;
use crate::invalid::Invalid;

/// A client has no more.
const CREDENTIALS_MAX: usize = 20;
/// The scope of whoever may let a client have tokens of people who did not give it any.
pub const UPDATE_PRIVILEGED_ACCESS: &str = "update:client_token_vault_privileged_access";
const ID_PREFIX: &str = "cred_";

/// A credential to be registered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "credential_type", rename_all = "snake_case")]
pub enum NewCredential {
    /// A key to verify signatures with.
    PublicKey(NewPublicKey),
    /// A name in certificates of trusted authorities (RFC 8705 §2.1).
    CertSubjectDn(NewSubjectDn),
    /// A certificate that counts as itself (RFC 8705 §2.2).
    X509Cert(NewCertificate),
}

/// A name to be registered: as text, or as a certificate has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NewSubjectDn {
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// The name, in the form of RFC 4514.
    pub subject_dn: Option<String>,
    /// A certificate with the name, in PEM.
    pub pem: Option<String>,
}

/// A certificate to be registered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NewCertificate {
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// The certificate, in PEM.
    pub pem: String,
}

/// A public key to be registered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NewPublicKey {
    /// The key or a certificate of it, in PEM.
    pub pem: String,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// The one algorithm; RS256 if none is named.
    pub alg: Option<String>,
    /// Its name in headers; its thumbprint (RFC 7638) if none is given.
    pub kid: Option<String>,
    /// When it ends, in RFC 3339.
    pub expires_at: Option<String>,
    /// Whether it ends with its certificate, if nothing else is said.
    #[serde(default)]
    pub parse_expiry_from_cert: bool,
}

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
    pub(super) fn names(&self) -> [(&'static str, bool); 3] {
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
    pub(super) fn resolve(
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
    pub(super) fn apply(self, client: &mut Client) {
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
pub(super) fn check_kinds(
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

/// Writes credentials down. The names of keys tell them apart, so no two of a client are the same.
pub(super) async fn register(
    tx: &mut WriteTx,
    context: &Context,
    client_id: &ClientId,
    registered: &[ClientCredential],
    fresh: &[ClientCredential],
) -> Result<(), ClientError> {
    if registered.len() + fresh.len() > CREDENTIALS_MAX {
        let why = format!("a client has at most {CREDENTIALS_MAX} credentials");
        return Err(Invalid::new("credentials", why).into());
    }
    let mut kids = HashSet::new();
    for credential in registered.iter().chain(fresh) {
        if let Some(kid) = credential.key().and_then(|key| key.kid())
            && !kids.insert(kid)
        {
            return Err(ClientError::KidTaken(kid.to_owned()));
        }
    }
    for credential in fresh {
        client_credentials::insert(tx, context.tenant_id(), client_id, credential).await?;
    }
    Ok(())
}

/// Registers a credential. It is of no use until the client uses it for something.
pub async fn create_credential(
    app: &App,
    context: &Context,
    by: &Administrator,
    client_id: &ClientId,
    new: NewCredential,
    now: Timestamp,
) -> Result<ClientCredential, ClientError> {
    let tenant = context.tenant_id();
    let credential = read(app, new, now)?;
    let mut tx = app.store.write().await?;
    let client = find_client(&mut tx, context, client_id).await?;
    let registered = client_credentials::list(&mut tx, tenant, client_id).await?;
    let fresh = std::slice::from_ref(&credential);
    register(&mut tx, context, client_id, &registered, fresh).await?;
    written(by, context, "Create a client credential", &client, &credential)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(credential)
}

/// Changes when a credential ends.
pub async fn update_credential(
    app: &App,
    context: &Context,
    by: &Administrator,
    (client_id, id): (&ClientId, &ClientCredentialId),
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<ClientCredential, ClientError> {
    let tenant = context.tenant_id();
    check_expiry(expires_at, now)?;
    let mut tx = app.store.write().await?;
    let client = find_client(&mut tx, context, client_id).await?;
    let found = client_credentials::find(&mut tx, tenant, client_id, id).await?;
    let mut credential = found.ok_or(ClientError::UnknownCredential)?;
    // Whoever prolongs the key of a client lets its owner go on acting as the client.
    secrets::check_reach(&mut tx, context, by, client_id).await?;
    if client.is_privileged_by(id) {
        let lacking = by.lacking(&ScopeSet::parse_lenient(UPDATE_PRIVILEGED_ACCESS));
        if !lacking.is_empty() {
            return Err(ClientError::BeyondCaller { lacking });
        }
    }
    credential.expires_at = expires_at;
    credential.updated_at = now;
    client_credentials::update(&mut tx, tenant, client_id, &credential).await?;
    written(by, context, "Update a client credential", &client, &credential)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(credential)
}

/// Removes a credential. Answers `false` if there was none; one in use stays.
pub async fn delete_credential(
    app: &App,
    context: &Context,
    by: &Administrator,
    client_id: &ClientId,
    id: &ClientCredentialId,
    now: Timestamp,
) -> Result<bool, ClientError> {
    let tenant = context.tenant_id();
    let mut tx = app.store.write().await?;
    let client = find_client(&mut tx, context, client_id).await?;
    let Some(credential) = client_credentials::find(&mut tx, tenant, client_id, id).await? else {
        return Ok(false);
    };
    if let Some(used_for) = client.use_of(id) {
        return Err(ClientError::CredentialInUse { used_for });
    }
    client_credentials::delete(&mut tx, tenant, client_id, id).await?;
    written(by, context, "Delete a client credential", &client, &credential)
        .write(app, &mut tx, context, now)
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// The client, locked, so that its credentials and what it uses them for change one after the other.
async fn find_client(
    tx: &mut WriteTx,
    context: &Context,
    client_id: &ClientId,
) -> Result<Client, ClientError> {
    let found = clients::find_for_update(tx, context.tenant_id(), client_id).await?;
    Ok(found.ok_or(ClientError::Unknown)?.client)
}

fn written(
    by: &Administrator,
    context: &Context,
    what: &str,
    client: &Client,
    credential: &ClientCredential,
) -> Event {
    let mut details = target(client);
    details["credential"] = json!({ "id": credential.id });
    by.event(LogEventKind::ManagementWrite, context).describe(what).details(details)
}

fn read(app: &App, new: NewCredential, now: Timestamp) -> Result<ClientCredential, Invalid> {
    let (name, material, expires_at) = match new {
        NewCredential::PublicKey(new) => read_key(new)?,
        NewCredential::CertSubjectDn(NewSubjectDn { name, subject_dn, pem }) => {
            let subject_dn = match (subject_dn, pem) {
                (Some(subject_dn), None) => subject_dn,
                (None, Some(pem)) => read_certificate(&pem)?.subject_dn().to_owned(),
                (None, None) | (Some(_), Some(_)) => {
                    let why = "there must be either this or pem";
                    return Err(Invalid::new("subject_dn", why));
                }
            };
            (name, CredentialMaterial::CertSubjectDn { subject_dn }, None)
        }
        NewCredential::X509Cert(NewCertificate { name, pem }) => {
            let thumbprint_sha256 = read_certificate(&pem)?.thumbprint().to_string();
            (name, CredentialMaterial::X509Cert { thumbprint_sha256 }, None)
        }
    };
    check_expiry(expires_at, now)?;
    let id = app.entropy.id(ID_PREFIX, 22);
    Ok(ClientCredential { id, name, material, created_at: now, updated_at: now, expires_at })
}

fn read_certificate(pem: &str) -> Result<ClientCertificate, Invalid> {
    let certificate = ClientCertificate::read_pem(pem);
    certificate.map_err(|error| Invalid::new("pem", error.to_string()))
}

fn read_key(new: NewPublicKey) -> Result<(String, CredentialMaterial, Option<Timestamp>), Invalid> {
    let NewPublicKey { pem, name, alg, kid, expires_at, parse_expiry_from_cert } = new;
    let algorithm = match alg {
        None => Algorithm::Rs256,
        Some(alg) => Algorithm::parse(&alg).ok_or_else(|| Invalid::new("alg", "it is unknown"))?,
    };
    let read = pem::read_public_key(&pem, algorithm)
        .map_err(|error| Invalid::new("pem", error.to_string()))?;
    let expires_at = match expires_at {
        Some(text) => Some(
            Timestamp::parse_rfc3339(&text)
                .map_err(|error| Invalid::new("expires_at", error.to_string()))?,
        ),
        None if parse_expiry_from_cert => match read.not_after {
            Some(not_after) => Some(not_after),
            None => {
                let why = "the PEM is no certificate";
                return Err(Invalid::new("parse_expiry_from_cert", why));
            }
        },
        None => None,
    };
    let kid = kid.unwrap_or_else(|| read.key.thumbprint().as_str().to_owned());
    Ok((name, CredentialMaterial::PublicKey { key: read.key.named(kid) }, expires_at))
}

fn check_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), Invalid> {
    match expires_at {
        Some(expires_at) if expires_at <= now => {
            Err(Invalid::new("expires_at", "it is in the past"))
        }
        Some(_) | None => Ok(()),
    }
}
