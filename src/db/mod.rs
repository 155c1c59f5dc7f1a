//! The database: [`Db::read`] and [`Db::write`]. Code outside this module must not depend on the backend.
//!
//! On `SQLite`, reads and writes use separate pools. A read waits at most 50 ms for a lock, then fails with
//! [`DbError::Unavailable`]; a write waits 5 s by default. The write pool has one connection, so that the writers of
//! this process queue in order instead of polling for the file lock.

pub mod backup;
pub(crate) mod columns;
pub(crate) mod connection;
pub mod copy;
pub(crate) mod epoch;
pub(crate) mod error;
pub mod ids;
pub(crate) mod local;
pub(crate) mod migrations;
pub(crate) mod pool;
pub mod schema;
pub(crate) mod transaction;
pub(crate) mod url;

use std::time::Duration;

use diesel::connection::SimpleConnection as _;

use crate::db::connection::ConnectionManager;
pub use crate::db::connection::{DbConnection, DbOptions};
pub use crate::db::epoch::IdentityEpoch;
pub use crate::db::error::{DbError, FromDb, OpenError};
pub use crate::db::local::LocalConnection;
use crate::db::pool::Pool;
use crate::db::transaction::transaction;
pub use crate::db::url::{DatabaseUrl, DatabaseUrlError};

const READ_LOCK_TIMEOUT: Duration = Duration::from_millis(50);

const SQLITE_READERS: u32 = 4;

/// A handle to the database; clones share the same pools.
#[derive(Clone)]
pub struct Db {
    reads: Pool,
    writes: Pool,
    /// Opens thread-local connections; `None` on `PostgreSQL`.
    local: Option<ConnectionManager>,
}

impl Db {
    /// Opens and migrates the database at `url` with the default [`DbOptions`]. A `SQLite` file that does not exist is
    /// created.
    pub fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        Self::open_with(url, &DbOptions::default())
    }

    /// [`Db::open`] with other options. Waits for a server that does not respond yet, and logs each attempt.
    pub fn open_with(url: &DatabaseUrl, limits: &DbOptions) -> Result<Self, OpenError> {
        if let DatabaseUrl::Sqlite(path) = url {
            connection::prepare_file(path).map_err(|error| OpenError::File(path.clone(), error))?;
        }
        let writer = ConnectionManager { url: url.clone(), limits: *limits, busy_timeout: limits.lock_timeout };
        let ran = migrations::migrate(&mut pool::connect_with_retry(&writer)?)
            .map_err(|error| OpenError::Migrate(url.clone(), connection::first_line(&error.to_string())))?;
        if ran > 0 {
            log::info!("{ran} migrations run on {url}");
        }
        Ok(match url {
            DatabaseUrl::Sqlite(_) => {
                let reader = ConnectionManager { busy_timeout: READ_LOCK_TIMEOUT, ..writer.clone() };
                let reads = Pool::open(reader.clone(), SQLITE_READERS)?;
                Self { reads, writes: Pool::open(writer, 1)?, local: Some(reader) }
            }
            DatabaseUrl::Postgres(_) => {
                let both = Pool::open(writer, limits.connections)?;
                Self { reads: both.clone(), writes: both, local: None }
            }
        })
    }

    /// Runs `work` on a blocking thread, on a reading connection. There is no transaction: data that must be consistent
    /// must be read in one query.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        self.reads.interact(work).await
    }

    /// Runs a lookup like [`Db::read`], but does not test the connection first. If the connection is lost, the lookup
    /// runs again on a tested connection.
    pub async fn read_untested<T, E>(
        &self,
        work: impl Fn(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        self.reads.interact_untested(work).await
    }

    /// Opens a connection for short reads on the calling thread. `None` on `PostgreSQL`: a network round trip would
    /// block an async thread for too long.
    pub fn local_connection(&self) -> Result<Option<LocalConnection>, OpenError> {
        self.local.as_ref().map(LocalConnection::open).transpose()
    }

    /// Runs `work` in a write transaction. On `SQLite` it begins with `BEGIN IMMEDIATE`, because a transaction that
    /// reads first and writes later fails under load. `work` may run several times; only the last run is committed.
    pub async fn write<T, E>(&self, work: impl Fn(&mut DbConnection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        self.writes.interact(move |conn| transaction(conn, &work)).await
    }

    /// [`Db::read`] for callers that may block: the command line and start-up.
    pub fn read_blocking<T, E: FromDb>(&self, work: impl FnOnce(&mut DbConnection) -> Result<T, E>) -> Result<T, E> {
        work(&mut *self.reads.get()?)
    }

    /// [`Db::write`] for callers that may block: the command line and start-up.
    pub fn write_blocking<T, E: FromDb>(&self, work: impl Fn(&mut DbConnection) -> Result<T, E>) -> Result<T, E> {
        transaction(&mut *self.writes.get()?, &work)
    }

    /// Updates the query planner's statistics. `PostgreSQL` does so automatically. `SQLite` recommends to run
    /// `PRAGMA optimize` periodically (see its documentation), which analyzes only tables that have changed much.
    pub async fn optimize(&self) -> Result<(), DbError> {
        self.writes.interact(optimize).await
    }

    /// [`Db::optimize`] for callers that may block.
    pub fn optimize_blocking(&self) -> Result<(), DbError> {
        optimize(&mut *self.writes.get()?)
    }

    /// Returns whether the database responds and has no pending migrations.
    pub async fn is_ready(&self) -> bool {
        self.reads
            .interact(|conn| migrations::is_outdated(conn).map_err(|error| DbError::Query(error.to_string())))
            .await
            .is_ok_and(|is_outdated| !is_outdated)
    }
}

fn optimize(conn: &mut DbConnection) -> Result<(), DbError> {
    match conn {
        // 0x2: run ANALYZE where needed. 0x10000: check all tables, not only those that this connection has queried.
        DbConnection::Sqlite(conn) => Ok(conn.batch_execute("PRAGMA optimize = 0x10002")?),
        DbConnection::Postgres(_) => Ok(()),
    }
}
