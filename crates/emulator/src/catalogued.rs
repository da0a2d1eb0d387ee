//! Providers that a file of the catalogue describes: `/<strategy>/…`.
//!
//! The file that tells the server how to call a provider tells the emulator how
//! to be called: paths, names of parameters, ways of authentication, separators,
//! where an answer hides the tokens, what refresh tokens do, how errors look.
//! Between the two translations, of the request and of the answer, works the same
//! machine as for the other flavours.

mod account;
mod answer;
mod discovery;
mod request;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawPathParams, RawQuery, State as Shared};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Extension, Json};
use connectors::Spec;
use connectors::spec::{RevocationCall, TokenKind};
use protocol::secret::{ProviderAccessToken, ProviderRefreshToken};
use serde_json::json;

pub(crate) use account::{callback, organization, profile};
pub(crate) use request::{lenient, needs_page};

use crate::app::App;
use crate::config::{Behaviour, RefreshTokens};
use crate::faults::Endpoint;
use crate::flavour::Flavour;
use crate::form::Form;
use crate::grants::Refusal;
use crate::oidc::{authorize, discovery as documents, id_token};
use crate::stats::Counted;
use crate::token::{TokenRefusal, redeem_code, refresh};

/// The routes of one provider, with what fault rules call them.
pub(crate) fn endpoints(spec: &Spec) -> Vec<(String, Endpoint, MethodRouter<Arc<App>>)> {
    let endpoints = &spec.endpoints;
    let refresh = endpoints.refresh.as_ref().map(|at| (at, Endpoint::Token, post(token)));
    let userinfo = endpoints.userinfo.as_ref().map(|at| (at, Endpoint::UserInfo, any(userinfo)));
    let revocation = endpoints.revocation.as_ref().map(|at| (at, Endpoint::Revoke, any(revoke)));
    let jwks = endpoints.jwks.as_ref().map(|at| (at, Endpoint::Jwks, get(documents::jwks)));
    let authorization =
        endpoints.authorization.as_ref().map(|at| (at, Endpoint::Authorize, get(authorize)));
    let code = endpoints.token.as_ref().map(|at| (at, Endpoint::Token, post(token)));
    let own = [authorization, code, refresh, userinfo, revocation, jwks].into_iter().flatten();
    let own = own.map(|(at, endpoint, methods)| {
        let path = at.path().split('?').next().unwrap_or_default();
        (format!("/{}{path}", spec.strategy), endpoint, methods)
    });
    let document = (spec.discovery || endpoints.issuer.is_some()).then(|| {
        let path = format!("/{}/.well-known/openid-configuration", spec.strategy);
        (path, Endpoint::Discovery, get(discovery::configuration))
    });
    own.chain(document).collect()
}

/// How the provider treats its tokens, as its file has it.
pub(crate) fn behaviour(spec: &Spec, usual: &Behaviour) -> Behaviour {
    use connectors::Rotation;
    use connectors::spec::UnsaidExpiry;
    let refresh_tokens = match spec.refresh.rotates {
        Rotation::None => RefreshTokens::None,
        Rotation::Never => RefreshTokens::Kept,
        Rotation::Always | Rotation::May => {
            RefreshTokens::Rotating { grace_seconds: spec.refresh.reuse_grace.as_secs() }
        }
    };
    let ends =
        spec.refresh.rotates != Rotation::None || spec.token.unsaid_expiry == UnsaidExpiry::Unknown;
    Behaviour {
        access_token_lifetime_seconds: ends.then(|| spec.assumed_lifetime().as_secs()),
        refresh_tokens,
        refresh_token_lifetime_seconds: spec.refresh.idle_lifetime.map(|life| life.as_secs()),
        refresh_ends_access_tokens: spec.refresh.ends_access_token,
        send_expires_in: ends && !spec.token.expires_in.is_empty(),
        send_id_token: spec.account.id_token,
        ..usual.clone()
    }
}

/// `GET {authorization}`.
async fn authorize(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(spec) = app.spec(flavour) else { return StatusCode::NOT_FOUND.into_response() };
    let sent = Form::parse(query.as_deref().unwrap_or_default());
    authorize::authorize(&app, flavour, &request::authorization(spec, &sent), &headers)
}

