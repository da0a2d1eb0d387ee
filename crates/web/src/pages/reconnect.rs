//! A browser follows a reconnect link, and comes back from the provider:
//! [`engine::connect_account::reconnect`].

use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use engine::connect_account::ConnectError;
use engine::connect_account::reconnect::{self, Following, OTHER_ACCOUNT};
use protocol::secret::Ticket;

use super::render;
use super::views::{ContinuePage, Href, ReconnectedPage};
use crate::forms;
use crate::page::{After, Desk, redirect};
use crate::page_error::{PageError, RequestProblem};
use crate::page_paths::{LOGIN, with_state};
use crate::visitor::Visitor;

/// `GET /connected-accounts/reconnect`
///
/// From the login page a browser comes with the answer to a login as well, of which nobody here has use.
pub(crate) async fn follow(desk: Desk, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = go_on(&desk, &visitor, query.as_deref()).await;
    visitor.answer(&desk.context().base, desk.finish(outcome))
}

async fn go_on(desk: &Desk, visitor: &Visitor, query: Option<&str>) -> Result<Response, PageError> {
    let mut query = forms::query(query)?;
    let ticket = query.take_secret("ticket").unwrap_or_else(|| Ticket::new(""));
    // Whoever could not log in would be led in a circle.
    if query.take("error").is_some() {
        return Err(PageError::request(RequestProblem::Expired, &ConnectError::Ended));
    }
    let comes_from_login = query.take("code").is_some();
    let (app, context) = (&desk.app, desk.context());
    match reconnect::follow(app, context, visitor.known(), &ticket, desk.now()).await {
        Ok(Following::Depart(url)) => match Href::parse(url.as_str()) {
            Some(target) if comes_from_login => {
                let page = ContinuePage { frame: desk.frame(&[]), target };
                Ok(render::page(StatusCode::OK, &page))
            }
            Some(_) | None => redirect(After::Get, url.as_str()),
        },
        Ok(Following::LogIn(state)) => redirect(After::Get, &with_state(LOGIN, &state)),
        Err(error) => Err(PageError::connecting(&error, "")),
    }
}

/// `GET /connected-accounts/reconnected`
pub(crate) async fn done(desk: Desk, RawQuery(query): RawQuery) -> Response {
    let outcome = tell(&desk, query.as_deref()).await;
    desk.finish(outcome)
}

async fn tell(desk: &Desk, query: Option<&str>) -> Result<Response, PageError> {
    let mut query = forms::query(query)?;
    let Some(code) = query.take("error") else {
        return Ok(render::page(StatusCode::OK, &ReconnectedPage { frame: desk.frame(&[]) }));
    };
    let connection = query.take("connection").unwrap_or_default();
    let provider = reconnect::label(&desk.app, desk.context(), &connection.into()).await;
    let provider = provider.map_err(|error| PageError::unavailable(&error.into()))?;
    if code == OTHER_ACCOUNT {
        let error = ConnectError::Mismatch("another account of the provider");
        let why = "Choose the account at the provider that was connected before.";
        return Err(PageError::connecting(&error, &provider).explained(why));
    }
    Err(PageError::reconnect_refused(&code, &provider))
}
