//! `--seed FILE`: what a project adds to the seed.
//!
//! ```toml
//! callbacks = ["https://app.example/callback"]
//! origins = ["https://app.example"]
//! logout_urls = ["https://app.example/"]
//!
//! [[users]]
//! email = "linus@app.example"
//! name = "Linus"          # optional
//! password = "typed by a test"  # optional, else a new one at each start
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use protocol::oauth::redirect_uri::{RedirectUriError, check_registrable};
use protocol::secret::Password;
use serde::Deserialize;

use crate::seed::Applications;

/// The file, read.
#[derive(Default)]
pub(super) struct SeedFile {
    pub(super) applications: Applications,
    pub(super) users: Vec<SeedUser>,
}

/// One more person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedUser {
    pub(super) email: String,
    pub(super) name: Option<String>,
    pub(super) password: Option<Password>,
}

/// A seed that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedFileError {
    #[error("the seed {} cannot be read", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("the seed {}, line {line}: {problem}", file.display())]
    Malformed { file: PathBuf, line: usize, problem: String },
    #[error("the seed {}: {entry} cannot be registered", file.display())]
    Unregistrable { file: PathBuf, entry: String, source: RedirectUriError },
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Document {
    callbacks: Vec<String>,
    origins: Vec<String>,
    logout_urls: Vec<String>,
    users: Vec<SeedUser>,
}

impl SeedFile {
    /// Reads and checks the file.
    pub(super) fn read(file: &Path) -> Result<Self, SeedFileError> {
        let text = fs::read_to_string(file)
            .map_err(|source| SeedFileError::Unreadable { file: file.to_owned(), source })?;
        Self::parse(file, &text)
    }

    fn parse(file: &Path, text: &str) -> Result<Self, SeedFileError> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start));
            SeedFileError::Malformed {
                file: file.to_owned(),
                line: before.unwrap_or_default().matches('\n').count() + 1,
                problem: error.message().to_owned(),
            }
        })?;
        let Document { callbacks, origins, logout_urls, users } = document;
        for entry in callbacks.iter().chain(&origins).chain(&logout_urls) {
            check_registrable(entry).map_err(|source| SeedFileError::Unregistrable {
                file: file.to_owned(),
                entry: entry.clone(),
                source,
            })?;
        }
        Ok(Self { applications: Applications { callbacks, origins, logout_urls }, users })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SeedFile, String> {
        SeedFile::parse(Path::new("seed.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_seed_adds_places_and_people() {
        let seed = parse(
            "callbacks = [\"https://app.example/callback\"]\n\
             [[users]]\nemail = \"linus@app.example\"\n",
        )
        .unwrap();
        assert_eq!(seed.applications.callbacks, ["https://app.example/callback"]);
        assert_eq!(seed.users[0].email, "linus@app.example");
        assert!(seed.users[0].password.is_none());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let check = |text: &str, expected: &str| {
            let message = parse(text).err().unwrap();
            assert!(message.contains(expected), "{message}");
        };
        check("callbacks = []\nclients = []\n", "seed.toml, line 2: unknown field `clients`");
        check("[[users]]\nname = \"x\"\n", "missing field `email`");
        check("callbacks = [\"javascript:alert(1)\"]", "javascript:alert(1) cannot be registered");
    }
}
