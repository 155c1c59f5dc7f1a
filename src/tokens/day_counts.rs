//! The calls of a token by day, from the rows of its values, and those of a workspace.

use crate::base::clock::Timestamp;
use crate::base::day::Day;
use crate::db::ids::WorkspaceId;
use crate::db::{DbConnection, DbError};
use crate::tokens::model::Token;
use crate::usage::day_store::UsageDay;
use crate::usage::workspace_day_store;
use crate::web::chart::DayCounts;

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

/// Loads the counts of a workspace on the latest `count` days up to `today`. It has no earlier values: all calls are new.
pub(crate) fn load_workspace_days(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    today: Day,
    count: u16,
) -> Result<Vec<DayCounts>, DbError> {
    let rows = workspace_day_store::days(conn, workspace, today, count)?;
    let counts = |day| {
        let row = rows.iter().find(|row| row.day == day);
        row.map_or(DayCounts { day, old: 0, new: 0, rejected: 0 }, |row| DayCounts {
            day,
            old: 0,
            new: row.calls,
            rejected: row.rejected,
        })
    };
    Ok(today.latest(count).map(counts).collect())
}
