//! The authorization endpoint (RFC 6749 §3.1, OIDC Core §3.1.2).
//!
//! 1. The request is read and checked ([`super::request`]).
//! 2. [`next_step`] says whether the user must be asked something; if so, the
//!    browser goes to the pages of [`super::pages`], which end here again.
//! 3. [`answer`] makes the code and sends the browser back.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use protocol::oauth::error::ErrorCode;
use protocol::oauth::scope::ScopeSet;
use protocol::secret::BrowserToken;
use protocol::time::Timestamp;

use super::request::{AuthorizeRefusal, RedirectError, parse};
use crate::app::{App, State};
use crate::catalogued::{self, needs_page};
use crate::cookies;
use crate::faults::CallSubject;
use crate::flavour::Flavour;
use crate::form::Form;
use crate::grants::{Account, Consented};
use crate::interaction::{AuthorizationRequest, Interaction, Step, next_step};
use crate::ledger::Value;
use crate::pages;
use crate::sessions::{BrowserId, SignedIn};
use crate::stats::Counted;

/// `GET {authorize}`.
pub(crate) async fn get(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    authorize(&app, flavour, &Form::parse(query.as_deref().unwrap_or_default()), &headers)
}

/// `POST {authorize}`.
///
/// OIDC Core §3.1.2.1: Authorization Servers MUST support the use of the HTTP
/// GET and POST methods at the Authorization Endpoint.
pub(crate) async fn post(
    Shared(app): Shared<Arc<App>>,
    Extension(flavour): Extension<Flavour>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match Form::from_body(&headers, &body) {
        Ok(form) => authorize(&app, flavour, &form, &headers),
        Err(invalid) => pages::error(flavour, &invalid.description()),
    }
}

/// Takes up a request in the standard's words.
pub(crate) fn authorize(app: &App, flavour: Flavour, form: &Form, headers: &HeaderMap) -> Response {
    match parse(app, flavour, form) {
        Ok(request) => begin(app, request, headers),
        Err(AuthorizeRefusal::Page(refused)) => pages::error(flavour, refused.text()),
        Err(AuthorizeRefusal::Redirect(refused)) => send_error(app, flavour, &refused),
    }
}

/// Answers at once where nobody has to be asked, and starts an interaction
/// otherwise.
fn begin(app: &App, request: AuthorizationRequest, headers: &HeaderMap) -> Response {
    let now = app.now();
    let flavour = request.flavour;
    let mut state = app.lock();
    let presented = cookies::browser_token(headers);
    let known = presented.filter(|token| state.sessions.knows(BrowserId::of(token)));
    let is_new = known.is_none();
    let token: BrowserToken = known.unwrap_or_else(|| app.mint.browser_token());
    let browser = BrowserId::of(&token);

    let interaction = Interaction { request, account: None };
    let step = step_of(&state, &interaction, browser, now);
    let silent = interaction.request.prompts.none;
    if let Some(code) = silent.then(|| unanswerable(&step)).flatten() {
        let refused = refusal_of(&interaction.request, code, "The user would have to be asked.");
        drop(state);
        return send_error(app, flavour, &refused);
    }
    if let Step::Answer(account) = step {
        return answer(app, &mut state, &interaction.request, &account, Consent::Given, now);
    }
    let id = app.mint.interaction();
    state.sessions.open_browser(browser);
    state.sessions.start(&id, browser, interaction, now);
    let page = pages::see_other(&format!("/interaction/{}", id.expose()));
    if is_new { cookies::with_browser_token(page, &token, &app.base_url) } else { page }
}

/// What the user has to be asked next in this browser.
pub(crate) fn step_of(
    state: &State,
    interaction: &Interaction,
    browser: BrowserId,
    now: Timestamp,
) -> Step {
    let request = &interaction.request;
    let signed_in = state.sessions.signed_in(browser, request.flavour, now);
    let consented =
        |account: &SignedIn| state.grants.consented_scope(&account_of(request, account));
    next_step(interaction, &signed_in, consented, now)
}

/// OIDC Core §3.1.2.6: what `prompt=none` gets where a page would be needed.
fn unanswerable(step: &Step) -> Option<ErrorCode> {
    match step {
        Step::SignIn => Some(ErrorCode::LoginRequired),
        Step::ChooseAccount(_) => Some(ErrorCode::AccountSelectionRequired),
        Step::Consent(_) => Some(ErrorCode::ConsentRequired),
        Step::Answer(_) => None,
    }
}

