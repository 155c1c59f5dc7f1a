//! The database: [`Db::read`] and [`Db::write`]. The only place that names a backend.
//!
//! Reads and writes go by lanes of their own. A read waits at most 50 ms for another's lock, then the answer is
//! [`DbError::Unavailable`]; a write waits 5 s. On `SQLite` the writing lane is one connection wide, so that the
//! writers of this process queue here, in order, instead of polling each other's lock.

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

/// The database, shared by everything in the process; clones are handles to the same.
#[derive(Clone)]
pub struct Db {
    reads: Pool,
    writes: Pool,
    /// Opens a connection near to a reader, where that pays.
    local: Option<ConnectionManager>,
}

impl Db {
    /// Opens the database at `url` with the default [`Limits`], makes it if it is a `SQLite` file that is missing, and
    /// migrates it.
    pub fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        Self::open_with(url, &DbOptions::default())
    }

    /// [`Db::open`] with limits of the caller's. A server that does not answer yet is waited for, in clear lines.
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

    /// Runs `work` on a thread for blocking work, on a reading connection. For several queries that must see the
    /// same state, use one query.
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

    /// Runs a lookup as [`Db::read`] does, but on a connection that is not asked first whether it is still there. If
    /// it is not, the lookup is run once more on one that is.
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

    /// A connection for this thread's own short reads. `None` where a server must be asked: that takes too long for
    /// an async thread.
    pub fn local_connection(&self) -> Result<Option<LocalConnection>, OpenError> {
        self.local.as_ref().map(LocalConnection::open).transpose()
    }

    /// Runs `work` in a transaction that may write: `BEGIN IMMEDIATE` on `SQLite`, where a transaction that reads
    /// first and writes later would fail under load. `work` may run several times: only what the last run did counts.
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

    /// Lets the database look how its rows are spread, by which it chooses among its indexes. `PostgreSQL` does so by
    /// itself; `SQLite` is to be asked now and then (its documentation of `PRAGMA optimize`), and looks only at what has
    /// changed much since.
    pub async fn optimize(&self) -> Result<(), DbError> {
        self.writes.interact(optimize).await
    }

    /// [`Db::take_stock`] for callers that may block.
    pub fn optimize_blocking(&self) -> Result<(), DbError> {
        optimize(&mut *self.writes.get()?)
    }

    /// Does the database answer, and has it every table that this program needs?
    pub async fn is_ready(&self) -> bool {
        self.reads
            .interact(|conn| migrations::is_outdated(conn).map_err(|error| DbError::Query(error.to_string())))
            .await
            .is_ok_and(|behind| !behind)
    }
}

fn optimize(conn: &mut DbConnection) -> Result<(), DbError> {
    match conn {
        // 2: look at what needs it. 0x10000: whether or not this connection has used it.
        DbConnection::Sqlite(conn) => Ok(conn.batch_execute("PRAGMA optimize = 0x10002")?),
        DbConnection::Postgres(_) => Ok(()),
    }
}
