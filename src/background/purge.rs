//! Deletes rows by age. A clock that is wrong must not delete what is young: rows are as old as the newest row of the
//! database says, a clock that is more than a day beyond it deletes nothing, and no day deletes more than a tenth of the
//! rows of a kind.

use std::time::Duration;

use crate::accounts::one_time_links::store as links;
use crate::accounts::{session_store, site_settings};
use crate::audit::event;
use crate::base::clock::{MAX_CLOCK_SKEW, Timestamp};
use crate::base::day::Day;
use crate::db::{DbConnection, DbError};
use crate::tokens::delete::TOMBSTONE_RETENTION;
use crate::tokens::purge_store as tokens;
use crate::usage::day_store::{self, DAYS_RETENTION};
use crate::usage::store as usage;
use crate::usage::workspace_day_store;

/// Rows that are deleted when they are older than a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PurgedRows {
    /// The plural for the log.
    pub name: &'static str,
    /// Key of the day and of the number of rows deleted on it, in the table `settings`.
    pub key: &'static str,
    /// Time for which ended rows stay; `None` for the setting of events.
    pub retention: Option<Duration>,
    /// Counts all rows, or those that ended before a time.
    pub count: fn(&mut DbConnection, Option<Timestamp>) -> Result<i64, DbError>,
    /// Deletes the oldest rows that ended before a time, at most this number. Returns how many.
    pub delete: fn(&mut DbConnection, Timestamp, i64) -> Result<usize, DbError>,
}

/// All rows that are deleted by age, in the order of their deletion.
pub(crate) const PURGED: [PurgedRows; 7] = [
    PurgedRows {
        name: "ended sessions",
        key: "purged_sessions",
        retention: Some(session_store::ENDED_RETENTION),
        count: session_store::count_ended,
        delete: session_store::purge,
    },
    PurgedRows {
        name: "expired links",
        key: "purged_links",
        retention: Some(links::EXPIRED_RETENTION),
        count: links::count_expired,
        delete: links::purge,
    },
    PurgedRows {
        name: "replaced values of tokens",
        key: "purged_values",
        retention: Some(TOMBSTONE_RETENTION),
        count: tokens::count_replaced_values,
        delete: tokens::purge_values,
    },
    PurgedRows {
        name: "deleted tokens",
        key: "purged_tokens",
        retention: Some(TOMBSTONE_RETENTION),
        count: tokens::count_deleted,
        delete: tokens::purge_tokens,
    },
    PurgedRows {
        name: "days of usage",
        key: "purged_days",
        retention: Some(DAYS_RETENTION),
        count: day_store::count_days,
        delete: day_store::purge_days,
    },
    PurgedRows {
        name: "days of the usage of workspaces",
        key: "purged_workspace_days",
        retention: Some(DAYS_RETENTION),
        count: workspace_day_store::count_days,
        delete: workspace_day_store::purge_days,
    },
    PurgedRows { name: "events", key: "purged_events", retention: None, count: event::count, delete: event::purge },
];

/// On one day, one of this many rows is deleted.
const DAILY_SHARE: i64 = 10;

/// So many rows may be deleted on a day, even if they are more than the share.
const DAILY_MINIMUM: i64 = 10;

/// What a purge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PurgeOutcome {
    /// No row is old enough.
    NothingDue,
    /// Rows were deleted; `left` more are old enough, and `total` is the number of rows before.
    Deleted { deleted: i64, left: i64, total: i64, before: Timestamp },
    /// The clock is too far beyond the newest row.
    ClockAhead { due: i64, newest: Option<Timestamp> },
}

/// Deletes rows that ended more than `retention` ago, in the caller's transaction.
pub(crate) fn purge(
    conn: &mut DbConnection,
    rows: PurgedRows,
    retention: Duration,
    now: Timestamp,
) -> Result<PurgeOutcome, DbError> {
    let due = (rows.count)(conn, Some(now - retention))?;
    if due == 0 {
        return Ok(PurgeOutcome::NothingDue);
    }
    let newest = newest_row(conn)?;
    let Some(before) = cutoff(newest, retention, now) else { return Ok(PurgeOutcome::ClockAhead { due, newest }) };
    let (due, total) = ((rows.count)(conn, Some(before))?, (rows.count)(conn, None)?);
    let limit = limit_today(conn, rows.key, total, now)?.min(due);
    let deleted = if limit == 0 { 0 } else { (rows.delete)(conn, before, limit)? };
    let deleted = i64::try_from(deleted).unwrap_or(i64::MAX);
    add_deleted(conn, rows.key, deleted, now)?;
    Ok(PurgeOutcome::Deleted { deleted, left: due - deleted, total, before })
}

/// The time before which rows are deleted; `None` if the clock is too far beyond the newest row.
pub(super) fn cutoff(newest: Option<Timestamp>, retention: Duration, now: Timestamp) -> Option<Timestamp> {
    newest.filter(|newest| now.since(*newest) <= MAX_CLOCK_SKEW).map(|newest| now.min(newest) - retention)
}

/// The number of rows that may still be deleted today, of `total` rows that are there.
pub(super) fn limit_today(
    conn: &mut DbConnection,
    key: &'static str,
    total: i64,
    now: Timestamp,
) -> Result<i64, DbError> {
    let deleted = site_settings::purged_on(conn, key, Day::containing(now).number())?;
    let share = ((total + deleted) / DAILY_SHARE).max(DAILY_MINIMUM);
    Ok((share - deleted).max(0))
}

/// Stores that rows were deleted today.
pub(super) fn add_deleted(
    conn: &mut DbConnection,
    key: &'static str,
    deleted: i64,
    now: Timestamp,
) -> Result<(), DbError> {
    let today = Day::containing(now).number();
    if deleted == 0 {
        return Ok(());
    }
    let before = site_settings::purged_on(conn, key, today)?;
    site_settings::store_purged(conn, key, today, before + deleted)
}

/// The time of the newest row that the use of the program wrote: an event, a page that was opened, a call.
pub(super) fn newest_row(conn: &mut DbConnection) -> Result<Option<Timestamp>, DbError> {
    Ok(event::newest(conn)?.max(session_store::newest(conn)?).max(usage::newest(conn)?))
}
