//! Calls that the demo makes itself: to the issuer for its keys, and to the
//! calendar. Bounded in time and in size.

use std::time::Duration;

use reqwest::redirect;
use serde::de::DeserializeOwned;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

#[expect(
    clippy::disallowed_methods,
    reason = "the demo is an application beside the server: it calls two URLs of its configuration"
)]
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(redirect::Policy::none())
        // Everything that it calls runs on this machine.
        .no_proxy()
        .build()
}

/// Sends the request and reads a JSON answer of status 200.
pub(super) async fn json<T: DeserializeOwned>(
    request: reqwest::RequestBuilder,
) -> Result<T, CallError> {
    let mut response = request.send().await.map_err(CallError::Http)?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(CallError::Status(status));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(CallError::Http)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(CallError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(CallError::Json)
}

/// Why a call gave nothing to work with.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("no answer")]
    Http(#[source] reqwest::Error),
    #[error("answered with the status {0}")]
    Status(u16),
    #[error("the answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    #[error("the answer is not the JSON that was expected")]
    Json(#[source] serde_json::Error),
}
