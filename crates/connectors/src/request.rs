//! Requests to a provider, before anybody sends them.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request};
use protocol::jose::jws::SigningError;
use protocol::oauth::client_jwt::ASSERTION_TYPE;
use protocol::secret::ProviderAccessToken;
use zeroize::Zeroizing;

use crate::assertion::{self, Moment};
use crate::endpoint::Endpoint;
use crate::provider::{ClientAuth, Provider};
use crate::spec::{BodyFormat, Call};

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
    /// The provider wants an assertion of us, and the connection has no key to sign one.
    #[error("the connection has no key")]
    NoKey,
    /// The assertion cannot be signed.
    #[error("the client assertion cannot be signed")]
    Assertion(#[from] SigningError),
    /// A token or secret contains what a header cannot.
    #[error("a token cannot stand in a header")]
    NotAHeader(#[from] http::header::InvalidHeaderValue),
    /// The address that results is not one.
    #[error("not usable as a request target")]
    NotATarget(#[from] http::uri::InvalidUri),
}

/// The parameters of a body.
pub(crate) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets a parameter, in the place of an earlier value.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        let value = Zeroizing::new(value.to_owned());
        // RFC 6749 §3.2: parameters MUST NOT be included more than once.
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
        self
    }

    pub(crate) fn fields(self, more: &BTreeMap<String, String>) -> Self {
        more.iter().fold(self, |form, (name, value)| form.field(name, value))
    }

    fn into_body(self, format: BodyFormat) -> RequestBody {
        let fields = self.0.iter().map(|(name, value)| (name, value.as_str()));
        match format {
            BodyFormat::Form => {
                // Room enough that the buffer, which is not wiped when it grows, rarely grows.
                let text = String::with_capacity(4096);
                let mut form = form_urlencoded::Serializer::new(text);
                form.extend_pairs(fields);
                RequestBody(Zeroizing::new(form.finish().into_bytes()))
            }
            BodyFormat::Json => {
                let members = fields.map(|(name, value)| (name.clone(), value.into()));
                RequestBody::json(&serde_json::Value::Object(members.collect()))
            }
        }
    }
}

/// A POST to an endpoint at which the client authenticates.
pub(crate) fn client_post(
    provider: &Provider,
    endpoint: &Endpoint,
    form: Form,
    auth: ClientAuth,
    format: BodyFormat,
    moment: Moment<'_>,
) -> Result<ProviderRequest, RequestError> {
    let mut headers = base_headers("application/json", &provider.spec.token.headers)?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    let id = &provider.spec.client.id_parameter;
    let form = match (auth, &provider.client_secret) {
        (ClientAuth::Basic, Some(secret)) => {
            headers.insert(AUTHORIZATION, basic(&provider.client_id, secret.expose())?);
            form
        }
        (ClientAuth::BasicSecret, Some(secret)) => {
            headers.insert(AUTHORIZATION, basic(secret.expose(), "")?);
            form
        }
        // RFC 6749 §2.3.1: including the client credentials in the request-body.
        (ClientAuth::Post, Some(secret)) => {
            form.field(id, &provider.client_id).field("client_secret", secret.expose())
        }
        // RFC 7521 §4.2: "client_id" is optional beside an assertion; many a provider looks for it.
        (ClientAuth::PrivateKeyJwt, _) => form
            .field(id, &provider.client_id)
            .field("client_assertion_type", ASSERTION_TYPE)
            .field("client_assertion", &assertion::sign(provider, moment)?),
        // RFC 6749 §3.2.1: a client MAY use "client_id" to identify itself.
        (ClientAuth::None, Some(_)) | (_, None) => form.field(id, &provider.client_id),
    };
    for (name, value) in &provider.custom_headers {
        headers.insert(name.clone(), value.clone());
    }
    let mut request = request(Method::POST, endpoint.uri().clone(), form.into_body(format));
    *request.headers_mut() = headers;
    Ok(request)
}

impl BodyFormat {
    fn media_type(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json => "application/json",
        }
    }
}

impl Call {
    fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Delete => Method::DELETE,
        }
    }
}

/// A call that an access token authorizes (RFC 6750 §2.1). `body` is JSON.
pub(crate) fn bearer_call(
    provider: &Provider,
    endpoint: &Endpoint,
    token: &ProviderAccessToken,
    call: Call,
    body: Option<&str>,
) -> Result<ProviderRequest, RequestError> {
    let spec = &provider.spec.userinfo;
    let mut headers = base_headers("application/json", &spec.headers)?;
    let value = Zeroizing::new(format!("{} {}", spec.scheme, token.expose()));
    // The catalogue was refused if the name is not a header's.
    let header = HeaderName::try_from(&spec.header).unwrap_or(AUTHORIZATION);
    headers.insert(header, sensitive(value.trim_start())?);
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let body = RequestBody(Zeroizing::new(body.unwrap_or_default().as_bytes().to_vec()));
    let mut request = request(call.method(), endpoint.uri().clone(), body);
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

/// `Basic` with a user name and a password, either of which may be a secret.
pub(crate) fn basic(user: &str, password: &str) -> Result<HeaderValue, RequestError> {
    // RFC 6749 §2.3.1: the identifier and the password are encoded using the
    // "application/x-www-form-urlencoded" algorithm first.
    let encode = |text: &str| -> Zeroizing<String> {
        Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect())
    };
    let pair = Zeroizing::new(format!("{}:{}", *encode(user), *encode(password)));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    sensitive(&value)
}

fn sensitive(text: &str) -> Result<HeaderValue, RequestError> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}
