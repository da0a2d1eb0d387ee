//! Delivers an authorization response: by redirect, or by one of two pages.

use axum::http::StatusCode;
use axum::response::Response;
use engine::authorize::AuthorizationResponse;
use engine::login::Completed;
use protocol::oauth::authorize::ResponseMode;

use crate::cookies;
use crate::page::{After, Desk, redirect, show, with_cookie};
use crate::page_error::PageError;
use crate::pages::views::{FormPostPage, ResponseTarget, WebMessagePage};

impl Desk {
    /// Delivers the answer of a login that has ended, and gives the browser its session.
    pub(crate) fn complete(
        &self,
        after: After,
        completed: &Completed,
    ) -> Result<Response, PageError> {
        let response = self.deliver(after, &completed.response)?;
        Ok(match &completed.session {
            Some(session) => {
                with_cookie(response, cookies::set_session(&self.context().base, session))
            }
            None => response,
        })
    }

    /// Delivers an answer in the response mode that was asked for.
    pub(crate) fn deliver(
        &self,
        after: After,
        answer: &AuthorizationResponse,
    ) -> Result<Response, PageError> {
        let parameters = answer.parameters(self.context());
        let fields: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let redirect_uri = &answer.address.redirect_uri;
        let target = ResponseTarget::parse(redirect_uri.as_str());
        match (answer.address.mode, &target) {
            (ResponseMode::Fragment, _) => redirect(after, &redirect_uri.with_fragment(&fields)),
            (ResponseMode::FormPost, Some(target)) => {
                let leads_to: Vec<&str> = std::iter::once(redirect_uri.as_str())
                    .chain(answer.leads_to.iter().map(String::as_str))
                    .collect();
                let frame = self.frame(&[]);
                let page = FormPostPage { frame, target, fields: &fields, leads_to: &leads_to };
                Ok(show(StatusCode::OK, &page))
            }
            (ResponseMode::WebMessage, Some(target)) => {
                let page = WebMessagePage { frame: self.frame(&[]), target, fields: &fields };
                Ok(show(StatusCode::OK, &page))
            }
            // An address that no page can reach is a native application's own scheme.
            (ResponseMode::Query, _) | (_, None) => {
                redirect(after, &redirect_uri.with_query(&fields))
            }
        }
    }
}
