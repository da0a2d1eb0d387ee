//! A provider's reply, as the network gave it.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

/// Longest body that is read, in bytes. Whoever receives a reply should stop
/// one byte later, so that the excess is noticed here.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;

/// Longest wait that a `Retry-After` can impose.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// A reply of any of a provider's endpoints.
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body, whole unless it is longer than [`REPLY_BYTES_MAX`].
    pub body: &'a [u8],
}

// By hand: headers and body may carry secrets.
impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, {} bytes)", self.status, self.body.len())
    }
}

impl<'a> Reply<'a> {
    pub(crate) fn is_too_large(&self) -> bool {
        self.body.len() > REPLY_BYTES_MAX
    }

    /// The wait that the provider asks for, in seconds form.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        // RFC 9110 §10.2.3: Retry-After = HTTP-date / delay-seconds. A date would
        // need a clock; who sends one gets the ordinary back-off.
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
        let seconds = text.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
    }

    /// The body as an object, from JSON or from a form.
    ///
    /// The body itself decides, because content types in the field do not:
    /// JSON comes as `text/html` and `text/plain`, forms as either.
    pub(crate) fn members(&self) -> Option<Map<String, Value>> {
        let text = self.text()?;
        match text.as_bytes().first()? {
            b'{' => self.json_object(),
            // Some page of some proxy.
            b'<' => None,
            _ => Some(form_members(text)).filter(|_| !self.says_json()),
        }
    }

    /// The body as a JSON object.
    pub(crate) fn json_object(&self) -> Option<Map<String, Value>> {
        serde_json::from_str(self.text()?).ok()
    }

    /// The body as a JSON array.
    pub(crate) fn json_array(&self) -> Option<Vec<Value>> {
        serde_json::from_str(self.text()?).ok()
    }

    fn text(&self) -> Option<&'a str> {
        if self.is_too_large() {
            return None;
        }
        let text = std::str::from_utf8(self.body).ok()?;
        Some(text.trim_start_matches('\u{feff}').trim())
    }

    fn says_json(&self) -> bool {
        let content_type = self.headers.get(header::CONTENT_TYPE);
        content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().contains("json"))
    }
}

fn form_members(text: &str) -> Map<String, Value> {
    form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_body_decides_what_it_is() {
        let check = |content_type: &'static str, body: &[u8], expected: Option<Value>| {
            let headers = headers(header::CONTENT_TYPE, content_type);
            let reply = Reply { status: StatusCode::OK, headers: &headers, body };
            assert_eq!(reply.members().map(Value::Object), expected, "{content_type}");
        };
        check("application/json", br#"{"a":1}"#, Some(json!({"a": 1})));
        check("text/html", b"\xef\xbb\xbf \n{\"a\":1}", Some(json!({"a": 1})));
        check(
            "application/x-www-form-urlencoded",
            b"a=b%20c&d=",
            Some(json!({"a": "b c", "d": ""})),
        );
        check("text/plain", b"a=b", Some(json!({"a": "b"})));
        check("application/json", b"a=b", None);
        check("text/html", b"<html>a=b</html>", None);
        check("application/json", b"[1]", None);
        check("application/json", b"{\"a\":", None);
        check("application/json", b"", None);
        check("application/json", b"\xff", None);
    }

    #[test]
    fn a_long_body_is_not_read() {
        let body = format!("{{\"a\":\"{}\"}}", "x".repeat(REPLY_BYTES_MAX));
        let reply =
            Reply { status: StatusCode::OK, headers: &HeaderMap::new(), body: body.as_bytes() };
        assert!(reply.is_too_large());
        assert!(reply.members().is_none());
        assert_eq!(format!("{reply:?}"), format!("Reply(200 OK, {} bytes)", body.len()));
    }

    #[test]
    fn retry_after_in_seconds() {
        let check = |value: &'static str, expected: Option<u64>| {
            let headers = headers(header::RETRY_AFTER, value);
            let reply = Reply { status: StatusCode::OK, headers: &headers, body: b"" };
            assert_eq!(reply.retry_after(), expected.map(Duration::from_secs));
        };
        check("120", Some(120));
        check(" 7 ", Some(7));
        check("99999999", Some(3600));
        check("-1", None);
        check("Wed, 21 Oct 2026 07:28:00 GMT", None);
    }
}
