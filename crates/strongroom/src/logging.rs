//! The log, on standard error. Standard output is for what was asked.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::{Directive, EnvFilter};

/// How verbose the log is, in the syntax of `tracing_subscriber::EnvFilter`.
const LEVEL_VARIABLE: &str = "STRONGROOM_LOG";
/// Below this level, these print headers, queries or statements.
const THIRD_PARTIES: [&str; 7] = [
    "h2=info",
    "hyper=info",
    "hyper_util=info",
    "reqwest=info",
    "rustls=info",
    "tokio_postgres=info",
    "tower_http=info",
];

/// The two forms of the log.
#[derive(Clone, Copy)]
pub(crate) enum LogFormat {
    ForPeople,
    Json,
}

/// Begins to log.
pub(crate) fn start(format: LogFormat) {
    let mut filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .with_env_var(LEVEL_VARIABLE)
        .from_env_lossy();
    let quiet = THIRD_PARTIES.iter().filter_map(|text| text.parse::<Directive>().ok());
    for directive in quiet {
        filter = filter.add_directive(directive);
    }
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match format {
        LogFormat::ForPeople => log.compact().with_target(false).with_ansi(is_coloured()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

fn is_coloured() -> bool {
    stderr().is_terminal() && !no_color()
}

/// Whether the person wants no colours anywhere (no-color.org).
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
