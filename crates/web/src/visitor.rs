//! The browser that a request comes from: its name, and the session that it says it has.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use engine::app::App;
use engine::sessions;
use model::tenant::BaseUrl;
use protocol::secret::{BrowserToken, SessionToken};

use crate::AppState;
use crate::asked::{Asked, Unaddressed};
use crate::cookies;

/// A browser.
#[derive(Debug)]
pub(crate) struct Visitor {
    browser: BrowserToken,
    is_new: bool,
    session: Option<SessionToken>,
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Unaddressed;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        let asked = Asked::from_request_parts(parts, state).await?;
        Ok(Self::of(&state.app, &asked.context.base, &parts.headers))
    }
}

impl Visitor {
    /// Reads the cookies. A browser that has no name yet gets one.
    pub(crate) fn of(app: &App, base: &BaseUrl, headers: &HeaderMap) -> Self {
        let known = cookies::browser(headers, base);
        let is_new = known.is_none();
        let browser = known.unwrap_or_else(|| sessions::new_browser(app));
        Self { browser, is_new, session: cookies::session(headers, base) }
    }

    /// What the engine wants to know.
    pub(crate) fn known(&self) -> sessions::Visitor<'_> {
        sessions::Visitor { browser: &self.browser, session: self.session.as_ref() }
    }

    /// The browser's name.
    pub(crate) fn browser(&self) -> &BrowserToken {
        &self.browser
    }

    /// Whether the browser had a name before this request. Browsers withhold ours from requests that
    /// another site's page posts (`SameSite`), so a form of ours comes from a known browser only.
    pub(crate) fn is_known(&self) -> bool {
        !self.is_new
    }

    /// The session that it says it has.
    pub(crate) fn session(&self) -> Option<&SessionToken> {
        self.session.as_ref()
    }

    /// Answers the browser, telling it its name if it is new.
    pub(crate) fn answer(&self, base: &BaseUrl, response: impl IntoResponse) -> Response {
        let mut response = response.into_response();
        if self.is_new {
            let (name, value) = cookies::set_browser(base, &self.browser);
            response.headers_mut().append(name, value);
        }
        response
    }
}
