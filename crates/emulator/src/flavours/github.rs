//! GitHub's ways: errors with status 200, answers as forms, its own API.
//! <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps>

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use protocol::secret::ProviderAccessToken;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::client_auth::authenticate_by_header;
use crate::config::{Client, User};
use crate::flavour::Flavour;
use crate::form::Form;
use crate::grants::{Access, Refusal};
use crate::oidc::request::{AuthorizeRefusal, PageError, RedirectError};
use crate::stats::Counted;
use crate::token::TokenRefusal;
use crate::token::answer::Wire;

const DOCUMENTATION: &str = "https://docs.github.com/rest";
const MISMATCH: &str =
    "The redirect_uri MUST match the registered callback URL for this application.";

/// GitHub tells a wrong redirect URI to the client's registered one.
pub(crate) fn redirect_uri_mismatch(client: &Client, form: &Form) -> AuthorizeRefusal {
    match client.redirect_uris.first() {
        Some(registered) => AuthorizeRefusal::Redirect(RedirectError {
            redirect_uri: registered.clone(),
            state: form.value("state").map(ToOwned::to_owned),
            code: "redirect_uri_mismatch",
            description: MISMATCH.to_owned(),
        }),
        None => AuthorizeRefusal::Page(PageError::RedirectUriMismatch),
    }
}

/// Errors of the token endpoint: GitHub's own codes, and always status 200.
pub(crate) fn token_error(refusal: &TokenRefusal, wire: Wire) -> Response {
    let (code, description) = match refusal {
        TokenRefusal::Form(_) | TokenRefusal::CredentialsInQuery | TokenRefusal::Client(_) => (
            "incorrect_client_credentials",
            "The client_id and/or client_secret passed are incorrect.",
        ),
        TokenRefusal::UnsupportedGrantType => {
            ("unsupported_grant_type", "The grant_type passed is not supported.")
        }
        TokenRefusal::Missing("refresh_token") => BAD_REFRESH_TOKEN,
        TokenRefusal::Missing(_)
        | TokenRefusal::MalformedScope
        | TokenRefusal::MalformedVerifier
        | TokenRefusal::Signing(_) => BAD_CODE,
        TokenRefusal::Grant(refused) => grant_error(*refused),
    };
    let mut members = Map::new();
    members.insert("error".to_owned(), json!(code));
    members.insert("error_description".to_owned(), json!(description));
    members.insert("error_uri".to_owned(), json!(format!("{DOCUMENTATION}/oauth-errors#{code}")));
    wire.send(StatusCode::OK, members)
}

const BAD_CODE: (&str, &str) =
    ("bad_verification_code", "The code passed is incorrect or expired.");
const BAD_REFRESH_TOKEN: (&str, &str) =
    ("bad_refresh_token", "The refresh token passed is incorrect or expired.");

fn grant_error(refused: Refusal) -> (&'static str, &'static str) {
    match refused {
        Refusal::RedirectUriMismatch => ("redirect_uri_mismatch", MISMATCH),
        Refusal::UnknownCode
        | Refusal::CodeOfAnotherClient
        | Refusal::ExpiredCode
        | Refusal::ReusedCode
        | Refusal::MissingVerifier
        | Refusal::UnexpectedVerifier
        | Refusal::WrongVerifier => BAD_CODE,
        Refusal::UnknownRefreshToken
        | Refusal::RefreshTokenOfAnotherClient
        | Refusal::ExpiredRefreshToken
        | Refusal::RevokedRefreshToken
        | Refusal::ReusedRefreshToken
        | Refusal::ScopeNotGranted => BAD_REFRESH_TOKEN,
    }
}

/// `GET /user`. The public e-mail address is not set, as with most accounts:
/// whoever wants it asks for `/user/emails`.
pub(crate) async fn user(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    headers: HeaderMap,
) -> Response {
    let access = match authorize(&app, flavour, &headers) {
        Ok(access) => access,
        Err(refused) => return refused.into_response(),
    };
    let Some(user) = app.user(&access.account.sub) else {
        return ApiRefusal::BadCredentials.into_response();
    };
    let profile = json!({
        "login": user.username,
        "id": numeric_id(user),
        "type": "User",
        "name": user.name,
        "email": null,
    });
    with_scopes(&access, "", Json(profile).into_response())
}

/// `GET /user/emails`: needs the scope `user:email` or `user`; a GitHub App
/// has the permission by itself here.
pub(crate) async fn emails(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    headers: HeaderMap,
) -> Response {
    let access = match authorize(&app, flavour, &headers) {
        Ok(access) => access,
        Err(refused) => return refused.into_response(),
    };
    let permitted = flavour == Flavour::GitHubApp
        || access.scope.contains("user:email")
        || access.scope.contains("user");
    let (true, Some(user)) = (permitted, app.user(&access.account.sub)) else {
        return with_scopes(&access, "user:email", ApiRefusal::NotFound.into_response());
    };
    let list = json!([{
        "email": user.email,
        "primary": true,
        "verified": user.email_verified,
        "visibility": "private",
    }]);
    with_scopes(&access, "user:email", Json(list).into_response())
}

