//! What pages are sent: queries and forms, from our own pages or not.

use axum::http::{HeaderMap, HeaderValue, header};
use model::tenant::BaseUrl;
use protocol::oauth::parameters::Parameters;

use crate::body::content_type;
use crate::page_error::{PageError, RequestProblem};

/// Why a form is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// Of another content type than forms have.
    #[error("the body is not a form")]
    NotAForm,
    /// From a page of another site.
    #[error("the form was sent from another site")]
    CrossSite,
    /// Lacks something that our pages send.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
}

impl From<FormError> for PageError {
    fn from(error: FormError) -> Self {
        Self::request(RequestProblem::InvalidRequest, &error)
    }
}

/// The parameters of a query.
pub(crate) fn query(query: Option<&str>) -> Result<Parameters, PageError> {
    Ok(Parameters::from_query(query.unwrap_or_default())?)
}

/// The parameters of a form, wherever it was sent from.
pub(crate) fn form(headers: &HeaderMap, body: &[u8]) -> Result<Parameters, PageError> {
    // Other content types can be posted across sites without asking, and would be read otherwise.
    if content_type(headers).as_deref() != Some("application/x-www-form-urlencoded") {
        return Err(FormError::NotAForm.into());
    }
    Ok(Parameters::from_form(body)?)
}

/// The parameters of a form of one of our own pages.
pub(crate) fn own_form(
    headers: &HeaderMap,
    base: &BaseUrl,
    body: &[u8],
) -> Result<Parameters, PageError> {
    check_same_origin(headers, base)?;
    form(headers, body)
}

/// Refuses what another site's page sent. The state in the form is bound to the browser, which is
/// what login CSRF fails at; this is the second door.
fn check_same_origin(headers: &HeaderMap, base: &BaseUrl) -> Result<(), FormError> {
    let is = |name, expected: &str| -> Option<bool> {
        headers.get(name).map(|value: &HeaderValue| value.as_bytes() == expected.as_bytes())
    };
    let is_same_origin = match is("sec-fetch-site", "same-origin") {
        // Fetch Metadata: browsers set it, and pages cannot.
        Some(is_same_origin) => is_same_origin,
        // A browser without it sends `Origin: null` from a page whose policy is `no-referrer`, as
        // ours is (Fetch §3.1); so `null` says nothing.
        None => {
            is(header::ORIGIN.as_str(), "null") == Some(true)
                || is(header::ORIGIN.as_str(), base.origin()).unwrap_or(true)
        }
    };
    if is_same_origin { Ok(()) } else { Err(FormError::CrossSite) }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    #[test]
    fn a131_a_form_comes_from_our_own_pages() {
        let base = BaseUrl::parse("https://acme.example").unwrap();
        let check = |headers: &[(&'static str, &'static str)], expected: bool| {
            let map: HeaderMap = headers
                .iter()
                .map(|(name, value)| {
                    (HeaderName::from_static(name), HeaderValue::from_static(value))
                })
                .collect();
            assert_eq!(check_same_origin(&map, &base).is_ok(), expected, "{headers:?}");
        };
        check(&[], true);
        check(&[("origin", "https://acme.example")], true);
        check(&[("origin", "null")], true);
        check(&[("origin", "https://evil.example")], false);
        check(&[("origin", "https://acme.example.evil.example")], false);
        check(&[("origin", "http://acme.example")], false);
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "same-origin"), ("origin", "null")], true);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("sec-fetch-site", "cross-site"), ("origin", "https://acme.example")], false);
        check(&[("sec-fetch-site", "cross-site"), ("origin", "null")], false);
    }

    #[test]
    fn only_forms_are_read() {
        let check = |content_type: Option<&'static str>, expected: bool| {
            let headers: HeaderMap = content_type
                .map(|value| (header::CONTENT_TYPE, HeaderValue::from_static(value)))
                .into_iter()
                .collect();
            assert_eq!(form(&headers, b"a=b").is_ok(), expected, "{content_type:?}");
        };
        check(Some("application/x-www-form-urlencoded"), true);
        check(Some("application/x-www-form-urlencoded; charset=utf-8"), true);
        check(Some("text/plain"), false);
        check(Some("application/json"), false);
        check(Some("multipart/form-data; boundary=x"), false);
        check(None, false);
    }
}
