//! A51 to A53: a proof is for one request, of this minute, by one key that it carries, and is
//! nothing else.

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Answer, Call, Login, TestServer, Tokens};

use crate::checks::{noted, refused};
use crate::forge::{Forger, encode, input, proof_claims};
use crate::steps::{refresh_token, token_request};

/// A request that needs no nonce: the confidential application refreshes.
struct Scene {
    server: TestServer,
    tokens: Tokens,
    forger: Forger,
}

impl Scene {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let tokens = server.log_in(&server.browser(), &Login::web()).await;
        Self { server, tokens, forger: Forger::new() }
    }

    fn call(&self) -> Call {
        let token = refresh_token(&self.tokens);
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        token_request(&self.server, &fields).basic(&self.server.seeded().web)
    }

    /// A proof for it that is right but for the change.
    fn proof(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let url = self.server.url("/oauth/token");
        self.forger.proof(&self.server, ("POST", &url), change)
    }

    async fn send(&self, proof: &str) -> Answer {
        self.call().header("dpop", proof).send().await
    }

    async fn is_granted(&self, what: &str, proof: &str) {
        let answer = self.send(proof).await;
        assert_eq!(
            (answer.status, answer.json()["token_type"].as_str()),
            (200, Some("DPoP")),
            "{what}"
        );
    }

    async fn is_refused(&self, what: &str, proof: &str, description: &str, cause: &str) {
        let answer = self.send(proof).await;
        assert_eq!(answer.status, 400, "{what}");
        refused(&answer, 400, "invalid_dpop_proof", description);
        noted(&self.server, LogEventKind::RefreshExchangeFailed, cause).await;
    }
}

#[tokio::test]
async fn a51_a_proof_is_for_one_method() {
    let scene = Scene::start().await;
    for method in ["GET", "PUT", "post", "Post", "POST ", "", "POSTPOST"] {
        let proof = scene.proof(|_, claims| claims["htm"] = json!(method));
        let cause = "the proof is for another method";
        scene.is_refused(method, &proof, "The proof is for another method.", cause).await;
    }
    scene.is_granted("the right one", &scene.proof(|_, _| ())).await;
}

#[tokio::test]
async fn a51_a_proof_is_for_one_url() {
    let scene = Scene::start().await;
    let url = scene.server.url("/oauth/token");
    let port = url.port().unwrap();
    for (htu, is_same) in [
        (format!("http://localhost:{port}/oauth/token"), true),
        (format!("HTTP://LOCALHOST:{port}/oauth/token"), true),
        (format!("http://localhost:{port}/oauth/token?a=b#c"), true),
        (format!("http://localhost:{port}/x/../oauth/./token"), true),
        (format!("http://localhost:{port}/oauth/%74oken"), true),
        (format!("http://localhost:{port}/oauth/token/"), false),
        (format!("http://localhost:{port}/OAuth/token"), false),
        (format!("http://localhost:{port}//oauth/token"), false),
        (format!("http://localhost:{port}/oauth%2Ftoken"), false),
        (format!("http://localhost:{port}/oauth/revoke"), false),
        (format!("http://localhost:{port}"), false),
        ("http://localhost/oauth/token".to_owned(), false),
        (format!("http://localhost:{}/oauth/token", port ^ 1), false),
        (format!("https://localhost:{port}/oauth/token"), false),
        (format!("http://127.0.0.1:{port}/oauth/token"), false),
        (format!("http://localhost.:{port}/oauth/token"), false),
        (format!("http://localhost:{port}@evil.example/oauth/token"), false),
        (format!("http://ada@localhost:{port}/oauth/token"), false),
        ("https://evil.example/oauth/token".to_owned(), false),
        ("/oauth/token".to_owned(), false),
        (String::new(), false),
    ] {
        let proof = scene.proof(|_, claims| claims["htu"] = json!(htu));
        if is_same {
            scene.is_granted(&htu, &proof).await;
        } else {
            let cause = "the proof is for another URL";
            scene.is_refused(&htu, &proof, "The proof is for another URL.", cause).await;
        }
    }
}

