//! `strongroom keys`, and what a server says that lacks a key.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::process::{folder, http, run, strongroom, terminate};
use crate::serve::{ask, free_port};

const DATABASE: [&str; 2] = ["--database", "sqlite:strongroom.db"];

/// What a command printed, and its code.
async fn keys(folder: &Path, command: &[&str]) -> (Option<i32>, String, String) {
    let output = run(folder, &[&["keys"], command, &DATABASE[..]].concat()).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// 32 bytes in base64.
const OTHER_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn other_key(file: &Path) {
    std::fs::write(file, OTHER_KEY).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

async fn with_tenant(folder: &Path) {
    let create = ["tenant", "create", "acme", "--base-url", "http://localhost:4000"];
    let output = run(folder, &[&create[..], &DATABASE, &["--kek-file", "old.kek"]].concat()).await;
    assert!(output.status.success(), "{output:?}");
}

/// F31: first wrap, then forget; never the other way round.
#[tokio::test]
async fn f31_a_key_that_is_in_use_is_not_forgotten() {
    let home = folder();
    let home = home.path();
    with_tenant(home).await;
    other_key(&home.join("new.kek"));
    let both = ["--kek-file", "new.kek", "--kek-file", "old.kek"];
    let (code, out, _) = keys(home, &[&["status", "--json"], &both[..]].concat()).await;
    assert_eq!(code, Some(0));
    let status: Value = serde_json::from_str(&out).unwrap();
    let keks = status["keks"].as_array().unwrap();
    let old = keks.iter().find(|kek| kek["active"] == false).unwrap()["id"].as_str().unwrap();
    let (code, out, _) = keys(home, &[&["retire", old], &both[..]].concat()).await;
    assert_eq!((code, out.contains("wraps 7 tenant keys")), (Some(1), true), "{out}");

    let rotate = [&["rotate", "--data-keys"], &both[..]].concat();
    let (code, out, told) = keys(home, &rotate).await;
    assert_eq!(code, Some(0), "{out}{told}");
    assert!(out.contains("7 tenant keys were wrapped anew"), "{out}");
    // A signing key that verifiers may not know yet does not sign.
    let (code, out, _) = keys(home, &[&["rotate", "--signing"], &both[..]].concat()).await;
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("acme signs with the same key"), "{out}");
    let (code, out, _) = keys(home, &[&["retire", old], &both[..]].concat()).await;
    assert_eq!(code, Some(0), "{out}");
    let new = ["--kek-file", "new.kek"];
    let (code, out, _) = keys(home, &[&["verify"], &new[..]].concat()).await;
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains(" records open, 0 do not"), "{out}");
    let (_, out, _) = keys(home, &[&["status"], &new[..]].concat()).await;
    assert!(out.contains("(active) wraps 11 tenant keys"), "{out}");
}

/// A tenant is erased by whoever types its name twice, and `verify` says so.
#[tokio::test]
async fn a_tenant_is_erased_when_its_name_is_given_twice() {
    let home = folder();
    let home = home.path();
    with_tenant(home).await;
    let kek = ["--kek-file", "old.kek"];
    for confirmation in [&[][..], &["--yes-erase", "other"]] {
        let erase = [&["erase", "acme"], confirmation, &kek[..]].concat();
        let (code, out, told) = keys(home, &erase).await;
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert_eq!(told, "error: nothing is erased: confirm with --yes-erase acme\n");
    }
    let (code, out, _) = keys(home, &[&["verify"], &kek[..]].concat()).await;
    assert_eq!((code, out.contains("erased")), (Some(0), false), "{out}");

    for (name, code, sentence) in [
        ("nobody", 1, "There is no tenant nobody."),
        ("acme", 0, "The 7 keys of acme are deleted"),
        ("acme", 0, "The keys of acme had been deleted before."),
    ] {
        let erase = [&["erase", name, "--yes-erase", name], &kek[..]].concat();
        let (ended, out, told) = keys(home, &erase).await;
        assert_eq!(ended, Some(code), "{out}{told}");
        assert!(out.starts_with(sentence), "{out}");
    }
    let (code, out, _) = keys(home, &[&["verify"], &kek[..]].concat()).await;
    assert_eq!((code, out.as_str()), (Some(0), "acme is erased\n0 records open, 0 do not\n"));
    let rotate = [&["rotate", "--data-keys", "--signing"], &kek[..]].concat();
    let (code, out, told) = keys(home, &rotate).await;
    assert_eq!(code, Some(0), "{out}{told}");
}

