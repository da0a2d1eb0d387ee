//! One request, one bounded answer.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect;
use url::{Host, Url};

use crate::error::{ExchangeError, SetupError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An exchange may have to wait for the provider, so this is generous.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the guarded client is the server's; an SDK calls the one host that it was given"
)]
pub(crate) fn http_client() -> Result<reqwest::Client, SetupError> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(redirect::Policy::none())
        .build()
        .map_err(SetupError::Http)
}

/// The issuer as it names itself, which is what its endpoints' URLs begin with: with a slash at the
/// end.
pub(crate) fn base(mut issuer: Url) -> Result<Url, SetupError> {
    // RFC 6749 §2.3.1: the authorization server MUST require the use of TLS
    // when the client authenticates by password.
    let loopback = match issuer.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    };
    if issuer.scheme() != "https" && !loopback {
        return Err(SetupError::InsecureIssuer);
    }
    if !issuer.path().ends_with('/') {
        let with_slash = format!("{}/", issuer.path());
        issuer.set_path(&with_slash);
    }
    Ok(issuer)
}

pub(crate) async fn post_form(
    http: &reqwest::Client,
    endpoint: &Url,
    form: String,
) -> Result<Answer, ExchangeError> {
    let mut response = http
        .post(endpoint.clone())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .map_err(ExchangeError::Unreachable)?;
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(ExchangeError::Unreachable)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(ExchangeError::AnswerTooLong { limit_bytes: ANSWER_BYTES_MAX });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, retry_after, body })
}

/// RFC 9110 §10.2.3: the number of seconds. The other form, a date, would need
/// a clock and is not what our server sends.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_ends_in_a_slash() {
        let check = |issuer: &str, expected: &str| {
            assert_eq!(base(issuer.parse().unwrap()).unwrap().as_str(), expected);
        };
        check("https://acme.example/", "https://acme.example/");
        check("https://acme.example", "https://acme.example/");
        check("https://acme.example/tenant", "https://acme.example/tenant/");
        check("http://localhost:4000/", "http://localhost:4000/");
        check("http://[::1]:4000/", "http://[::1]:4000/");
    }

    #[test]
    fn secrets_do_not_travel_in_clear() {
        let refused = |issuer: &str| {
            let result = base(issuer.parse().unwrap());
            assert!(matches!(result, Err(SetupError::InsecureIssuer)), "{issuer}");
        };
        refused("http://acme.example/");
        refused("http://localhost.example/");
        refused("ftp://acme.example/");
        refused("data:text/plain,x");
    }
}