/// What a request says of the host that it was meant for counts for nothing.
#[tokio::test]
async fn a51_a_forwarded_host_has_no_say() {
    let scene = Scene::start().await;
    let spoofed = |proof: &str| {
        let call = scene.call().header("dpop", proof);
        call.header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-port", "443")
            .header("x-original-url", "https://evil.example/oauth/token")
            .header("forwarded", "host=evil.example;proto=https")
    };
    let stolen = scene.proof(|_, claims| claims["htu"] = json!("https://evil.example/oauth/token"));
    let answer = spoofed(&stolen).send().await;
    refused(&answer, 400, "invalid_dpop_proof", "The proof is for another URL.");
    spoofed(&scene.proof(|_, _| ())).send().await.expect(200);
    // Each host of the tenant is one of its own.
    let other = scene.server.by_second_host();
    let proof = scene.proof(|_, claims| claims["htu"] = json!(other.url("/oauth/token").as_str()));
    scene.is_refused("another host", &proof, "The proof is for another URL.", URL_CAUSE).await;
}

const URL_CAUSE: &str = "the proof is for another URL";

#[tokio::test]
async fn a52_a_proof_is_of_this_minute() {
    let scene = Scene::start().await;
    let at = |iat: Value| scene.proof(|_, claims| claims["iat"] = iat);
    let shifted = |seconds: i64| {
        let now = proof_claims(&scene.server, "POST", &scene.server.url("/"))["iat"].as_i64();
        at(json!(now.unwrap() + seconds))
    };
    for seconds in [-59, -1, 0, 1, 60] {
        scene.is_granted(&seconds.to_string(), &shifted(seconds)).await;
    }
    let minute = "the proof is not of this minute";
    for seconds in [-61, 61, -3_600, 3_600, -1_795_262_400] {
        let description = "The proof is not of this minute.";
        scene.is_refused(&seconds.to_string(), &shifted(seconds), description, minute).await;
    }
    let now = at(json!(0)); // An epoch too early.
    scene.is_refused("0", &now, "The proof is not of this minute.", minute).await;
    for iat in [json!(1e300), json!(-1e300), json!(i64::MAX), json!(i64::MIN)] {
        let what = iat.to_string();
        scene.is_refused(&what, &at(iat), "The proof is not of this minute.", minute).await;
    }
    let fractional = proof_claims(&scene.server, "POST", &scene.server.url("/"))["iat"].as_f64();
    scene.is_granted("fractional", &at(json!(fractional.unwrap() + 0.25))).await;
    let malformed = "the proof is not a valid JWT: the claims are malformed (Data)";
    for iat in [json!("1795262400"), json!(null), json!(true), json!([1_795_262_400]), json!({})] {
        let what = iat.to_string();
        scene.is_refused(&what, &at(iat), "The proof is not a valid JWT.", malformed).await;
    }
    let absent = scene.proof(|_, claims| {
        claims.as_object_mut().unwrap().remove("iat");
    });
    scene.is_refused("absent", &absent, "The proof is not a valid JWT.", malformed).await;
}

