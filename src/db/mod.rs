//! The database: [`Db::read`] and [`Db::write`]. The only place that names a backend.
//!
//! Reads and writes go by lanes of their own. A read waits at most 50 ms for another's lock, then the answer is
//! [`DbError::Unavailable`]; a write waits 5 s. On `SQLite` the writing lane is one connection wide, so that the
//! writers of this process queue here, in order, instead of polling each other's lock.

pub mod backup;
pub mod columns;
pub mod connection;
pub mod copy;
pub mod epoch;
pub mod error;
pub mod ids;
pub mod local;
pub mod migrations;
pub mod pool;
pub mod schema;
pub mod transaction;
pub mod url;

use std::time::Duration;

use diesel::connection::SimpleConnection as _;

use crate::db::connection::Manager;
pub use crate::db::connection::{Conn, Limits};
pub use crate::db::epoch::Epoch;
pub use crate::db::error::{DbError, FromDb, OpenError};
pub use crate::db::local::Near;
use crate::db::pool::Lane;
use crate::db::transaction::transaction;
pub use crate::db::url::{BadUrl, DatabaseUrl};

const READ_PATIENCE: Duration = Duration::from_millis(50);

const READERS: u32 = 4;

/// The database, shared by everything in the process; clones are handles to the same.
#[derive(Clone)]
pub struct Db {
    reads: Lane,
    writes: Lane,
    /// Opens a connection near to a reader, where that pays.
    near: Option<Manager>,
}

impl Db {
    /// Opens the database at `url` with the default [`Limits`], makes it if it is a `SQLite` file that is missing, and
    /// migrates it.
    pub fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        Self::open_with(url, &Limits::default())
    }

    /// [`Db::open`] with limits of the caller's. A server that does not answer yet is waited for, in clear lines.
    pub fn open_with(url: &DatabaseUrl, limits: &Limits) -> Result<Self, OpenError> {
        if let DatabaseUrl::Sqlite(path) = url {
            connection::prepare_file(path).map_err(|error| OpenError::File(path.clone(), error))?;
        }
        let writer = Manager { url: url.clone(), limits: *limits, busy_timeout: limits.lock_timeout };
        let ran = migrations::migrate(&mut pool::first_connection(&writer)?)
            .map_err(|error| OpenError::Migrate(url.clone(), connection::first_line(&error.to_string())))?;
        if ran > 0 {
            log::info!("{ran} migrations run on {url}");
        }
        Ok(match url {
            DatabaseUrl::Sqlite(_) => {
                let reader = Manager { busy_timeout: READ_PATIENCE, ..writer.clone() };
                let reads = Lane::open(reader.clone(), READERS)?;
                Self { reads, writes: Lane::open(writer, 1)?, near: Some(reader) }
            }
            DatabaseUrl::Postgres(_) => {
                let both = Lane::open(writer, limits.connections)?;
                Self { reads: both.clone(), writes: both, near: None }
            }
        })
    }

    /// Runs `work` on a thread for blocking work, on a reading connection. For several queries that must see the
    /// same state, use one query.
    pub async fn read<T, E>(&self, work: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        self.reads.run(work).await
    }

    /// Runs a lookup as [`Db::read`] does, but on a connection that is not asked first whether it is still there. If
    /// it is not, the lookup is run once more on one that is.
    pub async fn look_up<T, E>(&self, work: impl Fn(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        self.reads.look_up(work).await
    }

    /// A connection for this thread's own short reads. `None` where a server must be asked: that takes too long for
    /// an async thread.
    pub fn near(&self) -> Result<Option<Near>, OpenError> {
        self.near.as_ref().map(Near::open).transpose()
    }

    /// Runs `work` in a transaction that may write: `BEGIN IMMEDIATE` on `SQLite`, where a transaction that reads
    /// first and writes later would fail under load. `work` may run several times: only what the last run did counts.
    pub async fn write<T, E>(&self, work: impl Fn(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        self.writes.run(move |conn| transaction(conn, &work)).await
    }

    /// [`Db::read`] for callers that may block: the command line and start-up.
    pub fn read_blocking<T, E: FromDb>(&self, work: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
        work(&mut *self.reads.take_blocking()?)
    }

    /// [`Db::write`] for callers that may block: the command line and start-up.
    pub fn write_blocking<T, E: FromDb>(&self, work: impl Fn(&mut Conn) -> Result<T, E>) -> Result<T, E> {
        transaction(&mut *self.writes.take_blocking()?, &work)
    }

    /// Lets the database look how its rows are spread, by which it chooses among its indexes. `PostgreSQL` does so by
    /// itself; `SQLite` is to be asked now and then (its documentation of `PRAGMA optimize`), and looks only at what has
    /// changed much since.
    pub async fn take_stock(&self) -> Result<(), DbError> {
        self.writes.run(take_stock).await
    }

    /// [`Db::take_stock`] for callers that may block.
    pub fn take_stock_blocking(&self) -> Result<(), DbError> {
        take_stock(&mut *self.writes.take_blocking()?)
    }

    /// Does the database answer, and has it every table that this program needs?
    pub async fn is_ready(&self) -> bool {
        self.reads
            .run(|conn| migrations::is_behind(conn).map_err(|error| DbError::Failed(error.to_string())))
            .await
            .is_ok_and(|behind| !behind)
    }
}

fn take_stock(conn: &mut Conn) -> Result<(), DbError> {
    match conn {
        // 2: look at what needs it. 0x10000: whether or not this connection has used it.
        Conn::Sqlite(conn) => Ok(conn.batch_execute("PRAGMA optimize = 0x10002")?),
        Conn::Postgres(_) => Ok(()),
    }
}
