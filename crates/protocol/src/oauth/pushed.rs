//! Pushed authorization requests (RFC 9126).

use serde::Serialize;

use super::parameters::{InvalidParameter, Parameters};
use crate::secret::PushedRequest;

/// What precedes the secret in a `request_uri` of ours (RFC 9126 §2.2). It is a name and leads nowhere.
pub const REQUEST_URI_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// An authorization request that says no more than which pushed one it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedReference {
    /// `client_id`.
    pub client_id: String,
    /// The end of `request_uri`.
    pub request: PushedRequest,
}

impl PushedReference {
    /// Reads a reference. `None`: the request stands for itself, or names a URI of another kind.
    ///
    /// RFC 9101 §5, §6.3: the server MUST only use the parameters in the object, whatever else stands
    /// beside it.
    pub fn read(parameters: &Parameters) -> Option<Result<Self, InvalidParameter>> {
        let secret = parameters.value("request_uri")?.strip_prefix(REQUEST_URI_PREFIX)?;
        let request = PushedRequest::new(secret);
        let client_id = parameters.value("client_id").map(str::to_owned);
        let client_id = client_id.ok_or(InvalidParameter::Missing("client_id"));
        Some(client_id.map(|client_id| Self { client_id, request }))
    }
}

/// The answer to a push (RFC 9126 §2.2).
#[derive(Debug, Serialize)]
pub struct PushedResponse {
    /// By what the request is known.
    pub request_uri: String,
    /// For how long, in seconds.
    pub expires_in: u64,
}

impl PushedResponse {
    /// The answer with this secret.
    pub fn new(request: &PushedRequest, expires_in: u64) -> Self {
        Self { request_uri: format!("{REQUEST_URI_PREFIX}{}", request.expose()), expires_in }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_ours_is_a_reference() {
        let check = |query: &str, expected: Option<Result<(&str, &str), InvalidParameter>>| {
            let read = PushedReference::read(&Parameters::from_query(query).unwrap());
            let expected = expected.map(|found| {
                found.map(|(client_id, request)| PushedReference {
                    client_id: client_id.to_owned(),
                    request: PushedRequest::new(request),
                })
            });
            assert_eq!(read, expected, "{query}");
        };
        let uri = "request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Aspr_x";
        check(&format!("client_id=app&{uri}&scope=openid"), Some(Ok(("app", "spr_x"))));
        check(uri, Some(Err(InvalidParameter::Missing("client_id"))));
        check("client_id=app", None);
        check("client_id=app&request_uri=", None);
        check("client_id=app&request_uri=https%3A%2F%2Fapp.example%2Frequest", None);
        check("client_id=app&request_uri=URN%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ax", None);
    }
}
