//! One `strongroom serve`, as a child process that can be killed.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use model::tenant::BaseUrl;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::SelftestError;

const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// A server that is told to end has ended by then.
const END_TIMEOUT: Duration = Duration::from_mins(1);
const READY_PAUSE: Duration = Duration::from_millis(10);
/// How much of a log is shown, in bytes.
const LOG_SHOWN_MAX: usize = 2_000;
/// What `serve` would read beside its options.
const VARIABLES: [&str; 7] = [
    "STRONGROOM_DATABASE",
    "STRONGROOM_KEK",
    "STRONGROOM_KEK_FILE",
    "STRONGROOM_KEK_COMMAND",
    "STRONGROOM_LISTEN",
    "STRONGROOM_JOURNAL",
    "STRONGROOM_TRUSTED_PROXIES",
];

/// How one server is started.
pub(super) struct Server {
    pub(super) executable: PathBuf,
    pub(super) base_url: BaseUrl,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) kek_file: PathBuf,
    pub(super) log: PathBuf,
    pub(super) child: Option<Child>,
}

impl Server {
    /// Starts the process and waits until it answers.
    pub(super) async fn start(&mut self, http: &reqwest::Client) -> Result<(), SelftestError> {
        let log = self.open_log().map_err(SelftestError::Spawn)?;
        let mut command = Command::new(&self.executable);
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        // Everybody on the machine may read arguments, and the URL may hold a password.
        command
            .env("STRONGROOM_DATABASE", &self.database)
            .args(["serve", "--allow-loopback-providers"])
            .args(["--listen", &format!("127.0.0.1:{}", self.port)])
            .arg("--kek-file")
            .arg(&self.kek_file)
            .arg("--journal")
            .arg(self.log.with_extension("unstored"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        self.child = Some(command.spawn().map_err(SelftestError::Spawn)?);
        self.ready(http).await
    }

    async fn ready(&mut self, http: &reqwest::Client) -> Result<(), SelftestError> {
        let url = self.base_url.join(".well-known/jwks.json");
        let began = Instant::now();
        while began.elapsed() < READY_TIMEOUT {
            let answer = http.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let child = self.child.as_mut();
            let ended = child.map(Child::try_wait).transpose().map_err(SelftestError::Spawn)?;
            if ended.flatten().is_some() {
                break;
            }
            sleep(READY_PAUSE).await;
        }
        Err(SelftestError::NotReady {
            base_url: self.base_url.origin().to_owned(),
            log: self.end_of_log(),
        })
    }

    /// SIGKILL: nothing of the process runs any more when this returns.
    pub(super) async fn kill(&mut self) -> Result<(), SelftestError> {
        match self.child.take() {
            Some(mut child) => child.kill().await.map_err(SelftestError::Kill),
            None => Ok(()),
        }
    }

    /// Sends a signal.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), SelftestError> {
        let id = self.child.as_ref().and_then(Child::id);
        let Some(pid) = id.and_then(|id| Pid::from_raw(id.try_into().ok()?)) else { return Ok(()) };
        kill_process(pid, signal).map_err(|error| SelftestError::Kill(error.into()))
    }

    /// Waits for the process to end by itself; answers its exit code.
    pub(super) async fn ended(&mut self) -> Result<Option<i32>, SelftestError> {
        match self.child.take() {
            Some(mut child) => {
                let status = timeout(END_TIMEOUT, child.wait()).await;
                let status = status.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                Ok(status.map_err(SelftestError::Kill)?.code())
            }
            None => Ok(None),
        }
    }

    fn open_log(&self) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).open(&self.log)
    }

    fn end_of_log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let shown = &log[log.len().saturating_sub(LOG_SHOWN_MAX)..];
        String::from_utf8_lossy(shown).trim().to_owned()
    }
}
