//! The writes of the evidence of use. There are many of them, so each is a statement that the database keeps prepared:
//! diesel's own updates are prepared anew each time.

use std::ops::Range;
use std::time::Duration;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use crate::base::client_info::ClientInfo;
use crate::db::ids::ValueId;
use crate::db::{DbConnection, DbError};
use crate::usage::buffer::{ClientIndex, RejectedUses, UsageBatch, UsageEntry};

/// Writes down what happened to these of the values, counted in each list.
pub(crate) fn write(conn: &mut DbConnection, taken: &UsageBatch, these: Range<usize>) -> Result<(), DbError> {
    let origins: Vec<ClientColumns> = taken.clients.iter().map(|client| ClientColumns::of(client)).collect();
    mark_used(conn, slice_of(&taken.used, &these), &origins)?;
    for (value, tried) in slice_of(&taken.tried, &these) {
        mark_rejected(conn, *value, tried, &origins)?;
    }
    Ok(())
}

fn slice_of<'a, T>(list: &'a [T], these: &Range<usize>) -> &'a [T] {
    &list[these.start.min(list.len())..these.end.min(list.len())]
}

/// Writes down that values were used: one write a value, however often. A later use that another process wrote stays.
/// A server is told of many at once, because each word with it takes longer than the writing.
fn mark_used(
    conn: &mut DbConnection,
    used: &[(ValueId, UsageEntry)],
    origins: &[ClientColumns],
) -> Result<(), DbError> {
    match conn {
        DbConnection::Sqlite(conn) => {
            for (nth, (value, used)) in used.iter().enumerate() {
                if nth > 0 && nth.is_multiple_of(ROWS_BEFORE_PAUSE) {
                    #[expect(clippy::disallowed_methods, reason = "on a thread that may block")]
                    std::thread::sleep(PAUSE);
                }
                let (first, last) = (used.first.micros(), used.last().micros());
                MarkUsed { value: value.0, first, last, origin: client_columns(used.client, origins) }.execute(conn)?;
            }
        }
        DbConnection::Postgres(conn) => {
            for used in used.chunks(ROWS_PER_STATEMENT) {
                let origins: Vec<&ClientColumns> =
                    used.iter().map(|(_, used)| client_columns(used.client, origins)).collect();
                diesel::sql_query(MARK_ALL_USED)
                    .bind::<Array<BigInt>, _>(used.iter().map(|(value, _)| value.0).collect::<Vec<_>>())
                    .bind::<Array<BigInt>, _>(used.iter().map(|(_, used)| used.first.micros()).collect::<Vec<_>>())
                    .bind::<Array<BigInt>, _>(used.iter().map(|(_, used)| used.last().micros()).collect::<Vec<_>>())
                    .bind::<Array<Nullable<Text>>, _>(origins.iter().map(|origin| &origin.ip).collect::<Vec<_>>())
                    .bind::<Array<Nullable<Text>>, _>(origins.iter().map(|origin| &origin.agent).collect::<Vec<_>>())
                    .execute(conn)?;
            }
        }
    }
    Ok(())
}

/// How many values are marked in one go on `SQLite`, which takes 0.1 ms, and how long a breath is drawn then. Where all cores
/// are busy, requests wait for a thread that goes on for a millisecond; they pass one that rests as often as this.
const ROWS_BEFORE_PAUSE: usize = 128;

const PAUSE: Duration = Duration::from_micros(100);

/// How many values one statement marks: of more than that `PostgreSQL` reads the whole table to find them.
const ROWS_PER_STATEMENT: usize = 1000;

/// One look into the index a row, in the order of the rows, which is also the order of their locks: two instances that
/// write of the same values wait for each other in turn.
const MARK_ALL_USED: &str = "
    UPDATE value_uses SET first_used_at = COALESCE(first_used_at, used.first), last_used_at = used.last,
        last_used_ip = used.ip, last_used_agent = used.agent
    FROM unnest($1, $2, $3, $4, $5) AS used (id, first, last, ip, agent)
    WHERE value_id = used.id AND (last_used_at IS NULL OR last_used_at < used.last)";

/// Writes down that a value was tried after it had stopped.
fn mark_rejected(
    conn: &mut DbConnection,
    value: ValueId,
    tried: &RejectedUses,
    origins: &[ClientColumns],
) -> Result<(), DbError> {
    let (count, last) = (tried.count, tried.last.micros());
    let marked = MarkRejected { value: value.0, count, last, origin: client_columns(tried.client, origins) };
    crate::on_its_own!(conn, conn => marked.execute(conn))?;
    Ok(())
}

struct MarkUsed<'a> {
    value: i64,
    first: i64,
    last: i64,
    origin: &'a ClientColumns,
}

struct MarkRejected<'a> {
    value: i64,
    count: i64,
    last: i64,
    origin: &'a ClientColumns,
}

/// A client, as it is written.
struct ClientColumns {
    ip: Option<String>,
    agent: Option<String>,
}

/// Of a client that was not told apart from others.
static UNKNOWN: ClientColumns = ClientColumns { ip: None, agent: None };

impl ClientColumns {
    fn of(client: &ClientInfo) -> Self {
        Self { ip: Some(client.ip_text()), agent: client.agent.clone() }
    }
}

