//! What the token endpoint sends: tokens or an error, as JSON or as a form.

use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, PRAGMA, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::oauth::error::ErrorCode;
use protocol::secret::ProviderIdToken;
use serde_json::{Map, Value, json};

use super::TokenRefusal;
use crate::config::{AnswerFormat, Behaviour};
use crate::flavour::Flavour;
use crate::flavours::github;
use crate::grants::{Issued, Refusal};

/// The form in which one answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Json,
    Form,
}

impl Wire {
    pub(crate) fn choose(format: AnswerFormat, headers: &HeaderMap) -> Self {
        let accepts_json = || {
            let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
            accept.is_some_and(|accept| accept.contains("application/json"))
        };
        match format {
            AnswerFormat::Json => Self::Json,
            AnswerFormat::FormUnlessJsonAccepted if accepts_json() => Self::Json,
            AnswerFormat::Form | AnswerFormat::FormUnlessJsonAccepted => Self::Form,
        }
    }

    pub(crate) fn send(self, status: StatusCode, members: Map<String, Value>) -> Response {
        let (content_type, body) = match self {
            Self::Json => ("application/json; charset=utf-8", Value::Object(members).to_string()),
            Self::Form => ("application/x-www-form-urlencoded; charset=utf-8", form_of(&members)),
        };
        // RFC 6749 §5.1: The authorization server MUST include the HTTP
        // "Cache-Control" response header field with a value of "no-store" [...]
        // as well as the "Pragma" response header field with "no-cache".
        let headers: [(HeaderName, &'static str); 3] =
            [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
        (status, headers, body).into_response()
    }
}

/// A successful answer (RFC 6749 §5.1, OIDC Core §3.1.3.3).
pub(crate) fn tokens(
    issued: &Issued,
    id_token: Option<ProviderIdToken>,
    behaviour: &Behaviour,
    wire: Wire,
) -> Response {
    let flavour = issued.account.flavour;
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("access_token", json!(issued.access_token.clone().disclose()));
    match flavour {
        Flavour::Oidc | Flavour::Google | Flavour::Catalogued(_) => {
            put("token_type", json!("Bearer"))
        }
        Flavour::GitHub | Flavour::GitHubApp => put("token_type", json!("bearer")),
    };
    if let Some(seconds) = issued.expires_in_seconds.filter(|_| behaviour.send_expires_in) {
        put("expires_in", json!(seconds));
    }
    if let Some(refresh_token) = issued.refresh_token.clone() {
        put("refresh_token", json!(refresh_token.disclose()));
        if flavour == Flavour::GitHubApp
            && let Some(seconds) = issued.refresh_expires_in_seconds
        {
            put("refresh_token_expires_in", json!(seconds));
        }
    }
    if behaviour.send_scope {
        put("scope", json!(flavour.spell_scopes(&issued.scope)));
    }
    if let Some(id_token) = id_token {
        put("id_token", json!(id_token.disclose()));
    }
    wire.send(StatusCode::OK, members)
}

/// An error as this flavour words it.
pub(crate) fn refusal(flavour: Flavour, refusal: &TokenRefusal, wire: Wire) -> Response {
    match flavour {
        Flavour::Oidc | Flavour::Google | Flavour::Catalogued(_) => {
            let (code, description) = oauth_error(flavour, refusal);
            error(code, &description, wire)
        }
        Flavour::GitHub | Flavour::GitHubApp => github::token_error(refusal, wire),
    }
}

/// RFC 6749 §5.2: status 400 unless specified otherwise.
pub(crate) fn error(code: ErrorCode, description: &str, wire: Wire) -> Response {
    let status = if code == ErrorCode::InvalidClient {
        StatusCode::UNAUTHORIZED
    } else if code == ErrorCode::ServerError {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::BAD_REQUEST
    };
    let mut members = Map::new();
    members.insert("error".to_owned(), json!(code.as_str()));
    members.insert("error_description".to_owned(), json!(description));
    let mut response = wire.send(status, members);
    if status == StatusCode::UNAUTHORIZED {
        // RFC 6749 §5.2: the authorization server MUST respond with [...] the
        // "WWW-Authenticate" response header field matching the scheme.
        let challenge = HeaderValue::from_static("Basic realm=\"emulator\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn oauth_error(flavour: Flavour, refusal: &TokenRefusal) -> (ErrorCode, String) {
    let (code, text) = match refusal {
        TokenRefusal::Form(invalid) => return (ErrorCode::InvalidRequest, invalid.description()),
        TokenRefusal::CredentialsInQuery => {
            (ErrorCode::InvalidRequest, "Client credentials must not stand in the URL.")
        }
        TokenRefusal::Client(refused) if refused.is_invalid_request() => {
            (ErrorCode::InvalidRequest, refused.description())
        }
        TokenRefusal::Client(refused) => (ErrorCode::InvalidClient, refused.description()),
        TokenRefusal::Missing(name) => {
            return (ErrorCode::InvalidRequest, format!("The parameter {name} is missing."));
        }
        TokenRefusal::UnsupportedGrantType => {
            (ErrorCode::UnsupportedGrantType, "This grant_type is not supported.")
        }
        TokenRefusal::MalformedScope => (ErrorCode::InvalidScope, "The scope is malformed."),
        // RFC 7636 §4.1: a code verifier has 43 to 128 unreserved characters.
        TokenRefusal::MalformedVerifier => {
            (ErrorCode::InvalidRequest, "The code_verifier is malformed.")
        }
        TokenRefusal::Grant(Refusal::ScopeNotGranted) => {
            (ErrorCode::InvalidScope, "The scope exceeds what was granted.")
        }
        TokenRefusal::Grant(refused) => (ErrorCode::InvalidGrant, grant_text(flavour, *refused)),
        TokenRefusal::Signing(failed) => return (ErrorCode::ServerError, failed.to_string()),
    };
    (code, text.to_owned())
}

/// The generic provider says what was wrong; Google has two texts for it all.
fn grant_text(flavour: Flavour, refused: Refusal) -> &'static str {
    let (own, google) = match refused {
        Refusal::UnknownCode => ("The code is unknown.", GOOGLE_BAD_CODE),
        Refusal::CodeOfAnotherClient => ("The code was issued to another client.", GOOGLE_BAD_CODE),
        Refusal::ExpiredCode => ("The code has expired.", GOOGLE_BAD_CODE),
        Refusal::ReusedCode => ("The code was used before.", GOOGLE_BAD_CODE),
        Refusal::RedirectUriMismatch => {
            ("The redirect_uri differs from the authorization request's.", GOOGLE_BAD_CODE)
        }
        Refusal::MissingVerifier => ("The code_verifier is missing.", "Missing code verifier."),
        Refusal::UnexpectedVerifier => {
            ("A code_verifier came without a code_challenge before.", GOOGLE_BAD_CODE)
        }
        Refusal::WrongVerifier => ("The code_verifier is wrong.", "Invalid code verifier."),
        Refusal::UnknownRefreshToken => ("The refresh token is unknown.", GOOGLE_BAD_TOKEN),
        Refusal::RefreshTokenOfAnotherClient => {
            ("The refresh token was issued to another client.", GOOGLE_BAD_TOKEN)
        }
        Refusal::ExpiredRefreshToken => ("The refresh token has expired.", GOOGLE_BAD_TOKEN),
        Refusal::RevokedRefreshToken => ("The refresh token was revoked.", GOOGLE_BAD_TOKEN),
        Refusal::ReusedRefreshToken => ("The refresh token was used before.", GOOGLE_BAD_TOKEN),
        Refusal::ScopeNotGranted => ("The scope exceeds what was granted.", GOOGLE_BAD_TOKEN),
    };
    match flavour {
        Flavour::Google => google,
        Flavour::Oidc | Flavour::GitHub | Flavour::GitHubApp | Flavour::Catalogued(_) => own,
    }
}

const GOOGLE_BAD_CODE: &str = "Malformed auth code.";
const GOOGLE_BAD_TOKEN: &str = "Token has been expired or revoked.";

fn form_of(members: &Map<String, Value>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in members {
        match value {
            Value::String(text) => form.append_pair(name, text),
            other => form.append_pair(name, &other.to_string()),
        };
    }
    form.finish()
}
