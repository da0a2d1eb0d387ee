//! The demo's server beside a tenant and a provider that are no more than
//! their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use protocol::dpop::{ProofClaims, access_token_hash};
use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::{Es256SigningKey, SigningKey};
use protocol::secret::ClientSecret;
use protocol::time::Timestamp;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use super::{DemoConfig, http, router};

const AUDIENCE: &str = "https://calendar.strongroom.test/";
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A demo with everything around it, on free ports.
struct Scene {
    issuer: Url,
    demo: Url,
    key: SigningKey,
    key_fetches: Arc<AtomicUsize>,
    http: reqwest::Client,
}

impl Scene {
    /// `exchange` is what the token endpoint answers.
    async fn new(exchange: (StatusCode, Value)) -> Self {
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap(), "k1").unwrap();
        let (listener, issuer) = listen().await;
        let key_fetches = Arc::new(AtomicUsize::new(0));
        let jwks = axum::Json(JwkSet::new(vec![key.public_jwk()]));
        let metadata = axum::Json(json!({
            "issuer": issuer,
            "jwks_uri": issuer.join("jwks.json").unwrap(),
        }));
        let count = Arc::clone(&key_fetches);
        let count_and_answer = async move || {
            count.fetch_add(1, Ordering::Relaxed);
            jwks
        };
        let tenant = Router::new()
            .route("/.well-known/openid-configuration", get(async move || metadata))
            .route("/jwks.json", get(count_and_answer))
            .route("/oauth/token", post(async move || (exchange.0, axum::Json(exchange.1))))
            .route("/calendar", get(calendar));
        tokio::spawn(axum::serve(listener, tenant).into_future());

        let (listener, demo) = listen().await;
        let config = DemoConfig {
            base_url: demo.clone(),
            issuer: issuer.clone(),
            resource_server: AUDIENCE.to_owned(),
            spa_client_id: "spa".to_owned(),
            api_client_id: "api".to_owned(),
            api_client_secret: ClientSecret::new("secret"),
            connection: "calendar".to_owned(),
            events_endpoint: issuer.join("calendar").unwrap(),
            clock: Arc::new(|| NOW),
        };
        tokio::spawn(axum::serve(listener, router(config).unwrap()).into_future());
        Self { issuer, demo, key, key_fetches, http: http::client().unwrap() }
    }

    async fn connected() -> Self {
        let token = json!({
            "access_token": "provider-token", "token_type": "Bearer", "expires_in": 3600,
            "scope": "read:calendar",
        });
        Self::new((StatusCode::OK, token)).await
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.issuer, "aud": [AUDIENCE, "http://localhost/userinfo"],
            "sub": "auth0|1", "exp": NOW.as_seconds() + 60, "scope": "openid read:calendar",
        })
    }

    fn token(&self, claims: &Value) -> String {
        self.key.sign("JWT", claims).unwrap()
    }

    fn events(&self) -> RequestBuilder {
        self.http.get(self.demo.join("api/events?account=x").unwrap())
    }
}

async fn calendar(headers: axum::http::HeaderMap) -> Result<axum::Json<Value>, StatusCode> {
    let authorized = headers.get("authorization").is_some_and(|v| v == "Bearer provider-token");
    let event = json!({ "title": "Tea", "start": "2027-01-15T08:00:00Z", "internal": true });
    if authorized {
        Ok(axum::Json(json!({ "events": [event] })))
    } else {
        Err(StatusCode::IM_A_TEAPOT)
    }
}

async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    (listener, url.parse().unwrap())
}

