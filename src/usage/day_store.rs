//! Queries of calls by day. A statement that runs for each value is a query type whose prepared statement is cached.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt};

use crate::base::clock::Timestamp;
use crate::base::day::Day;
use crate::db::ids::{TokenId, ValueId, WorkspaceId};
use crate::db::schema::{memberships, token_values, tokens, usage_days};
use crate::db::{DbConnection, DbError};
use crate::usage::store::{ROWS_PER_STATEMENT, pause_before};

/// Number of days for which calls are kept, besides today.
pub(crate) const DAYS_KEPT: u16 = 400;

/// Time for which the calls of a day are kept.
pub(crate) const DAYS_RETENTION: Duration = Duration::from_hours(24 * DAYS_KEPT as u64);

/// The calls of one value on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageDay {
    pub(crate) value: ValueId,
    pub day: Day,
    pub calls: i64,
    /// Calls that were rejected because the value had ended.
    pub rejected: i64,
}

crate::impl_column!(Day: BigInt as i64, |number| Ok(Day::from_number(number)));

crate::impl_select! {
    /// The columns of a [`UsageDay`].
    DAY: UsageDay {
        value: ValueId = usage_days::value_id,
        day: Day = usage_days::day,
        calls: i64 = usage_days::calls,
        rejected: i64 = usage_days::rejected,
    }
}

/// Calls and rejected calls.
pub(super) type Counts = (i64, i64);

/// Adds calls, in the order of the keys. Calls of values that no longer exist are dropped.
pub(super) fn add(conn: &mut DbConnection, counts: &BTreeMap<(Day, ValueId), Counts>) -> Result<(), DbError> {
    match conn {
        DbConnection::Sqlite(conn) => {
            for (nth, ((day, value), (calls, rejected))) in counts.iter().enumerate() {
                pause_before(nth);
                let (day, value) = (day.number(), value.0);
                let added = AddCalls { day, value, calls: *calls, rejected: *rejected };
                if added.execute(conn)? == 0 {
                    InsertCalls(added).execute(conn)?;
                }
            }
        }
        DbConnection::Postgres(conn) => {
            let counts: Vec<_> = counts.iter().collect();
            for counts in counts.chunks(ROWS_PER_STATEMENT) {
                let column = |get: fn(&((Day, ValueId), Counts)) -> i64| {
                    counts.iter().map(|(key, counts)| get(&(**key, **counts))).collect::<Vec<i64>>()
                };
                diesel::sql_query(ADD_ALL)
                    .bind::<Array<BigInt>, _>(column(|((day, _), _)| day.number()))
                    .bind::<Array<BigInt>, _>(column(|((_, value), _)| value.0))
                    .bind::<Array<BigInt>, _>(column(|(_, (calls, _))| *calls))
                    .bind::<Array<BigInt>, _>(column(|(_, (_, rejected))| *rejected))
                    .execute(conn)?;
            }
        }
    }
    Ok(())
}

/// Rows are locked in the order of their keys, so that two instances that write the same values do not deadlock.
const ADD_ALL: &str = "
    INSERT INTO usage_days (day, value_id, calls, rejected)
    SELECT added.day, added.value, added.calls, added.rejected
    FROM unnest($1, $2, $3, $4) AS added (day, value, calls, rejected)
    WHERE EXISTS (SELECT 1 FROM token_values WHERE id = added.value)
    ORDER BY added.day, added.value
    ON CONFLICT (day, value_id) DO UPDATE SET calls = usage_days.calls + excluded.calls,
        rejected = usage_days.rejected + excluded.rejected";

/// Of these calls, the values and days that had no rejected one before. They must have been added in this transaction.
pub(super) fn first_rejected(
    conn: &mut DbConnection,
    added: &BTreeMap<(Day, ValueId), Counts>,
) -> Result<Vec<(Day, ValueId)>, DbError> {
    let mut by_day: BTreeMap<Day, Vec<i64>> = BTreeMap::new();
    for ((day, value), _) in added.iter().filter(|(_, (_, rejected))| *rejected > 0) {
        by_day.entry(*day).or_default().push(value.0);
    }
    let mut first = Vec::new();
    for (day, values) in by_day {
        for values in values.chunks(ROWS_PER_STATEMENT) {
            let rows = usage_days::table
                .filter(usage_days::day.eq(day.number()).and(usage_days::value_id.eq_any(values)))
                .select(DAY)
                .load::<UsageDay>(conn)?;
            let is_first = |row: &UsageDay| {
                added.get(&(row.day, row.value)).is_some_and(|(_, rejected)| *rejected == row.rejected)
            };
            first.extend(rows.into_iter().filter(is_first).map(|row| (row.day, row.value)));
        }
    }
    Ok(first)
}

