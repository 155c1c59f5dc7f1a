//! Database errors: transient failures, unique violations, and all others.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as QueryError};

use crate::db::url::DatabaseUrl;

/// A query that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// A transient failure: the database is locked, unreachable or overloaded. A retry may succeed.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A unique index rejected the row.
    #[error("unique constraint violated: {0}")]
    UniqueViolation(String),
    /// Any other failure: an invalid statement, or a row that can't be read.
    #[error("a query failed: {0}")]
    Query(String),
}

impl From<QueryError> for DbError {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => {
                Self::UniqueViolation(info.message().to_owned())
            }
            // Read-only: the server was demoted to a replica, or is a replica that is about to be promoted.
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

/// Whether this process has connected to a server whose messages are not in English.
static NON_ENGLISH_SERVER: AtomicBool = AtomicBool::new(false);

/// Records the language of a server's messages (`lc_messages`).
pub(crate) fn note_server_language(language: &str) {
    if !is_english(language) && !NON_ENGLISH_SERVER.swap(true, Ordering::Relaxed) {
        log::warn!(
            "the messages of the database server are not in English (lc_messages is {language:?}): transient errors are \
             detected less reliably; see docs/operations.md, PostgreSQL"
        );
    }
}

/// Returns whether `lc_messages` is English. An empty value is not: it means the locale of the server's environment.
fn is_english(language: &str) -> bool {
    let name = language.split(['_', '.', '@']).next().unwrap_or("");
    ["C", "POSIX", "en", "English"].contains(&name)
}

/// Returns whether an error without a specific kind is transient.
///
/// diesel exposes neither `SQLite`'s result code nor `PostgreSQL`'s SQLSTATE, so this function compares messages.
/// `SQLite` is part of this program, and `PostgreSQL`'s messages are known in English. In any other language, every
/// error counts as transient unless it has a position in the statement, as errors in statements have.
fn is_transient(info: &dyn DatabaseErrorInformation, is_translated: bool) -> bool {
    TRANSIENT_MESSAGES.iter().any(|part| info.message().contains(part))
        || (is_translated && info.statement_position().is_none())
}

/// Parts of messages about locks, disk errors, timeouts, and closed connections.
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

/// The error of a use case, which can be caused by a [`DbError`]. [`Db::read`](crate::db::Db::read) and
/// [`Db::write`](crate::db::Db::write) require it.
pub trait FromDb: From<DbError> + Error + Send + 'static {
    /// Returns the database error in the chain of sources, if there is one.
    fn as_db(&self) -> Option<&DbError>
    where
        Self: Sized,
    {
        let mut error: &(dyn Error + 'static) = self;
        loop {
            match error.downcast_ref() {
                Some(error) => return Some(error),
                None => error = error.source()?,
            }
        }
    }
}

impl<E: From<DbError> + Error + Send + 'static> FromDb for E {}

/// The database can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder can't be created.
    #[error("can't create the database file {0}: {1}")]
    File(std::path::PathBuf, std::io::Error),
    /// The database does not exist.
    #[error("the database {0} does not exist")]
    Missing(DatabaseUrl),
    /// The connection failed, or the file is not a database.
    #[error("can't open the database {0}: {1}")]
    Connect(DatabaseUrl, String),
    /// The database did not respond within the timeout.
    #[error("the database {0} did not respond for {1:?}: {2}")]
    Timeout(DatabaseUrl, Duration, String),
    /// A restore replaces the file at this moment.
    #[error("the database {0} is being restored")]
    RestoreRuns(DatabaseUrl),
    /// A restore was interrupted between its steps.
    #[error(
        "a restore of the database {0} was interrupted; nothing is lost. Run latchkey restore again, with the same backup"
    )]
    RestoreInterrupted(DatabaseUrl),
    /// Another process has the database open.
    #[error("the database {0} is in use: stop the server and other commands first; nothing was changed")]
    InUse(DatabaseUrl),
    /// Another server uses the file; with its process id.
    #[error("another server (process {1}) uses the database {0}. Only one server can use a SQLite database")]
    OtherServer(DatabaseUrl, String),
    /// A migration failed and was rolled back.
    #[error("can't migrate the database {0}: {1}")]
    Migrate(DatabaseUrl, String),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server's error message and statement position.
    struct ServerError(&'static str, Option<i32>);

    impl DatabaseErrorInformation for ServerError {
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
    fn transient_errors_are_recognized_in_any_server_language() {
        let (lock, lock_in_german) =
            ("canceling statement due to lock timeout", "storniere Anfrage wegen Zeitüberschreitung");
        let (invalid, invalid_in_german) = ("column x does not exist", "Spalte x existiert nicht");
        for (message, position, in_english, translated) in [
            (lock, None, true, true),
            (lock_in_german, None, false, true),
            (invalid, Some(8), false, false),
            (invalid_in_german, Some(8), false, false),
        ] {
            assert_eq!(is_transient(&ServerError(message, position), false), in_english, "{message}");
            assert_eq!(is_transient(&ServerError(message, position), true), translated, "{message}");
        }
    }

    #[test]
    fn several_locale_names_are_english() {
        for english in ["C", "POSIX", "C.UTF-8", "en_US.UTF-8", "en_GB", "en", "English_United States.1252"] {
            assert!(is_english(english), "{english}");
        }
        for other in ["", "de_DE.UTF-8", "fr_FR", "ca_ES", "eno", "Croatian"] {
            assert!(!is_english(other), "{other}");
        }
    }
}
