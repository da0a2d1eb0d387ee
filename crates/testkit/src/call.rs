//! One request, and its answer.

use std::fmt;
use std::sync::Arc;

use form_urlencoded::Serializer;
use protocol::oauth::client_auth::encode_basic;
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION,
};
use reqwest::{Method, Request};
use serde_json::Value;
use strongroom::seed::Credentials;
use url::Url;

use crate::certificates::Identity;
use crate::dpop::DpopKey;
use crate::front::Front;
use crate::login::Tokens;
use crate::world::World;

/// A request in the making.
#[derive(Clone)]
#[must_use = "it has not been sent"]
pub struct Call {
    world: Arc<World>,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    key: Option<DpopKey>,
    access_token: Option<String>,
    is_patient: bool,
    /// The port of another listener than the URL's.
    port: Option<u16>,
    /// How another listener is called.
    by: Option<reqwest::Client>,
}

/// What came back, whole.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(world: &Arc<World>, method: Method, url: Url) -> Self {
        Self {
            world: Arc::clone(world),
            method,
            url,
            headers: HeaderMap::new(),
            body: Vec::new(),
            key: None,
            access_token: None,
            is_patient: true,
            port: None,
            by: None,
        }
    }

    /// With a header; one of the same name is replaced.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).unwrap();
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// With a header, beside others of the same name.
    pub fn another_header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).unwrap();
        self.headers.append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// With a body.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    /// With a form.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(self, fields: &[(N, V)]) -> Self {
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    /// With a JSON document.
    pub fn json(self, document: &Value) -> Self {
        self.body("application/json", document.to_string())
    }

    /// With a bearer token.
    pub fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// With the credentials of a client by HTTP Basic.
    pub fn basic(self, client: &Credentials) -> Self {
        let encoded = encode_basic(client.client_id.as_str(), &client.client_secret);
        self.header(AUTHORIZATION.as_str(), &encoded)
    }

    /// With an access token, in the way in which it was given: bound tokens come with a proof.
    pub fn access(mut self, tokens: &Tokens) -> Self {
        match &tokens.key {
            None => self.bearer(&tokens.access_token),
            Some(key) => {
                self.access_token = Some(tokens.access_token.clone());
                let value = format!("DPoP {}", tokens.access_token);
                self.header(AUTHORIZATION.as_str(), &value).proving(key)
            }
        }
    }

    /// With a proof of possession of a key. A server that asks for a nonce gets it.
    pub fn proving(mut self, key: &DpopKey) -> Self {
        self.key = Some(key.clone());
        self
    }

    /// A server that asks for a nonce does not get it.
    pub fn once(mut self) -> Self {
        self.is_patient = false;
        self
    }

    /// By another listener of the same hosts.
    pub fn via(mut self, front: &Front) -> Self {
        self.port = Some(front.port);
        let authority = self.url.authority().to_owned();
        self.header(HOST.as_str(), &authority)
    }

    /// By TLS at the second name of the same hosts, with a certificate or without one.
    pub fn by_mtls(self, front: &Front, identity: Option<&Identity>) -> Self {
        let authority = format!("mtls.{}", self.url.authority());
        let by = Some(front.client(identity));
        Self { port: Some(front.port), by, ..self }.header(HOST.as_str(), &authority)
    }

    /// Sends it.
    pub async fn send(self) -> Answer {
        let first = self.send_now().await;
        match &self.key {
            Some(_) if self.is_patient && first.asks_for_nonce() => self.send_now().await,
            _ => first,
        }
    }

    async fn send_now(&self) -> Answer {
        let mut url = self.url.clone();
        url.set_port(self.port.or(url.port())).unwrap();
        if self.by.is_some() {
            url.set_host(Some(&format!("mtls.{}", url.host_str().unwrap()))).unwrap();
            let https = url.as_str().replacen("http:", "https:", 1);
            url = Url::parse(&https).unwrap();
        }
        let mut request = Request::new(self.method.clone(), url);
        request.headers_mut().extend(self.headers.clone());
        if let Some(key) = &self.key {
            let token = self.access_token.as_deref();
            let proof = key.proof(self.method.as_str(), &self.url, token);
            request.headers_mut().insert("dpop", HeaderValue::from_str(&proof).unwrap());
        }
        if !self.body.is_empty() {
            *request.body_mut() = Some(self.body.clone().into());
        }
        let http = self.by.as_ref().unwrap_or(&self.world.http);
        let response = self.world.send_by(http, request).await;
        let answer = Answer::read(response).await;
        if let (Some(key), Some(nonce)) = (&self.key, answer.header("dpop-nonce")) {
            key.keep_nonce(&self.url, nonce);
        }
        answer
    }
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        Self { status, headers, body: response.bytes().await.unwrap().into() }
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// A member of the JSON body that is a text.
    #[track_caller]
    pub fn member(&self, name: &str) -> String {
        let json = self.json();
        let text = json[name].as_str();
        text.unwrap_or_else(|| panic!("no {name} in {self:?}")).to_owned()
    }

    /// Status and `error`: what OAuth clients act on.
    #[track_caller]
    pub fn error(&self) -> (u16, String) {
        (self.status, self.member("error"))
    }

    /// Where a redirect leads.
    #[track_caller]
    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str()).unwrap_or_else(|| panic!("no redirect: {self:?}"))
    }

    /// The answer, if it has this status; the end of the test otherwise.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "some tests ask no more than the status")]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// RFC 9449 §8: by status and error code at the token endpoint, §9: by challenge elsewhere.
    fn asks_for_nonce(&self) -> bool {
        let challenges = self.headers.get_all("www-authenticate").iter();
        self.header("dpop-nonce").is_some()
            && (challenges
                .filter_map(|value| value.to_str().ok())
                .any(|challenge| challenge.contains("error=\"use_dpop_nonce\""))
                || serde_json::from_slice::<Value>(&self.body)
                    .is_ok_and(|body| body["error"] == "use_dpop_nonce"))
    }
}

/// As people read it in the output of a failed test.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", value.to_str().unwrap_or("…"))?;
        }
        write!(f, "\n{}", String::from_utf8_lossy(&self.body))
    }
}