/// What `DELETE /applications/{client_id}/…` is sent.
#[derive(Deserialize)]
pub(crate) struct Revocation {
    access_token: ProviderAccessToken,
}

/// `DELETE /applications/{client_id}/token`: ends this one token.
pub(crate) async fn delete_token(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    revoke(&app, flavour, &client_id, &headers, &body, Extent::Token)
}

/// `DELETE /applications/{client_id}/grant`: ends every token of the user and
/// the application, and the user's consent.
pub(crate) async fn delete_grant(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    revoke(&app, flavour, &client_id, &headers, &body, Extent::Grant)
}

#[derive(Clone, Copy)]
enum Extent {
    Token,
    Grant,
}

fn revoke(
    app: &App,
    flavour: Flavour,
    client_id: &str,
    headers: &HeaderMap,
    body: &[u8],
    extent: Extent,
) -> Response {
    let Ok(client) = authenticate_by_header(app, flavour, headers) else {
        return ApiRefusal::BadCredentials.into_response();
    };
    if client.client_id != client_id {
        return ApiRefusal::NotFound.into_response();
    }
    let Ok(Revocation { access_token }) = serde_json::from_slice(body) else {
        return ApiRefusal::Unprocessable.into_response();
    };
    let now = app.now();
    let mut state = app.lock();
    let access = state.grants.access(&access_token, now);
    let own = |access: &Access| {
        access.account.flavour == flavour && access.account.client_id == client_id
    };
    let Some(access) = access.filter(own) else { return ApiRefusal::NotFound.into_response() };
    match extent {
        Extent::Token => {
            state.grants.revoke_access_token(&access_token);
        }
        Extent::Grant => {
            state.grants.revoke_account(&access.account);
        }
    }
    state.count(Counted::Revocation, &access.account);
    StatusCode::NO_CONTENT.into_response()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ApiRefusal {
    NoUserAgent,
    NotAuthenticated,
    BadCredentials,
    NotFound,
    Unprocessable,
}

impl IntoResponse for ApiRefusal {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::NoUserAgent => {
                let text = "Request forbidden by administrative rules. Please make sure your \
                            request has a User-Agent header.";
                return (StatusCode::FORBIDDEN, text).into_response();
            }
            Self::NotAuthenticated => (StatusCode::UNAUTHORIZED, "Requires authentication"),
            Self::BadCredentials => (StatusCode::UNAUTHORIZED, "Bad credentials"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Self::Unprocessable => (StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed"),
        };
        let body: Value = json!({
            "message": message,
            "documentation_url": DOCUMENTATION,
            "status": status.as_str(),
        });
        (status, Json(body)).into_response()
    }
}

fn authorize(app: &App, flavour: Flavour, headers: &HeaderMap) -> Result<Access, ApiRefusal> {
    if headers.get(USER_AGENT).is_none_or(HeaderValue::is_empty) {
        return Err(ApiRefusal::NoUserAgent);
    }
    let line = headers.get(AUTHORIZATION).ok_or(ApiRefusal::NotAuthenticated)?;
    let text = line.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').ok_or(ApiRefusal::BadCredentials)?;
    // GitHub takes its own older scheme beside the standard one.
    if !scheme.eq_ignore_ascii_case("bearer") && !scheme.eq_ignore_ascii_case("token") {
        return Err(ApiRefusal::BadCredentials);
    }
    let now = app.now();
    let mut state = app.lock();
    let access = state.grants.access(&ProviderAccessToken::new(token.trim()), now);
    let access = access
        .filter(|access| access.account.flavour == flavour)
        .ok_or(ApiRefusal::BadCredentials)?;
    state.count(Counted::UserInfo, &access.account);
    Ok(access)
}

/// Every answer tells what the token may do and what the call would accept.
fn with_scopes(access: &Access, accepted: &'static str, mut response: Response) -> Response {
    let granted = access.account.flavour.spell_scopes(&access.scope);
    let headers = response.headers_mut();
    if let Ok(granted) = HeaderValue::try_from(granted.replace(',', ", ")) {
        headers.insert(HeaderName::from_static("x-oauth-scopes"), granted);
    }
    let accepted = HeaderValue::from_static(accepted);
    headers.insert(HeaderName::from_static("x-accepted-oauth-scopes"), accepted);
    response
}

/// GitHub's ids are numbers: FNV-1a of the subject, kept to 32 bits so that it
/// survives JavaScript.
fn numeric_id(user: &User) -> u32 {
    user.sub
        .bytes()
        .fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
