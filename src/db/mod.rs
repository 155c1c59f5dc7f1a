//! The database: [`Db::read`] and [`Db::write`]. Code outside this module must not depend on the backend.
//!
//! On `SQLite`, reads and writes use separate pools. A read waits at most 50 ms for a lock, then fails with
//! [`DbError::Unavailable`]; a write waits 5 s by default. The write pool has one connection, so that the writers of
//! this process queue in order instead of polling for the file lock.
//!
//! Token lookups have connections of their own, so that no other work, which may wait for a lock, can delay them.

pub(crate) mod backup;
pub(crate) mod columns;
pub(crate) mod connection;
pub mod copy;
pub(crate) mod error;
pub mod ids;
pub(crate) mod list_conditions;
pub(crate) mod list_page;
pub(crate) mod local;
pub mod lock;
pub(crate) mod migrations;
pub(crate) mod pool;
pub(crate) mod restore;
pub(crate) mod schema;
mod sort_keys;
pub(crate) mod transaction;
pub(crate) mod url;

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;

use crate::db::connection::{ConnectionManager, PooledConn};
pub use crate::db::connection::{DbConnection, DbOptions};
pub use crate::db::error::{DbError, FromDb, OpenError};
pub use crate::db::local::LocalConnection;
use crate::db::lock::DatabaseLock;
use crate::db::migrations::SchemaState;
use crate::db::pool::Pool;
use crate::db::transaction::{read, transaction};
pub use crate::db::url::{DatabaseUrl, DatabaseUrlError};

const READ_LOCK_TIMEOUT: Duration = Duration::from_millis(50);

const SQLITE_READERS: u32 = 4;

/// A handle to the database; clones share the same pools.
#[derive(Clone)]
pub struct Db {
    reads: Pool,
    writes: Pool,
    lookups: LookupConnections,
    /// No restore replaces the file while a clone of this lives.
    _lock: Option<Arc<DatabaseLock>>,
}

