//! An address at a provider.

use std::fmt;

use http::Uri;
use url::Url;

/// Longest address that we take, in bytes.
const ENDPOINT_BYTES_MAX: usize = 2048;

/// An absolute `http` or `https` URL of a provider, without credentials and
/// without fragment.
///
/// That plain `http` is refused outside development, and addresses of our own
/// network always, is the business of whoever sends the request.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    uri: Uri,
}

impl Endpoint {
    /// Checks an address.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        if text.len() > ENDPOINT_BYTES_MAX {
            return Err(InvalidEndpoint::TooLong);
        }
        // A parser may take a gap of a template for a letter.
        if text.contains(['{', '}']) {
            return Err(InvalidEndpoint::Gap);
        }
        let url = Url::parse(text).map_err(InvalidEndpoint::NotAUrl)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(InvalidEndpoint::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidEndpoint::Credentials);
        }
        // RFC 6749 §3.1 and §3.2: the endpoint URI MUST NOT include a fragment component.
        if url.fragment().is_some() {
            return Err(InvalidEndpoint::Fragment);
        }
        let uri = Uri::try_from(url.as_str()).map_err(InvalidEndpoint::NotAUri)?;
        Ok(Self { url, uri })
    }

    /// The address as a URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The address as a request's target.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.url)
    }
}

/// Why a text is not an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEndpoint {
    /// Longer than 2048 bytes.
    #[error("longer than {ENDPOINT_BYTES_MAX} bytes")]
    TooLong,
    /// A part of it is not filled in.
    #[error("a part of it is not filled in")]
    Gap,
    /// Not an absolute URL.
    #[error("not an absolute URL")]
    NotAUrl(#[source] url::ParseError),
    /// A URL that HTTP cannot be spoken to.
    #[error("not usable as a request target")]
    NotAUri(#[source] http::uri::InvalidUri),
    /// Neither `https` nor `http`.
    #[error("neither https nor http")]
    Scheme,
    /// A user name or password stands in it.
    #[error("contains credentials")]
    Credentials,
    /// A fragment stands in it.
    #[error("contains a fragment")]
    Fragment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_absolute_web_addresses_only() {
        let check = |text: &str, expected: &str| {
            let outcome = match Endpoint::parse(text) {
                Ok(endpoint) => endpoint.to_string(),
                Err(error) => error.to_string(),
            };
            assert_eq!(outcome, expected, "{text}");
        };
        check("https://idp.example/token?tenant=a", "https://idp.example/token?tenant=a");
        check("http://localhost:4001/token", "http://localhost:4001/token");
        check("https://IdP.example", "https://idp.example/");
        check("/token", "not an absolute URL");
        check("ftp://idp.example/token", "neither https nor http");
        check("javascript:alert(1)", "neither https nor http");
        check("https://user:pass@idp.example/", "contains credentials");
        check("https://user@idp.example/", "contains credentials");
        check("https://idp.example/#x", "contains a fragment");
        check(&format!("https://idp.example/{}", "x".repeat(2048)), "longer than 2048 bytes");
    }
}