/// How the request came by its consent.
#[derive(Clone, Debug)]
pub(crate) enum Consent {
    /// It was given on an earlier occasion; nobody was asked.
    Given,
    /// The user has just agreed to these scopes.
    Shown(ScopeSet),
}

/// Grants a code and sends it to the client.
pub(crate) fn answer(
    app: &App,
    state: &mut State,
    request: &AuthorizationRequest,
    account: &SignedIn,
    consent: Consent,
    now: Timestamp,
) -> Response {
    let account_key = account_of(request, account);
    let (agreed, shown) = match consent {
        Consent::Given => (request.scope.clone(), false),
        Consent::Shown(agreed) => (agreed, true),
    };
    let earlier = state.grants.consented_scope(&account_key);
    let scope = match earlier {
        Some(earlier) if request.include_granted_scopes => agreed.union(earlier),
        Some(_) | None => agreed,
    };
    let offline = match request.flavour {
        // Google gives a refresh token only when it showed a consent page.
        Flavour::Google => request.asks_offline && shown,
        Flavour::Oidc | Flavour::GitHub | Flavour::GitHubApp => request.asks_offline,
        Flavour::Catalogued(_) => {
            let needs_page = app.spec(request.flavour).is_some_and(|spec| needs_page(spec));
            request.asks_offline && (shown || !needs_page)
        }
    };
    let consented = Consented {
        account: account_key.clone(),
        redirect_uri: request.redirect_uri.clone(),
        redirect_uri_was_sent: request.redirect_uri_was_sent,
        scope,
        challenge: request.challenge.clone(),
        nonce: request.nonce.clone(),
        auth_time: account.auth_time,
        offline,
    };
    let code = state.grants.grant_code(consented, &app.mint, now);
    state.ledger.record(Value::Code(code.clone()), &account_key, now);
    state.count(Counted::Authorization, &account_key);

    let mut parameters = vec![("code".to_owned(), code.expose().to_owned())];
    parameters.extend(request.state.clone().map(|state| ("state".to_owned(), state)));
    if let (Some(spec), Some(user)) = (app.spec(request.flavour), app.user(&account.sub)) {
        parameters.extend(catalogued::callback(spec, user));
    }
    let subject = CallSubject::of(&account_key);
    send_back(app, state, request.flavour, &request.redirect_uri, parameters, &subject)
}

/// Sends an error to the client (RFC 6749 §4.1.2.1).
pub(crate) fn send_error(app: &App, flavour: Flavour, refused: &RedirectError) -> Response {
    let mut parameters = vec![
        ("error".to_owned(), refused.code.to_owned()),
        ("error_description".to_owned(), refused.description.clone()),
    ];
    parameters.extend(refused.state.clone().map(|state| ("state".to_owned(), state)));
    let mut state = app.lock();
    let subject = CallSubject::default();
    send_back(app, &mut state, flavour, &refused.redirect_uri, parameters, &subject)
}

/// An error for the client that made `request`.
pub(crate) fn refusal_of(
    request: &AuthorizationRequest,
    code: ErrorCode,
    description: &str,
) -> RedirectError {
    RedirectError {
        redirect_uri: request.redirect_uri.clone(),
        state: request.state.clone(),
        code: code.as_str(),
        description: description.to_owned(),
    }
}

pub(crate) fn account_of(request: &AuthorizationRequest, account: &SignedIn) -> Account {
    Account {
        flavour: request.flavour,
        client_id: request.client_id.clone(),
        sub: account.sub.clone(),
    }
}

fn send_back(
    app: &App,
    state: &mut State,
    flavour: Flavour,
    redirect_uri: &str,
    mut parameters: Vec<(String, String)>,
    subject: &CallSubject,
) -> Response {
    // RFC 9207 §2: the authorization server MUST include its issuer identifier
    // in authorization responses, error responses included.
    if flavour.names_itself() {
        parameters.push(("iss".to_owned(), app.issuer(flavour)));
    }
    state.faults.edit_authorization_response(flavour, subject, &mut parameters);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    // RFC 6749 §3.1.2: a query component of the redirect URI MUST be retained.
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    pages::see_other(&format!("{redirect_uri}{separator}{}", query.finish()))
}