/// `POST {token}` and `POST {refresh}`.
async fn token(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    path: RawPathParams,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(spec) = app.spec(flavour) else { return StatusCode::NOT_FOUND.into_response() };
    if is_elsewhere(spec, &path) {
        return answer::refusal(spec, &TokenRefusal::Grant(Refusal::UnknownRefreshToken));
    }
    let behaviour = app.lock().behaviour(flavour);
    let answered = request::token(&app, spec, flavour, &headers, &body).and_then(|call| {
        let (client, form) = (call.client, &call.form);
        let is_refresh = form.value("refresh_token").is_some();
        let issued =
            if is_refresh { refresh(&app, client, form) } else { redeem_code(&app, client, form) }?;
        let id_token = id_token::of(&app, &issued, &behaviour).map_err(TokenRefusal::Signing)?;
        let user = app.user(&issued.account.sub);
        Ok(answer::tokens(spec, &issued, id_token, user, &behaviour, is_refresh))
    });
    answered.unwrap_or_else(|refusal| answer::refusal(spec, &refusal))
}

/// Whether an address is that of a place that knows nothing of the accounts, because the callbacks say
/// that they are in another.
fn is_elsewhere(spec: &Spec, path: &RawPathParams) -> bool {
    path.iter().any(|(name, value)| {
        let variable = spec.variables.get(name);
        variable.is_some_and(|known| known.told.is_some() && known.example != value)
    })
}

/// The account of an access token, at whatever path and by whatever method.
async fn userinfo(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    path: RawPathParams,
    headers: HeaderMap,
) -> Response {
    let Some(spec) = app.spec(flavour) else { return StatusCode::NOT_FOUND.into_response() };
    let token = bearer(spec, &headers).filter(|_| !is_elsewhere(spec, &path));
    let Some(token) = token else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let now = app.now();
    let mut state = app.lock();
    let access = state.grants.access(&token, now).filter(|it| it.account.flavour == flavour);
    let user = access.as_ref().and_then(|access| app.user(&access.account.sub));
    let (Some(access), Some(user)) = (access, user) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    state.count(Counted::UserInfo, &access.account);
    Json(profile(spec, user)).into_response()
}

fn bearer(spec: &Spec, headers: &HeaderMap) -> Option<ProviderAccessToken> {
    let name = HeaderName::try_from(&spec.userinfo.header).ok()?;
    let line = headers.get(name)?.to_str().ok()?;
    let token = line.strip_prefix(spec.userinfo.scheme.as_str())?.trim();
    Some(ProviderAccessToken::new(token))
}

/// Ends a token, given as the file says, by a client that proves itself if the
/// file says so.
async fn revoke(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    path: RawPathParams,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(spec) = app.spec(flavour) else { return StatusCode::NOT_FOUND.into_response() };
    let rule = &spec.revocation;
    let form = lenient(&body);
    let token = match rule.how {
        RevocationCall::Bearer => bearer(spec, &headers).map(|token| token.expose().to_owned()),
        RevocationCall::Form | RevocationCall::Json => {
            form.value(&rule.parameter).map(ToOwned::to_owned)
        }
    };
    let token = token.filter(|_| !is_elsewhere(spec, &path));
    let Some(token) = token else { return StatusCode::BAD_REQUEST.into_response() };
    if rule.client_auth
        && let Err(refused) = request::client(&app, spec, flavour, &headers, &form)
    {
        return answer::refusal(spec, &refused);
    }
    let (access, refresh) =
        (ProviderAccessToken::new(token.as_str()), ProviderRefreshToken::new(token.as_str()));
    let mut state = app.lock();
    let grants = &state.grants;
    let owner = grants.owner_of_refresh_token(&refresh).or(grants.owner_of_access_token(&access));
    let owner = owner.filter(|account| account.flavour == flavour).cloned();
    let ended = match (rule.how, rule.token) {
        (RevocationCall::Bearer, _) | (_, TokenKind::Access) => {
            state.grants.revoke_family_of(&access)
        }
        (RevocationCall::Form | RevocationCall::Json, TokenKind::Refresh) => {
            state.grants.revoke_refresh_token(&refresh) || state.grants.revoke_access_token(&access)
        }
    };
    if let Some(account) = owner.filter(|_| ended) {
        state.count(Counted::Revocation, &account);
    }
    (StatusCode::OK, Json(json!({ "ok": true, "revoked": ended }))).into_response()
}

/// Whether a header authenticates the call.
fn in_header(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION)
}
