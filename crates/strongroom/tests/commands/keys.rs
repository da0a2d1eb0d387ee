//! `strongroom keys`, and what a server says that lacks a key.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::process::{folder, run};

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
    let (code, out, _) = keys(home, &[&["retire", old], &both[..]].concat()).await;
    assert_eq!(code, Some(0), "{out}");
    let new = ["--kek-file", "new.kek"];
    let (code, out, _) = keys(home, &[&["verify"], &new[..]].concat()).await;
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains(" records open, 0 do not"), "{out}");
    let (_, out, _) = keys(home, &[&["status"], &new[..]].concat()).await;
    assert!(out.contains("(active) wraps 11 tenant keys"), "{out}");
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
