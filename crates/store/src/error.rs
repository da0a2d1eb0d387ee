//! What can go wrong with the database, named by cause.
//!
//! The reasons are texts of the engines for whoever operates the server. They name tables and rules,
//! never the values of a row.

use std::error::Error;

/// A database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened: a wrong path or URL, a lack of permission, no server.
    #[error("cannot open the database {place}: {reason}")]
    Open {
        /// The file, or the server without its password.
        place: String,
        /// Why.
        reason: String,
    },
    /// The database cannot be reached, does not answer in time, has no room, or asks to try again.
    /// Of a commit that ends so, nobody knows whether it happened.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A uniqueness rule refused the statement.
    #[error("it exists already: {0}")]
    Duplicate(String),
    /// The database refused the statement for another reason.
    #[error("the database refused a statement: {0}")]
    Refused(String),
    /// A statement of the transaction failed, or nobody waited for its answer. All of it is undone.
    #[error("the transaction failed before and is undone")]
    TransactionFailed,
    /// PostgreSQL has no such text; so that both engines answer alike, neither is asked.
    #[error("a text with a NUL character is neither stored nor found")]
    NulInText,
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
    /// Whether a uniqueness rule refused the statement. The transaction is over all the same.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Duplicate(_))
    }

    /// The database does not answer, and this is why.
    pub(crate) fn unavailable(error: &(dyn Error + 'static)) -> Self {
        Self::Unavailable(reason(error))
    }
}

/// An error with everything that caused it, in one line.
pub(crate) fn reason(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
