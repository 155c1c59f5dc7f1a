//! Deletes the callers of tokens that were not seen for a long time, with the limits of the other purges. No index finds them,
//! so all callers are read, in short steps.

use std::time::Duration;

use actix_web::rt;

use crate::background::purge::{self, PurgeOutcome};
use crate::base::clock::Timestamp;
use crate::db::ids::TokenId;
use crate::db::{Db, DbError};
use crate::usage::day_store::DAYS_RETENTION;
use crate::usage::origin_store::{self, CountedOrigins};

/// The plural of the rows for the log.
pub(super) const NAME: &str = "callers of tokens";

/// Key of the day and of the number of rows deleted on it, in the table `settings`.
const KEY: &str = "purged_callers";

/// Pause after each step, so that requests get CPU time and connections.
const PAUSE: Duration = Duration::from_millis(50);

/// Deletes the callers that were last seen before the days of usage that are kept.
pub(super) async fn purge(db: &Db, now: Timestamp) -> Result<PurgeOutcome, DbError> {
    let newest = db.read(purge::newest_row).await?;
    let cutoff = purge::cutoff(newest, DAYS_RETENTION, now);
    let before = cutoff.unwrap_or(now - DAYS_RETENTION);
    let mut after = TokenId(0);
    let (mut total, mut due) = (0, 0);
    let mut steps: Vec<CountedOrigins> = Vec::new();
    while let Some(step) = db.read(move |conn| origin_store::count_unseen(conn, after, before)).await? {
        after = step.last;
        total += step.total;
        due += step.unseen;
        steps.extend(Some(step).filter(|step| step.unseen > 0));
        rt::time::sleep(PAUSE).await;
    }
    if due == 0 {
        return Ok(PurgeOutcome::NothingDue);
    }
    if cutoff.is_none() {
        return Ok(PurgeOutcome::ClockAhead { due, newest });
    }
    let mut deleted = 0;
    for step in steps {
        let left = total - deleted;
        let of_step = db
            .write(move |conn| match purge::limit_today(conn, KEY, left, now)? {
                0 => Ok(0),
                limit => {
                    let deleted = origin_store::purge_unseen(conn, &step, before, limit)?;
                    purge::add_deleted(conn, KEY, deleted, now)?;
                    Ok::<_, DbError>(deleted)
                }
            })
            .await?;
        if of_step == 0 {
            break;
        }
        deleted += of_step;
        rt::time::sleep(PAUSE).await;
    }
    Ok(PurgeOutcome::Deleted { deleted, left: due - deleted, total, before })
}
