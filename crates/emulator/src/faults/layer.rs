//! Applies fault rules around an endpoint.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State as Shared};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use protocol::secret::{AuthorizationCode, ProviderAccessToken, ProviderRefreshToken};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::{Arriving, CallSubject, Effect, Endpoint, Rule, text_of};
use crate::BODY_BYTES_MAX;
use crate::app::{App, State};
use crate::catalogued::lenient;
use crate::flavour::Flavour;
use crate::form::Form;
use crate::token::answer::Wire;

/// No answer is bloated by more.
const BLOAT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where a layer stands.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) app: Arc<App>,
    pub(crate) flavour: Flavour,
    pub(crate) endpoint: Endpoint,
}

/// Marks an answer that must not be sent: the server closes the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DropConnection;

/// Lets the call through, unless a rule is about it.
pub(crate) async fn apply(Shared(site): Shared<Site>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let rule = rule_for(&site, &parts, &body);
    let request = Request::from_parts(parts, Body::from(body));
    let Some(rule) = rule else { return next.run(request).await };

    let accepted = request.headers().clone();
    sleep(Duration::from_millis(rule.delay_ms)).await;
    let answer = match instead(&site, &rule.effect, &accepted) {
        Some(answer) => answer,
        None => match rule.effect {
            Effect::Twice { arriving } => twice(request, next, arriving).await,
            _ => changed(next.run(request).await, &rule.effect).await,
        },
    };
    sleep(Duration::from_millis(rule.answer_delay_ms)).await;
    answer
}

fn rule_for(site: &Site, parts: &Parts, body: &Bytes) -> Option<Rule> {
    let form = lenient(body);
    let endpoint = match (site.endpoint, form.value("grant_type")) {
        (Endpoint::Token, Some("refresh_token")) => Endpoint::Refresh,
        (Endpoint::Token, Some("authorization_code") | None) => Endpoint::CodeExchange,
        (other, _) => other,
    };
    let mut state = site.app.lock();
    state.stats.count_request(endpoint);
    if state.faults.is_empty() {
        return None;
    }
    let query = Form::parse(parts.uri.query().unwrap_or_default());
    let who = subject(&state, &parts.headers, &query, &form);
    state.faults.strike(endpoint, site.flavour, &who)
}

/// Whom the call's token or code belongs to, or at least who sends it.
fn subject(state: &State, headers: &HeaderMap, query: &Form, form: &Form) -> CallSubject {
    let grants = &state.grants;
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|line| line.to_str().ok()?.split_once(' '))
        .map(|(_, token)| ProviderAccessToken::new(token.trim()));
    let code = form.value("code").map(AuthorizationCode::new);
    let refresh = form.value("refresh_token").or_else(|| form.value("token"));
    let refresh = refresh.map(ProviderRefreshToken::new);
    let owner = bearer
        .and_then(|token| grants.owner_of_access_token(&token))
        .or_else(|| grants.owner_of_code(&code?))
        .or_else(|| grants.owner_of_refresh_token(&refresh?));
    match owner {
        Some(account) => CallSubject::of(account),
        None => CallSubject::of_client(query.value("client_id").or(form.value("client_id"))),
    }
}

/// The answer of a rule that keeps the call from happening.
fn instead(site: &Site, effect: &Effect, headers: &HeaderMap) -> Option<Response> {
    match effect {
        Effect::Status { status, body, content_type } => {
            let content_type = HeaderValue::try_from(content_type.as_str());
            let mut response = (status_of(*status), body.clone()).into_response();
            if let Ok(content_type) = content_type {
                response.headers_mut().insert(CONTENT_TYPE, content_type);
            }
            Some(response)
        }
        Effect::RateLimited { retry_after } => {
            let body = json!({ "error": "rate_limited" });
            let mut response = (StatusCode::TOO_MANY_REQUESTS, axum::Json(body)).into_response();
            if let Ok(retry_after) = HeaderValue::try_from(retry_after.as_str()) {
                response.headers_mut().insert(RETRY_AFTER, retry_after);
            }
            Some(response)
        }
        Effect::Error { error, error_description, status } => {
            let usual = match site.flavour {
                Flavour::Oidc | Flavour::Google => 400,
                Flavour::GitHub | Flavour::GitHubApp => 200,
                Flavour::Catalogued(_) => {
                    site.app.spec(site.flavour).map_or(400, |spec| spec.errors.status)
                }
            };
            let format = site.app.lock().behaviour(site.flavour).answer_format;
            let mut members = Map::new();
            members.insert("error".to_owned(), json!(error));
            members.insert("error_description".to_owned(), json!(error_description));
            let wire = Wire::choose(format, headers);
            Some(wire.send(status_of(status.unwrap_or(usual)), members))
        }
        Effect::Drop { after_commit: false } => Some(dropped()),
        Effect::None {}
        | Effect::Drop { after_commit: true }
        | Effect::Twice { .. }
        | Effect::Malformed {}
        | Effect::Edit { .. }
        | Effect::Bloated { .. } => None,
    }
}

/// The same call, one after the other.
async fn twice(request: Request, next: Next, arriving: Arriving) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
    let call = || Request::from_parts(parts.clone(), Body::from(body.clone()));
    let first = next.clone().run(call()).await;
    let second = next.run(call()).await;
    match arriving {
        Arriving::First => first,
        Arriving::Second => second,
    }
}

/// The answer of a call that took effect, as the rule lets it arrive.
async fn changed(response: Response, effect: &Effect) -> Response {
    match effect {
        Effect::Drop { after_commit: true } => dropped(),
        Effect::Malformed {} => rewritten(response, |body| body[..body.len() / 2].to_vec()).await,
        Effect::Edit { omit, set } => edited(response, omit, set).await,
        Effect::Bloated { bytes } => {
            let padding = "x".repeat((*bytes).min(BLOAT_BYTES_MAX));
            let set = Map::from_iter([("padding".to_owned(), json!(padding))]);
            edited(response, &[], &set).await
        }
        Effect::None {}
        | Effect::Drop { after_commit: false }
        | Effect::Twice { .. }
        | Effect::Status { .. }
        | Effect::RateLimited { .. }
        | Effect::Error { .. } => response,
    }
}

async fn edited(response: Response, omit: &[String], set: &Map<String, Value>) -> Response {
    let is_json = crate::form::has_content_type(response.headers(), "application/json");
    rewritten(response, |body| {
        if is_json { edited_json(body, omit, set) } else { edited_form(body, omit, set) }
    })
    .await
}

fn dropped() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(DropConnection);
    response
}

async fn rewritten(response: Response, rewrite: impl Fn(&[u8]) -> Vec<u8>) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(rewrite(&body)))
}

/// A body that is no JSON object stays as it is.
fn edited_json(body: &[u8], omit: &[String], set: &Map<String, Value>) -> Vec<u8> {
    let Ok(mut members) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return body.to_vec();
    };
    members.retain(|name, _| !omit.contains(name));
    members.extend(set.clone());
    Value::Object(members).to_string().into_bytes()
}

fn edited_form(body: &[u8], omit: &[String], set: &Map<String, Value>) -> Vec<u8> {
    let kept = form_urlencoded::parse(body)
        .filter(|(name, _)| !omit.iter().any(|omit| omit == name) && !set.contains_key(&**name));
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(kept);
    form.extend_pairs(set.iter().map(|(name, value)| (name, text_of(value))));
    form.finish().into_bytes()
}

/// A number that is no HTTP status becomes 500.
fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
