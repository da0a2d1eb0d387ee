//! A42, A43: tokens that are made to cost us something, and signatures that are almost right.

use model::log_event::LogEventKind;
use serde_json::{Value, json};
use testkit::{Answer, Exchange, Login, TestServer, Tokens};

use crate::checks::noted;
use crate::forge::{Forger, encode, input, proof_claims};
use crate::steps::{refresh_token, token_request};

/// A refresh with this proof.
async fn refresh_with(server: &TestServer, tokens: &Tokens, proof: &str) -> Answer {
    let web = &server.seeded().web;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token(tokens))];
    token_request(server, &fields).basic(web).header("dpop", proof).send().await
}

/// The proof is refused for this cause, and what it came with is still good.
async fn is_refused(server: &TestServer, tokens: &Tokens, what: &str, proof: &str, cause: &str) {
    let answer = refresh_with(server, tokens, proof).await;
    assert_eq!(answer.error(), (400, "invalid_dpop_proof".to_owned()), "{what}");
    let cause = format!("the proof is not a valid JWT: {cause}");
    noted(server, LogEventKind::RefreshExchangeFailed, &cause).await;
}

fn header_with(forger: &Forger, name: &str, value: Value) -> Value {
    let mut header = forger.proof_header();
    header[name] = value;
    header
}

#[tokio::test]
async fn a42_bombs_are_put_down_unopened() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let forger = Forger::new();
    let url = server.url("/oauth/token");
    let claims = proof_claims(&server, "POST", &url);
    let signed = |header: &Value| forger.sign(header, &claims);
    let with = |name: &str, value: Value| signed(&header_with(&forger, name, value));
    let jwk_with = |name: &str, value: Value| {
        let mut jwk = forger.jwk();
        jwk[name] = value;
        with("jwk", jwk)
    };
    let rsa = |bits: usize, exponent: &[u8]| {
        let mut modulus = vec![0xff; bits / 8];
        modulus[0] = 0x80;
        with("jwk", json!({ "kty": "RSA", "n": encode(&modulus), "e": encode(exponent) }))
    };
    let pbes2 = json!({
        "typ": "dpop+jwt", "alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2c": 2_147_483_647_u32,
    });
    let deep = format!("{{\"alg\":{}", "[".repeat(5_000));
    let twice = format!("{{\"alg\":\"ES256\",\"alg\":\"none\",\"jwk\":{}}}", forger.jwk());
    let raw = |header: &str| format!("{}.e30.AAAA", encode(header));
    let inner = signed(&forger.proof_header());
    let nested = {
        let head = encode(forger.proof_header().to_string());
        let input = format!("{head}.{}", encode(&inner));
        format!("{input}.{}", encode([1; 64]))
    };
    let embedded = "the embedded key is not acceptable";
    for (what, proof, cause) in [
        ("PBES2", signed(&pbes2), "the algorithm is not supported".to_owned()),
        ("zip", with("zip", json!("DEF")), extension()),
        ("crit", with("crit", json!(["exp"])), extension()),
        ("b64", with("b64", json!(false)), extension()),
        ("five parts", format!("{inner}.AA.AA"), "the token does not have three parts".to_owned()),
        ("dots", ".".repeat(10_000), "the token does not have three parts".to_owned()),
        ("no dots", "e30".to_owned(), "the token does not have three parts".to_owned()),
        ("long", "x".repeat(16 * 1024 + 1), "the token is longer than 16384 bytes".to_owned()),
        ("deep", raw(&deep), "the header is malformed (Syntax)".to_owned()),
        ("twice", raw(&twice), "a header member is repeated".to_owned()),
        ("no object", raw("[]"), "the header is malformed (Data)".to_owned()),
        ("a token in a token", nested, "the signature is wrong".to_owned()),
        (
            "16k modulus",
            rsa(16_384, &[1, 0, 1]),
            format!("{embedded}: the RSA modulus is not odd, of 2048 to 4096 bits"),
        ),
        (
            "512 bits",
            rsa(512, &[1, 0, 1]),
            format!("{embedded}: the RSA modulus is not odd, of 2048 to 4096 bits"),
        ),
        (
            "exponent 1",
            rsa(2048, &[1]),
            format!("{embedded}: the RSA exponent is not odd, of 3 or more and at most 32 bits"),
        ),
        ("RSA", rsa(2048, &[1, 0, 1]), "the key does not fit the algorithm".to_owned()),
        (
            "another curve",
            jwk_with("crv", json!("P-384")),
            format!("{embedded}: unsupported curve"),
        ),
        (
            "symmetric",
            with("jwk", json!({ "kty": "oct", "k": "AAAA" })),
            format!("{embedded}: a public key must not carry private members"),
        ),
    ] {
        is_refused(&server, &tokens, what, &proof, &cause).await;
    }
    for (what, point) in [("off the curve", [1; 32]), ("infinity", [0; 32])] {
        let answer = refresh_with(&server, &tokens, &jwk_with("y", json!(encode(point)))).await;
        assert_eq!(answer.error(), (400, "invalid_dpop_proof".to_owned()), "{what}");
    }
    server.refresh(&tokens, &[]).await;
}

