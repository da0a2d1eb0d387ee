//! Privileged clients: who need no token of the person, and so are held to more.
//!
//! Their request is a JWT that they sign for one exchange. It is accepted from where the operator
//! said, for what the operator granted, and with a reason for the log.

use std::net::IpAddr;

use connectors::Rotation;
use model::client::Client;
use model::client_credential::PrivilegedAccess;
use model::ids::UserId;
use protocol::oauth::client_jwt::{Expected, VaultRequest, verify_vault_request};
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{ClientJwt, ProviderRefreshToken};
use protocol::time::Timestamp;
use vault::tokenset::Tokens;

use super::ExchangeError;
use crate::app::App;
use crate::client_jwt::{self, ClientJwtError, Use};
use crate::context::{CallerAddress, Context};

/// Why a privileged client's request is refused.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// The client is not privileged.
    #[error("the client has no token_vault_privileged_access")]
    NotPrivileged,
    /// It asks from somewhere else.
    #[error("the client may not ask from {}", address.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string()))]
    Address {
        /// From where it asked.
        address: Option<IpAddr>,
    },
    /// The JWT is not what it has to be.
    #[error("subject token: {0}")]
    Request(#[source] protocol::oauth::client_jwt::JwtError),
    /// The JWT was used before.
    #[error("subject token: it was used before")]
    Replayed,
    /// The connection is not among the client's grants.
    #[error("the client's grants do not name the connection")]
    Connection,
    /// Scopes are not among those that the grants name.
    #[error("the client's grants do not name the scopes: {missing}")]
    Scopes {
        /// The scopes.
        missing: ScopeSet,
    },
    /// The account has more scopes than the client may have or wants, and the provider gives no token
    /// with fewer.
    #[error("the tokens of the account also have the scopes: {beyond}")]
    Broader {
        /// What is too much.
        beyond: ScopeSet,
    },
    /// A provider's refresh token is asked for, and there is none.
    #[error("the provider gave no refresh token")]
    NoRefreshToken,
    /// A provider's refresh token is asked for that the provider replaces whenever it is used: two
    /// who use it would end each other's grant.
    #[error("the provider replaces its refresh tokens, so that only the vault can use them")]
    RefreshTokenRotates,
}

/// What a privileged client asked for, and what it may have.
#[derive(Debug)]
pub(super) struct Privilege {
    pub(super) user_id: UserId,
    /// Why, in the client's words.
    pub(super) audit_context: String,
    /// The organization that it named.
    pub(super) organization: Option<String>,
    access: PrivilegedAccess,
}

/// Admits a privileged client's request, and spends it.
pub(super) async fn admit(
    app: &App,
    context: &Context,
    client: &Client,
    token: &ClientJwt,
    now: Timestamp,
) -> Result<Privilege, ExchangeError> {
    let access = client.token_vault_privileged_access.as_ref();
    let access = access.ok_or(PrivilegeError::NotPrivileged)?;
    let address = context.ip.map(CallerAddress::ip);
    if let Some(allowed) = &access.ip_allowlist {
        let is_listed = |address: IpAddr| allowed.iter().any(|range| range.contains(address));
        if !address.is_some_and(is_listed) {
            return Err(PrivilegeError::Address { address }.into());
        }
    }
    let by = (Use::VaultRequest, access.credentials.as_slice());
    let verify = |expected: Expected<'_>| verify_vault_request(token, expected);
    let one_time = |request: &VaultRequest| request.one_time.clone();
    let believed =
        client_jwt::believe(app, context, &client.client_id, by, verify, one_time, now).await;
    let VaultRequest { user_id, audit_context, organization, one_time: _ } = match believed {
        Ok(request) => request,
        Err(ClientJwtError::Invalid(error)) => return Err(PrivilegeError::Request(error).into()),
        Err(ClientJwtError::Replayed) => return Err(PrivilegeError::Replayed.into()),
        Err(ClientJwtError::Store(error)) => return Err(error.into()),
    };
    let user_id = user_id.into();
    Ok(Privilege { user_id, audit_context, organization, access: access.clone() })
}

impl Privilege {
    /// The scopes that tokens of a connection may have at most, `None` if any: what was asked for, or
    /// else what was granted.
    pub(super) fn scopes_for(
        &self,
        connection: &str,
        asked: Option<&ScopeSet>,
    ) -> Result<Option<ScopeSet>, PrivilegeError> {
        let granted = self.access.scopes_for(connection).ok_or(PrivilegeError::Connection)?;
        match (granted, asked) {
            (Some(granted), Some(asked)) if !asked.is_subset_of(&granted) => {
                Err(PrivilegeError::Scopes { missing: asked.without(&granted) })
            }
            (_, Some(asked)) => Ok(Some(asked.clone())),
            (granted, None) => Ok(granted),
        }
    }
}

/// The refresh token of a tokenset, if somebody beside the vault can use it without ending the grant.
pub(super) fn refresh_token(
    rotation: Rotation,
    tokens: Tokens,
) -> Result<ProviderRefreshToken, PrivilegeError> {
    match rotation {
        Rotation::Never => tokens.refresh_token.ok_or(PrivilegeError::NoRefreshToken),
        Rotation::Always | Rotation::May => Err(PrivilegeError::RefreshTokenRotates),
        Rotation::None => Err(PrivilegeError::NoRefreshToken),
    }
}
