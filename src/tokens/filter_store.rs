//! The conditions of token filters, and how many tokens of a workspace match them. Each filter follows an index of
//! `token_listings`.

use crate::base::clock::Timestamp;
use crate::db::ids::WorkspaceId;
use crate::db::list_conditions::{Count, count_up_to};
use crate::db::{DbConnection, DbError};
use crate::tokens::filter::{TimeCondition, TokenFilter, TokenTime};

/// Tokens of a workspace are counted up to this number.
const COUNT_MAX: usize = 100_000;

/// The matches of a filter or a search are counted up to this number. With more, a page reads the list in its order.
pub(crate) const MATCHES_MAX: usize = 1_000;

/// The comparisons of a filter: column, sign and number.
pub(crate) fn comparisons(filter: TokenFilter, now: Timestamp) -> Vec<(&'static str, &'static str, i64)> {
    let (time, condition) = filter.condition(now);
    let (column, never) = match time {
        TokenTime::Ends => ("ends_at", i64::MAX),
        TokenTime::RetiringUntil => ("retiring_until", 0),
        TokenTime::UsedHour => ("used_hour", 0),
        TokenTime::IdleSince => ("idle_since", 0),
        TokenTime::ValueCreated => ("value_created_at", 0),
    };
    match condition {
        TimeCondition::After(at) => vec![(column, ">", at.micros())],
        TimeCondition::Until(at) => vec![(column, "<=", at.micros())],
        TimeCondition::Within(from, until) => vec![(column, ">", from.micros()), (column, "<=", until.micros())],
        TimeCondition::Never => vec![(column, "=", never)],
    }
}

/// Counts the tokens of a workspace: those of each filter, or all of them without one.
pub(crate) fn count(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    filters: &[Option<TokenFilter>],
    now: Timestamp,
) -> Result<Vec<Count>, DbError> {
    let all = format!("FROM token_listings WHERE workspace_id = {}", workspace.0);
    let query = |filter: &Option<TokenFilter>| match filter {
        None => (all.clone(), COUNT_MAX),
        Some(filter) => {
            let conditions = comparisons(*filter, now)
                .into_iter()
                .fold(all.clone(), |sql, (column, sign, number)| format!("{sql} AND {column} {sign} {number}"));
            (conditions, MATCHES_MAX)
        }
    };
    let queries: Vec<(String, usize)> = filters.iter().map(query).collect();
    count_up_to(conn, &queries)
}
