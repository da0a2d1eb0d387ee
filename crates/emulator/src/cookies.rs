//! The one cookie: it names the browser, and nothing else.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use protocol::secret::BrowserToken;
use url::Url;

/// Cookies are shared by all ports of a host, so the name must differ from
/// those of the servers that run beside the emulator on localhost.
const BROWSER_COOKIE: &str = "emulator_browser";

/// What the browser sent, if anything.
pub(crate) fn browser_token(headers: &HeaderMap) -> Option<BrowserToken> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim() == BROWSER_COOKIE)?;
    Some(BrowserToken::new(value.trim()))
}

/// Adds the cookie to an answer.
pub(crate) fn with_browser_token(
    mut response: Response,
    token: &BrowserToken,
    base_url: &Url,
) -> Response {
    let secure = if base_url.scheme() == "https" { "; Secure" } else { "" };
    let cookie =
        format!("{BROWSER_COOKIE}={}; Path=/; HttpOnly; SameSite=Lax{secure}", token.expose());
    // The token is base64url, so this is always a valid header value.
    if let Ok(value) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(SET_COOKIE, value);
    }
    response
}
