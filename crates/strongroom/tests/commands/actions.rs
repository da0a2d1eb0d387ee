//! The processes that scripts run in, as the system sees those of the real binary.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::process::{Dev, folder, http};

/// The children of a process that run scripts.
fn workers(pid: u32) -> Vec<PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<String> = children.collect();
    let pids = children.iter().flat_map(|pids| pids.split_whitespace());
    let processes = pids.map(|pid| Path::new("/proc").join(pid));
    let is_worker = |process: &PathBuf| {
        let arguments = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
        arguments.split('\0').any(|argument| argument == "actions-worker")
    };
    processes.filter(is_worker).collect()
}

/// Saves a connection with a script, for which the script is read by a worker.
async fn save(dev: &Dev, name: &str, script: &str) -> StatusCode {
    let ask = json!({
        "grant_type": "client_credentials", "client_id": dev.text("/management/client_id"),
        "client_secret": dev.text("/management/client_secret"),
        "audience": dev.text("/management/audience"),
    });
    let answer = post(dev, "oauth/token", None, &ask).await;
    let token: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let connection = json!({
        "name": name, "strategy": "oauth2",
        "options": {
            "client_id": "c", "authorizationURL": "https://idp.example/authorize",
            "tokenURL": "https://idp.example/token", "scripts": { "fetchUserProfile": script },
        },
    });
    let token = token["access_token"].as_str().unwrap();
    post(dev, "api/v2/connections", Some(token), &connection).await.status()
}

async fn post(dev: &Dev, path: &str, token: Option<&str>, body: &Value) -> Response {
    let url = format!("{}{path}", dev.text("/issuer"));
    let mut request = http(None, "localhost").post(url).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.body(body.to_string()).send().await.unwrap()
}

/// A133: a worker has nothing of the server but two pipes, and may ask the system for nothing.
#[tokio::test]
async fn a133_a_worker_has_nothing_and_ends_with_its_server() {
    let home = folder();
    let dev = Dev::start(home.path(), &["--ephemeral", "--no-demo"]).await;
    assert_eq!(workers(dev.pid()), Vec::<PathBuf>::new(), "no script, no process");
    assert_eq!(save(&dev, "one", "function (").await, 400);
    assert_eq!(save(&dev, "one", "function () {}").await, 201);
    let found = workers(dev.pid());
    let [worker] = found.as_slice() else { panic!("one at a time: {found:?}") };

    let read = |file: &str| fs::read_to_string(worker.join(file)).unwrap();
    assert_eq!(read("environ"), "");
    for file in fs::read_dir(worker.join("fd")).unwrap().flatten() {
        let number = file.file_name().into_string().unwrap();
        // What this test was started with is inherited by everybody, though of no use to a worker.
        let inherited = fs::read_link(Path::new("/proc/self/fd").join(&number)).ok();
        let is_known = ["0", "1", "2"].contains(&number.as_str());
        assert!(is_known || fs::read_link(file.path()).ok() == inherited, "{number}");
    }
    assert_eq!(fs::read_link(worker.join("fd/2")).unwrap(), Path::new("/dev/null"));
    let has = |file: &str, name: &str, value: &str| {
        let text = read(file);
        let line = text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line.split_whitespace().any(|it| it == value), "{line}");
    };
    // 2: the kernel filters its system calls.
    has("status", "Seccomp:", "2");
    has("status", "NoNewPrivs:", "1");
    has("status", "Threads:", "1");
    for name in ["Max open files", "Max processes", "Max file size", "Max core file size"] {
        has("limits", name, "0");
    }
    assert!(
        !read("limits")
            .lines()
            .any(|it| it.starts_with("Max address space  ") && it.contains("unlimited"))
    );

    // Killed, the server cannot tell it to end.
    dev.kill().await;
    let gone = async {
        while worker.join("fd/0").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}