/// The connections for token lookups.
#[derive(Clone)]
enum LookupConnections {
    /// One connection for each worker thread, to a `SQLite` file.
    Local(ConnectionManager),
    /// A `PostgreSQL` server.
    Pooled(Pool),
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
            lock::prepare_folder(path).map_err(|error| OpenError::File(path.clone(), error))?;
        }
        let lock = lock::share(url)?.map(Arc::new);
        if let DatabaseUrl::Sqlite(path) = url {
            connection::prepare_file(path).map_err(|error| OpenError::File(path.clone(), error))?;
        }
        let writer = ConnectionManager::new(url.clone(), *limits, limits.lock_timeout);
        let failed = |error: &str| OpenError::Migrate(url.clone(), connection::first_line(error));
        let mut conn = pool::connect_with_retry(&writer)?;
        let ran = migrations::migrate(&mut conn).map_err(|error| failed(&error.to_string()))?;
        if ran > 0 {
            log::info!("{ran} migrations applied to {url}");
        }
        fill_sort_keys(&mut writer.pooled(conn)).map_err(|error| failed(&error.to_string()))?;
        if writer.is_behind_pooler() {
            log::debug!("behind a connection pooler: no prepared statements, timeouts for each transaction");
        }
        Ok(match url {
            DatabaseUrl::Sqlite(_) => {
                let reader = ConnectionManager::new(url.clone(), *limits, READ_LOCK_TIMEOUT);
                let reads = Pool::open(reader.clone(), SQLITE_READERS)?;
                Self { reads, writes: Pool::open(writer, 1)?, lookups: LookupConnections::Local(reader), _lock: lock }
            }
            DatabaseUrl::Postgres(_) => {
                let for_lookups = (limits.connections / 2).max(1);
                let lookups = Pool::open_untested(writer.clone(), for_lookups)?;
                let others = Pool::open(writer, limits.connections.saturating_sub(for_lookups).max(1))?;
                Self { reads: others.clone(), writes: others, lookups: LookupConnections::Pooled(lookups), _lock: lock }
            }
        })
    }

    /// Runs `work` on a blocking thread, on a reading connection. There is no transaction: data that must be consistent
    /// must be read in one query.
    pub async fn read<T: Send + 'static, E: FromDb>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.reads.interact(move |conn| read(conn, work)).await
    }

    /// Runs a token lookup on a blocking thread, on a connection for lookups. The connection is not tested first. If it
    /// is lost, the lookup runs again on another connection.
    pub async fn look_up<T: Send + 'static, E: FromDb>(
        &self,
        work: impl Fn(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        match &self.lookups {
            LookupConnections::Local(_) => self.reads.interact(move |conn| read(conn, work)).await,
            LookupConnections::Pooled(pool) => pool.interact_untested(move |conn| read(conn, &work)).await,
        }
    }

    /// Opens a connection for short reads on the calling thread. `None` on `PostgreSQL`: a network round trip would
    /// block an async thread for too long.
    pub fn local_connection(&self) -> Result<Option<LocalConnection>, OpenError> {
        match &self.lookups {
            LookupConnections::Local(manager) => LocalConnection::open(manager).map(Some),
            LookupConnections::Pooled(_) => Ok(None),
        }
    }

    /// Runs `work` in a write transaction. On `SQLite` it begins with `BEGIN IMMEDIATE`, because a transaction that
    /// reads first and writes later fails under load. `work` may run several times; only the last run is committed.
    pub async fn write<T: Send + 'static, E: FromDb>(
        &self,
        work: impl Fn(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.writes.interact(move |conn| transaction(conn, &work)).await
    }

    /// [`Db::write`] that calls `committed` after the commit, also if that happens after the caller's wait timed out.
    pub async fn write_then<T, E>(
        &self,
        work: impl Fn(&mut DbConnection) -> Result<T, E> + Send + 'static,
        committed: impl FnOnce() + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        let write = move |conn: &mut PooledConn| {
            let done = transaction(conn, &work)?;
            committed();
            Ok(done)
        };
        self.writes.interact(write).await
    }

    /// Waits until no transaction of [`Db::write`] is running, including those whose caller has timed out: they can still commit.
    pub async fn wait_for_writes(&self) {
        self.writes.wait_until_idle().await;
    }

    /// [`Db::read`] for callers that may block: the command line and start-up.
    pub fn read_blocking<T, E: FromDb>(&self, work: impl FnOnce(&mut DbConnection) -> Result<T, E>) -> Result<T, E> {
        read(&mut *self.reads.get()?, work)
    }

    /// [`Db::write`] for callers that may block: the command line and start-up.
    pub fn write_blocking<T, E: FromDb>(&self, work: impl Fn(&mut DbConnection) -> Result<T, E>) -> Result<T, E> {
        transaction(&mut *self.writes.get()?, &work)
    }

    /// Updates the query planner's statistics. `PostgreSQL` does so automatically. `SQLite` recommends to run
    /// `PRAGMA optimize` periodically (see its documentation), which analyzes only tables that have changed much.
    pub async fn optimize(&self) -> Result<(), DbError> {
        let optimize = |conn: &mut PooledConn| match &mut **conn {
            // 0x2: run ANALYZE where needed. 0x10000: check all tables, not only those that this connection has queried.
            DbConnection::Sqlite(conn) => Ok(conn.batch_execute("PRAGMA optimize = 0x10002")?),
            DbConnection::Postgres(_) => Ok(()),
        };
        self.writes.interact(optimize).await
    }

    /// Returns whether the database responds and has no pending migrations.
    pub async fn is_ready(&self) -> bool {
        self.reads
            .interact(|conn| read(conn, migrations::schema_state))
            .await
            .is_ok_and(|state| matches!(state, SchemaState::Current | SchemaState::Newer))
    }
}

/// Fills missing sort keys, a batch per transaction. Several processes may do so concurrently: each row is filled once.
fn fill_sort_keys(conn: &mut PooledConn) -> Result<(), DbError> {
    if read(conn, sort_keys::is_any_missing)? {
        while transaction(conn, &sort_keys::fill_batch)? {}
    }
    Ok(())
}
