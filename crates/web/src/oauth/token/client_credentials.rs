//! The client credentials grant: RFC 6749 §4.4.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use engine::app::App;
use engine::client_auth::AuthenticatedClient;
use engine::client_credentials;
use engine::dpop::DpopBound;
use protocol::oauth::token::ClientCredentialsGrant;

use crate::asked::Asked;
use crate::error::{Json, OAuthError};

pub(super) async fn exchange(
    app: Arc<App>,
    asked: Asked,
    client: AuthenticatedClient,
    grant: ClientCredentialsGrant,
    proof: Option<&DpopBound>,
) -> Result<Response, OAuthError> {
    let Asked { context, now } = asked;
    let response = client_credentials::exchange(&app, &context, &client, grant, proof, now).await?;
    Ok(Json(response).into_response())
}
