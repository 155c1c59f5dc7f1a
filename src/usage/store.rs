//! Statements that write the first and last use of values. They run often, so each is a query type whose prepared statement
//! is cached: diesel's own updates are prepared again each time.

use std::time::Duration;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::db::ids::ValueId;
use crate::db::schema::value_uses;
use crate::db::{DbConnection, DbError};
use crate::usage::buffer::ClientIndex;

/// The uses of one value that are written together.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueUse {
    pub value: ValueId,
    pub first: Timestamp,
    pub last: Timestamp,
    /// Client of the last use.
    pub client: ClientIndex,
    pub count: i64,
}

/// Writes the first and last use of each value. A later use that another process wrote is kept. On `PostgreSQL` a
/// statement updates many rows, because a round trip takes longer than the update.
pub(super) fn mark_used(conn: &mut DbConnection, used: &[ValueUse], clients: &[ClientColumns]) -> Result<(), DbError> {
    match conn {
        DbConnection::Sqlite(conn) => {
            for (nth, used) in used.iter().enumerate() {
                pause_before(nth);
                let (first, last) = (used.first.micros(), used.last.micros());
                let client = client_columns(used.client, clients);
                MarkUsed { value: used.value.0, first, last, client }.execute(conn)?;
            }
        }
        DbConnection::Postgres(conn) => {
            for used in used.chunks(ROWS_PER_STATEMENT) {
                let clients: Vec<&ClientColumns> =
                    used.iter().map(|used| client_columns(used.client, clients)).collect();
                diesel::sql_query(MARK_ALL_USED)
                    .bind::<Array<BigInt>, _>(used.iter().map(|used| used.value.0).collect::<Vec<_>>())
                    .bind::<Array<BigInt>, _>(used.iter().map(|used| used.first.micros()).collect::<Vec<_>>())
                    .bind::<Array<BigInt>, _>(used.iter().map(|used| used.last.micros()).collect::<Vec<_>>())
                    .bind::<Array<Nullable<Text>>, _>(clients.iter().map(|client| &client.ip).collect::<Vec<_>>())
                    .bind::<Array<Nullable<Text>>, _>(clients.iter().map(|client| &client.agent).collect::<Vec<_>>())
                    .execute(conn)?;
            }
        }
    }
    Ok(())
}

/// Pauses on `SQLite` before the row at this position, if it is time.
pub(super) fn pause_before(nth: usize) {
    if nth > 0 && nth.is_multiple_of(ROWS_BEFORE_PAUSE) {
        #[expect(clippy::disallowed_methods, reason = "runs on a thread that may block")]
        std::thread::sleep(PAUSE);
    }
}

/// Rows that are written on `SQLite` before a [`PAUSE`]; they take 0.1 ms. While all cores are busy, the pauses give
/// request threads CPU time.
const ROWS_BEFORE_PAUSE: usize = 128;

const PAUSE: Duration = Duration::from_micros(100);

/// Maximum number of rows in one `PostgreSQL` statement. For more rows the planner chooses a sequential scan.
pub(super) const ROWS_PER_STATEMENT: usize = 1000;

/// The statement uses one index lookup per row, in row order. Rows are therefore locked in row order, so that two
/// instances that write the same values do not deadlock.
const MARK_ALL_USED: &str = "
    UPDATE value_uses SET first_used_at = COALESCE(first_used_at, used.first), last_used_at = used.last,
        last_used_ip = used.ip, last_used_agent = used.agent
    FROM unnest($1, $2, $3, $4, $5) AS used (id, first, last, ip, agent)
    WHERE value_id = used.id
        AND (last_used_at IS NULL OR last_used_at < used.last OR last_used_at > used.last + 86400000000)";

/// The time of the newest use of any value, accepted or rejected.
pub(crate) fn newest(conn: &mut DbConnection) -> Result<Option<Timestamp>, DbError> {
    use diesel::dsl::max;
    let newest = value_uses::table.select((max(value_uses::last_used_at), max(value_uses::last_try_at)));
    let (used, tried) = newest.get_result::<(Option<i64>, Option<i64>)>(conn)?;
    Ok(used.max(tried).map(Timestamp::from_micros))
}