/// The calls of some values on the latest `count` days up to and including `today`, in one query. Days without calls have
/// no row.
pub fn days(conn: &mut DbConnection, values: &[ValueId], today: Day, count: u16) -> Result<Vec<UsageDay>, DbError> {
    let days: Vec<i64> = today.latest(count).map(Day::number).collect();
    let values: Vec<i64> = values.iter().map(|value| value.0).collect();
    // One search in the index for each value and day: the rows of a day have all values.
    Ok(usage_days::table
        .filter(usage_days::day.eq_any(days).and(usage_days::value_id.eq_any(values)))
        .order((usage_days::day, usage_days::value_id))
        .select(DAY)
        .load(conn)?)
}

/// The number of accepted calls in `rows` on the latest `count` days up to and including `today`.
#[must_use]
pub fn calls_of_latest(rows: &[UsageDay], today: Day, count: u16) -> i64 {
    let first = today.latest(count).next().unwrap_or(today);
    rows.iter().filter(|row| row.day >= first).map(|row| row.calls).sum()
}

/// The number of calls of each token of a workspace on the latest `count` days. Tokens without calls are not contained.
pub fn calls_by_token(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    today: Day,
    count: u16,
) -> Result<HashMap<TokenId, i64>, DbError> {
    use diesel::dsl::sql;
    let first = today.latest(count).next().unwrap_or(today);
    let rows = usage_days::table
        .inner_join(token_values::table.inner_join(tokens::table.inner_join(memberships::table)))
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(usage_days::day.ge(first.number()))
        .group_by(tokens::id)
        .select((tokens::id, sql::<BigInt>("CAST(sum(usage_days.calls) AS BIGINT)")))
        .load::<(TokenId, i64)>(conn)?;
    Ok(rows.into_iter().collect())
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// The days in a table of calls that ended before `before`, or all of them. Visits each day once, by its first row.
pub(super) fn stored_days(
    conn: &mut DbConnection,
    table: &'static str,
    before: Option<Timestamp>,
) -> Result<Vec<i64>, DbError> {
    let days = format!(
        "WITH RECURSIVE days (day) AS (SELECT min(day) FROM {table} UNION ALL SELECT (SELECT min(later.day) FROM {table} later \
         WHERE later.day > days.day) FROM days WHERE days.day IS NOT NULL) \
         SELECT day AS number FROM days WHERE day IS NOT NULL ORDER BY day"
    );
    let before = before.map_or(i64::MAX, |at| Day::containing(at).number());
    let days = diesel::sql_query(days).load::<Number>(conn)?;
    Ok(days.into_iter().map(|row| row.number).filter(|day| *day < before).collect())
}

/// Counts the days with calls, or those that ended before `before`.
pub(crate) fn count_days(conn: &mut DbConnection, before: Option<Timestamp>) -> Result<i64, DbError> {
    Ok(i64::try_from(stored_days(conn, TABLE, before)?.len()).unwrap_or(i64::MAX))
}

const TABLE: &str = "usage_days";

/// Deletes the calls of the oldest days that ended before `before`, at most `limit` days. Returns the number of days.
pub(crate) fn purge_days(conn: &mut DbConnection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let days = stored_days(conn, TABLE, Some(before))?;
    let days = &days[..days.len().min(usize::try_from(limit).unwrap_or(0))];
    diesel::delete(usage_days::table.filter(usage_days::day.eq_any(days))).execute(conn)?;
    Ok(days.len())
}

/// Deletes the calls of values that are removed.
pub(crate) fn delete_days(conn: &mut DbConnection, values: &[i64]) -> Result<(), DbError> {
    let days = stored_days(conn, TABLE, None)?;
    let rows = usage_days::table.filter(usage_days::day.eq_any(days).and(usage_days::value_id.eq_any(values)));
    diesel::delete(rows).execute(conn)?;
    Ok(())
}

#[derive(Clone, Copy)]
struct AddCalls {
    day: i64,
    value: i64,
    calls: i64,
    rejected: i64,
}

/// Inserts the row of a value that exists.
struct InsertCalls(AddCalls);

impl<DB: Backend> QueryFragment<DB> for AddCalls
where
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE usage_days SET calls = calls + ");
        out.push_bind_param::<BigInt, _>(&self.calls)?;
        out.push_sql(", rejected = rejected + ");
        out.push_bind_param::<BigInt, _>(&self.rejected)?;
        out.push_sql(" WHERE day = ");
        out.push_bind_param::<BigInt, _>(&self.day)?;
        out.push_sql(" AND value_id = ");
        out.push_bind_param::<BigInt, _>(&self.value)
    }
}

impl<DB: Backend> QueryFragment<DB> for InsertCalls
where
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO usage_days (day, value_id, calls, rejected) SELECT ");
        out.push_bind_param::<BigInt, _>(&self.0.day)?;
        out.push_sql(", id, ");
        out.push_bind_param::<BigInt, _>(&self.0.calls)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.0.rejected)?;
        out.push_sql(" FROM token_values WHERE id = ");
        out.push_bind_param::<BigInt, _>(&self.0.value)
    }
}

impl QueryId for AddCalls {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryId for InsertCalls {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<C> RunQueryDsl<C> for AddCalls {}

impl<C> RunQueryDsl<C> for InsertCalls {}