#[tokio::test]
async fn a53_a_proof_is_a_signed_proof_and_nothing_else() {
    let scene = Scene::start().await;
    let header = |name: &str, value: Value| scene.proof(|header, _| header[name] = value);
    let algorithm = "the proof is not a valid JWT: the algorithm is not supported";
    for name in ["none", "None", "HS256", "HS512", "ES384", "ES256K", "EdDSA", "es256", ""] {
        let proof = header("alg", json!(name));
        scene.is_refused(name, &proof, "The proof is not a valid JWT.", algorithm).await;
    }
    let disallowed = "the proof is not a valid JWT: the algorithm is not allowed here";
    for name in ["RS256", "RS384", "PS256"] {
        let proof = header("alg", json!(name));
        scene.is_refused(name, &proof, "The proof is not a valid JWT.", disallowed).await;
    }
    let typ = "the proof is not a valid JWT: the token is of another type";
    for name in ["JWT", "dpop", "DPOP+JWT", "application/dpop+jwt", "at+jwt", ""] {
        let proof = header("typ", json!(name));
        scene.is_refused(name, &proof, "The proof is not a valid JWT.", typ).await;
    }
    // No signature at all.
    let claims = proof_claims(&scene.server, "POST", &scene.server.url("/oauth/token"));
    let mut unsigned = scene.forger.proof_header();
    unsigned["alg"] = json!("none");
    let unsigned = format!("{}.", input(&unsigned, &claims));
    scene.is_refused("unsigned", &unsigned, "The proof is not a valid JWT.", algorithm).await;
    // A secret that both sides know, made of the public key.
    let jwk = scene.forger.jwk();
    let symmetric = json!({ "kty": "oct", "k": encode(jwk["x"].to_string()) });
    let private = "the proof is not a valid JWT: the embedded key is not acceptable: a public key \
                   must not carry private members";
    let proof = header("jwk", symmetric);
    scene.is_refused("oct", &proof, "The proof is not a valid JWT.", private).await;
    let proof = scene.proof(|header, _| header["jwk"]["d"] = json!(encode([1; 32])));
    scene.is_refused("d", &proof, "The proof is not a valid JWT.", private).await;
}

#[tokio::test]
async fn a53_a_proof_carries_its_key_itself() {
    let scene = Scene::start().await;
    let elsewhere = format!("{}.well-known/jwks.json", scene.server.issuer());
    for (name, value) in
        [("x5c", json!(["MIIB"])), ("jku", json!(elsewhere)), ("x5u", json!(elsewhere))]
    {
        let proof = scene.proof(|header, _| header[name] = value);
        let description = "The proof refers to a key elsewhere.";
        let cause = "the proof refers to a key elsewhere";
        scene.is_refused(name, &proof, description, cause).await;
    }
    let keyless = scene.proof(|header, _| {
        header.as_object_mut().unwrap().remove("jwk");
        header["kid"] = json!("../../etc/passwd");
    });
    let cause = "the proof carries no key";
    scene.is_refused("kid alone", &keyless, "The proof carries no key.", cause).await;
}

#[tokio::test]
async fn a53_one_proof_in_one_header() {
    let scene = Scene::start().await;
    let (first, second) = (scene.proof(|_, _| ()), scene.proof(|_, _| ()));
    let two = scene.call().header("dpop", &first).another_header("dpop", &second).send().await;
    refused(&two, 400, "invalid_dpop_proof", "There is more than one DPoP header.");
    let cause = "there is more than one DPoP header";
    noted(&scene.server, LogEventKind::RefreshExchangeFailed, cause).await;
    for joined in [format!("{first}, {second}"), format!("{first} {second}"), String::new()] {
        let answer = scene.send(&joined).await;
        assert_eq!(answer.error(), (400, "invalid_dpop_proof".to_owned()), "{joined}");
    }
    // Neither was spent.
    scene.is_granted("first", &first).await;
    scene.is_granted("second", &second).await;
}

#[tokio::test]
async fn a53_a_proof_has_a_name() {
    let scene = Scene::start().await;
    let named = |jti: Value| scene.proof(|_, claims| claims["jti"] = jti);
    let cause = "the identifier is empty or too long";
    for jti in [String::new(), "x".repeat(257)] {
        let proof = named(json!(jti));
        scene.is_refused(&jti, &proof, "The identifier is empty or too long.", cause).await;
    }
    let malformed = "the proof is not a valid JWT: the claims are malformed (Data)";
    for jti in [json!(7), json!(null)] {
        let what = jti.to_string();
        scene.is_refused(&what, &named(jti), "The proof is not a valid JWT.", malformed).await;
    }
    scene.is_granted("256", &named(json!("x".repeat(256)))).await;
}
