//! The commands. What each takes stands beside it.

use clap::{Parser, Subcommand};

use crate::logging::LogFormat;
use crate::{dev, explain, keys, providers, selftest, serve, tenant};

/// An identity server with a vault for the tokens of your users' accounts elsewhere
#[derive(Parser)]
#[command(name = "strongroom", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine: server, an emulated provider, a demo
    Dev(dev::Options),
    /// Run the server
    Serve(serve::Options),
    /// Make tenants
    Tenant {
        #[command(subcommand)]
        command: tenant::TenantCommand,
    },
    /// Rotate keys, check what they open, and erase a tenant
    Keys {
        #[command(subcommand)]
        command: keys::KeysCommand,
    },
    /// Tell what is known of providers, and test a connection to one
    Providers {
        #[command(subcommand)]
        command: providers::ProvidersCommand,
    },
    /// Tell why a client gets a person's token, or does not
    Explain {
        #[command(subcommand)]
        command: explain::ExplainCommand,
    },
    /// Try out on this machine what the vault promises; exit code 1 if it does not hold
    Selftest {
        #[command(subcommand)]
        command: selftest::SelftestCommand,
    },
}

impl Command {
    /// People read what `dev` says, machines what `serve` says.
    pub(crate) fn log_format(&self) -> LogFormat {
        match self {
            Self::Dev(_)
            | Self::Tenant { .. }
            | Self::Keys { .. }
            | Self::Providers { .. }
            | Self::Explain { .. }
            | Self::Selftest { .. } => LogFormat::ForPeople,
            Self::Serve(_) => LogFormat::Json,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::Cli;

    /// What the options of a command and of those below it can be instead.
    fn variables(command: &Command) -> Vec<String> {
        let own = command.get_arguments().filter_map(|argument| argument.get_env());
        let own = own.map(|name| name.to_string_lossy().into_owned());
        own.chain(command.get_subcommands().flat_map(variables)).collect()
    }

    #[test]
    fn every_variable_is_documented() {
        let document = include_str!("../../../docs/configuration.md");
        let variables = variables(&Cli::command());
        assert!(!variables.is_empty());
        for name in variables {
            assert!(document.contains(&format!("| `{name}` |")), "{name}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
