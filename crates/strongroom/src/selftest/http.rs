//! Calls by the test: to the servers, and to the emulated provider. All of them on this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use url::form_urlencoded::Serializer;

use super::SelftestError;

/// Longer than a server lets a request take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);

/// A client that follows nothing by itself.
#[expect(clippy::disallowed_methods, reason = "the test is outside the server, as its callers are")]
pub(super) fn client() -> Result<Client, SelftestError> {
    Client::builder()
        .redirect(Policy::none())
        .timeout(REQUEST_TIMEOUT)
        .resolve("localhost", SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .no_proxy()
        .build()
        .map_err(SelftestError::Http)
}

/// A request with a form as its body.
pub(super) fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}
