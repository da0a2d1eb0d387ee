//! `strongroom dev` that works.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::process::{Dev, folder, http};

#[tokio::test]
async fn it_prints_one_line_and_stops_when_told() {
    let home = folder();
    let dev = Dev::start(home.path(), &["--ephemeral"]).await;
    let mut shape = dev.announced.clone();
    let emulator = dev.text("/emulator/issuer").to_owned();
    let issuer = dev.text("/issuer").to_owned();
    assert_eq!(shape["management"]["audience"], format!("{issuer}api/v2/"));
    assert_eq!(
        shape["connections"],
        json!({
            "database": "Username-Password-Authentication", "calendar": "calendar",
        })
    );
    assert_eq!(shape["resource_server"], "https://calendar.strongroom.test/");
    assert_eq!(shape["ca"], json!(null));
    for path in [
        "/management/client_id",
        "/management/client_secret",
        "/clients/spa/client_id",
        "/clients/web/client_secret",
        "/clients/api/client_secret",
        "/users/0/password",
        "/users/1/email",
        "/emulator/users/0/username",
        "/emulator/users/0/password",
    ] {
        assert!(!shape.pointer_mut(path).unwrap().as_str().unwrap().is_empty(), "{path}");
    }

    let client = http(None, "localhost");
    let metadata = format!("{issuer}.well-known/openid-configuration");
    for url in [metadata.as_str(), dev.text("/demo"), &emulator] {
        assert_eq!(client.get(url).send().await.unwrap().status(), 200, "{url}");
    }
    assert_eq!(dev.stop().await, (Some(0), String::new()));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_it_keeps_is_private_and_found_again() {
    let home = folder();
    let first = Dev::start(home.path(), &["--no-demo"]).await;
    let before = first.announced.clone();
    first.stop().await;
    let again = Dev::start(home.path(), &["--no-demo"]).await;
    let after = again.announced.clone();
    again.stop().await;

    assert_eq!(before["demo"], json!(null));
    assert_eq!(after["clients"], before["clients"]);
    assert_eq!(after["management"]["client_secret"], before["management"]["client_secret"]);
    assert_eq!(after["users"][0]["email"], before["users"][0]["email"]);
    assert_ne!(after["users"][0]["password"], before["users"][0]["password"]);
    let mode = |path: &str| {
        let metadata = std::fs::metadata(home.path().join(path)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(".strongroom"), 0o700);
    assert_eq!(mode(".strongroom/kek"), 0o600);
    assert_eq!(mode(".strongroom/strongroom.db"), 0o600);
}

#[tokio::test]
async fn https_is_trusted_through_the_local_ca_and_http_stays_beside_it() {
    let home = folder();
    let host = "acme.strongroom.test";
    let https = ["--https", "--host", host, "--http-port", "0"];
    let dev = Dev::start(home.path(), &https).await;
    let issuer = dev.text("/issuer");
    assert!(issuer.starts_with("https://acme.strongroom.test:"), "{issuer}");
    let client = http(Some(Path::new(dev.text("/ca"))), host);
    for issuer in [issuer, dev.text("/local_issuer")] {
        let url = format!("{issuer}.well-known/openid-configuration");
        let metadata = client.get(&url).send().await.unwrap().text().await.unwrap();
        let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
        assert_eq!(metadata["issuer"], *issuer);
    }
    dev.stop().await;
}

#[tokio::test]
async fn a_seed_adds_people_with_their_passwords() {
    let home = folder();
    let seed = "[[users]]\nemail = \"linus@app.example\"\npassword = \"typed by a test\"\n";
    std::fs::write(home.path().join("seed.toml"), seed).unwrap();
    let dev = Dev::start(home.path(), &["--ephemeral", "--seed", "seed.toml"]).await;
    let linus = &dev.announced["users"][2];
    assert_eq!(linus["email"], "linus@app.example");
    assert_eq!(linus["password"], "typed by a test");
    assert!(linus["user_id"].as_str().unwrap().starts_with("auth0|"), "{linus}");
    dev.stop().await;
}
