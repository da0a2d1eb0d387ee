//! Benchmarks, as ratios to something else in the same run.

use std::path::Path;

use clap::Subcommand;

use crate::programs::{cargo, run};

/// What is measured.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Bench {
    /// Exchanges of a still-valid token by a refresh token
    Exchange,
    /// Scripts of tenants, harmless and hostile
    Actions,
    /// Exchanges while the provider of another connection hangs
    Hang,
}

/// Builds in release mode and measures.
pub(crate) fn measure(root: &Path, bench: Bench) -> Result<(), String> {
    let name = match bench {
        Bench::Exchange => "exchange",
        Bench::Actions => "actions",
        Bench::Hang => "hang",
    };
    let mut build = cargo(root);
    build.args([
        "build",
        "--release",
        "--locked",
        "--package",
        "strongroom",
        "--package",
        "benches",
    ]);
    run(&mut build)?;
    let release = root.join("target/release");
    let mut benches = std::process::Command::new(release.join("benches"));
    benches.arg(name).arg(release.join("strongroom"));
    run(&mut benches)
}
