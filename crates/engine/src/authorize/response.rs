//! The authorization response, before it is put into a URL, a form or a message.

use model::client::Client;
use protocol::oauth::authorize::ResponseMode;
use protocol::oauth::redirect_uri::RedirectUri;
use protocol::secret::AuthorizationCode;
use serde_json::Value;

use super::denial::Denial;
use crate::context::Context;

/// Where an answer goes. Only a registered redirect URI makes one.
#[derive(Clone, Debug)]
pub struct ReplyAddress {
    /// The redirect URI.
    pub redirect_uri: RedirectUri,
    /// How it is delivered there.
    pub mode: ResponseMode,
    /// The client's `state`, to be echoed byte for byte.
    pub state: Option<String>,
}

/// The answer to an authorization request.
#[derive(Debug)]
pub struct AuthorizationResponse {
    /// Where it goes.
    pub address: ReplyAddress,
    /// A code, or why there is none.
    pub outcome: Result<AuthorizationCode, Denial>,
    /// Where the client may lead the browser from there: what it has registered.
    pub leads_to: Vec<String>,
}

impl AuthorizationResponse {
    /// The parameters of the answer (RFC 6749 §4.1.2 and §4.1.2.1).
    pub fn parameters(&self, context: &Context) -> Vec<(&'static str, String)> {
        let mut parameters = match &self.outcome {
            Ok(code) => vec![("code", code.expose().to_owned())],
            Err(denial) => vec![
                ("error", denial.code().as_str().to_owned()),
                ("error_description", denial.to_string()),
            ],
        };
        parameters.extend(self.address.state.clone().map(|state| ("state", state)));
        // RFC 9207 §2: in authorization responses, error responses included, the server MUST
        // indicate its identity in the iss parameter.
        parameters.push(("iss", context.issuer().to_owned()));
        parameters
    }
}

/// Every address that the client has registered.
pub(crate) fn leads_to(client: &Client) -> Vec<String> {
    let start = client.kept.get("initiate_login_uri").and_then(Value::as_str);
    let registered = [&client.callbacks, &client.web_origins, &client.allowed_logout_urls];
    registered.into_iter().flatten().cloned().chain(start.map(str::to_owned)).collect()
}
