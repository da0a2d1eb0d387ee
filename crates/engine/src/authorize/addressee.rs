//! Whose request it is, and whether the address it names is theirs.

use model::client::Client;
use model::ids::ClientId;
use protocol::oauth::authorize::{AuthorizeErrorCause, ReplyTo, ResponseMode};
use protocol::oauth::client_jwt::JwtError;
use protocol::oauth::redirect_uri::{RedirectUri, RedirectUriError};
use store::{Query, StoreError, clients};

use crate::context::Context;
use crate::keys::KeyError;
use crate::origins;

/// Why there is nobody to answer. The person is told on a page of ours, and nothing redirects: RFC
/// 6749 §4.1.2.1, the server MUST NOT automatically redirect to the invalid redirection URI.
#[derive(Debug, thiserror::Error)]
pub enum Unaddressed {
    /// The request names no client.
    #[error("the request names no client")]
    NoClient(#[source] AuthorizeErrorCause),
    /// There is no such client in this tenant.
    #[error("the client is unknown")]
    UnknownClient,
    /// There is no such pushed request: it is another client's, was used, or has expired.
    #[error("the pushed request is unknown")]
    UnknownRequest,
    /// The signed request is not believed, and so neither is the address in it.
    #[error("the request object is not accepted")]
    RequestObject(#[source] JwtError),
    /// The redirect URI is not one of the client's.
    #[error("the redirect URI cannot be used")]
    RedirectUri(#[from] RedirectUriError),
    /// The database or a key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<StoreError> for Unaddressed {
    fn from(error: StoreError) -> Self {
        Self::Key(error.into())
    }
}

/// Finds the client and checks the address, in this order.
pub(super) async fn find(
    q: &mut impl Query,
    context: &Context,
    reply_to: &ReplyTo,
) -> Result<(Client, RedirectUri), Unaddressed> {
    let client = find_client(q, context, &reply_to.client_id).await?;
    let client = client.ok_or(Unaddressed::UnknownClient)?;
    let redirect_uri = redirect_uri(&client, reply_to)?;
    Ok((client, redirect_uri))
}

/// The client of an id as a stranger names it.
pub(crate) async fn find_client(
    q: &mut impl Query,
    context: &Context,
    client_id: &str,
) -> Result<Option<Client>, StoreError> {
    let found = clients::find(q, context.tenant_id(), &ClientId::new(client_id)).await?;
    Ok(found.map(|stored| stored.client))
}

pub(super) fn redirect_uri(
    client: &Client,
    reply_to: &ReplyTo,
) -> Result<RedirectUri, RedirectUriError> {
    let Some(requested) = &reply_to.redirect_uri else {
        return RedirectUri::first_of(&client.callbacks);
    };
    match RedirectUri::matching(requested, &client.callbacks) {
        Err(RedirectUriError::NotRegistered)
            if reply_to.response_mode == ResponseMode::WebMessage =>
        {
            web_message_origin(client, requested)
        }
        found => found,
    }
}

/// A message goes to an origin, whatever the path: for it, any address of a registered web origin
/// will do. Browser SDKs name the bare origin of the page that waits for the message.
fn web_message_origin(client: &Client, requested: &str) -> Result<RedirectUri, RedirectUriError> {
    let candidate = RedirectUri::matching(requested, [requested])?;
    let origin = candidate.origin().ok_or(RedirectUriError::NotRegistered)?;
    let is_registered = client
        .web_origins
        .iter()
        .any(|entry| origins::matches(entry.trim_end_matches('/'), &origin));
    if is_registered { Ok(candidate) } else { Err(RedirectUriError::NotRegistered) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        serde_json::from_value(serde_json::json!({
            "client_id": "c",
            "callbacks": ["https://app.example/callback", "https://*.preview.example/callback"],
            "web_origins": ["https://app.example", "http://localhost:*", "https://other.example/"],
        }))
        .unwrap()
    }

    fn check(
        mode: ResponseMode,
        requested: Option<&str>,
        expected: Result<&str, RedirectUriError>,
    ) {
        let reply_to = ReplyTo {
            client_id: "c".to_owned(),
            redirect_uri: requested.map(str::to_owned),
            state: None,
            response_mode: mode,
        };
        let found = redirect_uri(&client(), &reply_to);
        let found = found.as_ref().map(RedirectUri::as_str).map_err(|error| *error);
        assert_eq!(found, expected, "{mode:?} {requested:?}");
    }

    #[test]
    fn without_a_redirect_uri_the_first_callback_is_meant() {
        check(ResponseMode::Query, None, Ok("https://app.example/callback"));
    }

    /// A04: messages go to registered origins only, and no other mode profits from them.
    #[test]
    fn a04_a_web_origin_is_an_address_for_messages_alone() {
        let (query, message) = (ResponseMode::Query, ResponseMode::WebMessage);
        let refused = Err(RedirectUriError::NotRegistered);
        for mode in [query, message] {
            let callback = "https://app.example/callback";
            check(mode, Some(callback), Ok(callback));
            check(mode, Some("https://evil.example/callback"), refused);
            check(mode, Some("https://app.example.evil.example"), refused);
            check(mode, Some("https://app.example@evil.example"), Err(RedirectUriError::UserInfo));
        }
        for origin in ["https://app.example", "http://localhost:4002", "https://other.example/x"] {
            check(message, Some(origin), Ok(origin));
            check(query, Some(origin), refused);
            check(ResponseMode::Fragment, Some(origin), refused);
            check(ResponseMode::FormPost, Some(origin), refused);
        }
        check(message, Some("https://a.preview.example"), refused);
        check(message, Some("com.example.app://callback"), refused);
    }
}
