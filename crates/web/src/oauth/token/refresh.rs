//! The refresh token grant: RFC 6749 §6.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use engine::app::App;
use engine::client_auth::AuthenticatedClient;
use engine::dpop::DpopBound;
use engine::refresh_grant;
use protocol::oauth::token::RefreshTokenGrant;

use crate::asked::Asked;
use crate::error::{Json, OAuthError};

pub(super) async fn exchange(
    app: Arc<App>,
    asked: Asked,
    client: AuthenticatedClient,
    grant: RefreshTokenGrant,
    proof: Option<&DpopBound>,
) -> Result<Response, OAuthError> {
    let Asked { context, now } = asked;
    let response = refresh_grant::exchange(&app, &context, &client, grant, proof, now).await?;
    Ok(Json(response).into_response())
}
