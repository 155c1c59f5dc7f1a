//! Thread-local `SQLite` connections for short reads on the calling thread.
//!
//! A lookup by key in a `SQLite` file takes a few microseconds, less than a switch to another thread and back. This is
//! the only exception to the rule that an async thread must not block. Must not be used for any other query.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::{Sqlite, SqliteConnection};

use crate::db::connection::{ConnectionManager, DbConnection, first_line};
use crate::db::error::{DbError, OpenError};

/// Memory-mapped part of the file, in bytes: `SQLite`'s maximum. A lookup reads about twenty pages, and without the
/// mapping each is a system call. The pages belong to the operating system's page cache, which can evict them.
const MMAP_SIZE: u64 = 0x7fff_0000;

/// Size of the page cache per connection, in KiB. It holds the pages in the WAL, which can't be mapped.
const PAGE_CACHE_KIB: u32 = 256;

/// A connection to a `SQLite` file that belongs to one thread.
pub struct LocalConnection {
    conn: DbConnection,
    /// Whether a read transaction is open.
    has_snapshot: bool,
}

impl LocalConnection {
    pub(crate) fn open(manager: &ConnectionManager) -> Result<Self, OpenError> {
        let mut conn = crate::db::pool::connect_with_retry(manager)?;
        conn.batch_execute(&format!("PRAGMA mmap_size = {MMAP_SIZE}; PRAGMA cache_size = -{PAGE_CACHE_KIB}"))
            .map_err(|error| OpenError::Connect(manager.url.clone(), first_line(&error.to_string())))?;
        Ok(Self { conn, has_snapshot: false })
    }

    /// Runs a short read on the calling thread.
    pub fn read<T, E>(&mut self, work: impl FnOnce(&mut DbConnection) -> Result<T, E>) -> Result<T, E> {
        work(&mut self.conn)
    }

    /// Runs short reads in one transaction: they see the same snapshot and share one acquisition of the file lock. The
    /// transaction ends with this call, because an open snapshot prevents a complete WAL checkpoint.
    pub fn with_snapshot<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DbError>) -> Result<T, DbError> {
        // A panic can leave a transaction open.
        self.end_snapshot();
        StaticStatement::<BEGIN>.execute(self.sqlite()?)?;
        self.has_snapshot = true;
        let result = work(self);
        self.end_snapshot();
        result
    }

    fn end_snapshot(&mut self) {
        if !std::mem::take(&mut self.has_snapshot) {
            return;
        }
        if let Err(error) = self.sqlite().and_then(|conn| Ok(StaticStatement::<COMMIT>.execute(conn)?)) {
            log::debug!("SQLite had already ended a read transaction: {error}");
        }
    }

    fn sqlite(&mut self) -> Result<&mut SqliteConnection, DbError> {
        match &mut self.conn {
            DbConnection::Sqlite(conn) => Ok(conn),
            DbConnection::Postgres(_) => Err(DbError::Query("a local connection is to a SQLite file".to_owned())),
        }
    }

    /// Returns the file's data version. It changes with each commit of another connection, in any process.
    pub fn data_version(&mut self) -> Result<i64, DbError> {
        Ok(StaticStatement::<DATA_VERSION>.get_result::<i64>(self.sqlite()?)?)
    }
}

/// A statement without parameters. A separate query type, because diesel prepares `sql_query` again each time.
#[derive(QueryId)]
struct StaticStatement<const STATEMENT: usize>;

const STATEMENTS: [&str; 3] = ["BEGIN", "COMMIT", "PRAGMA data_version"];

const BEGIN: usize = 0;

const COMMIT: usize = 1;

const DATA_VERSION: usize = 2;

impl<const STATEMENT: usize> QueryFragment<Sqlite> for StaticStatement<STATEMENT> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(STATEMENTS[STATEMENT]);
        Ok(())
    }
}

impl Query for StaticStatement<DATA_VERSION> {
    type SqlType = BigInt;
}

impl<const STATEMENT: usize> RunQueryDsl<SqliteConnection> for StaticStatement<STATEMENT> {}
