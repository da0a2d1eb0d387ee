//! An emulator with three people and a few clients, and a way to call it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use emulator::{Client, Config, Emulator, Flavour, Running, User};
use protocol::jose::jws::SigningKey;
use protocol::secret::{ClientSecret, Password};
use protocol::time::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::browser::{Browser, Callback};

pub(crate) const CALLBACK: &str = "http://localhost:4000/login/callback";
/// 2026-11-21T12:00:00Z
pub(crate) const START: i64 = 1_795_262_400;
pub(crate) const CALENDAR_SCOPE: &str = "openid profile email offline_access read:calendar";
/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const WEB: (&str, &str) = ("web", "web-secret:+%");

pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and `error`, the two things that clients act on.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    #[track_caller]
    pub(crate) fn text(&self, member: &str) -> String {
        let json = self.json();
        let value = json[member].as_str();
        value.unwrap_or_else(|| panic!("no {member} in {json}")).to_owned()
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Arc::new(|| Timestamp::from_seconds(START)), entropy());
        config.listen.set_port(0);
        config.signing_key = Some(signing_key());
        config.users = vec![person("ada", true), person("grace", true), person("edsger", false)];
        config.clients = clients();
        change(&mut config);
        let running = Emulator::start(config).await.unwrap();
        Self { running, http: http() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{}", self.running.base_url, path.trim_start_matches('/'))
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(self.url(path))).await
    }

    pub(crate) async fn get_with(&self, path: &str, bearer: &str) -> Answer {
        self.send(self.http.get(self.url(path)).bearer_auth(bearer)).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: Value) -> Answer {
        self.send(json_body(self.http.post(self.url(path)), &body)).await
    }

    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(form_body(self.http.post(self.url(path)), fields)).await
    }

    /// A token request of the client `web`, authenticated by header.
    pub(crate) async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        let request = self.http.post(self.url("/token")).header("authorization", basic(WEB));
        self.send(form_body(request, fields)).await
    }

    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        let grant = ("grant_type", "authorization_code");
        self.token(&[grant, ("code", code), ("redirect_uri", CALLBACK)]).await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    /// Signs `user` in with a fresh browser, agrees, and brings back the answer
    /// for the client `web`.
    pub(crate) async fn authorize(&self, user: &str, scope: &str) -> Callback {
        self.browser().authorize("/authorize", &web_request(scope), user).await
    }

    /// The whole way to tokens for the client `web`.
    pub(crate) async fn connect(&self, user: &str, scope: &str) -> Answer {
        let callback = self.authorize(user, scope).await;
        self.redeem(callback.code()).await
    }

    pub(crate) async fn advance(&self, seconds: u64) {
        let answer =
            self.post_json("/_emulator/clock", json!({ "advance_seconds": seconds })).await;
        assert_eq!(answer.status, 200);
    }

    pub(crate) async fn fault(&self, rule: Value) {
        let answer = self.post_json("/_emulator/faults", rule).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    pub(crate) async fn stats(&self) -> Value {
        self.get("/_emulator/stats").await.json()
    }

    /// Replaces members of the behaviour of a flavour.
    pub(crate) async fn behave(&self, flavour: &str, change: Value) {
        let all = self.get("/_emulator/behaviours").await.json();
        let mut behaviour = all[flavour].as_object().unwrap().clone();
        behaviour.extend(change.as_object().unwrap().clone());
        let url = self.url(&format!("/_emulator/behaviours/{flavour}"));
        let answer = self.send(json_body(self.http.put(url), &json!(behaviour))).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
    }
}

pub(crate) fn web_request(scope: &str) -> Vec<(&'static str, String)> {
    vec![
        ("client_id", "web".to_owned()),
        ("redirect_uri", CALLBACK.to_owned()),
        ("response_type", "code".to_owned()),
        ("scope", scope.to_owned()),
        ("state", "the state & more".to_owned()),
    ]
}

/// The same request with parameters added or replaced; an empty value removes.
pub(crate) fn with(
    mut request: Vec<(&'static str, String)>,
    changes: &[(&'static str, &str)],
) -> Vec<(&'static str, String)> {
    for (name, value) in changes {
        request.retain(|(other, _)| other != name);
        if !value.is_empty() {
            request.push((name, (*value).to_owned()));
        }
    }
    request
}

pub(crate) fn encoded<V: AsRef<str>>(fields: &[(&str, V)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields.iter().map(|(name, value)| (*name, value.as_ref())));
    form.finish()
}

pub(crate) fn form_body(
    request: reqwest::RequestBuilder,
    fields: &[(&str, &str)],
) -> reqwest::RequestBuilder {
    request.header("content-type", "application/x-www-form-urlencoded").body(encoded(fields))
}

pub(crate) fn json_body(request: reqwest::RequestBuilder, body: &Value) -> reqwest::RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

/// RFC 6749 §2.3.1: both parts form-encoded, then joined.
pub(crate) fn basic((id, secret): (&str, &str)) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}

fn clients() -> Vec<Client> {
    let secret = |text: &str| ClientSecret::new(text);
    let to = || vec![CALLBACK.to_owned()];
    vec![
        Client::confidential(Flavour::Oidc, WEB.0, secret(WEB.1), to()),
        Client::confidential(Flavour::Oidc, "other", secret("other-secret"), to()),
        Client::public(Flavour::Oidc, "spa", to()),
        Client::confidential(Flavour::Google, "google", secret("google-secret"), to()),
        Client::confidential(Flavour::GitHub, "github", secret("github-secret"), to()),
        Client::confidential(Flavour::GitHubApp, "app", secret("app-secret"), to()),
    ]
}

fn person(username: &str, email_verified: bool) -> User {
    User {
        username: username.to_owned(),
        password: Password::new(format!("{username}-password")),
        sub: format!("sub-{username}"),
        email: format!("{username}@emulator.test"),
        email_verified,
        name: format!("{username} Example"),
    }
}

fn entropy() -> emulator::Entropy {
    let state = AtomicU64::new(1);
    Arc::new(move |buffer: &mut [u8]| {
        for chunk in buffer.chunks_mut(8) {
            // SplitMix64: repeatable, and never the same twice.
            let mut x = state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(x ^ (x >> 31)).to_le_bytes()[..chunk.len()]);
        }
    })
}

/// Making an RSA key takes a while, so all emulators of this process share one.
fn signing_key() -> Arc<SigningKey> {
    static KEY: OnceLock<Arc<SigningKey>> = OnceLock::new();
    let make = || {
        let pkcs8 = SigningKey::generate().unwrap();
        Arc::new(SigningKey::from_pkcs8(&pkcs8, "test-key").unwrap())
    };
    Arc::clone(KEY.get_or_init(make))
}

#[expect(clippy::disallowed_methods, reason = "the tests are the outside world")]
fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
