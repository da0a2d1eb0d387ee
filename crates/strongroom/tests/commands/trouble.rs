//! `strongroom serve` on a machine that runs out of something, or that kills it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use store::{Database, Query};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::process::{folder, http, limited, strongroom, terminate};
use crate::serve::{STORAGE, ask, create, free_port};

/// A tenant, and a request that writes: its answer leaves after its event is stored.
struct Site {
    home: TempDir,
    port: u16,
    writing: reqwest::RequestBuilder,
}

impl Site {
    async fn make() -> Self {
        let (home, port) = (folder(), free_port());
        let base_url = format!("http://localhost:{port}");
        let created = create(home.path(), "acme", &base_url).await;
        let created: Value = serde_json::from_slice(&created.stdout).unwrap();
        let body = serde_json::json!({
            "grant_type": "client_credentials",
            "client_id": created["management"]["client_id"],
            "client_secret": created["management"]["client_secret"],
            "audience": created["management"]["audience"],
        });
        let writing = http(None, "localhost").post(format!("{base_url}/oauth/token"));
        let writing = writing.header("content-type", "application/json").body(body.to_string());
        Self { home, port, writing: writing.timeout(Duration::from_secs(20)) }
    }

    fn start(&self, command: impl Fn(&Path, &[&str]) -> Command) -> Child {
        let listen = format!("127.0.0.1:{}", self.port);
        let arguments = [&["serve", "--listen", &listen], &STORAGE[..]].concat();
        command(self.home.path(), &arguments).stderr(std::process::Stdio::null()).spawn().unwrap()
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("data.db")
    }

    /// The server ends well, and its database is sound and has at least so many events.
    async fn is_sound(&self, mut server: Child, events: i64) {
        terminate(&server);
        assert!(server.wait().await.unwrap().success());
        is_sound(&self.file(), events).await;
    }
}

async fn is_sound(file: &Path, events: i64) {
    let mut read = Database::open_sqlite(file).unwrap().read().await.unwrap();
    let check = read.rows("PRAGMA integrity_check", vec![]).await.unwrap();
    assert_eq!(check[0].text("integrity_check").unwrap(), "ok");
    let count = read.row("SELECT COUNT(*) AS n FROM log_events", vec![]).await.unwrap().unwrap();
    let count = count.int("n").unwrap();
    assert!(count >= events, "{events} answers left, and {count} events are stored");
}

/// F10, F17: there is no room to write. No answer leaves without its event, the server says so and
/// lives, and goes on when there is room.
#[tokio::test]
async fn f17_a_full_disk_is_told_and_healed() {
    let site = Site::make().await;
    // The write-ahead log comes to this size long before it is moved into the file.
    let limits = "trap '' XFSZ; ulimit -S -f 4096";
    let mut server = site.start(|folder, arguments| limited(folder, limits, arguments));
    let mut stored = 0;
    let refused = loop {
        let answer = ask(site.writing.try_clone().unwrap()).await;
        if answer.status() != 200 {
            break answer;
        }
        stored += 1;
        assert!(stored < 5_000, "the limit limits nothing");
    };
    assert_eq!(
        (refused.status().as_u16(), refused.headers().contains_key("retry-after")),
        (503, true)
    );
    let refused: Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
    assert_eq!(refused["error"], "temporarily_unavailable");
    for _ in 0..5 {
        let answer = site.writing.try_clone().unwrap().send().await.unwrap();
        assert_eq!(answer.status(), 503);
    }
    assert!(server.try_wait().unwrap().is_none());

    let pid = server.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    prlimit(pid, Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    for _ in 0..5 {
        assert_eq!(site.writing.try_clone().unwrap().send().await.unwrap().status(), 200);
        stored += 1;
    }
    site.is_sound(server, stored).await;
}

/// F18: more connections than files may be open. Whoever is not let in waits, nothing is damaged, and
/// the server goes on when they are gone.
#[tokio::test]
async fn f18_too_many_open_files_are_survived() {
    let site = Site::make().await;
    let server = site.start(|folder, arguments| limited(folder, "ulimit -n 64", arguments));
    assert_eq!(ask(site.writing.try_clone().unwrap()).await.status(), 200);
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(TcpStream::connect(("127.0.0.1", site.port)).await.unwrap());
    }
    sleep(Duration::from_millis(300)).await;
    drop(crowd);
    // Another client, because the first one has a connection.
    let fresh = http(None, "localhost");
    let request = site.writing.try_clone().unwrap().build().unwrap();
    assert_eq!(fresh.execute(request).await.unwrap().status(), 200);
    site.is_sound(server, 2).await;
}

/// F11: killed again and again while it writes. What was answered is stored.
#[tokio::test]
async fn f11_what_was_answered_survives_kills() {
    let site = Site::make().await;
    let answered = Arc::new(AtomicI64::new(0));
    for round in 0..12_u64 {
        let mut server = site.start(strongroom);
        assert_eq!(ask(site.writing.try_clone().unwrap()).await.status(), 200);
        answered.fetch_add(1, Ordering::SeqCst);
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (writing, answered) =
                    (site.writing.try_clone().unwrap(), Arc::clone(&answered));
                tokio::spawn(async move {
                    while let Ok(answer) = writing.try_clone().unwrap().send().await {
                        assert_eq!(answer.status(), 200);
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        sleep(Duration::from_millis(20 + 37 * round % 200)).await;
        server.kill().await.unwrap();
        for caller in callers {
            caller.await.unwrap();
        }
        is_sound(&site.file(), answered.load(Ordering::SeqCst)).await;
    }
    assert!(answered.load(Ordering::SeqCst) > 24);
}
