//! Refused changes are noted before they are told: one event for each, written here for every
//! endpoint, so that none can forget it.
//!
//! What comes without a token that makes somebody an administrator is not noted: it changes nothing,
//! and strangers could fill the log. A read is noted when the caller may not make it.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::app::App;
use model::log_event::LogEventKind;
use serde_json::json;

use super::caller::CallerSlot;
use super::error::{ManagementError, Refusal};
use crate::AppState;
use crate::asked::Asked;

/// Writes the event of a refusal.
pub(super) async fn note(
    State(app): State<Arc<App>>,
    State(_): State<AppState>,
    asked: Asked,
    path: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let slot = CallerSlot::default();
    request.extensions_mut().insert(slot.clone());
    let is_read = request.method().is_safe();
    let path = path.as_ref().map_or_else(|| request.uri().path(), MatchedPath::as_str);
    let operation = format!("{} {path}", request.method());
    let response = next.run(request).await;
    let Some(Refusal { why }) = response.extensions().get() else { return response };
    let Some(caller) = slot.caller() else { return response };
    let status = response.status();
    if is_read && status != StatusCode::FORBIDDEN {
        return response;
    }
    let event = caller
        .event(LogEventKind::ManagementFailed, &asked.context)
        .describe(why.as_str())
        .details(json!({ "operation": operation, "status": status.as_u16() }));
    match event.commit(&app, &asked.context, asked.now).await {
        Ok(()) => response,
        Err(error) => ManagementError::from(error).into_response(),
    }
}
