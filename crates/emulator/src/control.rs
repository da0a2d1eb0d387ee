//! The controls under `/_emulator/`: JSON in, JSON out, for tests and people.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::config::Behaviour;
use crate::faults::{Rule, RuleRefusal};
use crate::flavour::Flavour;
use crate::grants::{FamilyId, Selector};

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/_emulator/stats", get(stats))
        .route("/_emulator/tokens", get(tokens))
        .route("/_emulator/reset", post(reset))
        .route("/_emulator/clock", get(clock).post(advance))
        .route("/_emulator/expire", post(expire))
        .route("/_emulator/revoke", post(revoke))
        .route("/_emulator/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/_emulator/faults/{id}", delete(remove_fault))
        .route("/_emulator/behaviours", get(behaviours))
        .route("/_emulator/behaviours/{flavour}", put(set_behaviour))
}

/// Why a control command did nothing.
enum ControlError {
    Body(JsonRejection),
    NothingSelected,
    UnknownUser(String),
    UnknownFault(u64),
    Rule(RuleRefusal),
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::Body(rejected) => (rejected.status(), rejected.body_text()),
            Self::NothingSelected => {
                let text = "name exactly one of: user, family, all (true)";
                (StatusCode::BAD_REQUEST, text.to_owned())
            }
            Self::UnknownUser(name) => (StatusCode::BAD_REQUEST, format!("no user {name}")),
            Self::UnknownFault(id) => (StatusCode::NOT_FOUND, format!("no fault {id}")),
            Self::Rule(RuleRefusal::TooMany) => {
                (StatusCode::CONFLICT, "too many faults".to_owned())
            }
            Self::Rule(RuleRefusal::OnlyEditsRedirects) => {
                let text = "authorization_response takes the effect edit and no delays";
                (StatusCode::BAD_REQUEST, text.to_owned())
            }
        };
        (status, Json(json!({ "error": message }))).into_response()
    }
}

/// A JSON body, refused in the controls' own words.
type Body<T> = Result<Json<T>, JsonRejection>;

async fn stats(Shared(app): Shared<Arc<App>>) -> Response {
    let state = app.lock();
    let living = Flavour::ALL.map(|flavour| (flavour, state.grants.living_families(flavour)));
    let living: std::collections::BTreeMap<_, _> = living.into_iter().collect();
    let mut body = json!(state.stats);
    body["living_families"] = json!(living);
    Json(body).into_response()
}

async fn tokens(Shared(app): Shared<Arc<App>>) -> Response {
    let now = app.now();
    let state = app.lock();
    Json(json!({ "tokens": state.ledger.lines(&state.grants, now) })).into_response()
}

async fn reset(Shared(app): Shared<Arc<App>>) -> StatusCode {
    app.reset();
    StatusCode::NO_CONTENT
}

async fn clock(Shared(app): Shared<Arc<App>>) -> Response {
    Json(json!({ "now": app.now().to_rfc3339() })).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: i64,
}

async fn advance(
    Shared(app): Shared<Arc<App>>,
    body: Body<Advance>,
) -> Result<Response, ControlError> {
    let Json(Advance { advance_seconds }) = body.map_err(ControlError::Body)?;
    app.advance(advance_seconds);
    Ok(Json(json!({ "now": app.now().to_rfc3339() })).into_response())
}

/// Whose tokens a command is about; exactly one member must be given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    #[serde(default)]
    all: bool,
    /// Subject, user name or e-mail.
    user: Option<String>,
    family: Option<u64>,
}

impl Target {
    fn selector(self, app: &App) -> Result<Selector, ControlError> {
        let Self { all, user, family } = self;
        match (all, user, family) {
            (true, None, None) => Ok(Selector::All),
            (false, Some(name), None) => Ok(Selector::User { sub: subject_of(app, name)? }),
            (false, None, Some(family)) => Ok(Selector::Family(FamilyId(family))),
            (true | false, Some(_) | None, Some(_) | None) => Err(ControlError::NothingSelected),
        }
    }
}

/// A [`Target`], member by member: serde cannot flatten and refuse the unknown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expire {
    /// Also let the refresh tokens expire.
    #[serde(default)]
    refresh_tokens: bool,
    #[serde(default)]
    all: bool,
    user: Option<String>,
    family: Option<u64>,
}

async fn expire(
    Shared(app): Shared<Arc<App>>,
    body: Body<Expire>,
) -> Result<Response, ControlError> {
    let Json(Expire { refresh_tokens, all, user, family }) = body.map_err(ControlError::Body)?;
    let selector = Target { all, user, family }.selector(&app)?;
    let now = app.now();
    let mut state = app.lock();
    let mut expired = state.grants.expire_access_tokens(&selector, now);
    if refresh_tokens {
        expired += state.grants.expire_refresh_tokens(&selector, now);
    }
    Ok(Json(json!({ "expired": expired })).into_response())
}

async fn revoke(
    Shared(app): Shared<Arc<App>>,
    body: Body<Target>,
) -> Result<Response, ControlError> {
    let Json(target) = body.map_err(ControlError::Body)?;
    let selector = target.selector(&app)?;
    let revoked = app.lock().grants.end_families(&selector);
    Ok(Json(json!({ "revoked": revoked })).into_response())
}

async fn list_faults(Shared(app): Shared<Arc<App>>) -> Response {
    Json(json!({ "faults": app.lock().faults.list() })).into_response()
}

async fn add_fault(
    Shared(app): Shared<Arc<App>>,
    body: Body<Rule>,
) -> Result<Response, ControlError> {
    let Json(mut rule) = body.map_err(ControlError::Body)?;
    rule.user = match rule.user {
        Some(name) => Some(subject_of(&app, name)?),
        None => None,
    };
    let id = app.lock().faults.add(rule).map_err(ControlError::Rule)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))).into_response())
}

/// Whose rules go away: one flavour's, or all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    flavour: Option<Flavour>,
}

async fn clear_faults(
    Shared(app): Shared<Arc<App>>,
    Query(Whose { flavour }): Query<Whose>,
) -> StatusCode {
    app.lock().faults.clear(flavour);
    StatusCode::NO_CONTENT
}

async fn remove_fault(
    Shared(app): Shared<Arc<App>>,
    Path(id): Path<u64>,
) -> Result<StatusCode, ControlError> {
    let removed = app.lock().faults.remove(id);
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(ControlError::UnknownFault(id)) }
}

async fn behaviours(Shared(app): Shared<Arc<App>>) -> Response {
    Json(json!(app.lock().behaviours)).into_response()
}

async fn set_behaviour(
    Shared(app): Shared<Arc<App>>,
    Path(flavour): Path<Flavour>,
    body: Body<Behaviour>,
) -> Result<StatusCode, ControlError> {
    let Json(behaviour) = body.map_err(ControlError::Body)?;
    *app.lock().behaviours.of_mut(flavour) = behaviour;
    Ok(StatusCode::NO_CONTENT)
}

fn subject_of(app: &App, name: String) -> Result<String, ControlError> {
    match app.user_called(&name) {
        Some(user) => Ok(user.sub.clone()),
        None => Err(ControlError::UnknownUser(name)),
    }
}
