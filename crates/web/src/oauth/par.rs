//! The pushed authorization request endpoint: RFC 9126 §2.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use engine::app::App;
use engine::authorize::{PushError, Unaddressed, push};
use model::log_event::LogEventKind;
use protocol::oauth::error::ErrorCode;
use protocol::oauth::pushed::PushedResponse;

use super::token::{accepted_proof, authenticated, presented_client};
use crate::asked::Asked;
use crate::body::OAuthBody;
use crate::error::{Json, OAuthError};

/// `POST /oauth/par`
pub(crate) async fn push_request(
    State(app): State<Arc<App>>,
    asked: Asked,
    headers: HeaderMap,
    OAuthBody(mut body): OAuthBody,
) -> Result<(StatusCode, Json<PushedResponse>), OAuthError> {
    // RFC 9126 §2.1: the client authenticates as at the token endpoint, and `client_id` is one of the
    // request's parameters all the same.
    let parameters = body.clone();
    let presented = presented_client(&headers, &mut body)?;
    let failure = LogEventKind::PushFailed;
    let client = authenticated(&app, &asked, &presented, failure).await?;
    let proof = accepted_proof(&app, &asked, &headers, "oauth/par", &client, failure).await?;
    let Asked { context, now } = &asked;
    let pushed = push(&app, context, &client, parameters, proof.as_ref(), *now).await?;
    Ok((StatusCode::CREATED, Json(pushed)))
}

impl From<PushError> for OAuthError {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Denied(denial) => Self::new(denial.code(), denial.to_string()),
            PushError::Unaddressed(Unaddressed::Key(error)) | PushError::Key(error) => {
                Self::internal(&error)
            }
            PushError::Unaddressed(Unaddressed::RequestObject(_)) => {
                let description = "The request object is not accepted.";
                Self::new(ErrorCode::InvalidRequestObject, description)
            }
            PushError::Unaddressed(
                Unaddressed::NoClient(_)
                | Unaddressed::UnknownClient
                | Unaddressed::UnknownRequest
                | Unaddressed::RedirectUri(_),
            ) => Self::new(ErrorCode::InvalidRequest, "Callback URL mismatch."),
            PushError::OtherClient => {
                Self::new(ErrorCode::InvalidRequest, "The request is another client's.")
            }
            PushError::OtherKey => {
                let description = "The DPoP proof is not by the key that dpop_jkt names.";
                Self::new(ErrorCode::InvalidDpopProof, description)
            }
        }
    }
}
