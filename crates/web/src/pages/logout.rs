//! The answer to the question whether to log out.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use engine::logout::{self, Answer};

use super::pending_login::state_of;
use super::render;
use super::views::StillLoggedInPage;
use crate::forms::{self, FormError};
use crate::logged_out::logout_error;
use crate::page::{After, Desk, redirect};
use crate::page_error::PageError;
use crate::visitor::Visitor;

/// `POST /u/logout`
pub(crate) async fn decide(
    desk: Desk,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = answer(&desk, &visitor, &headers, &body).await;
    desk.finish(outcome)
}

async fn answer(
    desk: &Desk,
    visitor: &Visitor,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, PageError> {
    let context = desk.context();
    let mut form = forms::own_form(headers, &context.base, body)?;
    let state = state_of(&mut form)?;
    let answer = match form.value("action") {
        Some("accept") => Answer::Accept,
        Some("deny") => Answer::Deny,
        Some(_) | None => return Err(FormError::Missing("action").into()),
    };
    let (app, visitor) = (&desk.app, visitor.known());
    let answered = logout::answer(app, context, visitor, &state, answer, desk.now()).await;
    let destination = answered.map_err(|error| logout_error(&error))?;
    match (answer, destination) {
        (Answer::Accept, destination) => desk.log_out(After::Post, destination.as_deref()),
        (Answer::Deny, Some(destination)) => redirect(After::Post, &destination),
        (Answer::Deny, None) => {
            let page = StillLoggedInPage { frame: desk.frame(&[]) };
            Ok(render::page(StatusCode::OK, &page))
        }
    }
}
