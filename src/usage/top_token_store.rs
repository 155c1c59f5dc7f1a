//! Queries of the tokens with the most calls of each workspace: their count, in steps, and its result.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::base::clock::Timestamp;
use crate::base::day::Day;
use crate::db::ids::{TokenId, ValueId, WorkspaceId};
use crate::db::schema::{memberships, token_values, tokens, top_tokens, usage_days, value_uses};
use crate::db::transaction::advisory_lock;
use crate::db::{DbConnection, DbError};
use crate::usage::store::ROWS_PER_STATEMENT;
use crate::usage::top_tokens::{TOP_DAYS, TokenCalls};

/// Number of tokens that one step counts. On `SQLite` it takes some 20 ms.
const TOKENS_PER_STEP: i64 = 500;

/// The calls of some tokens, in the order of their keys.
pub(crate) struct CountedTokens {
    /// The tokens with calls.
    pub tokens: Vec<(WorkspaceId, TokenCalls)>,
    /// The last token, with or without calls; `None` if there is none.
    pub last: Option<TokenId>,
}

/// Counts the calls of the tokens that follow `after`, deleted ones included, on the latest [`TOP_DAYS`] days.
pub(crate) fn count_after(conn: &mut DbConnection, after: TokenId, today: Day) -> Result<CountedTokens, DbError> {
    let found = tokens::table
        .inner_join(memberships::table)
        .filter(tokens::id.gt(after.0))
        .order(tokens::id)
        .limit(TOKENS_PER_STEP)
        .select((tokens::id, memberships::workspace_id))
        .load::<(TokenId, WorkspaceId)>(conn)?;
    let workspaces: HashMap<TokenId, WorkspaceId> = found.iter().copied().collect();
    let Some((last, _)) = found.last() else { return Ok(CountedTokens { tokens: Vec::new(), last: None }) };
    let first_day = today.latest(TOP_DAYS).next().unwrap_or(today).start().micros();
    let values = token_values::table
        .inner_join(value_uses::table)
        .filter(token_values::token_id.gt(after.0).and(token_values::token_id.le(last.0)))
        .filter(value_uses::last_used_at.ge(first_day).or(value_uses::last_try_at.ge(first_day)))
        .select((token_values::id, token_values::token_id))
        .load::<(ValueId, TokenId)>(conn)?;
    let mut sums: BTreeMap<TokenId, TokenCalls> = BTreeMap::new();
    for values in values.chunks(ROWS_PER_STATEMENT) {
        let tokens: HashMap<ValueId, TokenId> = values.iter().copied().collect();
        for (value, calls, rejected) in sums_of(conn, values, today)? {
            let Some(token) = tokens.get(&value) else { continue };
            let sum = sums.entry(*token).or_insert(TokenCalls { token: *token, calls: 0, rejected: 0 });
            sum.calls += calls;
            sum.rejected += rejected;
        }
    }
    let tokens = sums.into_values().filter_map(|sum| Some((*workspaces.get(&sum.token)?, sum))).collect();
    Ok(CountedTokens { tokens, last: Some(*last) })
}

/// The calls and rejected calls of values, with one search in the index for each value and day.
fn sums_of(
    conn: &mut DbConnection,
    values: &[(ValueId, TokenId)],
    today: Day,
) -> Result<Vec<(ValueId, i64, i64)>, DbError> {
    use diesel::dsl::sql;
    let values: Vec<i64> = values.iter().map(|(value, _)| value.0).collect();
    let days: Vec<i64> = today.latest(TOP_DAYS).map(Day::number).collect();
    Ok(usage_days::table
        .filter(usage_days::day.eq_any(days).and(usage_days::value_id.eq_any(values)))
        .group_by(usage_days::value_id)
        .select((
            usage_days::value_id,
            sql::<BigInt>("CAST(sum(usage_days.calls) AS BIGINT)"),
            sql::<BigInt>("CAST(sum(usage_days.rejected) AS BIGINT)"),
        ))
        .load(conn)?)
}

#[derive(Insertable)]
#[diesel(table_name = top_tokens)]
struct Row {
    token_id: i64,
    workspace_id: i64,
    calls: i64,
    rejected: i64,
    counted_at: i64,
}

/// Replaces the top tokens of the workspaces whose keys are greater than `after`, up to and including `last`. Instances do
/// this one after the other.
pub(crate) fn replace(
    conn: &mut DbConnection,
    after: WorkspaceId,
    last: WorkspaceId,
    workspaces: &[(WorkspaceId, Vec<TokenCalls>)],
    at: Timestamp,
) -> Result<(), DbError> {
    advisory_lock(conn, REPLACE_LOCK)?;
    let range = top_tokens::workspace_id.gt(after.0).and(top_tokens::workspace_id.le(last.0));
    diesel::delete(top_tokens::table.filter(range)).execute(conn)?;
    let all: Vec<i64> = workspaces.iter().flat_map(|(_, tokens)| tokens).map(|token| token.token.0).collect();
    let mut existing = Vec::with_capacity(all.len());
    for keys in all.chunks(ROWS_PER_STATEMENT) {
        existing.extend(tokens::table.filter(tokens::id.eq_any(keys)).select(tokens::id).load::<i64>(conn)?);
    }
    existing.sort_unstable();
    let rows = workspaces.iter().flat_map(|(workspace, tokens)| tokens.iter().map(move |token| (*workspace, *token)));
    // A token may have been purged since it was counted.
    let rows = rows.filter(|(_, token)| existing.binary_search(&token.token.0).is_ok());
    let rows: Vec<Row> = rows
        .map(|(workspace, token)| Row {
            token_id: token.token.0,
            workspace_id: workspace.0,
            calls: token.calls,
            rejected: token.rejected,
            counted_at: at.micros(),
        })
        .collect();
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        crate::match_backend!(conn, conn => diesel::insert_into(top_tokens::table).values(rows).execute(conn))?;
    }
    Ok(())
}

/// Key of the advisory lock.
const REPLACE_LOCK: i64 = 0x746f_705f_746f_6b65;

/// The tokens of a workspace with the most calls and with the most rejected ones, and when they were counted.
#[derive(Debug)]
pub(crate) struct CountedTop {
    pub tokens: Vec<TokenCalls>,
    /// `None` if no token has calls, or none were counted yet.
    pub at: Option<Timestamp>,
}

/// The top tokens of a workspace, as they were counted last.
pub(crate) fn of_workspace(conn: &mut DbConnection, workspace: WorkspaceId) -> Result<CountedTop, DbError> {
    let rows = top_tokens::table
        .filter(top_tokens::workspace_id.eq(workspace.0))
        .order(top_tokens::token_id)
        .select((top_tokens::token_id, top_tokens::calls, top_tokens::rejected, top_tokens::counted_at))
        .load::<(TokenId, i64, i64, Timestamp)>(conn)?;
    let at = rows.iter().map(|(.., at)| *at).max();
    let tokens = rows.into_iter().map(|(token, calls, rejected, _)| TokenCalls { token, calls, rejected }).collect();
    Ok(CountedTop { tokens, at })
}
