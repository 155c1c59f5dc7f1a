//! The periodic jobs of a server: flush of buffered token use, purge of old rows, planner statistics.

mod purge;

use std::time::Duration;

use actix_web::rt;
use tokio::task::JoinHandle;

use crate::background::purge::{PURGED, PurgeOutcome, PurgedRows};
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
}

impl BackgroundJobs {
    /// Spawns the jobs on the current actix system. Events older than `event_retention` are purged.
    pub(crate) fn start(db: Db, clock: Clock, usage: UsageRecorder, event_retention: Duration) -> Self {
        let flusher = rt::spawn(flush_usage(db.clone(), usage.clone()));
        let purger = rt::spawn(purge_old_rows(db.clone(), clock, event_retention));
        Self { db, usage, flusher, purger }
    }

    /// Stops the jobs and flushes buffered token use.
    pub(crate) async fn stop(self) {
        self.purger.abort();
        // Waits for a flush that is running; aborting the task first would interrupt it.
        self.usage.flush(&self.db).await;
        self.flusher.abort();
    }
}

async fn flush_usage(db: Db, usage: UsageRecorder) {
    loop {
        usage.wait_until_due().await;
        usage.flush(&db).await;
    }
}

/// Interval between two warnings that the clock may be wrong.
const WARNING_INTERVAL: Duration = Duration::from_hours(24);

async fn purge_old_rows(db: Db, clock: Clock, event_retention: Duration) {
    let mut purges_until_warning = 0;
    loop {
        let now = clock.now();
        let mut is_refused = false;
        for rows in PURGED {
            let retention = rows.retention.unwrap_or(event_retention);
            match db.write(move |conn| purge::purge(conn, rows, retention, now)).await {
                Ok(outcome) => is_refused |= log_outcome(rows, outcome, now, purges_until_warning == 0),
                Err(error) => log::warn!("can't purge {}: {error}", rows.name),
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

/// Logs what a purge did. Returns whether it was refused.
fn log_outcome(rows: PurgedRows, outcome: PurgeOutcome, now: Timestamp, warns: bool) -> bool {
    let name = rows.name;
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
