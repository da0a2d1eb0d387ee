//! What `dev` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{clock, fault};
use crate::providers::ProviderOptions;
use crate::storage::DatabaseLocation;

const PORT: u16 = 4000;
/// Beside an https origin on the usual port, plain http goes past the emulator and the demo.
const PORT_BESIDE: u16 = 4003;

/// What `dev` takes.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<DevCommand>,
    /// The server's port; with --https, the port of https
    #[arg(long, default_value_t = PORT)]
    pub(crate) port: u16,
    /// The emulated provider's port
    #[arg(long, value_name = "PORT", default_value_t = 4001)]
    pub(crate) emulator_port: u16,
    /// The demo's port
    #[arg(long, value_name = "PORT", default_value_t = 4002)]
    pub(crate) demo_port: u16,
    /// The folder for the database, the key and the local CA [default: .strongroom]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Keep nothing
    #[arg(long, conflicts_with_all = ["data", "database"])]
    pub(crate) ephemeral: bool,
    /// A PostgreSQL database instead of a file in the folder
    #[arg(long, value_name = "postgres://…")]
    pub(crate) database: Option<DatabaseLocation>,
    /// Serve https by a local CA, and http on localhost beside it
    #[arg(long)]
    pub(crate) https: bool,
    /// The name under which https is served
    #[arg(long, value_name = "NAME", default_value = "localhost", requires = "https")]
    pub(crate) host: String,
    /// The port of http beside https [default: 4000, or 4003 if that is the port of https]
    #[arg(long, value_name = "PORT", requires = "https")]
    pub(crate) http_port: Option<u16>,
    /// Do not start the demo
    #[arg(long)]
    pub(crate) no_demo: bool,
    /// More users, and more places of applications, in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,
    /// Emulate these providers too, such as google,github,slack; each gets a connection
    #[arg(long = "providers", value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) emulated: Vec<String>,
    #[command(flatten)]
    pub(crate) providers: ProviderOptions,
    /// Print one line of JSON, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with a server that runs.
#[derive(Subcommand)]
pub(crate) enum DevCommand {
    /// Let an emulated provider of the running server misbehave
    Fault(fault::Options),
    /// Show the clock of the running server and its providers, or set it forward
    Clock(clock::Options),
}

impl Options {
    /// The port of http.
    pub(crate) fn plain_port(&self) -> u16 {
        match (self.https, self.http_port) {
            (false, _) => self.port,
            (true, Some(port)) => port,
            (true, None) if self.port == PORT => PORT_BESIDE,
            (true, None) => PORT,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn plain_http_stays_beside_https() {
        let check = |line: &str, expected: Option<u16>| {
            let arguments = ["dev"].into_iter().chain(line.split_whitespace());
            let parsed = Line::try_parse_from(arguments).ok();
            assert_eq!(parsed.map(|line| line.options.plain_port()), expected, "{line}");
        };
        check("", Some(4000));
        check("--port 5000", Some(5000));
        check("--https", Some(4003));
        check("--https --port 443 --host acme.strongroom.test", Some(4000));
        check("--https --port 443 --http-port 8080", Some(8080));
        check("--host acme.strongroom.test", None);
        check("--http-port 8080", None);
        check("--ephemeral --data x", None);
        check("--ephemeral --database postgres://x", None);
        check("--port 5000 clock", None);
    }
}
