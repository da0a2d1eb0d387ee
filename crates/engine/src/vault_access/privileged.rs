//! Privileged clients: who need no token of the person, and so are held to more.
//!
//! Their request is a JWT that they sign for one exchange. It is accepted from where the operator
//! said, for what the operator granted, and with a reason for the log.

use connectors::Rotation;
use model::client::Client;
use model::ids::UserId;
use protocol::oauth::client_jwt::{Expected, VaultRequest, verify_vault_request};
use protocol::secret::{ClientJwt, ProviderRefreshToken};
use protocol::time::Timestamp;
use vault::tokenset::Tokens;

use super::ExchangeError;
use crate::app::App;
use crate::client_jwt::{self, ClientJwtError, Use};
use crate::context::Context;

/// Why a privileged client's request is refused.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// The client is not privileged.
    #[error("the client has no token_vault_privileged_access")]
    NotPrivileged,
    /// The JWT is not what it has to be.
    #[error("subject token: {0}")]
    Request(#[source] protocol::oauth::client_jwt::JwtError),
    /// The JWT was used before.
    #[error("subject token: it was used before")]
    Replayed,
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
    /// Who acts, in the client's words.
    pub(super) actors: Vec<String>,
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
    let by = (Use::VaultRequest, access.credentials.as_slice());
    let verify = |expected: Expected<'_>| verify_vault_request(token, expected);
    let one_time = |request: &VaultRequest| request.one_time.clone();
    let believed =
        client_jwt::believe(app, context, &client.client_id, by, verify, one_time, now).await;
    let VaultRequest { user_id, audit_context, organization, actors, one_time: _ } = match believed
    {
        Ok(request) => request,
        Err(ClientJwtError::Invalid(error)) => return Err(PrivilegeError::Request(error).into()),
        Err(ClientJwtError::Replayed) => return Err(PrivilegeError::Replayed.into()),
        Err(ClientJwtError::Store(error)) => return Err(error.into()),
    };
    let user_id = user_id.into();
    Ok(Privilege { user_id, audit_context, organization, actors })
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
