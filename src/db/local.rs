//! A reading connection of one thread's own, for short reads right where they are needed.
//!
//! A lookup by key in a `SQLite` file takes a few microseconds, less than handing it to another thread and back. This
//! is the one exception to the rule that an async thread does not block; nothing but such lookups belongs here.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::{Sqlite, SqliteConnection};

use crate::db::connection::{Conn, Manager, first_line};
use crate::db::epoch::Epoch;
use crate::db::error::{DbError, OpenError};

/// How much of the file a reader sees as memory, in bytes: `SQLite`'s own most. A lookup touches some twenty pages, and
/// without this each is a system call. The pages are the operating system's, shared by all, and given back when others
/// need them.
const MAPPED: u64 = 0x7fff_0000;

/// How many KiB of pages a reader has copies of: those in the WAL, which can't be mapped.
const COPIED: u32 = 256;

/// A connection to a `SQLite` file that belongs to one thread.
pub struct Near {
    conn: Conn,
    /// The version of the file when its epoch was read last.
    seen: Option<(i64, Epoch)>,
    /// Is the file held as it was at some moment?
    is_held: bool,
}

impl Near {
    pub(crate) fn open(manager: &Manager) -> Result<Self, OpenError> {
        let mut conn = crate::db::pool::first_connection(manager)?;
        conn.batch_execute(&format!("PRAGMA mmap_size = {MAPPED}; PRAGMA cache_size = -{COPIED}"))
            .map_err(|error| OpenError::Connect(manager.url.clone(), first_line(&error.to_string())))?;
        Ok(Self { conn, seen: None, is_held: false })
    }

    /// Runs a short read here and now.
    pub fn read<T, E>(&mut self, work: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
        work(&mut self.conn)
    }

    /// The epoch at this moment, whichever process moved it, and what all reads see from now on until
    /// [`Near::let_go`]: one taking of the file's lock serves them all.
    pub fn hold(&mut self) -> Result<Epoch, DbError> {
        self.let_go();
        Fixed::<BEGIN>.execute(self.sqlite()?)?;
        self.is_held = true;
        self.epoch()
    }

    /// Lets the next read see what is there then. Must soon follow on [`Near::hold`]: what is held can't be tidied away
    /// from the WAL.
    pub fn let_go(&mut self) {
        if !std::mem::take(&mut self.is_held) {
            return;
        }
        let ended = self.sqlite().and_then(|conn| Ok(Fixed::<COMMIT>.execute(conn)?));
        if let Err(error) = ended {
            log::debug!("a read had ended by itself: {error}");
        }
    }

    fn sqlite(&mut self) -> Result<&mut SqliteConnection, DbError> {
        match &mut self.conn {
            Conn::Sqlite(conn) => Ok(conn),
            Conn::Postgres(_) => Err(DbError::Failed("only a SQLite file is near".to_owned())),
        }
    }

    /// The epoch at this moment, whichever process moved it.
    pub fn epoch(&mut self) -> Result<Epoch, DbError> {
        // In this order: a commit between the two is noticed at the next look.
        let version = Fixed::<DATA_VERSION>.get_result::<i64>(self.sqlite()?)?;
        match self.seen {
            Some((seen, epoch)) if seen == version => Ok(epoch),
            _ => {
                let epoch = Epoch::now(&mut self.conn)?;
                self.seen = Some((version, epoch));
                Ok(epoch)
            }
        }
    }
}

/// A statement without parameters. A query of its own, because `sql_query` would prepare it anew each time.
#[derive(QueryId)]
struct Fixed<const STATEMENT: usize>;

const STATEMENTS: [&str; 3] = ["BEGIN", "COMMIT", "PRAGMA data_version"];

const BEGIN: usize = 0;

const COMMIT: usize = 1;

/// Moves with each commit of another connection, in this process or elsewhere.
const DATA_VERSION: usize = 2;

impl<const STATEMENT: usize> QueryFragment<Sqlite> for Fixed<STATEMENT> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(STATEMENTS[STATEMENT]);
        Ok(())
    }
}

impl Query for Fixed<DATA_VERSION> {
    type SqlType = BigInt;
}

impl<const STATEMENT: usize> RunQueryDsl<SqliteConnection> for Fixed<STATEMENT> {}
