//! Queries of calls by workspace and day: the sums of the calls by value and day, also of values that were purged.

use std::collections::{BTreeMap, HashMap};

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt};

use crate::base::clock::Timestamp;
use crate::base::day::Day;
use crate::db::ids::{ValueId, WorkspaceId};
use crate::db::schema::{memberships, token_values, tokens, workspace_usage_days};
use crate::db::{DbConnection, DbError};
use crate::usage::day_store::{Counts, stored_days};
use crate::usage::store::ROWS_PER_STATEMENT;

/// The calls in one workspace on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkspaceDay {
    pub day: Day,
    pub calls: i64,
    /// Calls that were rejected because their value had ended.
    pub rejected: i64,
}

crate::impl_select! {
    /// The columns of a [`WorkspaceDay`].
    DAY: WorkspaceDay {
        day: Day = workspace_usage_days::day,
        calls: i64 = workspace_usage_days::calls,
        rejected: i64 = workspace_usage_days::rejected,
    }
}

/// Adds the calls of values to their workspaces. Calls of values that no longer exist are dropped. Instances that write the
/// same workspaces wait for each other until the commit, so this is the last write of a transaction.
pub(super) fn add(conn: &mut DbConnection, counts: &BTreeMap<(Day, ValueId), Counts>) -> Result<(), DbError> {
    let workspaces = workspaces_of(conn, counts.keys().map(|(_, value)| *value))?;
    let mut sums: BTreeMap<(WorkspaceId, Day), Counts> = BTreeMap::new();
    for ((day, value), (calls, rejected)) in counts {
        let Some(workspace) = workspaces.get(value) else { continue };
        let sum = sums.entry((*workspace, *day)).or_default();
        sum.0 += calls;
        sum.1 += rejected;
    }
    let rows = sums.into_iter().map(|((workspace, day), (calls, rejected))| AddCalls {
        workspace: workspace.0,
        day: day.number(),
        calls,
        rejected,
    });
    match conn {
        DbConnection::Sqlite(conn) => {
            for row in rows {
                row.execute(conn)?;
            }
        }
        DbConnection::Postgres(conn) => {
            let rows: Vec<AddCalls> = rows.collect();
            for rows in rows.chunks(ROWS_PER_STATEMENT) {
                let column = |get: fn(&AddCalls) -> i64| rows.iter().map(get).collect::<Vec<i64>>();
                diesel::sql_query(ADD_ALL)
                    .bind::<Array<BigInt>, _>(column(|row| row.workspace))
                    .bind::<Array<BigInt>, _>(column(|row| row.day))
                    .bind::<Array<BigInt>, _>(column(|row| row.calls))
                    .bind::<Array<BigInt>, _>(column(|row| row.rejected))
                    .execute(conn)?;
            }
        }
    }
    Ok(())
}

/// The workspaces of values that exist.
fn workspaces_of(
    conn: &mut DbConnection,
    values: impl Iterator<Item = ValueId>,
) -> Result<HashMap<ValueId, WorkspaceId>, DbError> {
    let mut values: Vec<i64> = values.map(|value| value.0).collect();
    values.sort_unstable();
    values.dedup();
    let mut workspaces = HashMap::with_capacity(values.len());
    for values in values.chunks(ROWS_PER_STATEMENT) {
        let rows = token_values::table
            .inner_join(tokens::table.inner_join(memberships::table))
            .filter(token_values::id.eq_any(values))
            .select((token_values::id, memberships::workspace_id));
        workspaces.extend(rows.load::<(ValueId, WorkspaceId)>(conn)?);
    }
    Ok(workspaces)
}

/// Rows are locked in the order of their keys, so that two instances that write the same workspaces do not deadlock.
const ADD_ALL: &str = "
    INSERT INTO workspace_usage_days (workspace_id, day, calls, rejected)
    SELECT added.workspace, added.day, added.calls, added.rejected
    FROM unnest($1, $2, $3, $4) AS added (workspace, day, calls, rejected)
    ORDER BY added.workspace, added.day
    ON CONFLICT (workspace_id, day) DO UPDATE SET calls = workspace_usage_days.calls + excluded.calls,
        rejected = workspace_usage_days.rejected + excluded.rejected";

/// The calls in a workspace on the latest `count` days up to and including `today`. Days without calls have no row.
pub(crate) fn days(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    today: Day,
    count: u16,
) -> Result<Vec<WorkspaceDay>, DbError> {
    let first = today.latest(count).next().unwrap_or(today);
    Ok(workspace_usage_days::table
        .filter(workspace_usage_days::workspace_id.eq(workspace.0))
        .filter(workspace_usage_days::day.between(first.number(), today.number()))
        .order(workspace_usage_days::day)
        .select(DAY)
        .load(conn)?)
}

const TABLE: &str = "workspace_usage_days";

/// Counts the days with calls in any workspace, or those that ended before `before`.
pub(crate) fn count_days(conn: &mut DbConnection, before: Option<Timestamp>) -> Result<i64, DbError> {
    Ok(i64::try_from(stored_days(conn, TABLE, before)?.len()).unwrap_or(i64::MAX))
}

/// Deletes the calls of the oldest days that ended before `before`, at most `limit` days. Returns the number of days.
pub(crate) fn purge_days(conn: &mut DbConnection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let days = stored_days(conn, TABLE, Some(before))?;
    let days = &days[..days.len().min(usize::try_from(limit).unwrap_or(0))];
    diesel::delete(workspace_usage_days::table.filter(workspace_usage_days::day.eq_any(days))).execute(conn)?;
    Ok(days.len())
}

/// Adds to the row of a workspace and day. A query type, so that its prepared statement is cached.
struct AddCalls {
    workspace: i64,
    day: i64,
    calls: i64,
    rejected: i64,
}

impl<DB: Backend> QueryFragment<DB> for AddCalls
where
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO workspace_usage_days (workspace_id, day, calls, rejected) VALUES (");
        out.push_bind_param::<BigInt, _>(&self.workspace)?;
        for number in [&self.day, &self.calls, &self.rejected] {
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(number)?;
        }
        out.push_sql(
            ") ON CONFLICT (workspace_id, day) DO UPDATE SET calls = calls + excluded.calls, \
             rejected = rejected + excluded.rejected",
        );
        Ok(())
    }
}

impl QueryId for AddCalls {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<C> RunQueryDsl<C> for AddCalls {}
