//! A key-encryption key that AWS KMS decrypts, by a KMS that we pretend to be. It checks each signature
//! with the library that makes them.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jiff::civil::DateTime;
use serde_json::{Value, json};

use crate::process::{folder, run_given};

const REGION: &str = "eu-central-1";
const ACCESS_KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/for-tests";
const SESSION: &str = "session-for-tests";
const KEY_NAME: &str = "alias/strongroom";
const CIPHERTEXT: &str = "AQICAHgAAAA=";
/// 32 bytes in base64.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn refused(name: &str) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, json!({ "__type": name, "message": "for tests" }).to_string())
}

/// Decrypts the one ciphertext that it knows, by the one key and in the one context.
async fn decrypt(headers: HeaderMap, request: Request) -> (StatusCode, String) {
    let uri = request.uri().clone();
    let body = axum::body::to_bytes(request.into_body(), 8192).await.unwrap();
    if uri.path() == "/slow" {
        std::future::pending::<()>().await;
    }
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let url = format!("http://{}{}", text("host"), uri.path());
    let authorization = text("authorization");
    let scope = format!("/{REGION}/kms/aws4_request");
    if authorization != signature(&url, &headers, &body) || !authorization.contains(&scope) {
        return refused("com.amazonaws.kms#InvalidSignatureException");
    }
    let asked: Value = serde_json::from_slice(&body).unwrap();
    if text("x-amz-target") != "TrentService.Decrypt"
        || text("x-amz-security-token") != SESSION
        || asked["EncryptionContext"] != json!({ "strongroom": "kek" })
        || asked["KeyId"] != KEY_NAME
        || asked["CiphertextBlob"] != CIPHERTEXT
    {
        return refused("InvalidCiphertextException");
    }
    let plaintext = if uri.path() == "/lying" { "AAAA" } else { KEY };
    (StatusCode::OK, json!({ "KeyId": "arn:for-tests", "Plaintext": plaintext }).to_string())
}

/// The `Authorization` that whoever knows the secret gives to a request.
fn signature(url: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let date = headers["x-amz-date"].to_str().unwrap();
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date).unwrap().in_tz("UTC").unwrap();
    let identity =
        Credentials::new(ACCESS_KEY, SECRET, Some(SESSION.to_owned()), None, "tests").into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("kms")
        .time(SystemTime::from(date.timestamp()))
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let signed = ["content-type", "x-amz-target"];
    let signed = signed.map(|name| (name, headers[name].to_str().unwrap()));
    let body = SignableBody::Bytes(body);
    let request = SignableRequest::new("POST", url, signed.into_iter(), body).unwrap();
    let (signature, _) = sign(request, &parameters).unwrap().into_parts();
    let (headers, _) = signature.into_parts();
    headers.iter().find(|header| header.name() == "authorization").unwrap().value().to_owned()
}

async fn kms() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = ["/", "/slow", "/lying"];
    let router = routes.iter().fold(Router::new(), |all, path| all.route(path, post(decrypt)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// F31: a KMS that is gone, slow or unwilling is named within three seconds, and nobody makes up
/// another key.
#[tokio::test]
async fn f31_aws_kms_hands_over_the_key_or_is_named() {
    let home = folder();
    let home = home.path();
    let address = kms().await;
    let endpoint = format!("http://{address}/");
    let (slow, lying) = (format!("{endpoint}slow"), format!("{endpoint}lying"));
    let good = [
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", SESSION),
        ("AWS_ENDPOINT_URL_KMS", &endpoint),
    ];
    let but = |name: &str, value: &'static str| {
        good.map(|(known, usual)| (known, if known == name { value } else { usual }))
    };
    let at = |endpoint| {
        let [a, b, c, d, (name, _)] = good;
        [a, b, c, d, (name, endpoint)]
    };
    std::fs::write(home.join("kek.aws"), format!("{CIPHERTEXT}\n")).unwrap();
    std::fs::write(home.join("other.aws"), "AQICAHgBBBA=").unwrap();
    std::fs::write(home.join("no.aws"), "vault:v1:AAAA").unwrap();
    let create = ["tenant", "create", "acme", "--base-url", "http://localhost:4000"];
    let from_kms = ["--kek-aws-kms", KEY_NAME, "kek.aws"];
    let (code, told) = run_given(home, &[&create[..], &from_kms].concat(), &good).await;
    assert_eq!(code, Some(0), "{told}");
    // What KMS decrypts is the same key as any other.
    let print = format!("echo {KEY}");
    let (code, told) = run_given(home, &["keys", "verify", "--kek-command", &print], &[]).await;
    assert_eq!(code, Some(0), "{told}");
    let status = [&["keys", "status"], &from_kms[..]].concat();
    let (code, before) = run_given(home, &status, &good).await;
    assert_eq!(code, Some(0), "{before}");

    for (key, file, environment, sentence) in [
        (KEY_NAME, "kek.aws", &good[1..], "the variable AWS_REGION is not set"),
        (KEY_NAME, "kek.aws", &good[..1], "the variable AWS_ACCESS_KEY_ID is not set"),
        (
            KEY_NAME,
            "kek.aws",
            &but("AWS_SECRET_ACCESS_KEY", "wrong")[..],
            "AWS KMS at 127.0.0.1 does not decrypt the key: it answered 400 Bad Request \
             (InvalidSignatureException)",
        ),
        (KEY_NAME, "kek.aws", &but("AWS_SESSION_TOKEN", "x")[..], "(InvalidSignatureException)"),
        (KEY_NAME, "kek.aws", &but("AWS_REGION", "us-east-1")[..], "(InvalidSignatureException)"),
        ("alias/other", "kek.aws", &good[..], "(InvalidCiphertextException)"),
        (KEY_NAME, "other.aws", &good[..], "(InvalidCiphertextException)"),
        (KEY_NAME, "no.aws", &good[..], "no.aws does not hold a ciphertext of AWS KMS"),
        (KEY_NAME, "gone.aws", &good[..], "gone.aws cannot be read"),
        (KEY_NAME, "kek.aws", &at(&lying)[..], "decrypted does not hold a key"),
        (KEY_NAME, "kek.aws", &at("http://127.0.0.1:1/")[..], "does not decrypt the key"),
        (KEY_NAME, "kek.aws", &at(&slow)[..], "no answer in time"),
        (KEY_NAME, "kek.aws", &at("http://kms.example/")[..], "the address is not allowed"),
        (KEY_NAME, "kek.aws", &at("kms")[..], "lead to no URL"),
    ] {
        let started = Instant::now();
        let serve = ["serve", "--listen", "127.0.0.1:0", "--kek-aws-kms", key, file];
        let (code, told) = run_given(home, &serve, environment).await;
        assert_eq!((code, told.lines().count()), (Some(3), 1), "{key} {file}: {told}");
        assert!(told.contains(sentence), "{key} {file}: {told}");
        assert!(!told.contains(SECRET) && !told.contains(SESSION) && !told.contains(KEY), "{told}");
        assert!(started.elapsed() < Duration::from_secs(3), "{key} {file}");
    }
    assert_eq!(run_given(home, &status, &good).await.1, before);
}
