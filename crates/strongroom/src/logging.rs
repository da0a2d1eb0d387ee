//! The log, on standard error. Standard output is for what was asked.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How much our own crates tell: `error`, `warn`, `info` (the default), `debug` or `trace`.
const LEVEL_VARIABLE: &str = "STRONGROOM_LOG";
/// They never log a body, a query or a header. Libraries do below `warn`, so nothing makes those
/// tell more.
const OUR_CRATES: [&str; 6] = ["strongroom", "web", "engine", "store", "connectors", "emulator"];

/// The two forms of the log.
#[derive(Clone, Copy)]
pub(crate) enum LogFormat {
    ForPeople,
    Json,
}

/// Begins to log.
pub(crate) fn start(format: LogFormat) {
    let asked = std::env::var(LEVEL_VARIABLE).ok();
    let level = asked.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let filter = Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        .with_targets(OUR_CRATES.map(|name| (name, level)));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    match format {
        LogFormat::ForPeople => {
            registry.with(lines.compact().with_target(false).with_ansi(is_coloured())).init();
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).init(),
    }
}

fn is_coloured() -> bool {
    stderr().is_terminal() && !no_color()
}

/// Whether the person wants no colours anywhere (no-color.org).
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
