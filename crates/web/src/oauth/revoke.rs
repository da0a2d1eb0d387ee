//! The revocation endpoint: RFC 7009.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use engine::app::App;
use engine::revocation;
use model::log_event::LogEventKind;
use protocol::oauth::revocation::RevocationRequest;

use super::token::{authenticated, presented_client};
use crate::asked::Asked;
use crate::body::OAuthBody;
use crate::error::OAuthError;

/// `POST /oauth/revoke`
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    asked: Asked,
    headers: HeaderMap,
    OAuthBody(mut body): OAuthBody,
) -> Result<StatusCode, OAuthError> {
    let presented = presented_client(&headers, &mut body)?;
    let request = RevocationRequest::parse(body)?;
    let client =
        authenticated(&app, &asked, &presented, LogEventKind::RefreshExchangeFailed).await?;
    revocation::revoke(&app, &asked.context, &client, request, asked.now)
        .await
        .map_err(|error| OAuthError::internal(&error))?;
    Ok(StatusCode::OK)
}
