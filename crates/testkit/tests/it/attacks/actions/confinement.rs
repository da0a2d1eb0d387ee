//! The process that scripts run in, as the system sees it.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};

use super::{calling, pool, run};

/// The worker processes that this process has started.
fn workers() -> Vec<PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<String> = children.collect();
    let pids = children.iter().flat_map(|pids| pids.split_whitespace());
    let processes = pids.map(|pid| Path::new("/proc").join(pid));
    let is_worker = |process: &PathBuf| {
        fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "actions-worker")
    };
    processes.filter(is_worker).collect()
}

#[tokio::test]
async fn a133_a_worker_can_compute_and_nothing_else() {
    let pool = pool();
    run(&pool, "t", &calling("callback(null, {});")).await.unwrap();
    let status = workers().into_iter().map(|worker| fs::read_to_string(worker.join("status")));
    let limits = workers().into_iter().map(|worker| fs::read_to_string(worker.join("limits")));
    // Other tests have workers too, which may just start or end.
    let (status, limits): (Vec<_>, Vec<_>) =
        (status.flatten().collect(), limits.flatten().collect());
    let has = |text: &String, name: &str, value: &str| {
        text.lines()
            .any(|line| line.starts_with(name) && line.split_whitespace().any(|it| it == value))
    };
    let filtered = |it: &String| {
        has(it, "Seccomp:", "2") && has(it, "NoNewPrivs:", "1") && has(it, "Threads:", "1")
    };
    assert!(status.iter().any(filtered), "{status:?}");
    let bounded = |it: &String| {
        ["Max open files", "Max processes", "Max file size", "Max core file size"]
            .iter()
            .all(|name| has(it, name, "0"))
            && !has(it, "Max address space", "unlimited")
    };
    assert!(limits.iter().any(bounded), "{limits:?}");
    drop(pool);
}