fn extension() -> String {
    "the header demands an extension that is not supported".to_owned()
}

/// The same as a bearer token and as a subject token.
#[tokio::test]
async fn a42_bombs_are_no_tokens_either() {
    let server = TestServer::start().await;
    let api = &server.seeded().api;
    let kind = protocol::oauth::exchange::SubjectTokenType::AccessToken;
    for bomb in [
        ".".repeat(10_000),
        format!("{}.e30.AAAA", encode("{\"alg\":\"RS256\",\"zip\":\"DEF\"}")),
        format!("{}..", encode("[".repeat(5_000))),
        input(&json!({ "alg": "dir", "enc": "A256GCM" }), &json!({})) + ".AA.AA.AA",
        "x".repeat(16_000),
    ] {
        for path in ["/userinfo", "/me/v1/connected-accounts/accounts", "/api/v2/clients"] {
            server.get(path).bearer(&bomb).send().await.expect(401);
        }
        let call = server.exchanging(api, kind, &bomb, &Exchange::calendar());
        assert_eq!(call.send().await.error(), (401, "invalid_token".to_owned()));
    }
    let long = server.exchanging(api, kind, &"x".repeat(16 * 1024 + 1), &Exchange::calendar());
    assert_eq!(long.send().await.error(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn a43_a_signature_is_right_or_wrong() {
    let server = TestServer::start().await;
    let tokens = server.log_in(&server.browser(), &Login::web()).await;
    let forger = Forger::new();
    let url = server.url("/oauth/token");
    let fresh = || forger.proof(&server, ("POST", &url), |_, _| ());
    let resigned = |change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let proof = fresh();
        let (input, signature) = proof.rsplit_once('.').unwrap();
        format!("{input}.{}", encode(change(decode(signature))))
    };
    let wrong = "the signature is wrong";
    for (what, proof) in [
        ("empty", resigned(&|_| Vec::new())),
        ("zeros", resigned(&|_| vec![0; 64])),
        ("r is zero", resigned(&|it| [&[0; 32], &it[32..]].concat())),
        ("s is zero", resigned(&|it| [&it[..32], &[0; 32]].concat())),
        ("r and s are the order", resigned(&|_| [ORDER, ORDER].concat())),
        ("short", resigned(&|it| it[..63].to_vec())),
        ("long", resigned(&|it| [it, vec![0]].concat())),
        ("swapped", resigned(&|it| [&it[32..], &it[..32]].concat())),
        ("DER", resigned(&|it| der(&it))),
    ] {
        is_refused(&server, &tokens, what, &proof, wrong).await;
    }
    let another = Forger::new();
    let mut header = forger.proof_header();
    let claims = proof_claims(&server, "POST", &url);
    is_refused(&server, &tokens, "another key", &another.sign(&header, &claims), wrong).await;
    header["alg"] = json!("RS256");
    let lying = forger.sign(&header, &claims);
    let cause = "the algorithm is not allowed here";
    is_refused(&server, &tokens, "another algorithm", &lying, cause).await;
    // ECDSA signatures come in pairs, and both are right: replay is told by `jti`, not by bytes.
    let high = resigned(&|it| [&it[..32], &minus(ORDER, &it[32..])].concat());
    refresh_with(&server, &tokens, &high).await.expect(200);
}

/// The order of P-256 (FIPS 186-4, D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn minus(from: [u8; 32], number: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference = vec![0; 32];
    for at in (0..32).rev() {
        let digit = i16::from(from[at]) - i16::from(number[at]) - borrow;
        borrow = i16::from(digit < 0);
        difference[at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    difference
}

/// The form of signatures in certificates.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| [&[2, 33, 0], number].concat();
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
}

fn decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}
