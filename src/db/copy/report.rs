//! What a copy reports: its progress and its errors.

use crate::db::error::{DbError, OpenError};
use crate::db::url::DatabaseUrl;

/// Progress of the copy of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Name of the table.
    pub table: &'static str,
    /// Number of rows written.
    pub done: i64,
    /// Number of rows in the source.
    pub total: i64,
}

/// A copy failed; the target is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Source and target are the same database.
    #[error("--from and --to are both {0}")]
    Same(DatabaseUrl),
    /// A database does not exist or can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The source has none of this program's migrations.
    #[error("{0} is not a Latchkey database")]
    Foreign(DatabaseUrl),
    /// The source lacks a migration.
    #[error("the database {0} is older than this program: run `latchkey migrate` on it first")]
    Behind(DatabaseUrl),
    /// The source has a migration that this program does not have. (Opening the target checks the target.)
    #[error("the database {0} is newer than this program: use the version of latchkey that migrated it")]
    Ahead(DatabaseUrl),
    /// The target has rows that the copy would have to replace.
    #[error("the database {0} is not empty: it has rows in the table {1}. Copy into an empty one")]
    NotEmpty(DatabaseUrl, &'static str),
    /// A row could not be read or written.
    #[error("can't copy the table {0}; the target is unchanged: {1}")]
    Table(&'static str, #[source] DbError),
    /// The target has another number of rows than the source.
    #[error("the target has {arrived} of {total} rows of the table {table}; the copy was rolled back", total = .of.total, table = .of.table)]
    RowCountMismatch {
        /// The table and the rows of the source.
        of: Progress,
        /// Number of rows in the target.
        arrived: i64,
    },
    #[error("{0}")]
    Db(#[from] DbError),
}
