//! What handlers of pages share: in whose name and language they answer, and where they lead.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::app::App;
use engine::context::Context;
use protocol::time::Timestamp;

use crate::AppState;
use crate::asked::{Asked, Unaddressed};
use crate::page_error::PageError;
use crate::pages::render;
pub(crate) use crate::pages::render::page as show;
use crate::pages::views::{Frame, Translations};

/// What every handler of pages needs.
pub(crate) struct Desk {
    pub(crate) app: Arc<App>,
    pub(crate) asked: Asked,
    translations: Arc<Translations>,
    headers: HeaderMap,
}

impl FromRequestParts<AppState> for Desk {
    type Rejection = Unaddressed;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self {
            app: Arc::from_ref(state),
            asked: Asked::from_request_parts(parts, state).await?,
            translations: Arc::from_ref(state),
            headers: parts.headers.clone(),
        })
    }
}

impl Desk {
    pub(crate) fn context(&self) -> &Context {
        &self.asked.context
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.asked.now
    }

    /// The frame of a page in the best language: what the request asks for (`ui_locales`) before
    /// what the browser prefers.
    pub(crate) fn frame(&self, ui_locales: &[String]) -> Frame<'_> {
        let locales = ui_locales.join(" ");
        let messages = render::messages(&self.translations, Some(&locales), &self.headers);
        render::frame(messages, &self.asked)
    }

    /// Answers with what a handler came to; an error becomes a page.
    pub(crate) fn finish(&self, outcome: Result<Response, PageError>) -> Response {
        outcome.unwrap_or_else(|error| error.show(self))
    }
}

/// Whether a redirect follows a GET or a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Get,
    Post,
}

/// Sends the browser on. RFC 9700 §4.12: never with 307, which would carry a posted password along.
pub(crate) fn redirect(after: After, target: &str) -> Result<Response, PageError> {
    let status = match after {
        After::Get => StatusCode::FOUND,
        After::Post => StatusCode::SEE_OTHER,
    };
    let location = HeaderValue::from_str(target).map_err(|error| PageError::internal(&error))?;
    Ok((status, [(header::LOCATION, location)]).into_response())
}

/// Adds a cookie to an answer; one that is there already stays.
#[must_use]
pub(crate) fn with_cookie(mut response: Response, cookie: (HeaderName, HeaderValue)) -> Response {
    let (name, value) = cookie;
    response.headers_mut().append(name, value);
    response
}
