//! A browser's cookies, kept by the rules of RFC 6265 as far as tests can tell.

use cookie::Cookie;
use protocol::time::Timestamp;
use url::Url;

/// The cookies of one browser.
#[derive(Default)]
pub(crate) struct Cookies(Vec<Kept>);

struct Kept {
    host: String,
    cookie: Cookie<'static>,
    expires_at: Option<Timestamp>,
}

impl Cookies {
    /// Keeps what an answer of `url` sets.
    pub(crate) fn keep(&mut self, url: &Url, set_cookie: &str, now: Timestamp) {
        let cookie = Cookie::parse(set_cookie.to_owned()).unwrap();
        assert!(is_accepted(url, &cookie), "no browser would keep: {set_cookie}");
        let host = host(url);
        self.0.retain(|kept| kept.host != host || kept.cookie.name() != cookie.name());
        let seconds = cookie.max_age().map(cookie::time::Duration::whole_seconds);
        if seconds.is_some_and(|seconds| seconds <= 0) {
            return;
        }
        let lifetime =
            seconds.map(|seconds| std::time::Duration::from_secs(seconds.unsigned_abs()));
        let expires_at = lifetime.map(|lifetime| now.saturating_add(lifetime));
        self.0.push(Kept { host, cookie, expires_at });
    }

    /// The value of the `Cookie` header of a request to `url`.
    pub(crate) fn header(&self, url: &Url, now: Timestamp) -> Option<String> {
        let sent = |kept: &&Kept| {
            kept.host == host(url)
                && path_matches(url.path(), kept.cookie.path().unwrap_or("/"))
                && kept.expires_at.is_none_or(|expires_at| now < expires_at)
        };
        let pairs: Vec<String> =
            self.0.iter().filter(sent).map(|kept| kept.cookie.stripped().to_string()).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The value of a cookie, wherever it is from.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let kept = self.0.iter().find(|kept| kept.cookie.name() == name)?;
        Some(kept.cookie.value())
    }

    /// Forgets a cookie, wherever it is from.
    pub(crate) fn forget(&mut self, name: &str) {
        self.0.retain(|kept| kept.cookie.name() != name);
    }

    /// Plants a cookie as another site of the same host could.
    pub(crate) fn plant(&mut self, url: &Url, name: &str, value: &str) {
        let cookie = Cookie::new(name.to_owned(), value.to_owned());
        self.0.push(Kept { host: host(url), cookie, expires_at: None });
    }
}

/// RFC 6265 §8.5: cookies do not provide isolation by port.
fn host(url: &Url) -> String {
    url.host_str().unwrap().to_owned()
}

/// What browsers demand of a cookie before they keep it: the prefixes keep their promises (RFC
/// 6265bis §5.6), and `Secure` and `SameSite=None` go together, over TLS.
fn is_accepted(url: &Url, cookie: &Cookie<'_>) -> bool {
    let is_secure = cookie.secure().unwrap_or(false);
    let is_over_tls = url.scheme() == "https";
    let is_prefixed_well = match cookie.name() {
        name if name.starts_with("__Host-") => {
            is_secure && cookie.path() == Some("/") && cookie.domain().is_none()
        }
        name if name.starts_with("__Secure-") => is_secure,
        _ => true,
    };
    let crosses_sites = cookie.same_site() == Some(cookie::SameSite::None);
    is_prefixed_well && (is_over_tls || !is_secure) && (is_secure || !crosses_sites)
}

/// RFC 6265 §5.1.4.
fn path_matches(path: &str, cookie_path: &str) -> bool {
    path == cookie_path
        || path
            .strip_prefix(cookie_path)
            .is_some_and(|rest| cookie_path.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::START;

    #[test]
    fn cookies_go_to_their_host_and_path_until_they_end() {
        let mut cookies = Cookies::default();
        let page = Url::parse("http://localhost:4000/login").unwrap();
        cookies.keep(&page, "a=1; Path=/; HttpOnly", START);
        cookies.keep(&page, "b=2; Path=/login; Max-Age=60", START);
        let sent = |cookies: &Cookies, url: &str, seconds| {
            let now = START.saturating_add(Duration::from_secs(seconds));
            cookies.header(&Url::parse(url).unwrap(), now).unwrap_or_default()
        };
        assert_eq!(sent(&cookies, "http://localhost:4001/login/x", 59), "a=1; b=2");
        assert_eq!(sent(&cookies, "http://localhost:4000/loginx", 0), "a=1");
        assert_eq!(sent(&cookies, "http://localhost:4000/login", 60), "a=1");
        assert_eq!(sent(&cookies, "http://127.0.0.1:4000/login", 0), "");
        cookies.keep(&page, "a=; Path=/; Max-Age=0", START);
        assert_eq!(sent(&cookies, "http://localhost:4000/", 0), "");
    }
}
