//! A key-encryption key that Transit decrypts, by a Transit that we pretend to be.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path as Name, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use crate::process::{folder, run_given};

const TOKEN: &str = "hvs.for-tests";
const CIPHERTEXT: &str = "vault:v1:AAAA";
/// 32 bytes in base64.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// Decrypts the one ciphertext that it knows, by the one key, for whoever has the token.
async fn decrypt(
    Name(name): Name<String>,
    headers: HeaderMap,
    request: Request,
) -> (StatusCode, String) {
    let body = axum::body::to_bytes(request.into_body(), 4096).await.unwrap();
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let token = headers.get("x-vault-token").and_then(|token| token.to_str().ok());
    if name == "slow" {
        std::future::pending::<()>().await;
    }
    if token != Some(TOKEN) {
        return (StatusCode::FORBIDDEN, json!({ "errors": ["permission denied"] }).to_string());
    }
    if name == "lying" {
        return (StatusCode::OK, json!({ "data": { "plaintext": "AAAA" } }).to_string());
    }
    if asked["ciphertext"] != CIPHERTEXT {
        return (StatusCode::BAD_REQUEST, json!({ "errors": ["invalid ciphertext"] }).to_string());
    }
    (StatusCode::OK, json!({ "data": { "plaintext": KEY } }).to_string())
}

async fn transit() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/v1/transit/decrypt/{name}", post(decrypt));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn run(home: &Path, arguments: &[&str], token: Option<&str>) -> (Option<i32>, String) {
    let token: Vec<_> = token.iter().map(|token| ("VAULT_TOKEN", *token)).collect();
    run_given(home, arguments, &token).await
}

/// F31: a Transit that is gone, slow or unwilling is named within three seconds, and nobody makes up
/// another key.
#[tokio::test]
async fn f31_transit_hands_over_the_key_or_is_named() {
    let home = folder();
    let home = home.path();
    let address = transit().await;
    let url = |name: &str| format!("http://{address}/v1/transit/decrypt/{name}");
    std::fs::write(home.join("kek.transit"), format!("{CIPHERTEXT}\n")).unwrap();
    std::fs::write(home.join("other.transit"), "vault:v1:BBBB").unwrap();
    std::fs::write(home.join("no.transit"), KEY).unwrap();
    let create = ["tenant", "create", "acme", "--base-url", "http://localhost:4000"];
    let good = url("strongroom");
    let from_transit = ["--kek-transit", &good, "kek.transit"];
    let (code, told) = run(home, &[&create[..], &from_transit].concat(), Some(TOKEN)).await;
    assert_eq!(code, Some(0), "{told}");
    // What Transit decrypts is the same key as any other.
    let print = format!("echo {KEY}");
    let verify = ["keys", "verify", "--kek-command", &print];
    let (code, told) = run(home, &verify, None).await;
    assert_eq!(code, Some(0), "{told}");
    let status = [&["keys", "status"], &from_transit[..]].concat();
    let (code, before) = run(home, &status, Some(TOKEN)).await;
    assert_eq!(code, Some(0), "{before}");

    let (gone, slow, lying) =
        ("http://127.0.0.1:1/v1/transit/decrypt/k", url("slow"), url("lying"));
    for (url, file, token, sentence) in [
        (good.as_str(), "kek.transit", None, "does not decrypt the key: it answered 403"),
        (&good, "kek.transit", Some("wrong"), "it answered 403"),
        (&good, "other.transit", Some(TOKEN), "it answered 400"),
        (&good, "no.transit", Some(TOKEN), "no.transit does not hold a ciphertext of Transit"),
        (&good, "gone.transit", Some(TOKEN), "gone.transit cannot be read"),
        (&lying, "kek.transit", Some(TOKEN), "decrypted does not hold a key"),
        (gone, "kek.transit", Some(TOKEN), "Transit at 127.0.0.1 does not decrypt the key"),
        (&slow, "kek.transit", Some(TOKEN), "no answer in time"),
        ("http://127.0.0.1/", "kek.transit", Some(TOKEN), "a key of Transit is https://"),
    ] {
        let started = Instant::now();
        let serve = ["serve", "--listen", "127.0.0.1:0", "--kek-transit", url, file];
        let (code, told) = run(home, &serve, token).await;
        assert_eq!((code, told.lines().count()), (Some(3), 1), "{url} {file}: {told}");
        assert!(told.contains(sentence), "{url} {file}: {told}");
        assert!(!told.contains(TOKEN) && !told.contains(KEY), "{told}");
        assert!(started.elapsed() < Duration::from_secs(3), "{url} {file}");
    }
    assert_eq!(run(home, &status, Some(TOKEN)).await.1, before);
}
