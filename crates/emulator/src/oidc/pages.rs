//! The pages between an authorization request and its answer: sign in, choose
//! an account, consent.
//!
//! Each form names its interaction in the path and is accepted only from the
//! browser that started it, so no other site can submit one.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use protocol::oauth::error::ErrorCode;
use protocol::oauth::scope::{Scope, ScopeSet};
use protocol::secret::{LoginState, Password};
use protocol::time::Timestamp;

use super::authorize::{self, Consent, refusal_of, send_error, step_of};
use crate::app::{App, State};
use crate::config::User;
use crate::cookies;
use crate::flavour::{Flavour, scope_in_words};
use crate::form::Form;
use crate::interaction::{AuthorizationRequest, Interaction, Step};
use crate::pages::{self, AccountLine, ScopeLine};
use crate::sessions::{BrowserId, SignedIn};

/// `GET /interaction/{id}`: the page for the step that is due.
pub(crate) async fn show(
    Shared(app): Shared<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match Visit::open(&app, id, &headers) {
        Some(visit) => visit.proceed(&mut app.lock()),
        None => pages::ended(),
    }
}

/// `POST /interaction/{id}/login`.
pub(crate) async fn login(
    Shared(app): Shared<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(mut visit) = Visit::open(&app, id, &headers) else { return pages::ended() };
    let Ok(form) = Form::from_body(&headers, &body) else { return pages::ended() };
    let username = form.value("username").unwrap_or_default().trim();
    let password = Password::new(form.value("password").unwrap_or_default());
    let Some(user) = signing_in(&app, username, &password) else {
        return visit.login_page(username, true);
    };
    let account = SignedIn {
        flavour: visit.interaction.request.flavour,
        sub: user.sub.clone(),
        auth_time: visit.now,
    };
    let token = app.mint.browser_token();
    let mut state = app.lock();
    state.sessions.sign_in(visit.browser, BrowserId::of(&token), account.clone());
    visit.browser = BrowserId::of(&token);
    visit.interaction.account = Some(account);
    state.sessions.update(&visit.id, visit.interaction.clone());
    cookies::with_browser_token(visit.move_on(&mut state), &token, &app.base_url)
}

/// `POST /interaction/{id}/account`: one of the accounts that are signed in,
/// or, without a value, another one.
pub(crate) async fn account(
    Shared(app): Shared<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(mut visit) = Visit::open(&app, id, &headers) else { return pages::ended() };
    let Ok(form) = Form::from_body(&headers, &body) else { return pages::ended() };
    let request = &mut visit.interaction.request;
    let mut state = app.lock();
    let signed_in = state.sessions.signed_in(visit.browser, request.flavour, visit.now);
    let chosen =
        form.value("account").and_then(|sub| signed_in.into_iter().find(|one| one.sub == sub));
    let too_old = |account: &SignedIn| {
        request.max_age.is_some_and(|max_age| visit.now.since(account.auth_time) > max_age)
    };
    match chosen {
        Some(account) if !too_old(&account) => {
            state.sessions.prefer(visit.browser, &account);
            visit.interaction.account = Some(account);
        }
        Some(account) => {
            request.login_hint = app.user(&account.sub).map(|user| user.username.clone());
            request.prompts.login = true;
        }
        None => {
            request.login_hint = None;
            request.prompts.login = true;
        }
    }
    state.sessions.update(&visit.id, visit.interaction.clone());
    visit.move_on(&mut state)
}

/// `POST /interaction/{id}/decision`: allow or deny.
pub(crate) async fn decision(
    Shared(app): Shared<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(visit) = Visit::open(&app, id, &headers) else { return pages::ended() };
    let content_type_ok =
        crate::form::has_content_type(&headers, "application/x-www-form-urlencoded");
    let Ok(text) = std::str::from_utf8(&body) else { return pages::ended() };
    // Check boxes of one name repeat it, so this body is read leniently.
    let form = if content_type_ok { Form::parse(text) } else { Form::default() };
    let request = &visit.interaction.request;
    let mut state = app.lock();
    match (form.value("decision"), visit.step(&state)) {
        (Some("deny"), _) => {
            state.sessions.finish(&visit.id);
            drop(state);
            let refused = refusal_of(request, ErrorCode::AccessDenied, "The user denied access.");
            send_error(&app, request.flavour, &refused)
        }
        (Some("allow"), Step::Consent(account)) => {
            state.sessions.finish(&visit.id);
            let agreed = Consent::Shown(ticked(request, &form));
            authorize::answer(&app, &mut state, request, &account, agreed, visit.now)
        }
        (_, Step::SignIn | Step::ChooseAccount(_) | Step::Consent(_) | Step::Answer(_)) => {
            visit.proceed(&mut state)
        }
    }
}

