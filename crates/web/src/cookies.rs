//! Our two cookies: one names the browser, one its login session.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use cookie::{Cookie, SameSite};
use model::tenant::BaseUrl;
use protocol::secret::{BrowserToken, Secret, SessionToken};

const SESSION: &str = "strongroom_session";
const BROWSER: &str = "strongroom_browser";
/// A value is no longer, in bytes.
const VALUE_BYTES_MAX: usize = 128;

/// The session that the browser says it has.
pub(crate) fn session(headers: &HeaderMap, base: &BaseUrl) -> Option<SessionToken> {
    value(headers, &name(SESSION, base))
}

/// The name by which we know the browser.
pub(crate) fn browser(headers: &HeaderMap, base: &BaseUrl) -> Option<BrowserToken> {
    value(headers, &name(BROWSER, base))
}

/// Gives the browser its session.
pub(crate) fn set_session(base: &BaseUrl, token: &SessionToken) -> (HeaderName, HeaderValue) {
    // The iframe of `web_message` stands in another site's page.
    let same_site = if base.is_secure() { SameSite::None } else { SameSite::Lax };
    set(SESSION, base, token.expose(), same_site)
}

/// Takes the session away.
pub(crate) fn clear_session(base: &BaseUrl) -> (HeaderName, HeaderValue) {
    let mut cookie = Cookie::build((name(SESSION, base), "")).path("/").secure(base.is_secure());
    cookie = cookie.max_age(cookie::time::Duration::ZERO);
    header_of(&cookie.build())
}

/// Gives the browser its name.
pub(crate) fn set_browser(base: &BaseUrl, token: &BrowserToken) -> (HeaderName, HeaderValue) {
    set(BROWSER, base, token.expose(), SameSite::Lax)
}

/// Over TLS the prefix makes browsers refuse the cookie from any other host or without `Secure`, so
/// no sibling domain can plant one.
fn name(name: &str, base: &BaseUrl) -> String {
    if base.is_secure() { format!("__Host-{name}") } else { name.to_owned() }
}

fn set(
    cookie: &str,
    base: &BaseUrl,
    value: &str,
    same_site: SameSite,
) -> (HeaderName, HeaderValue) {
    let cookie = Cookie::build((name(cookie, base), value.to_owned()))
        .path("/")
        .http_only(true)
        .secure(base.is_secure())
        .same_site(same_site);
    header_of(&cookie.build())
}

fn header_of(cookie: &Cookie<'_>) -> (HeaderName, HeaderValue) {
    // Names and values are of our own alphabet, which a header always holds.
    let value = HeaderValue::from_str(&cookie.to_string());
    let mut value = value.unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    (header::SET_COOKIE, value)
}

/// The value of the one cookie of a name. Of two with the same name one was planted, and nobody
/// knows which.
fn value<K>(headers: &HeaderMap, name: &str) -> Option<Secret<K>> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == name);
    let value = values.next()?;
    let is_ours = values.next().is_none() && value.value().len() <= VALUE_BYTES_MAX;
    (is_ours && !value.value().is_empty()).then(|| Secret::new(value.value()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &str) -> HeaderMap {
        let value = HeaderValue::from_str(cookies).unwrap();
        [(header::COOKIE, value)].into_iter().collect()
    }

    #[test]
    fn over_tls_the_cookie_is_bound_to_the_host() {
        let base = BaseUrl::parse("https://acme.example").unwrap();
        let (_, value) = set_session(&base, &SessionToken::new("x"));
        let expected = "__Host-strongroom_session=x; HttpOnly; SameSite=None; Secure; Path=/";
        assert_eq!(value.to_str().unwrap(), expected);
    }

    #[test]
    fn a_cookie_set_twice_is_none() {
        let base = BaseUrl::parse("http://localhost:4000").unwrap();
        let found = |cookies| session(&headers(cookies), &base).map(|s| s.expose().to_owned());
        assert_eq!(found("a=b; strongroom_session=x").as_deref(), Some("x"));
        assert_eq!(found("strongroom_session=x; strongroom_session=y"), None);
        assert_eq!(found("strongroom_session="), None);
        assert_eq!(found("__Host-strongroom_session=x"), None);
    }
}