/// F21: a wrong key is named for what it is, and nothing is written.
#[tokio::test]
async fn f21_a_wrong_key_is_refused_before_anything_is_written() {
    let home = folder();
    let home = home.path();
    with_tenant(home).await;
    other_key(&home.join("new.kek"));
    let old = ["--kek-file", "old.kek"];
    let (_, before, _) = keys(home, &[&["status"], &old[..]].concat()).await;
    let wanted = before.split(' ').next().unwrap();
    for command in ["status", "rotate", "verify"] {
        let (code, out, told) = keys(home, &[command, "--kek-file", "new.kek"]).await;
        assert_eq!(code, Some(3), "{out}{told}");
        assert!(told.contains(&format!("key-encryption key {wanted}")), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    let (_, after, _) = keys(home, &[&["status"], &old[..]].concat()).await;
    assert_eq!(after, before);
}

/// F21: a start is refused within three seconds, in a sentence that names the key, whichever way keys
/// are given, and a key file that is missing is not made.
#[tokio::test]
async fn f21_a_start_without_the_right_key_is_refused_at_once() {
    let home = folder();
    let home = home.path();
    with_tenant(home).await;
    other_key(&home.join("new.kek"));
    let status = ["status", "--kek-file", "old.kek"];
    let (_, before, _) = keys(home, &status).await;
    let wanted = before.split(' ').next().unwrap();
    let print_new = format!("echo {OTHER_KEY}");
    let lost = format!("key-encryption key {wanted}, and gone.kek does not exist");
    let other = format!("key-encryption key {wanted}, and ");
    for (given, sentence) in [
        (&["--kek-file", "gone.kek"][..], lost.as_str()),
        (&["--kek-file", "new.kek", "--kek-file", "gone.kek"], &lost),
        (&["--kek-file", "gone.kek", "--kek-file", "old.kek"], "file gone.kek cannot be read"),
        (&["--kek-file", "new.kek"], &other),
        (&["--kek-command", &print_new], &other),
        (&["--kek-command", "false", "--kek-file", "old.kek"], "key command false failed"),
        (&["--kek-command", "echo no"], "what echo printed does not hold a key"),
        (&[], "no key-encryption key: pass --kek-file or another of the --kek options, or set"),
    ] {
        let started = std::time::Instant::now();
        let serve = [&["serve", "--listen", "127.0.0.1:0"], &DATABASE[..], given].concat();
        let output = run(home, &serve).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.lines().count()), (Some(3), 1), "{given:?}: {told}");
        assert!(told.contains(sentence), "{given:?}: {told}");
        assert!(started.elapsed().as_secs() < 3, "{given:?}");
    }
    assert!(!home.join("gone.kek").exists());
    // It lists every check of a key that was ever let in.
    assert_eq!(keys(home, &status).await.1, before);
}

/// F30: a server goes on serving through the whole rotation, and the next one needs the new key alone.
#[tokio::test]
async fn f30_a_server_serves_while_its_keys_are_rotated() {
    let home = folder();
    let home = home.path();
    let port = free_port();
    let base_url = format!("http://localhost:{port}");
    let create = ["tenant", "create", "acme", "--base-url", &base_url, "--kek-file", "old.kek"];
    let created = run(home, &[&create[..], &DATABASE].concat()).await;
    let created: Value = serde_json::from_slice(&created.stdout).unwrap();
    other_key(&home.join("new.kek"));
    let print_new = format!("echo {OTHER_KEY}");
    let listen = format!("127.0.0.1:{port}");
    let serve = |keks: &[&str]| {
        let arguments = [&["serve", "--listen", &listen], &DATABASE[..], keks].concat();
        strongroom(home, &arguments).stderr(Stdio::null()).spawn().unwrap()
    };
    let ask = token_request(&base_url, &created["management"]);

    // The first is the key that wraps; this server does not wrap with the new one yet.
    let mut server = serve(&["--kek-file", "old.kek", "--kek-command", &print_new]);
    assert_eq!(answered(&ask).await, 200);
    let stop = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let (stop, ask) = (Arc::clone(&stop), ask.try_clone().unwrap());
        async move {
            let mut served = 0;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(ask.try_clone().unwrap().send().await.unwrap().status(), 200);
                served += 1;
            }
            served
        }
    });
    let both = ["--kek-command", &print_new, "--kek-file", "old.kek"];
    let (_, status, _) = keys(home, &[&["status", "--json"], &both[..]].concat()).await;
    let status: Value = serde_json::from_str(&status).unwrap();
    let keks = status["keks"].as_array().unwrap();
    let old = keks.iter().find(|kek| kek["active"] == false).unwrap()["id"].as_str().unwrap();
    let (code, out, told) = keys(home, &[&["rotate", "--data-keys"], &both[..]].concat()).await;
    assert_eq!(code, Some(0), "{out}{told}");
    assert!(told.is_empty(), "the journal of the server is not touched: {told}");
    for command in [&["verify"][..], &["retire", old]] {
        let (code, out, told) = keys(home, &[command, &["--kek-file", "new.kek"]].concat()).await;
        assert_eq!(code, Some(0), "{out}{told}");
    }
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    stop.store(true, Ordering::Relaxed);
    let served = asking.await.unwrap();
    assert!(served > 20, "{served}");
    terminate(&server);
    assert!(server.wait().await.unwrap().success());

    let mut server = serve(&["--kek-file", "new.kek"]);
    assert_eq!(answered(&ask).await, 200);
    server.kill().await.unwrap();
    let arguments = [&["serve", "--listen", &listen, "--kek-file", "old.kek"], &DATABASE[..]];
    assert_eq!(run(home, &arguments.concat()).await.status.code(), Some(3));
}

fn token_request(base_url: &str, client: &Value) -> reqwest::RequestBuilder {
    let body = serde_json::json!({
        "grant_type": "client_credentials",
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
        "audience": client["audience"],
    });
    http(None, "localhost")
        .post(format!("{base_url}/oauth/token"))
        .header("content-type", "application/json")
        .body(body.to_string())
}

async fn answered(request: &reqwest::RequestBuilder) -> u16 {
    ask(request.try_clone().unwrap()).await.status().as_u16()
}