async fn send(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

fn error(code: &str) -> Value {
    json!({ "error": code })
}

#[tokio::test]
async fn a_bearer_token_is_exchanged_and_the_events_come_back() {
    let scene = Scene::connected().await;
    let token = scene.token(&scene.claims());
    for _ in 0..2 {
        let (status, body) = send(scene.events().bearer_auth(&token)).await;
        assert_eq!(status, 200);
        assert_eq!(body["events"][0], json!({ "title": "Tea", "start": "2027-01-15T08:00:00Z" }));
    }
    assert_eq!(scene.key_fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_bound_token_needs_its_own_proof() {
    let scene = Scene::connected().await;
    let (mine, other) =
        (Es256SigningKey::generate().unwrap(), Es256SigningKey::generate().unwrap());
    let mut claims = scene.claims();
    claims["cnf"] = json!({ "jkt": mine.public_jwk().thumbprint() });
    let bound = scene.token(&claims);
    let unbound = scene.token(&scene.claims());
    let proof = |key: &Es256SigningKey, htm, token: &str| {
        let htu = scene.demo.join("api/events").unwrap();
        let ath = access_token_hash(token);
        let (htu, ath, iat) = (htu.as_str(), Some(ath.as_str()), NOW.as_seconds());
        ProofClaims { jti: "1", htm, htu, iat, ath, nonce: None }.sign(key).unwrap()
    };
    let check = async |token: &str, proof: Option<String>, expected: (u16, &str)| {
        let mut request = scene.events().header("authorization", format!("DPoP {token}"));
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let (status, body) = send(request).await;
        assert_eq!((status, body["error"].as_str().unwrap_or_default()), expected);
    };
    check(&bound, Some(proof(&mine, "GET", &bound)), (200, "")).await;
    check(&bound, None, (401, "invalid_dpop_proof")).await;
    check(&bound, Some(proof(&other, "GET", &bound)), (401, "invalid_token")).await;
    check(&bound, Some(proof(&mine, "POST", &bound)), (401, "invalid_dpop_proof")).await;
    check(&bound, Some(proof(&mine, "GET", &unbound)), (401, "invalid_dpop_proof")).await;
    check(&unbound, Some(proof(&mine, "GET", &unbound)), (401, "invalid_token")).await;

    // RFC 9449 §7.1: a thief who drops the proof gains nothing.
    let (status, body) = send(scene.events().bearer_auth(&bound)).await;
    assert_eq!((status, body), (401, error("invalid_token")));
}

#[tokio::test]
async fn tokens_that_are_not_for_this_api_are_refused() {
    let scene = Scene::connected().await;
    let check = async |name: &str, value: Value, expected: (u16, &str)| {
        let mut claims = scene.claims();
        claims[name] = value;
        let (status, body) = send(scene.events().bearer_auth(scene.token(&claims))).await;
        assert_eq!((status, body), (expected.0, error(expected.1)), "{name}");
    };
    check("iss", json!("http://localhost:1/"), (401, "invalid_token")).await;
    check("aud", json!("https://other.example/"), (401, "invalid_token")).await;
    check("exp", json!(NOW.as_seconds()), (401, "invalid_token")).await;
    check("scope", json!("openid"), (403, "insufficient_scope")).await;

    let forger = SigningKey::from_pkcs8(&SigningKey::generate().unwrap(), "k1").unwrap();
    let forged = forger.sign("JWT", &scene.claims()).unwrap();
    assert_eq!(send(scene.events().bearer_auth(forged)).await.0, 401);
}

#[tokio::test]
async fn invented_key_ids_do_not_load_the_issuer() {
    let scene = Scene::connected().await;
    let stranger = SigningKey::from_pkcs8(&SigningKey::generate().unwrap(), "k2").unwrap();
    let token = stranger.sign("JWT", &scene.claims()).unwrap();
    for _ in 0..3 {
        assert_eq!(send(scene.events().bearer_auth(&token)).await.0, 401);
    }
    assert_eq!(scene.key_fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn without_a_token_the_answer_is_a_challenge() {
    let scene = Scene::connected().await;
    let response = scene.events().send().await.unwrap();
    assert_eq!(response.status().as_u16(), 401);
    assert_eq!(response.headers()["www-authenticate"], r#"Bearer, DPoP algs="ES256""#);
}

#[tokio::test]
async fn what_the_person_can_mend_has_its_own_code() {
    let check = async |status: StatusCode, code: &str, expected: (u16, &str)| {
        let scene = Scene::new((status, error(code))).await;
        let token = scene.token(&scene.claims());
        let (status, body) = send(scene.events().bearer_auth(token)).await;
        assert_eq!((status, body), (expected.0, error(expected.1)), "{code}");
    };
    let not_found = "federated_connection_refresh_token_not_found";
    check(StatusCode::UNAUTHORIZED, not_found, (409, "not_connected")).await;
    let flow_failed = "federated_connection_refresh_token_flow_failed";
    check(StatusCode::UNAUTHORIZED, flow_failed, (409, "reconnect_required")).await;
    let unavailable = "temporarily_unavailable";
    check(StatusCode::SERVICE_UNAVAILABLE, unavailable, (503, "temporarily_unavailable")).await;
    check(StatusCode::FORBIDDEN, "unauthorized_client", (502, "exchange_failed")).await;
}

#[tokio::test]
async fn the_page_may_talk_to_the_issuer_and_to_nobody_else() {
    let scene = Scene::connected().await;
    let issuer = scene.issuer.origin().ascii_serialization();
    for path in ["", "app.js", "vendor/auth0-spa-js.worker.production.js", "config.json", "none"] {
        let response = scene.http.get(scene.demo.join(path).unwrap()).send().await.unwrap();
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains(&format!("connect-src 'self' {issuer}; frame-src {issuer};")));
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn the_page_learns_what_it_needs_and_no_secret() {
    let scene = Scene::connected().await;
    let (status, body) = send(scene.http.get(scene.demo.join("config.json").unwrap())).await;
    assert_eq!(status, 200);
    let expected = json!({
        "issuer": scene.issuer, "clientId": "spa", "audience": AUDIENCE,
        "connection": "calendar", "cacheLocation": "localstorage",
    });
    assert_eq!(body, expected);
}