/// Adds the rejected uses of values that had ended. A later one that another process wrote stays the last.
pub(super) fn mark_rejected(
    conn: &mut DbConnection,
    rejected: &[ValueUse],
    clients: &[ClientColumns],
) -> Result<(), DbError> {
    match conn {
        DbConnection::Sqlite(conn) => {
            for (nth, tried) in rejected.iter().enumerate() {
                pause_before(nth);
                let client = client_columns(tried.client, clients);
                MarkRejected { value: tried.value.0, count: tried.count, last: tried.last.micros(), client }
                    .execute(conn)?;
            }
        }
        DbConnection::Postgres(conn) => {
            for rejected in rejected.chunks(ROWS_PER_STATEMENT) {
                let clients: Vec<&ClientColumns> =
                    rejected.iter().map(|tried| client_columns(tried.client, clients)).collect();
                diesel::sql_query(MARK_ALL_REJECTED)
                    .bind::<Array<BigInt>, _>(rejected.iter().map(|tried| tried.value.0).collect::<Vec<_>>())
                    .bind::<Array<BigInt>, _>(rejected.iter().map(|tried| tried.count).collect::<Vec<_>>())
                    .bind::<Array<BigInt>, _>(rejected.iter().map(|tried| tried.last.micros()).collect::<Vec<_>>())
                    .bind::<Array<Nullable<Text>>, _>(clients.iter().map(|client| &client.ip).collect::<Vec<_>>())
                    .bind::<Array<Nullable<Text>>, _>(clients.iter().map(|client| &client.agent).collect::<Vec<_>>())
                    .execute(conn)?;
            }
        }
    }
    Ok(())
}

const MARK_ALL_REJECTED: &str = "
    UPDATE value_uses SET tries_after_end = tries_after_end + tried.count,
        last_try_at = GREATEST(last_try_at, tried.last),
        last_try_ip = CASE WHEN last_try_at > tried.last THEN last_try_ip ELSE tried.ip END,
        last_try_agent = CASE WHEN last_try_at > tried.last THEN last_try_agent ELSE tried.agent END
    FROM unnest($1, $2, $3, $4, $5) AS tried (id, count, last, ip, agent) WHERE value_id = tried.id";

/// The end of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransactionState {
    Committed,
    RolledBack,
    InProgress,
}

#[derive(QueryableByName)]
struct TransactionId {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// The id of the current transaction on `PostgreSQL`, with which [`transaction_states`] tells whether it was committed
/// although the connection was lost. `None` on `SQLite`, where a commit that fails is rolled back.
pub(super) fn transaction_id(conn: &mut DbConnection) -> Result<Option<i64>, DbError> {
    match conn {
        DbConnection::Sqlite(_) => Ok(None),
        DbConnection::Postgres(conn) => {
            let row = diesel::sql_query("SELECT txid_current() AS id").get_result::<TransactionId>(conn)?;
            Ok(Some(row.id))
        }
    }
}

#[derive(QueryableByName)]
struct TransactionStatus {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<String>,
}

/// The states of `PostgreSQL` transactions. One that is too old counts as committed, so that nothing is written twice. One
/// that this server has not begun was lost with the server that had.
pub(super) fn transaction_states(
    conn: &mut DbConnection,
    ids: &[i64],
) -> Result<Vec<(i64, TransactionState)>, DbError> {
    let DbConnection::Postgres(conn) = conn else { return Ok(Vec::new()) };
    let rows = diesel::sql_query(STATES).bind::<Array<BigInt>, _>(ids).load::<TransactionStatus>(conn)?;
    let state = |status: Option<&str>| match status {
        Some("aborted") => TransactionState::RolledBack,
        Some("in progress") => TransactionState::InProgress,
        Some(_) | None => TransactionState::Committed,
    };
    Ok(rows.into_iter().map(|row| (row.id, state(row.status.as_deref()))).collect())
}

const STATES: &str = "
    SELECT id, CASE WHEN id < txid_snapshot_xmax(txid_current_snapshot()) THEN txid_status(id) ELSE 'aborted' END AS status
    FROM unnest($1) AS id";

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
pub(super) struct ClientColumns {
    ip: Option<String>,
    agent: Option<String>,
}

/// The columns for a use without a client.
static UNKNOWN: ClientColumns = ClientColumns { ip: None, agent: None };

impl ClientColumns {
    pub(super) fn from_client(client: &ClientInfo) -> Self {
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
        out.push_sql(" OR last_used_at > 86400000000 + ");
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
        out.push_sql(", last_try_at = CASE WHEN last_try_at > ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql(" THEN last_try_at ELSE ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        for (start, column) in [
            (" END, last_try_ip = CASE WHEN last_try_at > ", (" THEN last_try_ip ELSE ", &self.client.ip)),
            (" END, last_try_agent = CASE WHEN last_try_at > ", (" THEN last_try_agent ELSE ", &self.client.agent)),
        ] {
            out.push_sql(start);
            out.push_bind_param::<BigInt, _>(&self.last)?;
            out.push_sql(column.0);
            out.push_bind_param::<Nullable<Text>, _>(column.1)?;
        }
        out.push_sql(" END WHERE value_id = ");
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
mod tests;
