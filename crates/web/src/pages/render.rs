//! Turns a view into an answer.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::views::{Frame, Messages, Translations, View, csp_for};
use crate::asked::Asked;

/// A page with the policy that its view asks for.
pub(crate) fn page<V: View>(status: StatusCode, view: &V) -> Response {
    let rendered = match view.render() {
        Ok(rendered) => rendered,
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = (status, Html(rendered)).into_response();
    if let Ok(policy) = HeaderValue::from_str(&csp_for(view.kind())) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The texts in a language that the browser, or the request, prefers.
pub(crate) fn messages<'a>(
    translations: &'a Translations,
    ui_locales: Option<&str>,
    headers: &HeaderMap,
) -> &'a Messages {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    translations.pick(ui_locales, accepted)
}

/// What every page of a tenant has around its content.
pub(crate) fn frame<'a>(messages: &'a Messages, asked: &'a Asked) -> Frame<'a> {
    Frame { messages, tenant: &asked.context.tenant.settings.friendly_name, logo: None }
}
