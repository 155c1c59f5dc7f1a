//! Statements that write usage. They run often, so each is a query type whose prepared statement is cached: diesel's
//! own updates are prepared again each time.

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

/// Writes the entries of a batch at the positions `range` of each list.
pub(crate) fn write(conn: &mut DbConnection, taken: &UsageBatch, range: Range<usize>) -> Result<(), DbError> {
    let clients: Vec<ClientColumns> = taken.clients.iter().map(|client| ClientColumns::from_client(client)).collect();
    mark_used(conn, slice_of(&taken.used, &range), &clients)?;
    for (value, tried) in slice_of(&taken.tried, &range) {
        mark_rejected(conn, *value, tried, &clients)?;
    }
    Ok(())
}

fn slice_of<'a, T>(list: &'a [T], range: &Range<usize>) -> &'a [T] {
    &list[range.start.min(list.len())..range.end.min(list.len())]
}

/// Writes the first and last use of each value. A later use that another process wrote is kept. On `PostgreSQL` a
/// statement updates many rows, because a round trip takes longer than the update.
fn mark_used(
    conn: &mut DbConnection,
    used: &[(ValueId, UsageEntry)],
    clients: &[ClientColumns],
) -> Result<(), DbError> {
    match conn {
        DbConnection::Sqlite(conn) => {
            for (nth, (value, used)) in used.iter().enumerate() {
                if nth > 0 && nth.is_multiple_of(ROWS_BEFORE_PAUSE) {
                    #[expect(clippy::disallowed_methods, reason = "runs on a thread that may block")]
                    std::thread::sleep(PAUSE);
                }
                let (first, last) = (used.first.micros(), used.last().micros());
                MarkUsed { value: value.0, first, last, client: client_columns(used.client, clients) }.execute(conn)?;
            }
        }
        DbConnection::Postgres(conn) => {
            for used in used.chunks(ROWS_PER_STATEMENT) {
                let clients: Vec<&ClientColumns> =
                    used.iter().map(|(_, used)| client_columns(used.client, clients)).collect();
                diesel::sql_query(MARK_ALL_USED)
                    .bind::<Array<BigInt>, _>(used.iter().map(|(value, _)| value.0).collect::<Vec<_>>())
                    .bind::<Array<BigInt>, _>(used.iter().map(|(_, used)| used.first.micros()).collect::<Vec<_>>())
                    .bind::<Array<BigInt>, _>(used.iter().map(|(_, used)| used.last().micros()).collect::<Vec<_>>())
                    .bind::<Array<Nullable<Text>>, _>(clients.iter().map(|client| &client.ip).collect::<Vec<_>>())
                    .bind::<Array<Nullable<Text>>, _>(clients.iter().map(|client| &client.agent).collect::<Vec<_>>())
                    .execute(conn)?;
            }
        }
    }
    Ok(())
}

/// Rows that are written on `SQLite` before a [`PAUSE`]; they take 0.1 ms. While all cores are busy, the pauses give
/// request threads CPU time.
const ROWS_BEFORE_PAUSE: usize = 128;

const PAUSE: Duration = Duration::from_micros(100);

/// Maximum number of rows in one `PostgreSQL` statement. For more rows the planner chooses a sequential scan.
const ROWS_PER_STATEMENT: usize = 1000;

/// The statement uses one index lookup per row, in row order. Rows are therefore locked in row order, so that two
/// instances that write the same values do not deadlock.
const MARK_ALL_USED: &str = "
    UPDATE value_uses SET first_used_at = COALESCE(first_used_at, used.first), last_used_at = used.last,
        last_used_ip = used.ip, last_used_agent = used.agent
    FROM unnest($1, $2, $3, $4, $5) AS used (id, first, last, ip, agent)
    WHERE value_id = used.id AND (last_used_at IS NULL OR last_used_at < used.last)";

/// Writes the rejected uses of a value that had ended.
fn mark_rejected(
    conn: &mut DbConnection,
    value: ValueId,
    tried: &RejectedUses,
    clients: &[ClientColumns],
) -> Result<(), DbError> {
    let (count, last) = (tried.count, tried.last.micros());
    let marked = MarkRejected { value: value.0, count, last, client: client_columns(tried.client, clients) };
    crate::on_its_own!(conn, conn => marked.execute(conn))?;
    Ok(())
}

struct MarkUsed<'a> {
    value: i64,
    first: i64,
    last: i64,
    client: &'a ClientColumns,
}

struct MarkRejected<'a> {
    value: i64,
    count: i64,
    last: i64,
    client: &'a ClientColumns,
}

/// The column values of a client.
struct ClientColumns {
    ip: Option<String>,
    agent: Option<String>,
}

/// The columns for a use without a client.
static UNKNOWN: ClientColumns = ClientColumns { ip: None, agent: None };

impl ClientColumns {
    fn from_client(client: &ClientInfo) -> Self {
        Self { ip: Some(client.ip_text()), agent: client.agent.clone() }
    }
}

fn client_columns(client: ClientIndex, clients: &[ClientColumns]) -> &ClientColumns {
    client.get(clients).unwrap_or(&UNKNOWN)
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
        out.push_bind_param::<Nullable<Text>, _>(&self.client.ip)?;
        out.push_sql(", last_used_agent = ");
        out.push_bind_param::<Nullable<Text>, _>(&self.client.agent)?;
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
        out.push_bind_param::<Nullable<Text>, _>(&self.client.ip)?;
        out.push_sql(", last_try_agent = ");
        out.push_bind_param::<Nullable<Text>, _>(&self.client.agent)?;
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

    /// Creates a database with usage rows for this many values.
    fn open_with_values(folder: &tempfile::TempDir, values: i64) -> Db {
        let db = Db::open(&folder.path().join("x.db").to_string_lossy().parse().unwrap()).unwrap();
        let rows = format!(
            "PRAGMA foreign_keys = OFF; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {values}) \
             INSERT INTO value_uses (value_id) SELECT i FROM n; PRAGMA foreign_keys = ON;"
        );
        db.read_blocking(|conn| conn.batch_execute(&rows).map_err(DbError::from)).unwrap();
        db
    }

    #[test]
    fn each_value_has_its_own_client_and_uses_beyond_the_client_limit_have_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (db, uses) = (open_with_values(&folder, 1000), UsageRecorder::default());
        let client = |agent: String| ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent) };
        // The clients of one value fill the rest of the client table.
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
    fn a_concurrent_flush_returns_when_everything_is_written() {
        const VALUES: i64 = 45_000;
        let folder = tempfile::tempdir().unwrap();
        let db = open_with_values(&folder, VALUES);
        let uses = UsageRecorder::default();
        let client = ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: None };
        (1..=VALUES).for_each(|value| uses.record(ValueId(value), client.clone(), Timestamp::from_micros(1)));
        let (first, first_db) = (uses.clone(), db.clone());
        let written = actix_web::rt::System::new().block_on(async move {
            let first = actix_web::rt::spawn(async move { first.flush(&first_db).await });
            // The first flush is in progress; a server that shuts down starts another and then aborts the first.
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
