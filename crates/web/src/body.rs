//! Request bodies, bounded, as parameters: a form or a flat JSON object, nothing else.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use protocol::oauth::error::ErrorCode;
use protocol::oauth::parameters::{InvalidParameter, Parameters, ParametersError};

use crate::AppState;
use crate::error::OAuthError;

/// The parameters of a body in either of the two forms that OAuth endpoints take.
pub(crate) struct OAuthBody(pub(crate) Parameters);

impl FromRequest<AppState> for OAuthBody {
    type Rejection = OAuthError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Self::Rejection> {
        let refused = |why: String| OAuthError::new(ErrorCode::InvalidRequest, why);
        let kind = content_type(request.headers());
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| refused(rejection.body_text()))?;
        let parameters = match kind.as_deref() {
            Some("application/x-www-form-urlencoded") => Parameters::from_form(&body),
            Some("application/json") => Parameters::from_json(&body),
            _ => {
                let why = "The body must be application/x-www-form-urlencoded or application/json.";
                return Err(refused(why.to_owned()));
            }
        };
        parameters.map(Self).map_err(OAuthError::from)
    }
}

/// The media type of a body, without its parameters.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default();
    Some(essence.trim().to_ascii_lowercase())
}

impl From<ParametersError> for OAuthError {
    fn from(error: ParametersError) -> Self {
        Self::new(ErrorCode::InvalidRequest, sentence(&error.to_string()))
    }
}

impl From<InvalidParameter> for OAuthError {
    fn from(error: InvalidParameter) -> Self {
        match error {
            InvalidParameter::Missing(name) => {
                let description = format!("Missing required parameter: {name}");
                Self::new(ErrorCode::InvalidRequest, description)
            }
            InvalidParameter::Malformed(name) => {
                Self::new(ErrorCode::InvalidRequest, format!("Invalid parameter: {name}"))
            }
            InvalidParameter::Scope(cause) => {
                Self::new(ErrorCode::InvalidScope, sentence(&cause.to_string()))
            }
        }
    }
}

/// An error's text as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().collect::<String>());
    format!("{}{}.", first.unwrap_or_default(), characters.as_str().trim_end_matches('.'))
}