/// One request of a browser to an interaction that it started.
struct Visit<'a> {
    app: &'a App,
    id: LoginState,
    browser: BrowserId,
    interaction: Interaction,
    now: Timestamp,
}

impl<'a> Visit<'a> {
    fn open(app: &'a App, id: String, headers: &HeaderMap) -> Option<Self> {
        let now = app.now();
        let id = LoginState::new(id);
        let browser = BrowserId::of(&cookies::browser_token(headers)?);
        let interaction = app.lock().sessions.interaction(&id, browser, now)?.clone();
        Some(Self { app, id, browser, interaction, now })
    }

    fn step(&self, state: &State) -> Step {
        step_of(state, &self.interaction, self.browser, self.now)
    }

    /// The page that is due, or the answer.
    fn proceed(&self, state: &mut State) -> Response {
        match self.step(state) {
            Step::SignIn => {
                let hint = self.interaction.request.login_hint.as_deref();
                self.login_page(hint.unwrap_or_default(), false)
            }
            Step::ChooseAccount(accounts) => self.account_page(&accounts),
            Step::Consent(account) => self.consent_page(&account),
            Step::Answer(account) => self.finish(state, &account),
        }
    }

    /// After a POST: the answer, or a redirect to the next page, so that
    /// reloading that page does not submit the last form again.
    fn move_on(&self, state: &mut State) -> Response {
        match self.step(state) {
            Step::Answer(account) => self.finish(state, &account),
            Step::SignIn | Step::ChooseAccount(_) | Step::Consent(_) => {
                pages::see_other(&format!("/interaction/{}", self.id.expose()))
            }
        }
    }

    fn finish(&self, state: &mut State, account: &SignedIn) -> Response {
        state.sessions.finish(&self.id);
        let request = &self.interaction.request;
        authorize::answer(self.app, state, request, account, Consent::Given, self.now)
    }

    fn login_page(&self, username: &str, wrong: bool) -> Response {
        let request = &self.interaction.request;
        pages::login(request.flavour, self.id.expose(), self.client_name(), username, wrong)
    }

    fn account_page(&self, accounts: &[SignedIn]) -> Response {
        let users = accounts.iter().filter_map(|account| self.app.user(&account.sub));
        let lines: Vec<AccountLine<'_>> = users
            .map(|user| AccountLine { sub: &user.sub, name: &user.name, email: &user.email })
            .collect();
        let flavour = self.interaction.request.flavour;
        pages::choose_account(flavour, self.id.expose(), self.client_name(), &lines)
    }

    fn consent_page(&self, account: &SignedIn) -> Response {
        let request = &self.interaction.request;
        let line = |scope: &'_ Scope| ScopeLine {
            value: scope.to_string(),
            words: scope_in_words(scope.as_str()),
            optional: is_optional(request.flavour, scope),
        };
        let scopes: Vec<ScopeLine> = request.scope.iter().map(line).collect();
        let email = self.app.user(&account.sub).map_or("", |user| user.email.as_str());
        pages::consent(request.flavour, self.id.expose(), self.client_name(), email, &scopes)
    }

    fn client_name(&self) -> &str {
        let request = &self.interaction.request;
        let client = self.app.client(request.flavour, &request.client_id);
        client.map_or(request.client_id.as_str(), |client| client.name.as_str())
    }
}

fn signing_in<'a>(app: &'a App, username: &str, password: &Password) -> Option<&'a User> {
    let named = |user: &&User| user.username == username || user.email == username;
    let user = app.users().iter().find(named)?;
    user.password.ct_eq(password).then_some(user)
}

/// The scopes that the user agreed to: all, or where single ones may be
/// unticked, those that cannot be and those that are still ticked.
fn ticked(request: &AuthorizationRequest, form: &Form) -> ScopeSet {
    let is_agreed = |scope: &&Scope| {
        !is_optional(request.flavour, scope)
            || form.all("scope").any(|ticked| ticked == scope.as_str())
    };
    request.scope.iter().filter(is_agreed).cloned().collect()
}

fn is_optional(flavour: Flavour, scope: &Scope) -> bool {
    let identifies = matches!(scope.as_str(), "openid" | "email" | "profile");
    flavour.has_granular_consent() && !identifies
}
