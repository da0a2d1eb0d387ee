//! What can go wrong with the database, named by cause.

/// A database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or does not answer in time.
    #[error("the database is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// SQLite refused a statement.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL refused a statement.
    #[error("PostgreSQL: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    /// A row cannot be what its table promises.
    #[error("column {column} holds what cannot be: {reason}")]
    Inconsistent {
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A document does not have its shape.
    #[error("a stored document does not have its shape: {0}")]
    Document(#[from] serde_json::Error),
    /// The migrations of the binary and of the database disagree.
    #[error("the database was migrated by another version of Strongroom: {0}")]
    Schema(String),
}

impl StoreError {
    /// Whether a uniqueness rule refused the statement.
    pub fn is_duplicate(&self) -> bool {
        match self {
            Self::Sqlite(error) => {
                use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
                error.sqlite_extended_error_code().is_some_and(|code| {
                    code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_UNIQUE
                })
            }
            Self::Postgres(error) => {
                error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION)
            }
            Self::Unavailable(_)
            | Self::Inconsistent { .. }
            | Self::Document(_)
            | Self::Schema(_) => false,
        }
    }
}
