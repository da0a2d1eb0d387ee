//! A14: what a client signs (RFC 9101) counts if its own key signed it, for us and for now; and nothing
//! beside it.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::log_event::LogEventKind;
use serde_json::{Map, Value, json};
use testkit::{Application, Attempt, Browser, ClientKey, Login, TestServer};
use url::Url;

use crate::checks::noted;
use crate::steps::logged_in;

const KID: &str = "first-key-1";

/// The confidential application with a key for its requests.
struct Signing {
    server: TestServer,
    key: ClientKey,
    browser: Browser,
}

impl Signing {
    async fn start(required: bool) -> Self {
        let server = TestServer::start().await;
        let key = ClientKey::generate(KID);
        let token = server.management_token().await;
        let client = format!("clients/{}", server.client_id(Application::Web));
        let register =
            server.management(reqwest::Method::POST, &format!("{client}/credentials"), &token);
        let made = register.json(&key.credential()).send().await.expect(201).json();
        let credentials = json!([{ "id": made["id"] }]);
        let change = json!({ "signed_request_object": { "required": required, "credentials": credentials } });
        let update = server.management(reqwest::Method::PATCH, &client, &token);
        update.json(&change).send().await.expect(200);
        let browser = logged_in(&server).await;
        Self { server, key, browser }
    }

    /// What an attempt asks for, as claims.
    fn claims(&self, attempt: &Attempt) -> Value {
        let mut claims: Map<String, Value> = attempt
            .url
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
            .collect();
        let now = self.server.app().now().as_seconds();
        claims.insert("iss".to_owned(), self.server.client_id(Application::Web).into());
        claims.insert("aud".to_owned(), self.server.issuer().into());
        claims.insert("exp".to_owned(), (now + 60).into());
        claims.into()
    }

    fn url(&self, object: &str) -> Url {
        let mut url = self.server.url("/authorize");
        let client_id = self.server.client_id(Application::Web);
        url.query_pairs_mut().append_pair("client_id", &client_id).append_pair("request", object);
        url
    }

    /// Nobody is redirected anywhere.
    async fn refuses(&self, object: &str, cause: &str) {
        let answer = self.browser.get(&self.url(object)).await.expect(400);
        assert_eq!(answer.header("location"), None, "{answer:?}");
        assert!(answer.text().contains("The request object is not accepted."), "{answer:?}");
        let cause = format!("the request object is not accepted: {cause}");
        noted(&self.server, LogEventKind::LoginFailed, &cause).await;
    }
}

#[tokio::test]
async fn a_signed_request_is_answered_as_what_it_says() {
    let signing = Signing::start(true).await;
    let server = &signing.server;
    for typ in ["JWT", "oauth-authz-req+jwt"] {
        let attempt = server.attempt(&Login::web().scope("openid"));
        let mut url = signing.url(&signing.key.sign(typ, &signing.claims(&attempt)));
        // What stands beside the object says nothing.
        url.query_pairs_mut()
            .append_pair("scope", "openid profile")
            .append_pair("redirect_uri", "https://evil.example/callback")
            .append_pair("state", "evil")
            .append_pair("prompt", "login");
        let page = signing.browser.open(url.as_str()).await;
        assert_eq!(page.expect_parameter("state"), attempt.state);
        let code = page.expect_parameter("code");
        let answer = server.redeem(&attempt, &code).send().await.expect(200);
        assert_eq!(answer.member("scope"), "openid");
    }
    // Pushed, it is kept as what it says.
    let attempt = server.attempt(&Login::web());
    let mut pushed = attempt.clone();
    let object = signing.key.sign("JWT", &signing.claims(&attempt));
    pushed.url = signing.url(&object);
    let answer = server.pushing(&pushed).send().await.expect(201);
    let url = server.pushed_url(Application::Web, &answer.member("request_uri"));
    let page = signing.browser.open(url.as_str()).await;
    let code = page.expect_parameter("code");
    server.redeem(&attempt, &code).send().await.expect(200);
    pushed.url = signing.url("a.b.c");
    let answer = server.pushing(&pushed).send().await;
    assert_eq!(answer.error(), (400, "invalid_request_object".to_owned()));
}

