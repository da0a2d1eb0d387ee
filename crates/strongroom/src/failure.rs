//! Why a command failed: one sentence for the person, one code for the shell.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use connectors::CatalogueError;
use engine::connection_check::CheckError;
use engine::keys::KeyError;
use model::tenant::InvalidBaseUrl;
use store::StoreError;
use web::pages::views::BrokenTranslation;

use crate::dev::{
    ClockError, DemoError, EmulatedError, FaultError, LocalCaError, PlaceError, RemoteError,
    SeedFileError,
};
use crate::listeners::ListenError;
use crate::seed::SeedError;
use crate::selftest::SelftestError;
use crate::serve::TlsFilesError;
use crate::storage::KekLocationError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the runtime did not start")]
    Runtime(#[source] io::Error),
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
    #[error("standard output cannot be written")]
    Output(#[source] io::Error),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the journal {} cannot be read; pass another --journal", folder.display())]
    Journal { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    Kek(#[from] KekLocationError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    SeedFile(#[from] SeedFileError),
    #[error("the tenant cannot be seeded")]
    Seed(#[from] SeedError),
    #[error(transparent)]
    LocalCa(#[from] LocalCaError),
    #[error(transparent)]
    Emulated(#[from] EmulatedError),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Fault(#[from] FaultError),
    #[error(transparent)]
    Clock(#[from] ClockError),
    #[error(transparent)]
    TlsFiles(#[from] TlsFilesError),
    #[error("the client for outbound calls cannot be set up")]
    Outbound(#[source] reqwest::Error),
    #[error("this program cannot be found, to run scripts in")]
    Program(#[source] io::Error),
    #[error("the folder {} cannot be read", folder.display())]
    Providers { folder: PathBuf, source: io::Error },
    #[error("no provider of the strategy {strategy} is known; see: strongroom providers list")]
    UnknownProvider { strategy: String },
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error("there are several tenants; name one with --tenant")]
    WhichTenant,
    #[error("there is no tenant {name}")]
    UnknownTenant { name: String },
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Translation(#[from] BrokenTranslation),
    #[error("the emulated provider did not start")]
    Emulator(#[source] emulator::StartError),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error("{origin} is not an origin")]
    Origin { origin: String, source: InvalidBaseUrl },
    #[error("there is no tenant yet; make one with: strongroom tenant create NAME --base-url URL")]
    NoTenant,
    #[error("the tenant {name} or one of its hosts exists already")]
    TenantExists { name: String },
    #[error(
        "no key-encryption key: pass --kek-file or another of the --kek options, or set {variable}"
    )]
    NoKek { variable: &'static str },
    #[error("nothing is erased: confirm with --yes-erase {tenant}")]
    EraseNotConfirmed { tenant: String },
    #[error(transparent)]
    Selftest(#[from] SelftestError),
    #[error("the promise does not hold ({violations} times)")]
    PromiseBroken { violations: usize },
}

/// The exit codes that a command fails with.
const FAILED: u8 = 1;
/// What clap says, too.
const MISUSED: u8 = 2;
const CONFIGURATION: u8 = 3;
const NOT_FOUND: u8 = 5;

/// Tells the person, and the shell.
pub(crate) fn exit(failure: &Failure) -> ExitCode {
    let sentence = format!("error: {}\n", sentence(failure));
    // If standard error is gone, there is nobody left to tell.
    let _told = io::stderr().write_all(sentence.as_bytes());
    ExitCode::from(failure.code())
}

/// An error with everything that caused it, in one line.
fn sentence(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    // Some messages end with their cause already.
    texts.dedup_by(|cause, text| text.ends_with(cause.as_str()));
    texts.join(": ")
}

impl Failure {
    /// Configuration is what the person can set otherwise.
    fn code(&self) -> u8 {
        match self {
            Self::Listen(_)
            | Self::Place(_)
            | Self::Journal { .. }
            | Self::Providers { .. }
            | Self::Catalogue(_)
            | Self::Kek(_)
            | Self::SeedFile(_)
            | Self::LocalCa(_)
            | Self::TlsFiles(_)
            | Self::Origin { .. }
            | Self::NoTenant
            | Self::TenantExists { .. }
            | Self::NoKek { .. }
            | Self::Check(CheckError::NoBaseUrl)
            | Self::Seed(SeedError::Occupied(_)) => CONFIGURATION,
            Self::UnknownProvider { .. }
            | Self::Emulated(_)
            | Self::UnknownTenant { .. }
            | Self::Check(
                CheckError::UnknownConnection
                | CheckError::NotAProvider
                | CheckError::UnknownStrategy(_),
            )
            | Self::Fault(FaultError::NotEmulated { .. }) => NOT_FOUND,
            Self::Fault(_) | Self::Clock(_) | Self::WhichTenant => MISUSED,
            Self::Store(error) | Self::Seed(SeedError::Store(error)) => store_code(error),
            Self::Key(error)
            | Self::Seed(SeedError::Key(error))
            | Self::Check(CheckError::Key(error)) => key_code(error),
            Self::Seed(SeedError::Password(_))
            | Self::Runtime(_)
            | Self::Signals(_)
            | Self::Output(_)
            | Self::Outbound(_)
            | Self::Program(_)
            | Self::Translation(_)
            | Self::Emulator(_)
            | Self::Remote(_)
            | Self::EraseNotConfirmed { .. }
            | Self::Selftest(_)
            | Self::PromiseBroken { .. }
            | Self::Demo(_) => FAILED,
        }
    }
}

fn store_code(error: &StoreError) -> u8 {
    match error {
        StoreError::Open { .. } | StoreError::Schema(_) => CONFIGURATION,
        _ => FAILED,
    }
}

fn key_code(error: &KeyError) -> u8 {
    match error {
        KeyError::WrongKek { .. } | KeyError::Unwrap(_) => CONFIGURATION,
        KeyError::Store(error) => store_code(error),
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_tells_each_cause_once() {
        let denied = || io::Error::other("denied");
        assert_eq!(
            sentence(&Failure::Output(denied())),
            "standard output cannot be written: denied"
        );
        let wrong = KeyError::WrongKek { wanted: "a".to_owned(), given: "b".to_owned() };
        let told = sentence(&Failure::Seed(SeedError::Key(wrong)));
        assert_eq!(
            told,
            "the tenant cannot be seeded: the database is sealed with the key-encryption key a, \
             and b was given"
        );
    }
}
