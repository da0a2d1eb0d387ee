//! The Token Vault grant.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use engine::app::App;
use engine::client_auth::AuthenticatedClient;
use engine::dpop::DpopBound;
use engine::vault_access;
use protocol::oauth::exchange::VaultExchangeRequest;

use crate::asked::Asked;
use crate::error::{Json, OAuthError};

pub(super) async fn exchange(
    app: Arc<App>,
    asked: Asked,
    client: AuthenticatedClient,
    grant: VaultExchangeRequest,
    proof: Option<&DpopBound>,
) -> Result<Response, OAuthError> {
    let Asked { context, now } = asked;
    let response = vault_access::exchange(&app, &context, &client, &grant, proof, now).await?;
    Ok(Json(response).into_response())
}
