//! `strongroom tenant create` and `strongroom serve`.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt;

use crate::process::{folder, http, run, strongroom, terminate};

pub(crate) const STORAGE: [&str; 4] = ["--database", "sqlite:data.db", "--kek-file", "kek"];

pub(crate) async fn create(home: &Path, name: &str, base_url: &str) -> std::process::Output {
    let arguments = ["tenant", "create", name, "--base-url", base_url];
    run(home, &[&arguments[..], &STORAGE].concat()).await
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks until somebody listens.
pub(crate) async fn ask(request: reqwest::RequestBuilder) -> reqwest::Response {
    for _ in 0..200 {
        if let Ok(answer) = request.try_clone().unwrap().send().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody listens")
}

#[tokio::test]
async fn a_tenant_is_served_to_whom_its_creation_named() {
    let home = folder();
    let port = free_port();
    let base_url = format!("http://localhost:{port}");
    let created = create(home.path(), "acme", &base_url).await;
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let created: Value = serde_json::from_slice(&created.stdout).unwrap();

    let listen = format!("127.0.0.1:{port}");
    let arguments = [&["serve", "--listen", &listen], &STORAGE[..]].concat();
    let mut server = strongroom(home.path(), &arguments).stderr(Stdio::piped()).spawn().unwrap();
    let body = serde_json::json!({
        "grant_type": "client_credentials",
        "client_id": created["management"]["client_id"],
        "client_secret": created["management"]["client_secret"],
        "audience": created["management"]["audience"],
    });
    let request = http(None, "localhost").post(format!("{base_url}/oauth/token"));
    let request = request.header("content-type", "application/json").body(body.to_string());
    assert_eq!(ask(request).await.status(), 200);

    terminate(&server);
    let mut log = String::new();
    server.stderr.take().unwrap().read_to_string(&mut log).await.unwrap();
    assert!(server.wait().await.unwrap().success());
    let messages: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(messages.last().unwrap()["message"], "stopped");
}

#[tokio::test]
async fn tls_ends_here_where_there_is_a_certificate() {
    let home = folder();
    let port = free_port();
    let base_url = format!("https://localhost:{port}/");
    assert!(create(home.path(), "acme", &base_url).await.status.success());
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = home.path().join("tls.pem");
    std::fs::write(&certificate, signed.cert.pem()).unwrap();
    std::fs::write(home.path().join("tls.key"), signed.signing_key.serialize_pem()).unwrap();

    let listen = format!("127.0.0.1:{port}");
    let tls = ["--tls-certificate", "tls.pem", "--tls-key", "tls.key"];
    let arguments = [&["serve", "--listen", &listen], &tls[..], &STORAGE].concat();
    let mut server = strongroom(home.path(), &arguments).stderr(Stdio::null()).spawn().unwrap();
    let client = http(Some(&certificate), "localhost");
    let answer = ask(client.get(format!("{base_url}.well-known/jwks.json"))).await;
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    server.kill().await.unwrap();
}

#[tokio::test]
async fn nothing_is_served_and_nothing_made_without_a_tenant() {
    let home = folder();
    let arguments = [&["serve", "--listen", "127.0.0.1:0"], &STORAGE[..]].concat();
    let output = run(home.path(), &arguments).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("strongroom tenant create"));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_host_belongs_to_one_tenant() {
    let home = folder();
    assert!(create(home.path(), "acme", "https://id.example").await.status.success());
    for (name, base_url) in [("other", "https://id.example"), ("acme", "https://other.example")] {
        let refused = create(home.path(), name, base_url).await;
        assert_eq!(refused.status.code(), Some(3));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("exists already"));
    }
}
