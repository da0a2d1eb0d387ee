//! Configuration, wiring and the commands of the binary.
//!
//! Floor 6. `strongroom dev` ([`seed`] says what it finds in its tenant), `strongroom serve`,
//! `strongroom tenant create`, `strongroom keys`, `strongroom providers`, `strongroom explain`, `strongroom
//! selftest`, and the worker that runs scripts. Nothing here decides who may do what: it puts the parts together, listens,
//! and says in one sentence why it cannot.

mod bystander;
mod cli;
mod dev;
mod explain;
mod failure;
mod hardening;
mod kek_options;
mod keys;
mod listeners;
mod logging;
mod output;
mod providers;
pub mod seed;
mod selftest;
mod serve;
mod signals;
mod storage;
mod tenant;
pub mod tls;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::failure::{Failure, exit};
use crate::wiring::ACTIONS_WORKER;

/// The command line, from parsing to the exit code.
pub fn main() -> ExitCode {
    // No command for people, and before there is a second thread.
    if std::env::args_os().nth(1).is_some_and(|first| first == ACTIONS_WORKER) {
        return actions::worker::main();
    }
    let Cli { command } = Cli::parse();
    logging::start(command.log_format());
    hardening::forbid_inspection();
    match run(command) {
        Ok(code) => code,
        Err(failure) => exit(&failure),
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::Runtime)?;
    runtime.block_on(async {
        match command {
            Command::Dev(options) => dev::run(options).await?,
            Command::Serve(options) => serve::run(options).await?,
            Command::Tenant { command } => tenant::run(command).await?,
            Command::Keys { command } => return keys::run(command).await,
            Command::Providers { command } => return providers::run(command).await,
            Command::Explain { command } => return explain::run(command).await,
            Command::Selftest { command } => selftest::run(command).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}
