//! The login page on the wire.

use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use engine::login::{self, Credentials, LoginError, OpenLogin};
use engine::provider_login::{self, ProviderLoginError};
use model::connection::Connection;
use protocol::secret::{LoginState, Password};
use serde_json::Value;

use super::pending_login::{open, state_of};
use super::render;
use super::views::{ConnectionChoice, ImageUrl, LoginPage, LoginProblem};
use crate::forms;
use crate::page::{After, Desk, redirect};
use crate::page_error::{PageError, ProviderProblem, RequestProblem};
use crate::page_paths::{LOGIN, LOGIN_PROVIDER, SIGNUP, with_query, with_state};
use crate::visitor::Visitor;

/// `GET /u/login`
pub(crate) async fn show(desk: Desk, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = async {
        let state = state_of(&mut forms::query(query.as_deref())?)?;
        let login = open(&desk, &visitor, &state).await?;
        let hint = login.request().login_hint.clone().unwrap_or_default();
        Ok(page(&desk, &login, &state, &hint, None))
    };
    let outcome = outcome.await;
    desk.finish(outcome)
}

/// `POST /u/login`
pub(crate) async fn submit(
    desk: Desk,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = try_password(&desk, &visitor, &headers, &body).await;
    desk.finish(outcome)
}

async fn try_password(
    desk: &Desk,
    visitor: &Visitor,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, PageError> {
    let context = desk.context();
    let mut form = forms::own_form(headers, &context.base, body)?;
    let state = state_of(&mut form)?;
    let login = open(desk, visitor, &state).await?;
    let identifier = form.take("username").unwrap_or_default();
    let password: Option<Password> = form.take_secret("password");
    if identifier.trim().is_empty() {
        let problem = LoginProblem::IdentifierMissing;
        return Ok(page(desk, &login, &state, "", Some(problem)));
    }
    let Some(password) = password else {
        let problem = LoginProblem::PasswordMissing;
        return Ok(page(desk, &login, &state, &identifier, Some(problem)));
    };
    let credentials = Credentials { identifier: identifier.clone(), password };
    let (app, visitor) = (&desk.app, visitor.known());
    let problem =
        match login::with_password(app, context, visitor, &login, credentials, desk.now()).await {
            Ok(completed) => return desk.complete(After::Post, &completed),
            Err(LoginError::WrongCredentials) => LoginProblem::WrongCredentials,
            Err(LoginError::TooManyAttempts) => LoginProblem::TooManyAttempts,
            Err(LoginError::UserBlocked) => LoginProblem::AccountBlocked,
            Err(error @ LoginError::NoDatabase) => {
                return Err(PageError::request(RequestProblem::InvalidRequest, &error));
            }
            Err(error @ LoginError::Ended) => {
                return Err(PageError::request(RequestProblem::Expired, &error));
            }
            Err(error @ LoginError::Hashing(_)) => return Err(PageError::internal(&error)),
            Err(LoginError::Key(error)) => return Err(PageError::unavailable(&error)),
        };
    Ok(page(desk, &login, &state, &identifier, Some(problem)))
}

/// `GET /u/login/provider`
pub(crate) async fn go_to_provider(
    desk: Desk,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Response {
    let outcome = leave(&desk, &visitor, query.as_deref()).await;
    desk.finish(outcome)
}

async fn leave(desk: &Desk, visitor: &Visitor, query: Option<&str>) -> Result<Response, PageError> {
    let mut parameters = forms::query(query)?;
    let state = state_of(&mut parameters)?;
    let connection = parameters.take("connection").unwrap_or_default();
    let (app, context, browser) = (&desk.app, desk.context(), visitor.browser());
    let chosen =
        provider_login::choose(app, context, browser, &state, &connection, desk.now()).await;
    match chosen {
        Ok(url) => redirect(After::Get, url.as_str()),
        Err(error @ ProviderLoginError::Departure(_)) => {
            let retry = with_state(LOGIN, &state);
            Err(PageError::provider(ProviderProblem::Unavailable, &connection, retry, &error))
        }
        Err(error @ ProviderLoginError::Ended) => Err(visitor.ended(&error)),
        Err(error @ ProviderLoginError::UnknownConnection) => {
            Err(PageError::request(RequestProblem::InvalidRequest, &error))
        }
        Err(error @ ProviderLoginError::Tokens(_)) => Err(PageError::internal(&error)),
        Err(ProviderLoginError::Key(error)) => Err(PageError::unavailable(&error)),
    }
}

fn page(
    desk: &Desk,
    login: &OpenLogin,
    state: &LoginState,
    identifier: &str,
    problem: Option<LoginProblem>,
) -> Response {
    let action = with_state(LOGIN, state);
    let signup_path = login.may_sign_up().then(|| with_state(SIGNUP, state));
    let ways: Vec<(&Connection, String)> = login
        .providers()
        .map(|connection| {
            let query = [("state", state.expose()), ("connection", connection.name.as_str())];
            (connection, with_query(LOGIN_PROVIDER, &query))
        })
        .collect();
    let connections: Vec<ConnectionChoice<'_>> =
        ways.iter().map(|(connection, path)| choice(connection, path)).collect();
    let leads_to = login.leads_to();
    let leads_to: Vec<&str> = leads_to.iter().map(String::as_str).collect();
    let view = LoginPage {
        frame: desk.frame(&login.request().ui_locales),
        client: &login.client().name,
        action: &action,
        state: state.expose(),
        identifier,
        has_password: login.database().is_some(),
        problem,
        signup_path: signup_path.as_deref(),
        connections: &connections,
        leads_to: &leads_to,
    };
    render::page(status(problem), &view)
}

fn choice<'a>(connection: &'a Connection, path: &'a str) -> ConnectionChoice<'a> {
    let icon = connection.options.get("icon_url").and_then(Value::as_str);
    ConnectionChoice {
        name: &connection.name,
        display_name: connection.label(),
        icon: icon.and_then(ImageUrl::parse),
        path,
    }
}

fn status(problem: Option<LoginProblem>) -> StatusCode {
    match problem {
        None => StatusCode::OK,
        Some(
            LoginProblem::WrongCredentials
            | LoginProblem::IdentifierMissing
            | LoginProblem::PasswordMissing,
        ) => StatusCode::BAD_REQUEST,
        Some(LoginProblem::AccountBlocked) => StatusCode::FORBIDDEN,
        Some(LoginProblem::TooManyAttempts) => StatusCode::TOO_MANY_REQUESTS,
    }
}
