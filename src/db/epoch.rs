//! The epoch: what tells whether anything changed that decides who a value's caller is and what they may do.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use diesel::pg::data_types::PgTimestamp;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Oid, Timestamptz};

use crate::db::connection::DbConnection;
use crate::db::error::DbError;
use crate::db::schema::identity_epoch;

/// A state of everything that decides who a value's caller is and what they may do. While it is the same, so is the
/// answer. One is neither before nor after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IdentityEpoch(u64);

impl IdentityEpoch {
    /// The epoch as a query that begins now sees it, whichever process moved it: triggers on the tables do, within the
    /// transaction that changes them. A lookup after this, on the same connection, finds nothing older.
    pub fn read(conn: &mut DbConnection) -> Result<Self, DbError> {
        Ok(match conn {
            DbConnection::Sqlite(conn) => {
                Self::from_hash(identity_epoch::table.select(identity_epoch::number).get_result::<i64>(conn)?)
            }
            DbConnection::Postgres(conn) => {
                let (number, written_by, PgTimestamp(started_at)) =
                    SelectEpoch.get_result::<(i64, u32, PgTimestamp)>(conn)?;
                Self::from_hash((number, written_by, started_at))
            }
        })
    }

    /// The one that this tells from all others.
    fn from_hash(what: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        Self(hasher.finish())
    }
}

#[cfg(test)]
impl From<i64> for IdentityEpoch {
    fn from(number: i64) -> Self {
        Self::from_hash(number)
    }
}

/// Here the number is the next one, which could come again: after a failover, from a server that had not heard of
/// everything, but was started at another moment; or after a restore beneath a running program, but written by another
/// transaction. A query type of its own, because diesel prepares `sql_query` anew each time.
#[derive(QueryId)]
struct SelectEpoch;

impl QueryFragment<Pg> for SelectEpoch {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT number, xmin, pg_postmaster_start_time() FROM identity_epoch WHERE id = 1");
        Ok(())
    }
}

impl Query for SelectEpoch {
    type SqlType = (BigInt, Oid, Timestamptz);
}

impl RunQueryDsl<PgConnection> for SelectEpoch {}
