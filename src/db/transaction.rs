//! Write transactions: begin, retry, advisory locks.

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::result::{DatabaseErrorKind, Error as QueryError};

use crate::db::connection::DbConnection;
use crate::db::error::{DbError, FromDb};

/// How often a transaction that lost against another is tried before it counts as failed.
pub(crate) const MAX_TRANSACTION_ATTEMPTS: u32 = 5;

pub(crate) fn transaction<T, E: FromDb>(
    conn: &mut DbConnection,
    work: &impl Fn(&mut DbConnection) -> Result<T, E>,
) -> Result<T, E> {
    let mut attempt = 1;
    loop {
        match transaction_once(conn, work) {
            Err((error, true)) if attempt < MAX_TRANSACTION_ATTEMPTS => {
                log::debug!("a transaction lost against another (attempt {attempt}): {:?}", error.as_db());
                attempt += 1;
            }
            Err((error, _)) => return Err(error),
            Ok(done) => return Ok(done),
        }
    }
}

/// Lets one transaction at a time past here until it ends, of those that name the same `turn`: for what is counted
/// first and written then. On `SQLite` writers take turns as it is.
pub fn advisory_lock(conn: &mut DbConnection, turn: i64) -> Result<(), DbError> {
    use diesel::RunQueryDsl as _;
    if let DbConnection::Postgres(conn) = conn {
        diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
            .bind::<diesel::sql_types::BigInt, _>(turn)
            .execute(conn)?;
    }
    Ok(())
}

pub(crate) type ConnTransactions = <DbConnection as diesel::Connection>::TransactionManager;

/// The flag says whether the transaction failed only because it met another, so that it may be tried again.
pub(crate) fn transaction_once<T, E: FromDb>(
    conn: &mut DbConnection,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
) -> Result<T, (E, bool)> {
    let begun = match conn {
        DbConnection::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
        DbConnection::Postgres(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN"),
    };
    begun.map_err(|error| (DbError::from(error).into(), false))?;
    match work(conn) {
        Ok(done) => match ConnTransactions::commit_transaction(conn) {
            Ok(()) => Ok(done),
            Err(error) => {
                let again = is_serialization_failure(&error);
                Err((DbError::from(error).into(), again))
            }
        },
        Err(error) => {
            let again = matches!(error.as_db(), Some(DbError::Unavailable(message)) if message.contains("deadlock detected") || message.contains("could not serialize"));
            match ConnTransactions::rollback_transaction(conn) {
                Ok(()) | Err(QueryError::BrokenTransactionManager) => Err((error, again)),
                Err(rollback) => {
                    log::warn!("a transaction could not be rolled back: {rollback}");
                    Err((error, false))
                }
            }
        }
    }
}

pub(crate) fn is_serialization_failure(error: &QueryError) -> bool {
    matches!(error, QueryError::DatabaseError(DatabaseErrorKind::SerializationFailure, _))
}
