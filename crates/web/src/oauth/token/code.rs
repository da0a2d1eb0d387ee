//! The authorization code grant: RFC 6749 §4.1.3.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use engine::app::App;
use engine::client_auth::AuthenticatedClient;
use engine::code_grant;
use engine::dpop::DpopBound;
use protocol::oauth::token::AuthorizationCodeGrant;

use crate::asked::Asked;
use crate::error::{Json, OAuthError};

pub(super) async fn exchange(
    app: Arc<App>,
    asked: Asked,
    client: AuthenticatedClient,
    grant: AuthorizationCodeGrant,
    proof: Option<&DpopBound>,
) -> Result<Response, OAuthError> {
    let Asked { context, now } = asked;
    let response = code_grant::exchange(&app, &context, &client, grant, proof, now).await?;
    Ok(Json(response).into_response())
}
