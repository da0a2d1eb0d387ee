//! Access tokens at the APIs (RFC 6750).

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::secret::ProviderAccessToken;

use crate::app::{App, State};
use crate::flavour::Flavour;
use crate::grants::Access;

/// Why an API call was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BearerRefusal {
    Missing,
    Malformed,
    Invalid,
    InsufficientScope(&'static str),
}

/// The token of the `Authorization` header; other places for it (RFC 6750 §2.2
/// and §2.3) are not supported.
pub(crate) fn token(headers: &HeaderMap) -> Result<ProviderAccessToken, BearerRefusal> {
    let mut lines = headers.get_all(AUTHORIZATION).into_iter();
    let line = lines.next().ok_or(BearerRefusal::Missing)?;
    if lines.next().is_some() {
        return Err(BearerRefusal::Malformed);
    }
    let text = line.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').ok_or(BearerRefusal::Malformed)?;
    // RFC 6750 §2.1: credentials = "Bearer" 1*SP b64token
    let is_b64token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let token = token.trim_start_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || !token.bytes().all(is_b64token)
    {
        return Err(BearerRefusal::Malformed);
    }
    Ok(ProviderAccessToken::new(token))
}

/// Checks token, flavour and scope.
pub(crate) fn authorize(
    app: &App,
    state: &State,
    headers: &HeaderMap,
    flavour: Flavour,
    scope: &'static str,
) -> Result<Access, BearerRefusal> {
    let access = state.grants.access(&token(headers)?, app.now()).ok_or(BearerRefusal::Invalid)?;
    if access.account.flavour != flavour {
        return Err(BearerRefusal::Invalid);
    }
    if !access.scope.contains(scope) {
        return Err(BearerRefusal::InsufficientScope(scope));
    }
    Ok(access)
}

impl IntoResponse for BearerRefusal {
    fn into_response(self) -> Response {
        // RFC 6750 §3.1: If the request lacks any authentication information,
        // the resource server SHOULD NOT include an error code.
        let (status, code, challenge) = match self {
            Self::Missing => (StatusCode::UNAUTHORIZED, "unauthorized", String::new()),
            Self::Malformed => {
                (StatusCode::BAD_REQUEST, "invalid_request", error_challenge("invalid_request"))
            }
            Self::Invalid => {
                (StatusCode::UNAUTHORIZED, "invalid_token", error_challenge("invalid_token"))
            }
            Self::InsufficientScope(scope) => (
                StatusCode::FORBIDDEN,
                "insufficient_scope",
                format!("{}, scope=\"{scope}\"", error_challenge("insufficient_scope")),
            ),
        };
        let body = axum::Json(serde_json::json!({ "error": code }));
        let mut response = (status, body).into_response();
        let header = format!("Bearer realm=\"emulator\"{challenge}");
        if let Ok(value) = HeaderValue::try_from(header) {
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
        }
        response
    }
}

fn error_challenge(code: &str) -> String {
    format!(", error=\"{code}\"")
}
