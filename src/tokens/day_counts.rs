//! The calls of tokens by day, from the rows of their values.

use crate::base::clock::Timestamp;
use crate::base::day::Day;
use crate::db::{DbConnection, DbError};
use crate::tokens::model::Token;
use crate::usage::day_store::{self, UsageDay};
use crate::web::chart::{DayCounts, Strip};

/// Number of days in the strip of a token.
const STRIP_DAYS: u16 = 30;

/// The counts of the latest `count` days up to today, from rows that may belong to other tokens too.
pub(crate) fn day_counts(token: &Token, rows: &[UsageDay], count: u16, now: Timestamp) -> Vec<DayCounts> {
    let values = token.value_keys();
    let mut days: Vec<DayCounts> =
        Day::containing(now).latest(count).map(|day| DayCounts { day, old: 0, new: 0, rejected: 0 }).collect();
    for row in rows.iter().filter(|row| values.contains(&row.value)) {
        let Some(counts) = days.iter_mut().find(|counts| counts.day == row.day) else { continue };
        let calls = if row.value == token.current.key { &mut counts.new } else { &mut counts.old };
        *calls = calls.saturating_add(row.calls);
        counts.rejected = counts.rejected.saturating_add(row.rejected);
    }
    days
}

/// Loads what the strips of these tokens show, in one query.
pub(crate) fn load_strip_days<'a>(
    conn: &mut DbConnection,
    tokens: impl IntoIterator<Item = &'a Token>,
    now: Timestamp,
) -> Result<Vec<UsageDay>, DbError> {
    let values: Vec<_> = tokens.into_iter().flat_map(Token::value_keys).collect();
    day_store::days(conn, &values, Day::containing(now), STRIP_DAYS)
}

/// The strip of a token, from the rows of [`load_strip_days`].
pub(crate) fn strip(token: &Token, rows: &[UsageDay], now: Timestamp) -> Strip {
    Strip::new(&day_counts(token, rows, STRIP_DAYS, now))
}
