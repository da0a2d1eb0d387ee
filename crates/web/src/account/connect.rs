//! Connecting an account, as an application sees it: start and complete.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Json;
use connectors::CONNECT_PARAMETERS;
use engine::app::App;
use engine::connect_account::{self, Begun, Completion, ConnectError, ConnectRequest};
use engine::my_account::Operation;
use protocol::oauth::pkce::{CodeChallenge, parse_verifier};
use protocol::oauth::scope::{Scope, ScopeSet};
use protocol::secret::{AuthSession, ConnectCode, Disclosed, kind};
use serde::Serialize;
use serde_json::{Map, Value};

use super::accounts::AccountView;
use super::caller::caller;
use super::error::{AccountError, Kind};
use super::payload::Payload;
use crate::asked::Asked;
use crate::dpop::Target;

#[derive(Serialize)]
pub(crate) struct Started {
    connect_uri: String,
    auth_session: Disclosed<kind::AuthSession>,
    connect_params: ConnectParams,
    expires_in: u64,
}

#[derive(Serialize)]
struct ConnectParams {
    ticket: Disclosed<kind::Ticket>,
}

/// `POST /me/v1/connected-accounts/connect`
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Started>), AccountError> {
    let target = Target { method: "POST", path: "me/v1/connected-accounts/connect" };
    let caller = caller(&app, &asked, &headers, target, Operation::Connect).await?;
    let request = read_request(Payload::read(&headers, &body)?)?;
    let Asked { context, now } = &asked;
    let begun = connect_account::begin(&app, context, &caller, request, *now).await?;
    let Begun { connect_uri, ticket, auth_session, expires_in } = begun;
    let started = Started {
        connect_uri,
        auth_session: auth_session.disclose(),
        connect_params: ConnectParams { ticket: ticket.disclose() },
        expires_in: expires_in.as_secs(),
    };
    Ok((StatusCode::CREATED, Json(started)))
}

fn read_request(mut payload: Payload) -> Result<ConnectRequest, AccountError> {
    let connection = payload.required_text("connection", 1..=128);
    let redirect_uri = payload.required_text("redirect_uri", 1..=2048);
    let state = payload.text("state", 1..=4096);
    let has_challenge = payload.has("code_challenge");
    let has_method = payload.has("code_challenge_method");
    let challenge = payload.text("code_challenge", 43..=128);
    let method = payload.text("code_challenge_method", 1..=16);
    let scopes = payload.texts("scopes", 1..=100, 1..=255);
    let parameters = payload.object("authorization_params");
    let code_challenge = match (challenge, method.as_deref()) {
        (Some(challenge), Some("S256")) => match CodeChallenge::parse(&challenge) {
            Ok(challenge) => Some(challenge),
            Err(_) => payload.problem("/code_challenge", "is not a SHA-256 in base64url"),
        },
        (Some(_), Some(_)) => payload.problem("/code_challenge_method", "must be S256"),
        (Some(_), None) if !has_method => {
            payload.problem("", "must have property code_challenge_method")
        }
        (None, Some(_)) if !has_challenge => {
            payload.problem("", "must have property code_challenge")
        }
        // Neither is there, or one that is there has been found wrong.
        (None | Some(_), None) | (None, Some(_)) => None,
    };
    let mut scopes = scopes.map(|scopes| read_scopes(&mut payload, &scopes));
    let parameters = read_parameters(&mut payload, parameters, &mut scopes);
    let (connection, redirect_uri) = payload.finish((connection, redirect_uri))?;
    Ok(ConnectRequest { connection, redirect_uri, state, code_challenge, scopes, parameters })
}

fn read_scopes(payload: &mut Payload, scopes: &[String]) -> ScopeSet {
    scopes
        .iter()
        .filter_map(|scope| match Scope::parse(scope) {
            Ok(scope) => Some(scope),
            Err(_) => payload.problem("/scopes", "must be scope tokens"),
        })
        .collect()
}

/// The parameters for the provider. Auth0's own playground puts the scopes here, so they are taken
/// from here when they stand nowhere else.
fn read_parameters(
    payload: &mut Payload,
    parameters: Option<Map<String, Value>>,
    scopes: &mut Option<ScopeSet>,
) -> Vec<(String, String)> {
    let mut read = Vec::new();
    for (name, value) in parameters.unwrap_or_default() {
        let value = match value {
            Value::String(value) => value,
            Value::Number(value) => value.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                payload.problem::<()>("/authorization_params", &format!("{name} must be a text"));
                continue;
            }
        };
        if name == "scope" {
            scopes.get_or_insert_with(|| ScopeSet::parse_lenient(&value));
        } else if CONNECT_PARAMETERS.contains(&name.as_str()) {
            read.push((name, value));
        } else {
            let why = format!("must NOT have additional property {name}");
            payload.problem::<()>("/authorization_params", &why);
        }
    }
    read
}

/// `POST /me/v1/connected-accounts/complete`
pub(crate) async fn complete(
    State(app): State<Arc<App>>,
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<AccountView>), AccountError> {
    let target = Target { method: "POST", path: "me/v1/connected-accounts/complete" };
    let caller = caller(&app, &asked, &headers, target, Operation::Connect).await?;
    let completion = read_completion(Payload::read(&headers, &body)?)?;
    let Asked { context, now } = &asked;
    let account = connect_account::complete(&app, context, &caller, completion, *now).await?;
    Ok((StatusCode::CREATED, Json(AccountView::of(&app, account, asked.now))))
}

fn read_completion(mut payload: Payload) -> Result<Completion, AccountError> {
    let auth_session = payload.required_text("auth_session", 1..=64);
    let connect_code = payload.required_text("connect_code", 1..=46);
    let redirect_uri = payload.required_text("redirect_uri", 1..=2048);
    let verifier = payload.text("code_verifier", 43..=128);
    let code_verifier = verifier.and_then(|verifier| match parse_verifier(verifier) {
        Ok(verifier) => Some(verifier),
        Err(_) => payload.problem("/code_verifier", "is not a code verifier"),
    });
    let required = (auth_session, connect_code, redirect_uri);
    let ((auth_session, connect_code), redirect_uri) =
        payload.finish((required.0.zip(required.1), required.2))?;
    Ok(Completion {
        auth_session: AuthSession::new(auth_session),
        connect_code: ConnectCode::new(connect_code),
        redirect_uri,
        code_verifier,
    })
}

impl From<ConnectError> for AccountError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::NoConnection(_) => {
                Self::new(Kind::NotFound, "The connection was not found.")
            }
            ConnectError::RedirectUri => Self::new(
                Kind::InvalidRequest,
                "The redirect_uri is not registered for the client.",
            ),
            ConnectError::Ended
            | ConnectError::Taken
            | ConnectError::ForeignLink
            | ConnectError::Mismatch(_) => {
                Self::new(Kind::SessionNotFound, "Invalid or expired session")
            }
            // Only who fits in everything else comes so far.
            ConnectError::Verifier(_) => Self::new(
                Kind::InvalidRequest,
                "The code_verifier does not fit the code_challenge.",
            ),
            error @ (ConnectError::Departure { .. }
            | ConnectError::Tokenset(_)
            | ConnectError::Stored(_)) => Self::internal(&error),
        }
    }
}
