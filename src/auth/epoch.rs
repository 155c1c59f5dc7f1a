//! The identity epoch: it changes with every change of data that authenticates or authorizes the caller of a token.
//! The triggers of both databases maintain it.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use diesel::pg::data_types::PgTimestamp;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Oid, Timestamptz};

use crate::db::schema::identity_epoch;
use crate::db::{DbConnection, DbError, LocalConnection};

/// Version of all data that authenticates or authorizes the caller of a token. While the epoch is equal, cached lookups
/// are valid. Epochs have no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IdentityEpoch(u64);

impl IdentityEpoch {
    /// Reads the current epoch. Triggers on the tables change it in the transaction that changes the data, so it
    /// reflects commits of every process. A later lookup on the same connection returns data at least as new.
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

    fn from_hash(version: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        version.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// Reads the epoch on a local connection. `SQLite`'s data version, which costs less to read, shows whether the epoch may
/// have changed.
#[derive(Default)]
pub struct EpochReader {
    /// The data version at the last read, and the epoch.
    last_read: Option<(i64, IdentityEpoch)>,
}

impl EpochReader {
    /// Returns the current epoch, which reflects commits of every process.
    pub fn read(&mut self, conn: &mut LocalConnection) -> Result<IdentityEpoch, DbError> {
        // The version is read first, so that the next call detects a commit between the two reads.
        let version = conn.data_version()?;
        match self.last_read {
            Some((read_at, epoch)) if read_at == version => Ok(epoch),
            _ => {
                let epoch = conn.read(IdentityEpoch::read)?;
                self.last_read = Some((version, epoch));
                Ok(epoch)
            }
        }
    }
}

#[cfg(test)]
impl From<i64> for IdentityEpoch {
    fn from(number: i64) -> Self {
        Self::from_hash(number)
    }
}

/// The query for the epoch on `PostgreSQL`. The number is a counter, which can repeat. After a failover to a replica
/// that lags behind, the start time of the server differs. After a restore under a running program, the transaction id
/// differs. A separate query type, because diesel prepares `sql_query` again each time.
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
