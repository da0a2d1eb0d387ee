//! Why a self-test could not be run to its end. That a promise did not hold is no error: it is what
//! the report says.

use std::io;

use tokio::task::JoinError;

/// Why a self-test could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelftestError {
    #[error("stopped before the test came to its end")]
    Stopped,
    #[error("no folder for the test can be made")]
    Folder(#[source] io::Error),
    #[error("the server cannot be started")]
    Spawn(#[source] io::Error),
    #[error("the server cannot be killed")]
    Kill(#[source] io::Error),
    #[error("the server at {base_url} did not begin to answer; its log ends with: {log}")]
    NotReady { base_url: String, log: String },
    #[error("a call by the test failed")]
    Http(#[source] reqwest::Error),
    #[error("the emulated provider refused a command with the status {0}")]
    Command(u16),
    #[error("the login ended at {place} with the status {status}")]
    Login { place: String, status: u16 },
    #[error("the login did not come to an end")]
    EndlessLogin,
    #[error("an address is not a URL")]
    Url(#[from] url::ParseError),
    #[error("an answer is not the JSON that was expected")]
    Json(#[source] serde_json::Error),
    #[error("a caller failed")]
    Caller(#[from] JoinError),
    #[error("the seed lacks the connection {0}")]
    NoConnection(&'static str),
    #[error("the first exchange was answered with {0}")]
    FirstExchange(String),
}
