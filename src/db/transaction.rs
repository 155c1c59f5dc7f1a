//! Write transactions, their retries, and advisory locks.

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::result::{DatabaseErrorKind, Error as QueryError};

use crate::db::connection::{DbConnection, PooledConn};
use crate::db::error::{DbError, FromDb};

/// Maximum number of attempts of a transaction that conflicts with others.
pub(crate) const MAX_TRANSACTION_ATTEMPTS: u32 = 5;

/// Runs `work` without a transaction of its own, or in one behind a pooler, which can otherwise run the parts of one query on
/// different servers.
pub(crate) fn read<T, E: FromDb>(
    conn: &mut PooledConn,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
) -> Result<T, E> {
    if conn.is_behind_pooler { transaction_once(conn, work).map_err(|(error, _)| error) } else { work(conn) }
}

pub(crate) fn transaction<T, E: FromDb>(
    conn: &mut PooledConn,
    work: &impl Fn(&mut DbConnection) -> Result<T, E>,
) -> Result<T, E> {
    let mut attempt = 1;
    loop {
        match transaction_once(conn, work) {
            Err((error, true)) if attempt < MAX_TRANSACTION_ATTEMPTS => {
                log::debug!("transaction conflict (attempt {attempt}): {:?}", error.as_db());
                attempt += 1;
            }
            Err((error, _)) => return Err(error),
            Ok(done) => return Ok(done),
        }
    }
}

/// Acquires the advisory lock `key` until the transaction ends, so that transactions that count rows and then insert do
/// not overlap. Does nothing on `SQLite`, where write transactions never overlap.
///
/// # Errors
///
/// Returns an error if the query fails.
pub(crate) fn advisory_lock(conn: &mut DbConnection, key: i64) -> Result<(), DbError> {
    use diesel::RunQueryDsl as _;
    if let DbConnection::Postgres(conn) = conn {
        diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
            .bind::<diesel::sql_types::BigInt, _>(key)
            .execute(conn)?;
    }
    Ok(())
}

pub(crate) type ConnTransactions = <DbConnection as diesel::Connection>::TransactionManager;

/// Runs a transaction once. The flag of the error is true if the transaction conflicted with another and may be
/// retried.
pub(crate) fn transaction_once<T, E: FromDb>(
    conn: &mut PooledConn,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
) -> Result<T, (E, bool)> {
    let statement = conn.begin.clone();
    let conn = &mut **conn;
    let begun = match conn {
        DbConnection::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, &statement),
        DbConnection::Postgres(conn) => AnsiTransactionManager::begin_transaction_sql(conn, &statement),
    };
    begun.map_err(|error| (DbError::from(error).into(), false))?;
    match work(conn) {
        Ok(done) => match ConnTransactions::commit_transaction(conn) {
            Ok(()) => Ok(done),
            Err(error) => {
                let can_retry = is_serialization_failure(&error);
                Err((DbError::from(error).into(), can_retry))
            }
        },
        Err(error) => {
            let can_retry = matches!(error.as_db(), Some(DbError::Unavailable(message)) if message.contains("deadlock detected") || message.contains("could not serialize"));
            match ConnTransactions::rollback_transaction(conn) {
                Ok(()) | Err(QueryError::BrokenTransactionManager) => Err((error, can_retry)),
                Err(rollback) => {
                    log::warn!("can't roll back a transaction: {rollback}");
                    Err((error, false))
                }
            }
        }
    }
}

pub(crate) fn is_serialization_failure(error: &QueryError) -> bool {
    matches!(error, QueryError::DatabaseError(DatabaseErrorKind::SerializationFailure, _))
}
