//! The sign-up page on the wire.

use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use engine::login::OpenLogin;
use engine::passwords::PASSWORD_CHARS_MIN;
use engine::signup::{self, NewAccount, SignupError};
use protocol::secret::{LoginState, Password};

use super::pending_login::{open, state_of};
use super::render;
use super::views::{PasswordRule, RuleState, SignUpPage, SignUpProblem};
use crate::forms;
use crate::page::{After, Desk, redirect};
use crate::page_error::{PageError, RequestProblem};
use crate::page_paths::{LOGIN, SIGNUP, with_state};
use crate::visitor::Visitor;

/// `GET /u/signup`
pub(crate) async fn show(desk: Desk, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = async {
        let state = state_of(&mut forms::query(query.as_deref())?)?;
        let login = open(&desk, &visitor, &state).await?;
        if !login.may_sign_up() {
            return redirect(After::Get, &with_state(LOGIN, &state));
        }
        let hint = login.request().login_hint.clone().unwrap_or_default();
        Ok(page(&desk, &login, &state, &hint, None))
    };
    let outcome = outcome.await;
    desk.finish(outcome)
}

/// `POST /u/signup`
pub(crate) async fn submit(
    desk: Desk,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = make_account(&desk, &visitor, &headers, &body).await;
    desk.finish(outcome)
}

async fn make_account(
    desk: &Desk,
    visitor: &Visitor,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, PageError> {
    let context = desk.context();
    let mut form = forms::own_form(headers, &context.base, body)?;
    let state = state_of(&mut form)?;
    let login = open(desk, visitor, &state).await?;
    let email = form.take("email").unwrap_or_default();
    let password = form.take_secret("password").unwrap_or_else(|| Password::new(""));
    let account = NewAccount { email: email.clone(), password };
    let (app, visitor) = (&desk.app, visitor.known());
    let problem = match signup::sign_up(app, context, visitor, &login, account, desk.now()).await {
        Ok(completed) => return desk.complete(After::Post, &completed),
        Err(SignupError::EmailInvalid) => SignUpProblem::EmailInvalid,
        Err(SignupError::PasswordWeak) => SignUpProblem::PasswordWeak,
        Err(SignupError::Taken) => SignUpProblem::NotCreated,
        Err(SignupError::TooManyAttempts) => SignUpProblem::TooManyAttempts,
        Err(error @ SignupError::Closed) => {
            return Err(PageError::request(RequestProblem::InvalidRequest, &error));
        }
        Err(error @ SignupError::Ended) => {
            return Err(PageError::request(RequestProblem::Expired, &error));
        }
        Err(error @ SignupError::Hashing(_)) => return Err(PageError::internal(&error)),
        Err(SignupError::Key(error)) => return Err(PageError::unavailable(&error)),
    };
    Ok(page(desk, &login, &state, &email, Some(problem)))
}

fn page(
    desk: &Desk,
    login: &OpenLogin,
    state: &LoginState,
    email: &str,
    problem: Option<SignUpProblem>,
) -> Response {
    let (action, login_path) = (with_state(SIGNUP, state), with_state(LOGIN, state));
    let leads_to = login.leads_to();
    let leads_to: Vec<&str> = leads_to.iter().map(String::as_str).collect();
    let view = SignUpPage {
        frame: desk.frame(&login.request().ui_locales),
        client: &login.client().name,
        action: &action,
        state: state.expose(),
        email,
        rules: &[(min_length(), rule_state(problem))],
        problem,
        login_path: &login_path,
        leads_to: &leads_to,
    };
    render::page(status(problem), &view)
}

fn min_length() -> PasswordRule {
    PasswordRule::MinLength(u32::try_from(PASSWORD_CHARS_MIN).unwrap_or(u32::MAX))
}

/// What is known of the password, which is never sent back.
fn rule_state(problem: Option<SignUpProblem>) -> RuleState {
    match problem {
        None | Some(SignUpProblem::EmailInvalid | SignUpProblem::TooManyAttempts) => {
            RuleState::Open
        }
        Some(SignUpProblem::PasswordWeak) => RuleState::Broken,
        Some(SignUpProblem::NotCreated) => RuleState::Met,
    }
}

fn status(problem: Option<SignUpProblem>) -> StatusCode {
    match problem {
        None => StatusCode::OK,
        Some(
            SignUpProblem::EmailInvalid | SignUpProblem::PasswordWeak | SignUpProblem::NotCreated,
        ) => StatusCode::BAD_REQUEST,
        Some(SignUpProblem::TooManyAttempts) => StatusCode::TOO_MANY_REQUESTS,
    }
}