#[tokio::test]
async fn a14_a_client_that_signs_may_have_to() {
    let signing = Signing::start(true).await;
    let server = &signing.server;
    let attempt = server.attempt(&Login::web());
    let page = signing.browser.open(attempt.url.as_str()).await;
    assert_eq!(page.expect_parameter("error"), "invalid_request");
    let description = "A signed request object is required.";
    assert_eq!(page.expect_parameter("error_description"), description);
    let answer = server.pushing(&attempt).send().await;
    assert_eq!(answer.error(), (400, "invalid_request".to_owned()));

    let signing = Signing::start(false).await;
    let attempt = signing.server.attempt(&Login::web());
    signing.browser.open(attempt.url.as_str()).await.expect_parameter("code");
    // Where no keys are registered, an object is not passed over.
    let spa = signing.server.attempt(&Login::spa());
    let mut url = spa.url.clone();
    url.query_pairs_mut().append_pair("request", "a.b.c");
    let page = signing.browser.open(url.as_str()).await;
    assert_eq!(page.expect_parameter("error"), "request_not_supported");
}

#[tokio::test]
async fn a14_only_the_clients_own_signature_counts() {
    let signing = Signing::start(false).await;
    let attempt = signing.server.attempt(&Login::web());
    let good = signing.claims(&attempt);
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
            value => claims[claim] = value,
        }
        signing.key.sign("JWT", &claims)
    };
    let now = signing.server.app().now().as_seconds();
    let spa = signing.server.client_id(Application::Spa);
    for (object, cause) in [
        (with("aud", json!("https://other.example/")), "the `aud` is not this server alone"),
        (
            with("aud", json!(signing.server.url("/oauth/token"))),
            "the `aud` is not this server alone",
        ),
        (with("iss", json!(spa)), "the `iss` is not the client"),
        (with("client_id", json!(spa)), "the `client_id` is not the client"),
        (with("exp", Value::Null), "the `exp` is missing"),
        (with("exp", json!(now)), "it has expired"),
        (with("exp", json!(now + 3_700)), "it lives for longer than an hour"),
        (with("nbf", json!(now + 120)), "it is from the future"),
        (with("sub", json!(good["iss"])), "it has a `sub`"),
        (with("request_uri", json!("https://app.example/r")), "it holds another request"),
    ] {
        signing.refuses(&object, cause).await;
    }
    let stranger = ClientKey::generate(KID).sign("JWT", &good);
    signing.refuses(&stranger, "the signature is wrong").await;
    let cause = "no key of the client fits the header's `kid` and `alg`";
    let other_kid = signing.key.renamed("other-key-22").sign("JWT", &good);
    signing.refuses(&other_kid, cause).await;
}

#[tokio::test]
async fn a14_none_and_secrets_sign_nothing() {
    let signing = Signing::start(false).await;
    let attempt = signing.server.attempt(&Login::web());
    let claims = signing.claims(&attempt);
    let payload = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "None", "kid": KID }),
        json!({ "alg": "HS256", "kid": KID }),
        json!({ "alg": "RS256", "kid": KID, "jku": "https://evil.example/keys" }),
        json!({ "alg": "RS256", "kid": KID, "crit": ["exp"] }),
    ] {
        let header = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
        for signature in ["", "AAAA"] {
            let object = format!("{header}.{payload}.{signature}");
            let answer = signing.browser.get(&signing.url(&object)).await.expect(400);
            assert_eq!(answer.header("location"), None, "{answer:?}");
        }
    }
    // A good one, when its time is over.
    let object = signing.key.sign("JWT", &claims);
    signing.server.clock().advance(Duration::from_secs(61));
    signing.refuses(&object, "it has expired").await;
}
