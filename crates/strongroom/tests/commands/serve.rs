//! `strongroom tenant create` and `strongroom serve`.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::process::{folder, http, run, strongroom};

const STORAGE: [&str; 4] = ["--database", "sqlite:data.db", "--kek-file", "kek"];

async fn create(home: &Path, name: &str, base_url: &str) -> std::process::Output {
    let arguments = ["tenant", "create", name, "--base-url", base_url];
    run(home, &[&arguments[..], &STORAGE].concat()).await
}

#[tokio::test]
async fn a_tenant_is_served_to_whom_its_creation_named() {
    let home = folder();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base_url = format!("http://localhost:{port}");
    let created = create(home.path(), "acme", &base_url).await;
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let created: Value = serde_json::from_slice(&created.stdout).unwrap();

    let listen = format!("127.0.0.1:{port}");
    let arguments = [&["serve", "--listen", &listen], &STORAGE[..]].concat();
    let mut server = strongroom(home.path(), &arguments).stderr(Stdio::null()).spawn().unwrap();
    let client = http(None, "localhost");
    let request = client.post(format!("{base_url}/oauth/token"));
    let body = serde_json::json!({
        "grant_type": "client_credentials",
        "client_id": created["management"]["client_id"],
        "client_secret": created["management"]["client_secret"],
        "audience": created["management"]["audience"],
    });
    let request = request.header("content-type", "application/json").body(body.to_string());
    let mut answer = request.try_clone().unwrap().send().await;
    for _ in 0..100 {
        if answer.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        answer = request.try_clone().unwrap().send().await;
    }
    assert_eq!(answer.unwrap().status(), 200);
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
