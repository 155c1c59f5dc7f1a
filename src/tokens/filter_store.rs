//! The conditions of token filters, and how many tokens of a workspace match them. Each filter follows an index of
//! `token_listings`.

use crate::base::clock::Timestamp;
use crate::db::ids::{TokenId, WorkspaceId};
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
    let queries: Vec<(String, usize)> = filters.iter().map(|filter| of_workspace(workspace, *filter, now)).collect();
    count_up_to(conn, &queries)
}

/// Counts the tokens of a workspace that match each filter; `None` for a filter that matches none but the `own` ones.
pub(crate) fn count_with_others(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    filters: &[TokenFilter],
    own: &[TokenId],
    now: Timestamp,
) -> Result<Vec<Option<Count>>, DbError> {
    // Without the workspace, only the primary key finds these.
    let keys = own.iter().fold("NULL".to_owned(), |keys, token| format!("{keys}, {}", token.0));
    let own = |filter| (matching(&format!("token_id IN ({keys})"), Some(filter), now), MATCHES_MAX);
    let pair = |filter: &TokenFilter| [of_workspace(workspace, Some(*filter), now), own(*filter)];
    let queries: Vec<(String, usize)> = filters.iter().flat_map(pair).collect();
    let counts = count_up_to(conn, &queries)?;
    let with_others = |pair: &[Count]| match pair {
        [all, own] => Some(*all).filter(|all| all.rows > own.rows),
        _ => None,
    };
    Ok(counts.chunks(2).map(with_others).collect())
}

/// The query of the tokens of a workspace that match a filter, and the limit up to which they are counted.
fn of_workspace(workspace: WorkspaceId, filter: Option<TokenFilter>, now: Timestamp) -> (String, usize) {
    let limit = if filter.is_some() { MATCHES_MAX } else { COUNT_MAX };
    (matching(&format!("workspace_id = {}", workspace.0), filter, now), limit)
}

fn matching(condition: &str, filter: Option<TokenFilter>, now: Timestamp) -> String {
    let comparisons = filter.map_or_else(Vec::new, |filter| comparisons(filter, now));
    comparisons.into_iter().fold(format!("FROM token_listings WHERE {condition}"), |sql, (column, sign, number)| {
        format!("{sql} AND {column} {sign} {number}")
    })
}
