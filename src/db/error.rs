//! What goes wrong with a database: what passes by itself, what somebody else was first in, and what is a mistake.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as QueryError};

use crate::db::url::DatabaseUrl;

/// A query that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// Locked, gone, or too busy: the same request may succeed in a moment.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// A unique index refused the row: somebody else was first.
    #[error("a row like it is there already: {0}")]
    UniqueViolation(String),
    /// A statement that this program should not have sent, or a row that it cannot read.
    #[error("the database refused a query: {0}")]
    Query(String),
}

impl From<QueryError> for DbError {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => {
                Self::UniqueViolation(info.message().to_owned())
            }
            // Read-only: a server that was the first and is now another's copy, or will be the first in a moment.
            QueryError::DatabaseError(
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::SerializationFailure
                | DatabaseErrorKind::ReadOnlyTransaction,
                info,
            ) => Self::Unavailable(info.message().to_owned()),
            QueryError::DatabaseError(DatabaseErrorKind::Unknown | DatabaseErrorKind::UnableToSendCommand, info)
                if is_transient(info.as_ref(), NON_ENGLISH_SERVER.load(Ordering::Relaxed)) =>
            {
                Self::Unavailable(info.message().to_owned())
            }
            QueryError::BrokenTransactionManager | QueryError::RollbackErrorOnCommit { .. } => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Query(error.to_string()),
        }
    }
}

/// Has this process met a server whose messages are not in English?
static NON_ENGLISH_SERVER: AtomicBool = AtomicBool::new(false);

/// Notes in which language a server answers (`lc_messages`).
pub(crate) fn note_server_language(language: &str) {
    if !is_english(language) && !NON_ENGLISH_SERVER.swap(true, Ordering::Relaxed) {
        log::warn!(
            "the database speaks another language than English (lc_messages is {language:?}): what passes by itself \
             is told less exactly from a mistake; see docs/operations.md, PostgreSQL"
        );
    }
}

/// An empty name is whatever the server was started with.
fn is_english(language: &str) -> bool {
    let name = language.split(['_', '.', '@']).next().unwrap_or("");
    ["C", "POSIX", "en", "English"].contains(&name)
}

/// Is this a failure that may pass by itself, where the database gives no kind that says so?
///
/// diesel hands neither `SQLite`'s code nor `PostgreSQL`'s SQLSTATE through, so the texts must do: `SQLite`'s are in
/// this program, and `PostgreSQL`'s are known in English. Of a server that speaks otherwise everything counts that does
/// not point at a place in the statement, as mistakes in statements do.
fn is_transient(info: &dyn DatabaseErrorInformation, speaks_otherwise: bool) -> bool {
    TRANSIENT_MESSAGES.iter().any(|sign| info.message().contains(sign))
        || (speaks_otherwise && info.statement_position().is_none())
}

/// Of locks, full or broken disks, timeouts, and servers and connections that end.
const TRANSIENT_MESSAGES: [&str; 15] = [
    "database is locked",
    "database table is locked",
    "database schema is locked",
    "disk I/O error",
    "unable to open database file",
    "database or disk is full",
    "attempt to write a readonly database",
    "canceling statement due to",
    "terminating connection",
    "deadlock detected",
    "server closed the connection",
    "no connection to the server",
    "could not receive data from server",
    "the database system is",
    "SSL connection has been closed",
];

/// An error that a failed query turns into: what [`Db::read`](crate::db::Db::read) and [`Db::write`](crate::db::Db::write) ask of a
/// use case's error.
pub trait FromDb: From<DbError> + Send + 'static {
    /// The failed query behind this error, if that is what it is.
    fn as_db(&self) -> Option<&DbError>;
}

impl FromDb for DbError {
    fn as_db(&self) -> Option<&DbError> {
        Some(self)
    }
}

/// The database could not be made ready at start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder cannot be made.
    #[error("can't make the database file {0}: {1}")]
    File(std::path::PathBuf, std::io::Error),
    /// It was to be there already.
    #[error("there is no database {0}")]
    Missing(DatabaseUrl),
    /// Nothing answers there, or it is no database.
    #[error("can't open the database {0}: {1}")]
    Connect(DatabaseUrl, String),
    /// It did not answer for as long as one should wait.
    #[error("the database {0} did not answer for {1:?}: {2}")]
    Timeout(DatabaseUrl, Duration, String),
    /// A migration failed; nothing of it was kept.
    #[error("can't migrate the database {0}: {1}")]
    Migrate(DatabaseUrl, String),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server says, and the place in the statement that it points at.
    struct Said(&'static str, Option<i32>);

    impl DatabaseErrorInformation for Said {
        fn message(&self) -> &str {
            self.0
        }
        fn details(&self) -> Option<&str> {
            None
        }
        fn hint(&self) -> Option<&str> {
            None
        }
        fn table_name(&self) -> Option<&str> {
            None
        }
        fn column_name(&self) -> Option<&str> {
            None
        }
        fn constraint_name(&self) -> Option<&str> {
            None
        }
        fn statement_position(&self) -> Option<i32> {
            self.1
        }
    }

    #[test]
    fn what_passes_is_told_from_a_mistake_whatever_the_server_speaks() {
        let (lock, schloss) = ("canceling statement due to lock timeout", "storniere Anfrage wegen Zeitüberschreitung");
        let (mistake, fehler) = ("column x does not exist", "Spalte x existiert nicht");
        for (said, place, in_english, otherwise) in [
            (lock, None, true, true),
            (schloss, None, false, true),
            (mistake, Some(8), false, false),
            (fehler, Some(8), false, false),
        ] {
            assert_eq!(is_transient(&Said(said, place), false), in_english, "{said}");
            assert_eq!(is_transient(&Said(said, place), true), otherwise, "{said}");
        }
    }

    #[test]
    fn english_goes_by_several_names() {
        for english in ["C", "POSIX", "C.UTF-8", "en_US.UTF-8", "en_GB", "en", "English_United States.1252"] {
            assert!(is_english(english), "{english}");
        }
        for other in ["", "de_DE.UTF-8", "fr_FR", "ca_ES", "eno", "Croatian"] {
            assert!(!is_english(other), "{other}");
        }
    }
}
