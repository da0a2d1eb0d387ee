//! The token endpoint (RFC 6749 §3.2) of all flavours.
//!
//! 1. The body is read as a form; duplicates and other media types are refused.
//! 2. The client is authenticated by a method registered for it.
//! 3. The grant is checked and executed in one step under the lock.
//! 4. Outside the lock the answer is signed and written ([`answer`]).

pub(crate) mod answer;

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use protocol::jose::jws::SigningError;
use protocol::oauth::pkce;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::{AuthorizationCode, CodeVerifier, ProviderRefreshToken};
use protocol::time::Timestamp;

use crate::app::{App, State};
use crate::client_auth::{ClientRefusal, authenticate};
use crate::config::Client;
use crate::flavour::Flavour;
use crate::form::{Form, InvalidForm};
use crate::grants::{Account, Issued, Redemption, RefreshRequest, Refusal};
use crate::ledger::Value;
use crate::oidc::id_token;
use crate::stats::Counted;

/// Why a token request got an error.
#[derive(Debug)]
pub(crate) enum TokenRefusal {
    Form(InvalidForm),
    CredentialsInQuery,
    Client(ClientRefusal),
    Missing(&'static str),
    UnsupportedGrantType,
    MalformedScope,
    MalformedVerifier,
    Grant(Refusal),
    Signing(SigningError),
}

/// `POST {token}`.
pub(crate) async fn post(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let behaviour = app.lock().behaviour(flavour);
    let wire = answer::Wire::choose(behaviour.answer_format, &headers);
    let exchanged = exchange(&app, flavour, query.as_deref(), &headers, &body);
    let answered = exchanged.and_then(|issued| {
        let id_token = id_token::of(&app, &issued, &behaviour).map_err(TokenRefusal::Signing)?;
        Ok(answer::tokens(&issued, id_token, &behaviour, wire))
    });
    answered.unwrap_or_else(|refusal| answer::refusal(flavour, &refusal, wire))
}

fn exchange(
    app: &App,
    flavour: Flavour,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Issued, TokenRefusal> {
    let form = Form::from_body(headers, body).map_err(TokenRefusal::Form)?;
    // RFC 6749 §2.3.1: The parameters can only be transmitted in the request-body
    // and MUST NOT be included in the request URI.
    let query = Form::parse(query.unwrap_or_default());
    if query.value("client_secret").is_some() || query.value("client_id").is_some() {
        return Err(TokenRefusal::CredentialsInQuery);
    }
    let client = authenticate(app, flavour, headers, &form).map_err(TokenRefusal::Client)?;
    match (form.value("grant_type"), flavour) {
        (Some("authorization_code"), _) | (None, Flavour::GitHub | Flavour::GitHubApp) => {
            redeem_code(app, client, &form)
        }
        (
            Some("refresh_token"),
            Flavour::Oidc | Flavour::Google | Flavour::GitHubApp | Flavour::Catalogued(_),
        ) => refresh(app, client, &form),
        (None, Flavour::Oidc | Flavour::Google | Flavour::Catalogued(_)) => {
            Err(TokenRefusal::Missing("grant_type"))
        }
        (Some(_), _) => Err(TokenRefusal::UnsupportedGrantType),
    }
}

pub(crate) fn redeem_code(app: &App, client: &Client, form: &Form) -> Result<Issued, TokenRefusal> {
    let code = form.value("code").ok_or(TokenRefusal::Missing("code"))?;
    let redemption = Redemption {
        client,
        code: AuthorizationCode::new(code),
        redirect_uri: form.value("redirect_uri"),
        verifier: verifier(form)?,
    };
    let now = app.now();
    let mut state = app.lock();
    let behaviour = state.behaviour(client.flavour);
    let owner = state.grants.owner_of_code(&redemption.code).cloned();
    match state.grants.redeem(&redemption, &behaviour, &app.mint, now) {
        Ok(issued) => {
            state.count(Counted::CodeExchange, &issued.account);
            record(&mut state, &issued, now);
            Ok(issued)
        }
        Err(refusal) => {
            count_refused(&mut state, Counted::CodeExchangeRefused, client, owner.as_ref());
            if refusal == Refusal::ReusedCode {
                count_refused(&mut state, Counted::CodeReplay, client, owner.as_ref());
            }
            Err(TokenRefusal::Grant(refusal))
        }
    }
}

pub(crate) fn refresh(app: &App, client: &Client, form: &Form) -> Result<Issued, TokenRefusal> {
    let token = form.value("refresh_token").ok_or(TokenRefusal::Missing("refresh_token"))?;
    let scope = match form.value("scope").map(ScopeSet::parse) {
        None => None,
        Some(Ok(scope)) => Some(scope),
        Some(Err(_invalid)) => return Err(TokenRefusal::MalformedScope),
    };
    let request = RefreshRequest { client, refresh_token: ProviderRefreshToken::new(token), scope };
    let now = app.now();
    let mut state = app.lock();
    let behaviour = state.behaviour(client.flavour);
    let owner = state.grants.owner_of_refresh_token(&request.refresh_token).cloned();
    let was_replaced = state.grants.is_replaced(&request.refresh_token);
    match state.grants.refresh(&request, &behaviour, &app.mint, now) {
        Ok(issued) => {
            state.count(Counted::Refresh, &issued.account);
            if was_replaced {
                state.count(Counted::RefreshInGrace, &issued.account);
            }
            record(&mut state, &issued, now);
            Ok(issued)
        }
        Err(refusal) => {
            count_refused(&mut state, Counted::RefreshRefused, client, owner.as_ref());
            if refusal == Refusal::ReusedRefreshToken {
                count_refused(&mut state, Counted::RefreshReplay, client, owner.as_ref());
            }
            Err(TokenRefusal::Grant(refusal))
        }
    }
}

fn verifier(form: &Form) -> Result<Option<CodeVerifier>, TokenRefusal> {
    match form.value("code_verifier").map(|text| pkce::parse_verifier(text.to_owned())) {
        None => Ok(None),
        Some(Ok(verifier)) => Ok(Some(verifier)),
        Some(Err(_invalid)) => Err(TokenRefusal::MalformedVerifier),
    }
}

fn record(state: &mut State, issued: &Issued, now: Timestamp) {
    let access = Value::Access(issued.access_token.clone());
    state.ledger.record(access, &issued.account, now);
    if let Some(refresh) = issued.refresh_token.clone() {
        state.ledger.record(Value::Refresh(refresh), &issued.account, now);
    }
}

/// Counts against the client that asked, and the user whose grant it named.
fn count_refused(state: &mut State, counted: Counted, client: &Client, owner: Option<&Account>) {
    let sub = owner.map(|account| account.sub.as_str());
    state.stats.count(counted, client.flavour, Some(&client.client_id), sub);
}
