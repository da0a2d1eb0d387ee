//! The commands. What each takes stands beside it.

use clap::{Parser, Subcommand};

use crate::logging::LogFormat;
use crate::{dev, keys, providers, selftest, serve, tenant};

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
    /// Tell what is known of providers
    Providers {
        #[command(subcommand)]
        command: providers::ProvidersCommand,
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
            | Self::Selftest { .. } => LogFormat::ForPeople,
            Self::Serve(_) => LogFormat::Json,
        }
    }
}
