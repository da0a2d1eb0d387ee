//! What the binary says when it cannot: one sentence, nothing on standard output, a code.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::process::{ANY_PORTS, Dev, folder, run};

const CONFIGURATION: i32 = 3;
const USAGE: i32 = 2;

async fn check(folder: &Path, arguments: &[&str], code: i32, sentence: &str) {
    let output = run(folder, arguments).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
    assert!(told.contains(sentence), "{arguments:?}: {told}");
    assert!(output.stdout.is_empty());
    if code == CONFIGURATION {
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let home = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for option in ["--port", "--emulator-port", "--demo-port"] {
        let free = ["--port", "--emulator-port", "--demo-port"].map(|other| [other, "0"]);
        let mut arguments = vec!["dev"];
        arguments.extend(free.iter().filter(|[other, _]| *other != option).flatten());
        arguments.extend([option, &port]);
        let sentence =
            format!("port {port} is taken; stop what listens there, or pass another {option}");
        check(home.path(), &arguments, CONFIGURATION, &sentence).await;
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let home = folder();
    std::fs::write(home.path().join("file"), "").unwrap();
    let sentence = "the folder file/data cannot be made; pass another --data";
    check(
        home.path(),
        &["dev", "--port", "0", "--emulator-port", "0", "--demo-port", "0", "--data", "file/data"],
        CONFIGURATION,
        sentence,
    )
    .await;
}

#[tokio::test]
async fn an_unreadable_seed_is_named() {
    let home = folder();
    let seed = ["dev", "--seed", "seed.toml"];
    check(home.path(), &seed, CONFIGURATION, "the seed seed.toml cannot be read").await;
    std::fs::write(home.path().join("seed.toml"), "clients = 1").unwrap();
    check(home.path(), &seed, CONFIGURATION, "the seed seed.toml, line 1: unknown field").await;
    assert!(!home.path().join(".strongroom").exists());
}

#[tokio::test]
async fn a_database_without_its_own_key_is_left_alone() {
    let home = folder();
    Dev::start(home.path(), &[]).await.stop().await;
    let again = [&["dev"], &ANY_PORTS[..]].concat();
    let kek = home.path().join(".strongroom/kek");
    let text = std::fs::read_to_string(&kek).unwrap();

    std::fs::remove_file(&kek).unwrap();
    check(home.path(), &again, CONFIGURATION, "and .strongroom/kek does not exist").await;
    assert!(!kek.exists());

    std::fs::write(&kek, &text).unwrap();
    std::fs::set_permissions(&kek, std::fs::Permissions::from_mode(0o644)).unwrap();
    check(home.path(), &again, CONFIGURATION, "chmod 600 .strongroom/kek").await;

    std::fs::set_permissions(&kek, std::fs::Permissions::from_mode(0o600)).unwrap();
    let other = if text.starts_with('A') { "B" } else { "A" };
    std::fs::write(&kek, format!("{other}{}", &text[1..])).unwrap();
    check(home.path(), &again, CONFIGURATION, "the database is sealed with the key-encryption key")
        .await;

    std::fs::write(&kek, &text).unwrap();
    Dev::start(home.path(), &[]).await.stop().await;
}

#[tokio::test]
async fn options_that_exclude_each_other_are_a_misuse() {
    let home = folder();
    for arguments in [
        &["dev", "--ephemeral", "--data", "x"][..],
        &["dev", "--host", "acme.strongroom.test"],
        &["serve"],
        &["tenant", "create", "acme", "--database", "sqlite:x.db"],
    ] {
        check(home.path(), arguments, USAGE, "error:").await;
    }
}

#[tokio::test]
async fn a_network_that_is_none_is_named() {
    let arguments =
        ["serve", "--database", "sqlite:x.db", "--allow-private-network", "10.0.0.0/33"];
    let sentence = "invalid value '10.0.0.0/33' for '--allow-private-network <CIDR>'";
    check(folder().path(), &arguments, USAGE, sentence).await;
}

#[tokio::test]
async fn a_proxy_that_is_no_network_is_named() {
    let home = folder();
    for nonsense in ["10.0.0.0/33", "proxy.example", "10.0.0.1:80"] {
        let arguments = ["serve", "--database", "sqlite:data.db", "--trusted-proxy", nonsense];
        check(home.path(), &arguments, USAGE, "--trusted-proxy").await;
    }
}
