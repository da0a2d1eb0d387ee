//! The authorization endpoint on the wire.

use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::Response;
use engine::authorize::{self, Next, Screen, Unaddressed};
use protocol::oauth::parameters::Parameters;

use crate::forms;
use crate::page::{After, Desk, redirect};
use crate::page_error::{PageError, RequestProblem};
use crate::page_paths::{LOGIN, SIGNUP, with_state};
use crate::visitor::Visitor;

/// `GET /authorize`
pub(crate) async fn by_query(desk: Desk, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let outcome = match forms::query(query.as_deref()) {
        Ok(parameters) => answer(&desk, &visitor, After::Get, parameters).await,
        Err(error) => Err(error),
    };
    desk.finish(outcome)
}

/// `POST /authorize`: OpenID Connect Core §3.1.2.1, servers MUST support both methods.
pub(crate) async fn by_form(
    desk: Desk,
    visitor: Visitor,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = match joined(query.as_deref(), &headers, &body) {
        Ok(parameters) => answer(&desk, &visitor, After::Post, parameters).await,
        Err(error) => Err(error),
    };
    desk.finish(outcome)
}

/// RFC 6749 §3.1: parameters MUST NOT be included more than once, in query and body together.
fn joined(query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<Parameters, PageError> {
    Ok(forms::query(query)?.joined(forms::form(headers, body)?)?)
}

async fn answer(
    desk: &Desk,
    visitor: &Visitor,
    after: After,
    parameters: Parameters,
) -> Result<Response, PageError> {
    let (app, context) = (&desk.app, desk.context());
    let next = authorize::begin(app, context, visitor.known(), parameters, desk.now()).await;
    let response = match next.map_err(|error| unaddressed(&error))? {
        Next::Respond(answer) => return desk.deliver(after, &answer),
        Next::Page { screen, state } => {
            let path = match screen {
                Screen::Login => LOGIN,
                Screen::Signup => SIGNUP,
            };
            redirect(after, &with_state(path, &state))?
        }
        Next::Provider(url) => redirect(after, url.as_str())?,
    };
    Ok(visitor.answer(&context.base, response))
}

fn unaddressed(error: &Unaddressed) -> PageError {
    let (problem, explanation) = match error {
        Unaddressed::NoClient(cause) => (RequestProblem::InvalidRequest, cause.to_string()),
        Unaddressed::UnknownClient => {
            (RequestProblem::UnknownApplication, "Unknown client.".to_owned())
        }
        Unaddressed::UnknownRequest => (
            RequestProblem::InvalidRequest,
            "The request_uri is unknown, was used, or has expired.".to_owned(),
        ),
        Unaddressed::RequestObject(_) => {
            (RequestProblem::InvalidRequest, "The request object is not accepted.".to_owned())
        }
        Unaddressed::RedirectUri(_) => {
            (RequestProblem::CallbackMismatch, "Callback URL mismatch.".to_owned())
        }
        Unaddressed::Key(cause) => return PageError::unavailable(cause),
    };
    PageError::request(problem, error).explained(explanation)
}
