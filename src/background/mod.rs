//! The periodic jobs of a server: flush of buffered token use, purge of old rows, planner statistics, count of the tokens with
//! the most calls.

mod purge;
mod purge_callers;
mod top_tokens;

use std::time::Duration;

use actix_web::rt;
use tokio::task::JoinHandle;

use crate::background::purge::{PURGED, PurgeOutcome};
use crate::base::clock::{Clock, Timestamp};
use crate::db::Db;
use crate::usage::UsageRecorder;

/// Interval between purges of old tombstones, old events and expired links.
const PURGE_INTERVAL: Duration = Duration::from_hours(1);

/// The running jobs. Without [`BackgroundJobs::stop`], buffered token use is lost.
pub(crate) struct BackgroundJobs {
    db: Db,
    usage: UsageRecorder,
    flusher: JoinHandle<()>,
    purger: JoinHandle<()>,
    counter: JoinHandle<()>,
}

impl BackgroundJobs {
    /// Spawns the jobs on the current actix system. Events older than `event_retention` are purged.
    pub(crate) fn start(db: Db, clock: Clock, usage: UsageRecorder, event_retention: Duration) -> Self {
        let flusher = rt::spawn(flush_usage(db.clone(), usage.clone()));
        let purger = rt::spawn(purge_old_rows(db.clone(), clock.clone(), event_retention));
        let counter = rt::spawn(count_top_tokens(db.clone(), clock));
        Self { db, usage, flusher, purger, counter }
    }

    /// Stops the jobs and flushes buffered token use.
    pub(crate) async fn stop(self) {
        self.purger.abort();
        self.counter.abort();
        // Waits for a flush that is running; aborting the task first would interrupt it.
        self.usage.flush(&self.db).await;
        self.flusher.abort();
        // A flush that timed out may still commit.
        self.db.wait_for_writes().await;
    }
}

async fn flush_usage(db: Db, usage: UsageRecorder) {
    loop {
        usage.wait_until_due().await;
        usage.flush(&db).await;
    }
}

/// The callers of tokens are purged once a day, because all of them are read.
const PURGES_PER_PURGE_OF_CALLERS: u64 = 24;

/// Interval between two warnings that the clock may be wrong.
const WARNING_INTERVAL: Duration = Duration::from_hours(24);

async fn purge_old_rows(db: Db, clock: Clock, event_retention: Duration) {
    let mut purges_until_warning = 0;
    for round in 0_u64.. {
        let now = clock.now();
        let mut is_refused = false;
        for rows in PURGED {
            let retention = rows.retention.unwrap_or(event_retention);
            match db.write(move |conn| purge::purge(conn, rows, retention, now)).await {
                Ok(outcome) => is_refused |= log_outcome(rows.name, outcome, now, purges_until_warning == 0),
                Err(error) => log::warn!("can't purge {}: {error}", rows.name),
            }
        }
        if round.is_multiple_of(PURGES_PER_PURGE_OF_CALLERS) {
            match purge_callers::purge(&db, now).await {
                Ok(outcome) => is_refused |= log_outcome(purge_callers::NAME, outcome, now, purges_until_warning == 0),
                Err(error) => log::warn!("can't purge {}: {error}", purge_callers::NAME),
            }
        }
        purges_until_warning = match purges_until_warning {
            0 if is_refused => WARNING_INTERVAL.as_secs() / PURGE_INTERVAL.as_secs(),
            left => u64::saturating_sub(left, 1),
        };
        if let Err(error) = db.optimize().await {
            log::warn!("can't update the planner statistics: {error}");
        }
        rt::time::sleep(PURGE_INTERVAL).await;
    }
}

/// Shortest and longest pause between two counts of the top tokens.
const COUNT_INTERVALS: (Duration, Duration) = (Duration::from_mins(5), Duration::from_hours(1));

/// A pause is this many times as long as the count before it, within [`COUNT_INTERVALS`]: a count of a million tokens takes
/// minutes, one of a hundred takes milliseconds.
const PAUSE_FACTOR: u32 = 100;

async fn count_top_tokens(db: Db, clock: Clock) {
    let (shortest, longest) = COUNT_INTERVALS;
    loop {
        let start = clock.now();
        if let Err(error) = top_tokens::count(&db, start).await {
            log::warn!("can't count the calls of tokens: {error}");
        }
        rt::time::sleep((clock.now().since(start) * PAUSE_FACTOR).clamp(shortest, longest)).await;
    }
}

/// Logs what a purge did. Returns whether it was refused.
fn log_outcome(name: &str, outcome: PurgeOutcome, now: Timestamp, warns: bool) -> bool {
    match outcome {
        PurgeOutcome::NothingDue | PurgeOutcome::Deleted { deleted: 0, .. } => false,
        PurgeOutcome::Deleted { deleted, left, total, before } => {
            let end = before.display_date();
            log::info!("purged {deleted} of {total} {name}, from before {end}; {left} more follow on later days");
            false
        }
        PurgeOutcome::ClockAhead { due, newest } => {
            if warns {
                let newest = newest.map_or_else(|| "missing".to_owned(), |at| format!("from {}", at.display()));
                log::warn!(
                    "{due} {name} are not purged: the clock says {}, but the newest row of the database is {newest}. If the \
                     clock is right, the purge continues when the server is used again",
                    now.display()
                );
            }
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use diesel::connection::{Connection as _, SimpleConnection as _};
    use diesel::prelude::*;

    use super::*;
    use crate::base::client_info::ClientInfo;
    use crate::base::clock::ManualClock;
    use crate::db::ids::ValueId;
    use crate::db::schema::value_uses;
    use crate::db::{DbError, DbOptions};

    #[test]
    fn a_flush_that_timed_out_is_committed_before_the_jobs_have_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("latchkey.db").display().to_string();
        let options = DbOptions {
            response_timeout: Duration::from_millis(1),
            lock_timeout: Duration::from_mins(2),
            ..DbOptions::default()
        };
        let db = Db::open_with(&file.parse().unwrap(), &options).unwrap();
        let mut other = diesel::SqliteConnection::establish(&file).unwrap();
        other
            .batch_execute("PRAGMA foreign_keys = OFF; INSERT INTO value_uses (value_id) VALUES (1); BEGIN IMMEDIATE")
            .unwrap();
        let (usage, now) = (UsageRecorder::default(), Timestamp::from_micros(1));
        usage.record(ValueId(1), ClientInfo { ip: Ipv4Addr::LOCALHOST.into(), agent: None }, now);
        actix_web::rt::System::new().block_on(async {
            let clock = Clock::Manual(ManualClock::at(now));
            let jobs = BackgroundJobs::start(db.clone(), clock, usage.clone(), Duration::from_hours(1));
            usage.flush(&db).await;
            other.batch_execute("ROLLBACK").unwrap();
            jobs.stop().await;
        });
        let used = value_uses::table.filter(value_uses::last_used_at.is_not_null()).count();
        let used: i64 = db
            .read_blocking(|conn| crate::match_backend!(conn, conn => used.get_result(conn)).map_err(DbError::from))
            .unwrap();
        assert_eq!(used, 1);
    }
}
