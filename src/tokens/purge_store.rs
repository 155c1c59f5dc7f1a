//! Deletion by age of deleted tokens and of replaced values.

use diesel::prelude::*;

use crate::base::clock::Timestamp;
use crate::db::schema::{token_values, tokens};
use crate::db::{DbConnection, DbError};
use crate::tokens::model::EndReason;
use crate::usage::day_store as usage;

/// The reasons for which a value ends although its token lives.
fn replaced() -> [&'static str; 3] {
    [EndReason::Retired, EndReason::Stopped, EndReason::Exposed].map(EndReason::as_str)
}

/// Counts the deleted tokens, or those that were deleted before `before`.
pub(crate) fn count_deleted(conn: &mut DbConnection, before: Option<Timestamp>) -> Result<i64, DbError> {
    let before = before.map_or(i64::MAX, Timestamp::micros);
    Ok(tokens::table.filter(tokens::deleted_at.lt(before)).count().get_result(conn)?)
}

/// Removes the oldest tokens that were deleted before `before`, at most `limit`. Returns their number.
pub(crate) fn purge_tokens(conn: &mut DbConnection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let oldest = tokens::table.filter(tokens::deleted_at.lt(before.micros())).order(tokens::deleted_at).limit(limit);
    let ids = oldest.select(tokens::id).load::<i64>(conn)?;
    let mut deleted = 0;
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        let values = || token_values::table.filter(token_values::token_id.eq_any(ids));
        let value_ids = values().select(token_values::id).load::<i64>(conn)?;
        usage::delete_days(conn, &value_ids)?;
        diesel::delete(values()).execute(conn)?;
        deleted += diesel::delete(tokens::table.filter(tokens::id.eq_any(ids))).execute(conn)?;
    }
    Ok(deleted)
}

/// Counts the replaced values, or those that ended before `before`.
pub(crate) fn count_replaced_values(conn: &mut DbConnection, before: Option<Timestamp>) -> Result<i64, DbError> {
    let before = before.map_or(i64::MAX, Timestamp::micros);
    let replaced = token_values::table.filter(token_values::end_reason.eq_any(replaced()));
    Ok(replaced.filter(token_values::ends_at.lt(before)).count().get_result(conn)?)
}

/// Removes the oldest replaced values that ended before `before`, at most `limit`. Returns their number.
pub(crate) fn purge_values(conn: &mut DbConnection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let replaced = token_values::table.filter(token_values::end_reason.eq_any(replaced()));
    let oldest = replaced.filter(token_values::ends_at.lt(before.micros())).order(token_values::ends_at).limit(limit);
    let ids = oldest.select(token_values::id).load::<i64>(conn)?;
    let mut deleted = 0;
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        usage::delete_days(conn, ids)?;
        deleted += diesel::delete(token_values::table.filter(token_values::id.eq_any(ids))).execute(conn)?;
    }
    Ok(deleted)
}

/// Below the maximum number of parameters in a statement of `SQLite`.
const IDS_PER_STATEMENT: usize = 10_000;
