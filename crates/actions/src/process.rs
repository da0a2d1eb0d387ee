//! A worker process as the server sees it: started, talked to, killed.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::limits::START_TIME_MAX;
use crate::outcome::{ActionError, ScriptFault};
use crate::wire::{self, FromWorker, LENGTH_BYTES, ToWorker};

/// What is started as a worker: it calls [`worker::main`](crate::worker::main).
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// A program and its arguments.
    pub fn new(path: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self { path: path.into(), arguments: arguments.iter().map(OsString::from).collect() }
    }

    /// The running program itself, with an argument that makes it a worker.
    pub fn this(argument: &str) -> io::Result<Self> {
        // Not by its path: that leads to the next version once this one is replaced.
        let path = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe()?
        };
        Ok(Self::new(path, &[argument]))
    }
}

/// A worker. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Worker {
    /// Starts one and waits until it is confined.
    pub(crate) async fn start(program: &Program) -> Result<Self, ActionError> {
        let mut command = Command::new(&program.path);
        command.args(&program.arguments).env_clear().kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Ctrl-C is for the server, which may still need it for what is under way.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(ActionError::NotStarted)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ActionError::Broken);
        };
        let mut worker = Self { child, input, output };
        match timeout(START_TIME_MAX, worker.receive()).await {
            Ok(Ok(FromWorker::Ready(Ok(())))) => Ok(worker),
            Ok(Ok(FromWorker::Ready(Err(reason)))) => Err(ActionError::NotConfined(reason)),
            Ok(Ok(FromWorker::Calls(_) | FromWorker::Done(_)) | Err(_)) | Err(_) => {
                Err(ActionError::Broken)
            }
        }
    }

    /// Whether it is still there.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Lets it compute until it needs something or is done, and takes the time from `budget`.
    pub(crate) async fn turn(
        &mut self,
        message: &ToWorker<'_>,
        budget: &mut Duration,
    ) -> Result<FromWorker, ActionError> {
        let began = Instant::now();
        let turn = async {
            self.input.write_all(&wire::encode(message)?).await?;
            self.receive().await
        };
        let said = timeout(*budget, turn).await.or(Err(ScriptFault::TimedOut))?;
        *budget = budget.saturating_sub(began.elapsed());
        said.or(Err(ActionError::Broken))
    }

    async fn receive(&mut self) -> io::Result<FromWorker> {
        let mut length = [0; LENGTH_BYTES];
        self.output.read_exact(&mut length).await?;
        let mut message = wire::room(length)?;
        self.output.read_exact(&mut message).await?;
        wire::decode(&message)
    }
}
