//! `strongroom selftest`: three promises of the vault, tried out on this machine.
//!
//! The tests are black boxes. They start this very executable as `strongroom serve`, on a folder (or
//! a PostgreSQL database) of their own, with an emulated provider whose refresh tokens are good for
//! one use. They talk HTTP, count what the provider's ledger saw, and compare. The exit code is 0 if
//! the promise holds and 1 if it does not.

mod crash;
mod database;
mod error;
mod exchange;
mod halt;
mod http;
mod login;
mod options;
mod provider;
mod race;
mod report;
mod server;
mod site;

use engine::entropy::{Entropy, OsEntropy};
use serde::Serialize;

use crate::failure::Failure;
use crate::hardening;
use crate::signals::StopSignals;

use self::crash::{Crash, Crashed};
use self::halt::{Halt, Halted};
use self::options::{CrashOptions, HaltOptions, RaceOptions};
use self::race::{Race, Raced};
use self::report::Report;
use self::site::Site;

pub(crate) use self::error::SelftestError;
pub(crate) use self::options::SelftestCommand;

/// Runs a test and prints what it found.
pub(crate) async fn run(command: SelftestCommand) -> Result<(), Failure> {
    hardening::allow_many_files();
    match command {
        SelftestCommand::Race(options) => race(options).await,
        SelftestCommand::Crash(options) => crash(options).await,
        SelftestCommand::Halt(options) => halt(options).await,
    }
}

async fn race(options: RaceOptions) -> Result<(), Failure> {
    let setting = options.setting();
    let race = Race { callers: options.callers.into(), rounds: options.rounds.into() };
    let site = Site::enter(&setting).await?;
    let outcome = unless_stopped(race::run(&site, &race, &setting)).await;
    site.leave().await?;
    tell(&outcome?, options.common.json, Raced::table)
}

async fn crash(options: CrashOptions) -> Result<(), Failure> {
    let setting = options.setting();
    let entropy: &dyn Entropy = &OsEntropy;
    let seed = options.seed.unwrap_or_else(|| u64::from(u32::from_le_bytes(entropy.bytes())));
    let crash = Crash { rounds: options.rounds.into(), seed };
    let mut site = Site::enter(&setting).await?;
    let outcome = unless_stopped(crash::run(&mut site, &crash, &setting)).await;
    site.leave().await?;
    tell(&outcome?, options.common.json, Crashed::table)
}

async fn halt(options: HaltOptions) -> Result<(), Failure> {
    let setting = options.setting();
    let halt = Halt { rounds: options.rounds.into() };
    let mut site = Site::enter(&setting).await?;
    let outcome = unless_stopped(halt::run(&mut site, &halt, &setting)).await;
    site.leave().await?;
    tell(&outcome?, options.common.json, Halted::table)
}

/// Whoever stops a test still has what it made removed.
async fn unless_stopped<T>(test: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut signals = StopSignals::listen().map_err(Failure::Signals)?;
    tokio::select! {
        outcome = test => outcome,
        () = signals.next() => Err(SelftestError::Stopped.into()),
    }
}

fn tell<R: Serialize>(
    report: &Report<R>,
    as_json: bool,
    table: impl Fn(&R) -> String,
) -> Result<(), Failure> {
    report.print(as_json, table).map_err(Failure::Output)?;
    match report.violations() {
        0 => Ok(()),
        violations => Err(Failure::PromiseBroken { violations }),
    }
}
