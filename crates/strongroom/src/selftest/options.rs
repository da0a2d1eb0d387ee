//! What the self-tests take.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::database::Engine;
use super::site::Setting;

/// Longer than a lease: the server that takes over spends the same refresh token.
const GRACE_OF_HALT: Duration = Duration::from_mins(2);

/// What can be tested.
#[derive(Subcommand)]
pub(crate) enum SelftestCommand {
    /// Many callers want a token that has just ended: one refresh, one new token for all
    Race(RaceOptions),
    /// The server is killed in the middle of refreshes: no grant is lost that could be kept
    Crash(CrashOptions),
    /// A server is stopped for longer than its lease, or told to end, in the middle of a refresh:
    /// nothing is overwritten and nothing is lost
    Halt(HaltOptions),
}

/// What all take.
#[derive(Args)]
pub(crate) struct CommonOptions {
    /// sqlite, or postgres://… for a server on which the test makes a database of its own
    #[arg(long, value_name = "ENGINE", default_value = "sqlite")]
    database: Engine,
    /// How long the provider takes to answer a refresh; the tokens rotate in the middle
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=5_000))]
    latency_ms: u64,
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(super) json: bool,
    /// Leave the folder with the servers' logs, the database and its key
    #[arg(long)]
    keep_folder: bool,
}

/// What `selftest race` takes.
#[derive(Args)]
pub(crate) struct RaceOptions {
    #[command(flatten)]
    pub(super) common: CommonOptions,
    /// Exchanges at once, spread over the processes
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    pub(super) callers: u16,
    /// How often
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) rounds: u16,
    /// Servers on one database
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(super) processes: u8,
}

/// What `selftest crash` takes.
#[derive(Args)]
pub(crate) struct CrashOptions {
    #[command(flatten)]
    pub(super) common: CommonOptions,
    /// How many kills
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) rounds: u16,
    /// For how long the provider honours a replaced refresh token; 0: not at all
    #[arg(long, default_value_t = 30)]
    pub(super) grace_seconds: u32,
    /// The moments of the kills follow from it; printed, so that a run can be repeated
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Servers on one database; each is killed in its turn
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(super) processes: u8,
}

/// What `selftest halt` takes.
#[derive(Args)]
pub(crate) struct HaltOptions {
    #[command(flatten)]
    pub(super) common: CommonOptions,
    /// How often each of the two is done
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) rounds: u16,
}

impl RaceOptions {
    pub(super) fn setting(&self) -> Setting {
        self.common.setting(self.processes.into(), Duration::ZERO)
    }
}

impl CrashOptions {
    pub(super) fn setting(&self) -> Setting {
        let grace = Duration::from_secs(self.grace_seconds.into());
        self.common.setting(self.processes.into(), grace)
    }
}

impl HaltOptions {
    pub(super) fn setting(&self) -> Setting {
        self.common.setting(2, GRACE_OF_HALT)
    }
}

impl CommonOptions {
    fn setting(&self, processes: usize, grace: Duration) -> Setting {
        Setting {
            engine: self.database.clone(),
            processes,
            grace,
            latency: Duration::from_millis(self.latency_ms),
            keep_folder: self.keep_folder,
        }
    }
}
