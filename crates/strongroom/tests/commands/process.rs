//! The binary as a child process.

use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// Ports that are free.
pub(crate) const ANY_PORTS: [&str; 6] = ["--port", "0", "--emulator-port", "0", "--demo-port", "0"];

/// A folder to run in.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The binary with arguments, in a folder, without anything from the environment.
pub(crate) fn strongroom(folder: &Path, arguments: &[&str]) -> Command {
    in_folder(folder, Command::new(env!("CARGO_BIN_EXE_strongroom")), arguments)
}

/// The same, within limits that a shell sets before.
pub(crate) fn limited(folder: &Path, limits: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{limits}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_strongroom")]);
    in_folder(folder, command, arguments)
}

fn in_folder(folder: &Path, mut command: Command, arguments: &[&str]) -> Command {
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    for variable in [
        "DATABASE",
        "LISTEN",
        "KEK",
        "KEK_FILE",
        "KEK_COMMAND",
        "LOG",
        "PKCS11_PIN",
        "PKCS11_PIN_FILE",
    ] {
        command.env_remove(format!("STRONGROOM_{variable}"));
    }
    command.env_remove("VAULT_TOKEN");
    for variable in
        ["REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "ENDPOINT_URL_KMS"]
    {
        command.env_remove(format!("AWS_{variable}"));
    }
    command
}

/// Runs a command to its end.
pub(crate) async fn run(folder: &Path, arguments: &[&str]) -> Output {
    strongroom(folder, arguments).output().await.unwrap()
}

/// The code of a command about the folder's database, given these variables, and what it said on both
/// outputs.
pub(crate) async fn run_given(
    folder: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (Option<i32>, String) {
    let database = ["--database", "sqlite:strongroom.db"];
    let mut command = strongroom(folder, &[arguments, &database].concat());
    let output = command.envs(variables.iter().copied()).output().await.unwrap();
    let texts = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(texts).unwrap())
}

/// `strongroom dev --json`, ready.
pub(crate) struct Dev {
    pub(crate) announced: Value,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Dev {
    /// Starts it on free ports and reads its line.
    pub(crate) async fn start(folder: &Path, arguments: &[&str]) -> Self {
        let arguments = [&["dev", "--json"], &ANY_PORTS[..], arguments].concat();
        let mut child = strongroom(folder, &arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).await.unwrap();
        Self { announced: serde_json::from_str(&line).unwrap(), child, stdout }
    }

    /// A text of the announcement, by its path.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> &str {
        self.announced.pointer(path).and_then(Value::as_str).unwrap()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends SIGKILL, and waits for the end.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// What the system knows of it, by the name of a file in `/proc/<pid>`.
    pub(crate) fn proc(&self, file: &str) -> Vec<u8> {
        std::fs::read(format!("/proc/{}/{file}", self.child.id().unwrap())).unwrap()
    }

    /// Sends SIGABRT; how it ended.
    pub(crate) async fn abort(mut self) -> ExitStatus {
        signal(&self.child, Signal::ABORT);
        self.child.wait().await.unwrap()
    }

    /// Sends SIGTERM; the exit code, and what was printed after the line.
    pub(crate) async fn stop(mut self) -> (Option<i32>, String) {
        terminate(&self.child);
        let status = self.child.wait().await.unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).await.unwrap();
        (status.code(), rest)
    }
}

/// Sends SIGTERM.
pub(crate) fn terminate(child: &Child) {
    signal(child, Signal::TERM);
}

fn signal(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    kill_process(pid.unwrap(), signal).unwrap();
}

/// A client that trusts one more authority and finds every name on this machine.
#[expect(clippy::disallowed_methods, reason = "tests are outside the server")]
pub(crate) fn http(ca: Option<&Path>, host: &str) -> reqwest::Client {
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .resolve(host, std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    if let Some(ca) = ca {
        let pem = std::fs::read(ca).unwrap();
        builder = builder.tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()]);
    }
    builder.build().unwrap()
}
