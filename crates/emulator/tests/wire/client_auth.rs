//! Client authentication and the form of token requests.

use emulator::{Client, RegisteredKeys};
use protocol::jose::jwk::JwkSet;
use protocol::jose::jws::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::world::{CALLBACK, START, WEB, World, basic, form_body};

const GRANT: (&str, &str) = ("grant_type", "authorization_code");
const URI: (&str, &str) = ("redirect_uri", CALLBACK);

#[tokio::test]
async fn header_and_body_both_authenticate() {
    let world = World::start().await;
    let by_header = world.authorize("ada", "openid").await;
    assert_eq!(world.redeem(by_header.code()).await.status, 200);
    let by_body = world.authorize("ada", "openid").await;
    let fields =
        [GRANT, URI, ("code", by_body.code()), ("client_id", WEB.0), ("client_secret", WEB.1)];
    assert_eq!(world.post_form("/token", &fields).await.status, 200);
}

/// What is wrong, credentials in the header, fields in the body, what comes back.
type Case = (
    &'static str,
    Option<(&'static str, &'static str)>,
    &'static [(&'static str, &'static str)],
    (u16, &'static str),
);

#[tokio::test]
async fn wrong_credentials_are_refused_and_leave_the_code_alone() {
    let world = World::start().await;
    let callback = world.authorize("ada", "openid").await;
    let code = ("code", callback.code());
    let cases: [Case; 8] = [
        ("wrong secret in the header", Some(("web", "wrong")), &[], (401, "invalid_client")),
        (
            "wrong secret in the body",
            None,
            &[("client_id", "web"), ("client_secret", "wrong")],
            (401, "invalid_client"),
        ),
        ("no secret", None, &[("client_id", "web")], (401, "invalid_client")),
        ("nobody", Some(("nobody", "x")), &[], (401, "invalid_client")),
        ("no client", None, &[], (401, "invalid_client")),
        ("header and body", Some(WEB), &[("client_secret", WEB.1)], (400, "invalid_request")),
        ("two names", Some(WEB), &[("client_id", "other")], (400, "invalid_request")),
        (
            "a public client with a secret",
            None,
            &[("client_id", "spa"), ("client_secret", "x")],
            (401, "invalid_client"),
        ),
    ];
    for (what, header, more, expected) in cases {
        let mut request = world.http.post(world.url("/token"));
        if let Some(credentials) = header {
            request = request.header("authorization", basic(credentials));
        }
        let fields = [&[GRANT, URI, code], more].concat();
        let answer = world.send(form_body(request, &fields)).await;
        assert_eq!(answer.error(), (expected.0, expected.1.to_owned()), "{what}");
        if expected.0 == 401 {
            assert!(answer.header("www-authenticate").starts_with("Basic"), "{what}");
        }
    }
    assert_eq!(world.redeem(callback.code()).await.status, 200);
}

#[tokio::test]
async fn a_broken_authorization_header_is_an_invalid_request() {
    let world = World::start().await;
    for header in ["Basic", "Basic !!!", "Bearer abc", "Basic d2Vi"] {
        let request = world.http.post(world.url("/token")).header("authorization", header);
        let answer = world.send(form_body(request, &[GRANT, ("code", "x")])).await;
        assert_eq!(answer.error(), (400, "invalid_request".to_owned()), "{header}");
    }
}

#[tokio::test]
async fn credentials_in_the_url_are_refused() {
    let world = World::start().await;
    let callback = world.authorize("ada", "openid").await;
    let url = world.url("/token?client_id=web&client_secret=x");
    let fields = [GRANT, URI, ("code", callback.code())];
    let answer = world.send(form_body(world.http.post(url), &fields)).await;
    assert_eq!(answer.error(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn requests_must_be_forms_without_repetition() {
    let world = World::start().await;
    let authorization = basic(WEB);
    let post = |content_type: &'static str, body: &'static str| {
        let request = world.http.post(world.url("/token"));
        let request = request.header("authorization", authorization.clone());
        world.send(request.header("content-type", content_type).body(body))
    };
    let form = "application/x-www-form-urlencoded";
    for (content_type, body) in [
        ("application/json", r#"{"grant_type":"authorization_code","code":"x"}"#),
        ("text/plain", "grant_type=authorization_code&code=x"),
        (form, "grant_type=authorization_code&code=x&code=x"),
        (form, "code=x"),
        (form, "grant_type=authorization_code"),
        (form, "grant_type=refresh_token&refresh_token="),
    ] {
        let answer = post(content_type, body).await;
        assert_eq!(answer.error(), (400, "invalid_request".to_owned()), "{body}");
    }
    let answer = post(form, "grant_type=password&username=a&password=b").await;
    assert_eq!(answer.error(), (400, "unsupported_grant_type".to_owned()));
    assert_eq!(world.get("/token").await.status, 405);
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let world = World::start().await;
    let callback = world.authorize("ada", "openid").await;
    let fields = [GRANT, URI, ("code", callback.code()), ("colour", "red")];
    assert_eq!(world.token(&fields).await.status, 200);
}

/// A client that proves itself by a key, and one attempt of it to redeem a code.
struct Asserting {
    world: World,
    key: SigningKey,
}

impl Asserting {
    async fn by(algorithm: Algorithm) -> Self {
        let pkcs8 = SigningKey::generate_for(algorithm).unwrap();
        let key = SigningKey::from_pkcs8_for(algorithm, &pkcs8, "key-1").unwrap();
        let keys = RegisteredKeys::default();
        keys.replace(JwkSet::new(vec![key.public_jwk()]));
        let client = Client::with_keys("signer", keys, vec![CALLBACK.to_owned()]);
        let world = World::start_with(|config| config.clients.push(client)).await;
        Self { world, key }
    }

    /// The claims of a good assertion, with changes.
    fn claims(&self, changes: &Value) -> Value {
        let mut claims = json!({
            "iss": "signer", "sub": "signer", "aud": self.world.url("/token"), "jti": "once",
            "iat": START, "exp": START + 60,
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    }

    async fn redeems(&self, assertion: &str, more: &[(&str, &str)]) -> (u16, String) {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let usual = [
            GRANT,
            URI,
            // Whoever is authenticated hears of the code.
            ("code", "unknown"),
            ("client_assertion_type", kind),
            ("client_assertion", assertion),
        ];
        self.world.post_form("/token", &[&usual, more].concat()).await.error()
    }
}

#[tokio::test]
async fn an_assertion_authenticates_once_and_for_one_audience() {
    for algorithm in Algorithm::ALL {
        let asserting = Asserting::by(algorithm).await;
        let sign = |changes: Value| asserting.key.sign("JWT", &asserting.claims(&changes)).unwrap();
        let (heard, refused) = ((400, "invalid_grant"), (401, "invalid_client"));
        let other = SigningKey::generate_for(algorithm).unwrap();
        let other = SigningKey::from_pkcs8_for(algorithm, &other, "key-1").unwrap();
        let named = SigningKey::generate_for(algorithm).unwrap();
        let named = SigningKey::from_pkcs8_for(algorithm, &named, "key-2").unwrap();
        let good = asserting.claims(&json!({ "jti": "by another key" }));
        let cases = [
            ("good", sign(json!({})), heard),
            ("replayed", sign(json!({})), refused),
            ("for the issuer", sign(json!({ "jti": "2", "aud": asserting.world.url("/") })), heard),
            ("for another", sign(json!({ "jti": "3", "aud": "https://else.test" })), refused),
            ("as another", sign(json!({ "jti": "4", "sub": "web" })), refused),
            ("over", sign(json!({ "jti": "5", "exp": START })), refused),
            ("another key", other.sign("JWT", &good).unwrap(), refused),
            ("an unknown key", named.sign("JWT", &good).unwrap(), refused),
            ("no assertion", "a.b.c".to_owned(), refused),
        ];
        for (what, assertion, (status, error)) in cases {
            let answer = asserting.redeems(&assertion, &[]).await;
            assert_eq!(answer, (status, error.to_owned()), "{what} {algorithm}");
        }
        let again = sign(json!({ "jti": "6" }));
        let two = asserting.redeems(&again, &[("client_secret", "x")]).await;
        assert_eq!(two, (400, "invalid_request".to_owned()));
        let elses = asserting.redeems(&again, &[("client_id", "web")]).await;
        assert_eq!(elses, (401, "invalid_client".to_owned()));
    }
}
