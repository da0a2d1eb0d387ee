//! Tokens for a client itself: RFC 6749 §4.4.

use model::client::Client;
use model::log_event::LogEventKind;
use protocol::oauth::answer::TokenResponse;
use protocol::oauth::token::{ClientCredentialsGrant, GrantType};
use protocol::time::Timestamp;
use store::{StoreError, WriteTx};

use crate::access::{self, AccessError};
use crate::access_token::{self, NewAccessToken, Subject};
use crate::app::App;
use crate::audit::Event;
use crate::binding::Binding;
use crate::client_auth::AuthenticatedClient;
use crate::context::Context;
use crate::dpop::DpopBound;
use crate::keys::KeyError;

/// Why a client gets no token for itself.
#[derive(Debug, thiserror::Error)]
pub enum ClientCredentialsError {
    /// The client may not use the grant.
    #[error("the client_credentials grant is not enabled for the client")]
    GrantNotAllowed,
    /// It cannot authenticate.
    #[error("a public client cannot act for itself")]
    PublicClient,
    /// It names an organization.
    #[error("organizations are not supported")]
    Organization,
    /// The resource server cannot be accessed, or not in this way.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for ClientCredentialsError {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// Gives a client a token for itself.
pub async fn exchange(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    request: ClientCredentialsGrant,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<TokenResponse, ClientCredentialsError> {
    let client = client.client();
    let mut tx = app.store.write().await?;
    match attempt(app, &mut tx, context, client, request, proof, now).await {
        Ok(response) => {
            tx.commit().await?;
            Ok(response)
        }
        Err(
            error @ (ClientCredentialsError::Key(_)
            | ClientCredentialsError::Access(AccessError::Store(_))),
        ) => Err(error),
        Err(error) => {
            Event::new(LogEventKind::ClientCredentialsFailed, context)
                .client(client)
                .describe(error.to_string())
                .write(app, &mut tx, context, now)
                .await?;
            tx.commit().await?;
            Err(error)
        }
    }
}

async fn attempt(
    app: &App,
    tx: &mut WriteTx,
    context: &Context,
    client: &Client,
    request: ClientCredentialsGrant,
    proof: Option<&DpopBound>,
    now: Timestamp,
) -> Result<TokenResponse, ClientCredentialsError> {
    let ClientCredentialsGrant { audience, scope, organization } = request;
    if !client.allows_grant(GrantType::ClientCredentials) {
        return Err(ClientCredentialsError::GrantNotAllowed);
    }
    // RFC 6749 §4.4: the grant MUST only be used by confidential clients.
    if client.is_public() {
        return Err(ClientCredentialsError::PublicClient);
    }
    if organization.is_some() {
        return Err(ClientCredentialsError::Organization);
    }
    let access =
        access::for_client(tx, context, client, audience.as_deref(), scope.as_ref()).await?;
    let server = access.resource_server.as_ref();
    let binding = access::binding(context, client, server, proof)?;
    let keys = app.keys.of(tx, context.tenant_id(), now).await?;
    let new = NewAccessToken {
        subject: Subject::Client(client.client_id.clone()),
        client_id: &client.client_id,
        resource_server: server,
        scope: &access.scope,
        binding: binding.as_ref(),
        grant: Some("client-credentials"),
    };
    let issued =
        access_token::issue(&keys, context, &new, &*app.entropy, now).map_err(KeyError::from)?;
    Event::new(LogEventKind::ClientCredentials, context)
        .client(client)
        .access(server.map(|server| server.identifier.as_str()), &access.scope)
        .write(app, tx, context, now)
        .await?;
    Ok(TokenResponse {
        access_token: issued.token.disclose(),
        refresh_token: None,
        id_token: None,
        token_type: Binding::token_type(binding.as_ref()),
        expires_in: issued.expires_in.as_secs(),
        scope: access.scope,
        issued_token_type: None,
    })
}
