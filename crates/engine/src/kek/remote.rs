//! A service that decrypts a key-encryption key, asked once, at the start.

use std::time::Duration;

use aws_sigv4::http_request::SigningError;
use http::{Request, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::outbound::{Outbound, OutboundError, Reach};

/// It answers no later: a start that lacks its key is refused within three seconds.
const LIMIT: Duration = Duration::from_millis(2500);

/// Why it did not decrypt. Nothing that was sent or received is told, but what it calls its error.
#[derive(Debug, thiserror::Error)]
pub enum RemoteFault {
    /// It could not be asked.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The client for the call cannot be set up.
    #[error("the client for the call cannot be set up")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refused.
    #[error("it answered {status}{}", name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default())]
    Refused {
        /// How.
        status: StatusCode,
        /// What AWS calls it.
        name: Option<String>,
    },
    /// The request could not be made.
    #[error("what is to be sent cannot be put into a request")]
    Unsendable(#[from] http::Error),
    /// The request could not be signed.
    #[error("the request cannot be signed")]
    Unsigned(#[from] SigningError),
    /// Its answer is none of such a service.
    #[error("its answer is not understood")]
    Foreign(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    name: String,
}

/// Asks. Calls lead to public addresses over TLS, or to an agent on this machine.
pub(super) async fn ask<T: DeserializeOwned>(request: Request<Vec<u8>>) -> Result<T, RemoteFault> {
    let outbound = Outbound::within(Reach::PublicAndLoopback, LIMIT)
        .map_err(|error| RemoteFault::Client(error.into()))?;
    let answer = outbound.send(request).await?;
    if answer.status != StatusCode::OK {
        let refusal: Option<Refusal> = serde_json::from_slice(&answer.body).ok();
        let name = refusal.and_then(|refusal| word(&refusal.name));
        return Err(RemoteFault::Refused { status: answer.status, name });
    }
    Ok(serde_json::from_slice(&answer.body)?)
}

/// A word, whatever namespace it stands in.
fn word(name: &str) -> Option<String> {
    const LENGTH_MAX: usize = 64;
    let name = name.rsplit('#').next()?;
    let is_word = name.len() <= LENGTH_MAX && name.chars().all(|c| c.is_ascii_alphanumeric());
    is_word.then(|| name.to_owned())
}
