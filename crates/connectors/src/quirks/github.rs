//! GitHub: tokens are revoked through its REST API, and addresses are a list.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Uri};
use protocol::secret::ProviderAccessToken;
use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::provider::Provider;
use crate::request::{ProviderRequest, RequestBody, RequestError, base_headers, basic, request};

/// `DELETE /applications/{client_id}/token`, the application authenticating.
///
/// The neighbouring `/grant` would end every token that the person ever gave
/// the application, those of other people's vaults here included.
pub(crate) fn revocation_request(
    provider: &Provider,
    applications: &Endpoint,
    token: &ProviderAccessToken,
) -> Result<ProviderRequest, RequestError> {
    let mut url = applications.url().clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push(&provider.client_id).push("token");
    }
    let body = RequestBody::json(&json!({"access_token": token.expose()}));
    let mut headers = base_headers("application/json", &provider.spec.userinfo.headers)?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let secret = provider.client_secret.as_ref().ok_or(RequestError::NoSecret)?;
    headers.insert(AUTHORIZATION, basic(&provider.client_id, secret.expose())?);
    let mut request = request(Method::DELETE, Uri::try_from(url.as_str())?, body);
    *request.headers_mut() = headers;
    Ok(request)
}

/// Whether a token is a GitHub App's: what it may do stands in the App's own
/// permissions, and the empty `scope` beside it says nothing.
///
/// <https://docs.github.com/en/apps/creating-github-apps/registering-a-github-app/choosing-permissions-for-a-github-app>
pub(crate) fn has_permissions(token: &ProviderAccessToken, ends: bool) -> bool {
    // A token of an OAuth App never ends, so one that does is an App's.
    ends || token.expose().starts_with("ghu_")
}

/// The primary address of `/user/emails`, and whether GitHub verified it.
pub(crate) fn primary_email(items: &[Value]) -> Option<(&str, bool)> {
    let primary = items.iter().find(|item| item.get("primary") == Some(&Value::Bool(true)))?;
    let verified = primary.get("verified") == Some(&Value::Bool(true));
    Some((primary.get("email")?.as_str()?, verified))
}
