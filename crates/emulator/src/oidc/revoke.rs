//! Revocation: RFC 7009 for the generic provider, and Google's own form of it.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::oauth::error::ErrorCode;
use protocol::secret::{ProviderAccessToken, ProviderRefreshToken};

use crate::app::{App, State};
use crate::client_auth::authenticate;
use crate::config::Client;
use crate::flavour::Flavour;
use crate::form::Form;
use crate::grants::Account;
use crate::stats::Counted;
use crate::token::answer::{Wire, error};

/// `POST /revoke`.
pub(crate) async fn rfc_7009(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = match Form::from_body(&headers, &body) {
        Ok(form) => form,
        Err(invalid) => {
            return error(ErrorCode::InvalidRequest, &invalid.description(), Wire::Json);
        }
    };
    // RFC 7009 §2.1: The authorization server first validates the client
    // credentials.
    let client = match authenticate(&app, flavour, &headers, &form) {
        Ok(client) => client,
        Err(refused) if refused.is_invalid_request() => {
            return error(ErrorCode::InvalidRequest, refused.description(), Wire::Json);
        }
        Err(refused) => return error(ErrorCode::InvalidClient, refused.description(), Wire::Json),
    };
    let Some(token) = form.value("token") else {
        let text = "The parameter token is missing.";
        return error(ErrorCode::InvalidRequest, text, Wire::Json);
    };
    let mut state = app.lock();
    match owner(&state, token) {
        // RFC 7009 §2.1: [...] and then verifies whether the token was issued to
        // the client making the revocation request. If this validation fails,
        // the request is refused and the client is informed of the error.
        Some(account) if !belongs_to(&account, client) => {
            let text = "The token was issued to another client.";
            error(ErrorCode::InvalidGrant, text, Wire::Json)
        }
        Some(account) => {
            // RFC 7009 §2.1: If the particular token is a refresh token [...] the
            // authorization server SHOULD also invalidate all access tokens based
            // on the same authorization grant.
            let ended = state.grants.revoke_refresh_token(&ProviderRefreshToken::new(token))
                || state.grants.revoke_access_token(&ProviderAccessToken::new(token));
            if ended {
                state.count(Counted::Revocation, &account);
            }
            StatusCode::OK.into_response()
        }
        // RFC 7009 §2.2: The authorization server responds with HTTP status code
        // 200 if the token has been revoked successfully or if the client
        // submitted an invalid token.
        None => StatusCode::OK.into_response(),
    }
}

/// `POST /google/revoke`: no client authentication; the token, in the query or
/// the body, takes everything between the user and the client along.
pub(crate) async fn google(
    Shared(app): Shared<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let in_query = Form::parse(query.as_deref().unwrap_or_default());
    let in_body = Form::from_body(&headers, &body).unwrap_or_default();
    let mut state = app.lock();
    let token = in_query.value("token").or_else(|| in_body.value("token"));
    let account = token.and_then(|token| owner(&state, token));
    let ended = account.as_ref().map_or(0, |account| state.grants.revoke_account(account));
    match account {
        Some(account) if ended > 0 => {
            state.count(Counted::Revocation, &account);
            axum::Json(serde_json::json!({})).into_response()
        }
        Some(_) | None => error(ErrorCode::InvalidToken, "Token expired or revoked", Wire::Json),
    }
}

fn owner(state: &State, token: &str) -> Option<Account> {
    let grants = &state.grants;
    let by_refresh = grants.owner_of_refresh_token(&ProviderRefreshToken::new(token));
    by_refresh.or_else(|| grants.owner_of_access_token(&ProviderAccessToken::new(token))).cloned()
}

fn belongs_to(account: &Account, client: &Client) -> bool {
    account.client_id == client.client_id && account.flavour == client.flavour
}
