//! A reading connection of one thread's own, for short reads right where they are needed.
//!
//! A lookup by key in a `SQLite` file takes a few microseconds, less than handing it to another thread and back. This
//! is the one exception to the rule that an async thread does not block; nothing but such lookups belongs here.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::{Sqlite, SqliteConnection};

use crate::db::connection::{ConnectionManager, DbConnection, first_line};
use crate::db::epoch::IdentityEpoch;
use crate::db::error::{DbError, OpenError};

/// How much of the file a reader sees as memory, in bytes: `SQLite`'s own most. A lookup touches some twenty pages, and
/// without this each is a system call. The pages are the operating system's, shared by all, and given back when others
/// need them.
const MMAP_SIZE: u64 = 0x7fff_0000;

/// How many KiB of pages a reader has copies of: those in the WAL, which can't be mapped.
const PAGE_CACHE_KIB: u32 = 256;

/// A connection to a `SQLite` file that belongs to one thread.
pub struct LocalConnection {
    conn: DbConnection,
    /// The version of the file when its epoch was read last.
    seen: Option<(i64, IdentityEpoch)>,
    /// Is the file held as it was at some moment?
    has_snapshot: bool,
}

impl LocalConnection {
    pub(crate) fn open(manager: &ConnectionManager) -> Result<Self, OpenError> {
        let mut conn = crate::db::pool::connect_with_retry(manager)?;
        conn.batch_execute(&format!("PRAGMA mmap_size = {MMAP_SIZE}; PRAGMA cache_size = -{PAGE_CACHE_KIB}"))
            .map_err(|error| OpenError::Connect(manager.url.clone(), first_line(&error.to_string())))?;
        Ok(Self { conn, seen: None, has_snapshot: false })
    }

    /// Runs a short read here and now.
    pub fn read<T, E>(&mut self, work: impl FnOnce(&mut DbConnection) -> Result<T, E>) -> Result<T, E> {
        work(&mut self.conn)
    }

    /// The epoch at this moment, whichever process moved it, and what all reads see from now on until
    /// [`Near::let_go`]: one taking of the file's lock serves them all.
    pub fn begin_snapshot(&mut self) -> Result<IdentityEpoch, DbError> {
        self.end_snapshot();
        StaticStatement::<BEGIN>.execute(self.sqlite()?)?;
        self.has_snapshot = true;
        self.epoch()
    }

    /// Lets the next read see what is there then. Must soon follow on [`Near::hold`]: what is held can't be tidied away
    /// from the WAL.
    pub fn end_snapshot(&mut self) {
        if !std::mem::take(&mut self.has_snapshot) {
            return;
        }
        let ended = self.sqlite().and_then(|conn| Ok(StaticStatement::<COMMIT>.execute(conn)?));
        if let Err(error) = ended {
            log::debug!("a read had ended by itself: {error}");
        }
    }

    fn sqlite(&mut self) -> Result<&mut SqliteConnection, DbError> {
        match &mut self.conn {
            DbConnection::Sqlite(conn) => Ok(conn),
            DbConnection::Postgres(_) => Err(DbError::Query("only a SQLite file is near".to_owned())),
        }
    }

    /// The epoch at this moment, whichever process moved it.
    pub fn epoch(&mut self) -> Result<IdentityEpoch, DbError> {
        // In this order: a commit between the two is noticed at the next look.
        let version = StaticStatement::<DATA_VERSION>.get_result::<i64>(self.sqlite()?)?;
        match self.seen {
            Some((seen, epoch)) if seen == version => Ok(epoch),
            _ => {
                let epoch = IdentityEpoch::read(&mut self.conn)?;
                self.seen = Some((version, epoch));
                Ok(epoch)
            }
        }
    }
}

/// A statement without parameters. A query of its own, because `sql_query` would prepare it anew each time.
#[derive(QueryId)]
struct StaticStatement<const STATEMENT: usize>;

const STATEMENTS: [&str; 3] = ["BEGIN", "COMMIT", "PRAGMA data_version"];

const BEGIN: usize = 0;

const COMMIT: usize = 1;

/// Moves with each commit of another connection, in this process or elsewhere.
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
