//! From our words to a provider's own.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use connectors::spec::{AnswerSeparator, ErrorCase, Meaning, Spec, Teller};
use protocol::oauth::scope::Scope;
use protocol::secret::ProviderIdToken;
use serde_json::{Map, Value, json};

use super::account::{self, put};
use crate::config::{Behaviour, User};
use crate::grants::{Issued, Refusal};
use crate::token::TokenRefusal;

/// Tokens, where and as the provider puts them.
pub(super) fn tokens(
    spec: &Spec,
    issued: &Issued,
    id_token: Option<ProviderIdToken>,
    user: Option<&User>,
    behaviour: &Behaviour,
    is_refresh: bool,
) -> Response {
    let mut tokens = Map::new();
    tokens.insert("access_token".to_owned(), json!(issued.access_token.clone().disclose()));
    tokens.insert("token_type".to_owned(), json!("bearer"));
    let place = |places: &[String]| places.first().cloned();
    if let (Some(seconds), Some(at)) = (issued.expires_in_seconds, place(&spec.token.expires_in))
        && behaviour.send_expires_in
    {
        put(&mut tokens, &at, json!(seconds));
    }
    if let Some(refresh_token) = issued.refresh_token.clone() {
        tokens.insert("refresh_token".to_owned(), json!(refresh_token.disclose()));
    }
    if let Some(at) = place(&spec.token.scope).filter(|_| behaviour.send_scope) {
        put(&mut tokens, &at, json!(scopes(spec, issued)));
    }
    if let Some(id_token) = id_token {
        tokens.insert("id_token".to_owned(), json!(id_token.disclose()));
    }
    let mut members = match spec.token.inside.first() {
        // A refresh is about the one token, and answers at the top.
        Some(inside) if !is_refresh => Map::from_iter([(inside.clone(), Value::Object(tokens))]),
        Some(_) | None => tokens,
    };
    if let Some(user) = user {
        if spec.account.from_token {
            members.extend(account::profile(spec, user));
        }
        for (place, value) in account::facts(spec, Teller::Token, user) {
            put(&mut members, place, json!(value));
        }
    }
    Json(members).into_response()
}

fn scopes(spec: &Spec, issued: &Issued) -> String {
    let offline = |scope: &str| spec.offline.scopes.iter().any(|word| word == scope);
    let spelled: Vec<&str> = issued
        .scope
        .iter()
        .map(Scope::as_str)
        .filter(|scope| !offline(scope))
        .map(|scope| spec.scopes.answered_as.get(scope).map_or(scope, String::as_str))
        .collect();
    match spec.scopes.answer_separator {
        AnswerSeparator::Comma => spelled.join(","),
        AnswerSeparator::Space | AnswerSeparator::Any => spelled.join(" "),
    }
}

/// An error, with the provider's own code, status and text where its file knows
/// them.
pub(super) fn refusal(spec: &Spec, refusal: &TokenRefusal) -> Response {
    let errors = &spec.errors;
    let (status, code, text) = match refusal {
        TokenRefusal::Client(_) | TokenRefusal::CredentialsInQuery => {
            let code = errors.client.first().map_or("invalid_client", String::as_str);
            let status = if errors.status == 400 { 401 } else { errors.status };
            (status, code, "The client credentials are wrong.".to_owned())
        }
        TokenRefusal::Grant(refused) if is_about_refresh(*refused) => dead(spec),
        TokenRefusal::Grant(_) => {
            (errors.status, "invalid_grant", "The code is not good.".to_owned())
        }
        TokenRefusal::Form(_)
        | TokenRefusal::Missing(_)
        | TokenRefusal::UnsupportedGrantType
        | TokenRefusal::MalformedScope
        | TokenRefusal::MalformedVerifier
        | TokenRefusal::Signing(_) => (errors.status, "invalid_request", format!("{refusal:?}")),
    };
    let mut members = Map::new();
    if let Some(at) = errors.code.first() {
        put(&mut members, at, json!(code));
    }
    if let Some(at) = errors.description.first() {
        put(&mut members, at, json!(text));
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, Json(members)).into_response()
}

/// How the provider says that a refresh token is dead.
fn dead(spec: &Spec) -> (u16, &str, String) {
    let errors = &spec.errors;
    let mut deaths = errors.cases.iter().filter(|case| case.means == Meaning::Permanent);
    // A token that ended is the plainest case, where several are told apart.
    let plainest = |case: &&ErrorCase| case.told.as_deref() == Some("refresh_token_expired");
    let case = deaths.clone().find(plainest).or_else(|| deaths.next());
    let codes = || errors.permanent.iter().map(String::as_str);
    let listed = codes()
        .find(|code| code.to_ascii_lowercase().contains("refresh"))
        .or_else(|| codes().find(|code| code.starts_with("invalid")))
        .unwrap_or("invalid_grant");
    match case {
        Some(case) => (
            case.status.unwrap_or(errors.status),
            case.code.as_deref().unwrap_or(listed),
            format!(
                "{}: the refresh token is not good.",
                case.contains.as_deref().unwrap_or_default()
            ),
        ),
        None => (errors.status, listed, "The refresh token is not good.".to_owned()),
    }
}

fn is_about_refresh(refused: Refusal) -> bool {
    match refused {
        Refusal::UnknownRefreshToken
        | Refusal::RefreshTokenOfAnotherClient
        | Refusal::ExpiredRefreshToken
        | Refusal::RevokedRefreshToken
        | Refusal::ReusedRefreshToken
        | Refusal::ScopeNotGranted => true,
        Refusal::UnknownCode
        | Refusal::CodeOfAnotherClient
        | Refusal::ExpiredCode
        | Refusal::ReusedCode
        | Refusal::RedirectUriMismatch
        | Refusal::MissingVerifier
        | Refusal::UnexpectedVerifier
        | Refusal::WrongVerifier => false,
    }
}
