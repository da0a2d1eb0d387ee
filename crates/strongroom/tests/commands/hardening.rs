//! A164: what the process holds in memory stays there.

#![cfg(target_os = "linux")]

use std::os::unix::process::ExitStatusExt;

use crate::process::{Dev, folder};

#[tokio::test]
async fn a164_a_crash_leaves_no_memory_behind() {
    let home = folder();
    let dev = Dev::start(home.path(), &["--ephemeral"]).await;
    let limits = String::from_utf8(dev.proc("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{core}");
    let ended = dev.abort().await;
    assert!(ended.signal().is_some() && !ended.core_dumped(), "{ended}");
    let left = std::fs::read_dir(home.path()).unwrap();
    assert!(left.flatten().all(|file| !file.file_name().to_string_lossy().starts_with("core")));
}

/// Other users of the machine read what a process was started with.
#[tokio::test]
async fn a164_no_secret_is_in_the_arguments_or_the_environment() {
    let home = folder();
    let dev = Dev::start(home.path(), &["--ephemeral"]).await;
    let shown = [dev.proc("cmdline"), dev.proc("environ"), dev.proc("comm")].concat();
    let shown = String::from_utf8_lossy(&shown);
    for path in [
        "/management/client_secret",
        "/clients/web/client_secret",
        "/clients/api/client_secret",
        "/users/0/password",
        "/emulator/users/0/password",
    ] {
        assert!(!shown.contains(dev.text(path)), "{path}");
    }
    dev.stop().await;
}
