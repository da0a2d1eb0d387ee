//! Requests to a provider, before anybody sends them.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request};
use protocol::secret::{ClientSecret, ProviderAccessToken};
use zeroize::Zeroizing;

use crate::endpoint::Endpoint;
use crate::provider::{ClientAuth, Provider};

/// A request that is complete but for its transport.
pub type ProviderRequest = Request<RequestBody>;

/// The body of a request to a provider. It may carry tokens and secrets, so it
/// does not print and is wiped when dropped.
pub struct RequestBody(Zeroizing<Vec<u8>>);

impl RequestBody {
    /// The bytes to send.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes to send, out of the wiping wrapper.
    pub fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0)
    }

    pub(crate) fn empty() -> Self {
        Self(Zeroizing::default())
    }

    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self(Zeroizing::new(value.to_string().into_bytes()))
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[body of {} bytes]", self.0.len())
    }
}

/// Why a request cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The provider has no such endpoint.
    #[error("the provider has no {0} endpoint")]
    NoEndpoint(&'static str),
    /// There is no token of the kind that the request is about.
    #[error("no token that the provider could revoke")]
    NoToken,
    /// The provider wants us to authenticate, and the connection has no secret.
    #[error("the connection has no client secret")]
    NoSecret,
    /// A token or secret contains what a header cannot.
    #[error("a token cannot stand in a header")]
    NotAHeader(#[from] http::header::InvalidHeaderValue),
    /// The address that results is not one.
    #[error("not usable as a request target")]
    NotATarget(#[from] http::uri::InvalidUri),
}

/// The fields of a form body.
pub(crate) struct Form(form_urlencoded::Serializer<'static, String>);

impl Form {
    pub(crate) fn new() -> Self {
        // Room enough that the buffer, which is not wiped when it grows, rarely grows.
        Self(form_urlencoded::Serializer::new(String::with_capacity(4096)))
    }

    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.0.append_pair(name, value);
        self
    }

    pub(crate) fn into_body(mut self) -> RequestBody {
        RequestBody(Zeroizing::new(self.0.finish().into_bytes()))
    }
}

/// A form POST to an endpoint at which the client authenticates.
pub(crate) fn client_post(
    provider: &Provider,
    endpoint: &Endpoint,
    form: Form,
    auth: ClientAuth,
) -> Result<ProviderRequest, RequestError> {
    let mut headers = base_headers("application/json", &provider.spec.token.headers)?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let form = match (auth, &provider.client_secret) {
        (ClientAuth::Basic, Some(secret)) => {
            headers.insert(AUTHORIZATION, basic(&provider.client_id, secret)?);
            form
        }
        // RFC 6749 §2.3.1: including the client credentials in the request-body.
        (ClientAuth::Post, Some(secret)) => {
            form.field("client_id", &provider.client_id).field("client_secret", secret.expose())
        }
        // RFC 6749 §3.2.1: a client MAY use "client_id" to identify itself.
        (ClientAuth::None, Some(_)) | (_, None) => form.field("client_id", &provider.client_id),
    };
    for (name, value) in &provider.custom_headers {
        headers.insert(name.clone(), value.clone());
    }
    let mut request = request(Method::POST, endpoint.uri().clone(), form.into_body());
    *request.headers_mut() = headers;
    Ok(request)
}

/// A GET that an access token authorizes (RFC 6750 §2.1).
pub(crate) fn bearer_get(
    provider: &Provider,
    endpoint: &Endpoint,
    token: &ProviderAccessToken,
) -> Result<ProviderRequest, RequestError> {
    let mut headers = base_headers("application/json", &provider.spec.userinfo.headers)?;
    let value = Zeroizing::new(format!("Bearer {}", token.expose()));
    headers.insert(AUTHORIZATION, sensitive(&value)?);
    let mut request = request(Method::GET, endpoint.uri().clone(), RequestBody::empty());
    *request.headers_mut() = headers;
    Ok(request)
}

pub(crate) fn request(method: Method, uri: http::Uri, body: RequestBody) -> ProviderRequest {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    request
}

/// `Accept`, `User-Agent`, and what the catalogue adds or replaces.
pub(crate) fn base_headers(
    accept: &'static str,
    more: &BTreeMap<String, String>,
) -> Result<HeaderMap, RequestError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert(USER_AGENT, HeaderValue::from_static("Strongroom"));
    for (name, value) in more {
        // The catalogue was refused if one of its names is not a header's.
        if let Ok(name) = HeaderName::try_from(name) {
            headers.insert(name, HeaderValue::try_from(value)?);
        }
    }
    Ok(headers)
}

pub(crate) fn basic(client_id: &str, secret: &ClientSecret) -> Result<HeaderValue, RequestError> {
    // RFC 6749 §2.3.1: the identifier and the password are encoded using the
    // "application/x-www-form-urlencoded" algorithm first.
    let encode = |text: &str| -> Zeroizing<String> {
        Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect())
    };
    let pair = Zeroizing::new(format!("{}:{}", *encode(client_id), *encode(secret.expose())));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    sensitive(&value)
}

fn sensitive(text: &str) -> Result<HeaderValue, RequestError> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}
