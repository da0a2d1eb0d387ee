//! The database of one run: nobody else's, and gone with it.

use std::path::Path;
use std::str::FromStr;

use engine::entropy::Entropy;
use model::ids::Id;
use store::Database;
use url::Url;

use crate::failure::Failure;
use crate::storage::DatabaseLocation;

/// On which engine a test runs. Not printable: a URL may hold a password.
#[derive(Clone)]
pub(crate) enum Engine {
    Sqlite,
    Postgres(Url),
}

/// A text that names no engine.
#[derive(Debug, thiserror::Error)]
#[error("write sqlite, or postgres://… for a server whose role may create databases")]
pub(crate) struct InvalidEngine;

impl FromStr for Engine {
    type Err = InvalidEngine;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => Ok(Self::Postgres(url)),
            Ok(_) | Err(_) if text == "sqlite" => Ok(Self::Sqlite),
            Ok(_) | Err(_) => Err(InvalidEngine),
        }
    }
}

impl Engine {
    /// Its name, for the report.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }
}

/// An empty database.
pub(super) enum OwnDatabase {
    File(DatabaseLocation),
    OnServer { location: DatabaseLocation, server: Url, name: String },
}

impl OwnDatabase {
    /// Makes it: a file in the folder, or a database of its own on the server.
    pub(super) async fn make(
        engine: &Engine,
        folder: &Path,
        entropy: &dyn Entropy,
    ) -> Result<Self, Failure> {
        let server = match engine {
            Engine::Sqlite => {
                return Ok(Self::File(DatabaseLocation::SqliteFile(folder.join("selftest.db"))));
            }
            Engine::Postgres(url) => url.clone(),
        };
        let suffix: Id<()> = entropy.hex_id(12);
        let name = format!("strongroom_selftest_{}", suffix.as_str());
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0");
        Database::run_alone_on_postgres(server.as_str(), &sql).await?;
        let mut url = server.clone();
        url.set_path(&name);
        Ok(Self::OnServer { location: DatabaseLocation::Postgres(url.into()), server, name })
    }

    /// Where it is.
    pub(super) fn location(&self) -> &DatabaseLocation {
        match self {
            Self::File(location) | Self::OnServer { location, .. } => location,
        }
    }

    /// As `serve` is told of it.
    pub(super) fn as_option(&self) -> String {
        match self.location() {
            DatabaseLocation::SqliteFile(file) => format!("sqlite:{}", file.display()),
            DatabaseLocation::Postgres(url) => url.clone(),
        }
    }

    /// Removes it. A file goes with its folder.
    pub(super) async fn remove(self) -> Result<(), Failure> {
        match self {
            Self::File(_) => Ok(()),
            Self::OnServer { location: _, server, name } => {
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                Ok(Database::run_alone_on_postgres(server.as_str(), &sql).await?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_sqlite_or_a_postgres_url() {
        let name = |text: &str| text.parse::<Engine>().ok().map(|engine| engine.name());
        assert_eq!(name("sqlite"), Some("sqlite"));
        assert_eq!(name("postgres://localhost/postgres"), Some("postgres"));
        assert_eq!(name("postgresql://u:p@localhost/postgres"), Some("postgres"));
        for text in ["", "sqlite:file.db", "mysql://localhost", "postgres"] {
            assert_eq!(name(text), None, "{text}");
        }
    }
}