fn client_columns(client: ClientIndex, origins: &[ClientColumns]) -> &ClientColumns {
    client.get(origins).unwrap_or(&UNKNOWN)
}

impl<DB: Backend> QueryFragment<DB> for MarkUsed<'_>
where
    i64: ToSql<BigInt, DB>,
    Option<String>: ToSql<Nullable<Text>, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE value_uses SET first_used_at = COALESCE(first_used_at, ");
        out.push_bind_param::<BigInt, _>(&self.first)?;
        out.push_sql("), last_used_at = ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(", last_used_ip = ");
        out.push_bind_param::<Nullable<Text>, _>(&self.origin.ip)?;
        out.push_sql(", last_used_agent = ");
        out.push_bind_param::<Nullable<Text>, _>(&self.origin.agent)?;
        out.push_sql(" WHERE value_id = ");
        out.push_bind_param::<BigInt, _>(&self.value)?;
        out.push_sql(" AND (last_used_at IS NULL OR last_used_at < ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(")");
        Ok(())
    }
}

impl<DB: Backend> QueryFragment<DB> for MarkRejected<'_>
where
    i64: ToSql<BigInt, DB>,
    Option<String>: ToSql<Nullable<Text>, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE value_uses SET tries_after_end = tries_after_end + ");
        out.push_bind_param::<BigInt, _>(&self.count)?;
        out.push_sql(", last_try_at = ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(", last_try_ip = ");
        out.push_bind_param::<Nullable<Text>, _>(&self.origin.ip)?;
        out.push_sql(", last_try_agent = ");
        out.push_bind_param::<Nullable<Text>, _>(&self.origin.agent)?;
        out.push_sql(" WHERE value_id = ");
        out.push_bind_param::<BigInt, _>(&self.value)?;
        Ok(())
    }
}

impl QueryId for MarkUsed<'_> {
    type QueryId = MarkUsed<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryId for MarkRejected<'_> {
    type QueryId = MarkRejected<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<C> RunQueryDsl<C> for MarkUsed<'_> {}

impl<C> RunQueryDsl<C> for MarkRejected<'_> {}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;

    use super::*;
    use crate::base::clock::Timestamp;
    use crate::db::Db;
    use crate::db::schema::value_uses;
    use crate::usage::UsageRecorder;

    /// A database with the places for the evidence of so many values.
    fn with_values(folder: &tempfile::TempDir, values: i64) -> Db {
        let db = Db::open(&folder.path().join("x.db").to_string_lossy().parse().unwrap()).unwrap();
        let rows = format!(
            "PRAGMA foreign_keys = OFF; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {values}) \
             INSERT INTO value_uses (value_id) SELECT i FROM n; PRAGMA foreign_keys = ON;"
        );
        db.read_blocking(|conn| conn.batch_execute(&rows).map_err(DbError::from)).unwrap();
        db
    }

    #[test]
    fn each_value_gets_its_own_client_and_of_too_many_clients_the_time_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (db, uses) = (with_values(&folder, 1000), UsageRecorder::default());
        let client = |agent: String| ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent) };
        // One value's callers take all the places for clients that there are, but for those of the first ten.
        (1..=10).for_each(|value| uses.record(ValueId(value), client(value.to_string()), Timestamp::from_micros(1)));
        (0..5000).for_each(|one| uses.record(ValueId(20), client(format!("tool {one}")), Timestamp::from_micros(2)));
        uses.record(ValueId(30), client("late".to_owned()), Timestamp::from_micros(3));
        uses.flush_blocking(&db).unwrap();
        let query = value_uses::table.filter(value_uses::last_used_at.is_not_null()).order(value_uses::value_id);
        let columns = (value_uses::value_id, value_uses::last_used_at, value_uses::last_used_agent);
        let rows = db.read_blocking(|conn| {
            Ok::<_, DbError>(query.select(columns).load::<(i64, Option<i64>, Option<String>)>(conn)?)
        });
        let first = (1..=10).map(|value| (value, Some(1), Some(value.to_string())));
        assert!(rows.unwrap().into_iter().eq(first.chain([(20, Some(2), None), (30, Some(3), None)])));
    }

    #[test]
    fn a_flush_behind_another_ends_when_everything_is_written() {
        const VALUES: i64 = 45_000;
        let folder = tempfile::tempdir().unwrap();
        let db = with_values(&folder, VALUES);
        let uses = UsageRecorder::default();
        let client = ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: None };
        (1..=VALUES).for_each(|value| uses.record(ValueId(value), client.clone(), Timestamp::from_micros(1)));
        let (first, its_db) = (uses.clone(), db.clone());
        let written = actix_web::rt::System::new().block_on(async move {
            let first = actix_web::rt::spawn(async move { first.flush(&its_db).await });
            // The first has begun; a server that ends now asks for another, and then gives the first up.
            tokio::task::yield_now().await;
            uses.flush(&db).await;
            first.abort();
            db.read(|conn| {
                let marked = value_uses::table.filter(value_uses::last_used_at.is_not_null());
                Ok::<i64, DbError>(marked.count().get_result(conn)?)
            })
            .await
        });
        assert_eq!(written.unwrap(), VALUES);
    }
}
