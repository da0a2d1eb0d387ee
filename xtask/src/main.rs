//! The project's own tools, run as `cargo xtask <command>`.
//!
//! They speak to a person at a terminal, so their errors are sentences and they print.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool answers by printing"
)]

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod postgres;
mod programs;
mod test;
mod tidy;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Strongroom's own tools")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the rules of the house that no compiler knows
    Tidy,
    /// Run every gate: format, lints, documentation, Rust tests on both engines, browser tests
    Test(test::Options),
    /// Measure, as ratios to a bare handler in the same run
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Start a private PostgreSQL cluster for tests, print its URL, stop it on Ctrl-C
    Postgres,
}

fn main() -> ExitCode {
    let passed = match Arguments::parse().command {
        Command::Tidy => tidy::run(root()),
        Command::Test(options) => return test::run(root(), options),
        Command::Bench(bench) => bench::measure(root(), bench),
        Command::Postgres => postgres::serve(),
    };
    match passed {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the checkout that this tool was built from.
fn root() -> &'static Path {
    let own_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    own_folder.parent().unwrap_or(own_folder)
}
