//! The HTTP requests of a script, which others make for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A request that a script asks for; nothing in it is checked. It may carry tokens, so it does not
/// print.
#[derive(Serialize, Deserialize)]
pub struct HttpRequest {
    /// The method.
    pub method: String,
    /// The address.
    pub url: String,
    /// The headers, by name.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<String>,
}

/// What came of it. It may carry secrets, so it does not print.
#[derive(Serialize, Deserialize)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The headers, by name in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; what is not UTF-8 in it is replaced.
    pub body: String,
}
