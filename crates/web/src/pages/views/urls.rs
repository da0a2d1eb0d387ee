//! Addresses that a page follows, loads or posts to, looked at before they reach a template.
//!
//! Escaping keeps a value inside its attribute; it does not stop `javascript:` from being a link.

use url::Url;

/// A link to somewhere else: a path of this server, or an absolute URL of the web.
#[derive(Clone)]
pub struct Href(String);

impl Href {
    /// Accepts `/path` (not `//host`), `https://…` and `http://…`.
    pub fn parse(text: &str) -> Option<Self> {
        is_web_url(text).then(|| Self(text.to_owned())).or_else(|| Self::local(text))
    }

    /// A browser reads `//` and `/\` as the start of another host and drops tabs and line breaks
    /// while it does so.
    fn local(text: &str) -> Option<Self> {
        let path = text.strip_prefix('/')?;
        let stays = !path.starts_with(['/', '\\']) && !text.contains(char::is_control);
        stays.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address of a logo.
#[derive(Clone)]
pub struct ImageUrl(String);

impl ImageUrl {
    /// Accepts `https://…` and `data:image/…`. Plain http would let anybody on the way choose the
    /// picture beside a password field.
    pub fn parse(text: &str) -> Option<Self> {
        let secure = text.starts_with("https://") && is_web_url(text);
        let inline = text.starts_with("data:image/");
        (secure || inline).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A redirect URI that an authorization response can be handed to in the browser: one with an
/// origin.
#[derive(Clone)]
pub struct ResponseTarget {
    uri: String,
    origin: String,
}

impl ResponseTarget {
    /// Accepts `http` and `https`. A custom scheme has no origin that a message could be addressed
    /// to and no server that would read a form.
    pub fn parse(redirect_uri: &str) -> Option<Self> {
        if !is_web_url(redirect_uri) {
            return None;
        }
        let origin = Url::parse(redirect_uri).ok()?.origin().ascii_serialization();
        Some(Self { uri: redirect_uri.to_owned(), origin })
    }

    /// The redirect URI as it was registered, byte for byte.
    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// RFC 6454 §6.2: scheme, host and, unless it is the scheme's own, the port.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }
}

/// An absolute `http` or `https` URL.
fn is_web_url(text: &str) -> bool {
    let absolute = text.starts_with("https://") || text.starts_with("http://");
    absolute && Url::parse(text).is_ok_and(|url| url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_web_or_to_this_server() {
        for good in ["/", "/u/login?state=1", "https://app.test/x", "http://localhost:3000"] {
            assert!(Href::parse(good).is_some(), "{good}");
        }
        let bad = [
            "",
            "x",
            "//evil.test",
            "/\\evil.test",
            "/\t/evil.test",
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            "data:text/html,x",
            " https://app.test",
            "https://",
        ];
        for bad in bad {
            assert!(Href::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_logo_is_secure_or_inline() {
        assert!(ImageUrl::parse("https://cdn.test/logo.svg").is_some());
        assert!(ImageUrl::parse("data:image/png;base64,AA==").is_some());
        for bad in ["http://cdn.test/logo.svg", "data:text/html,x", "javascript:alert(1)", "/x"] {
            assert!(ImageUrl::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_response_goes_to_an_exact_origin() {
        let check = |uri: &str, origin: Option<&str>| {
            let target = ResponseTarget::parse(uri);
            assert_eq!(target.as_ref().map(ResponseTarget::origin), origin, "{uri}");
        };
        check("https://app.test/callback?x=1", Some("https://app.test"));
        check("https://app.test:443", Some("https://app.test"));
        check("http://localhost:4002/", Some("http://localhost:4002"));
        check("http://[::1]:9/cb", Some("http://[::1]:9"));
        check("com.example.app://callback", None);
        check("javascript:alert(1)", None);
        check("*", None);
    }
}
