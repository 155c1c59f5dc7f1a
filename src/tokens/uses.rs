//! The evidence of use, written behind the requests: collected in memory, put into the database in batches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::LastUse;
use super::store::{self, ValueKey};
use crate::kernel::clock::Timestamp;
use crate::kernel::db::{Conn, Db, DbError};
use crate::kernel::web::client::Client;

/// How often what was collected is written. Pages say that evidence is at most 10 s old.
pub const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// The uses of one value since the last flush.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub first: Timestamp,
    pub last: LastUse,
}

/// The tries of one value after it had stopped, since the last flush.
#[derive(Debug, Clone)]
pub(super) struct Tries {
    pub count: i64,
    pub last: LastUse,
}

/// What happened to one value since the last flush.
#[derive(Debug, Clone, Default)]
struct Evidence {
    used: Option<Use>,
    tried: Option<Tries>,
}

type Batch = HashMap<ValueKey, Evidence>;

/// The evidence that is not written yet, one entry a value; clones are handles to the same.
#[derive(Debug, Clone, Default)]
pub struct Uses(Arc<Mutex<Batch>>);

impl Uses {
    /// Notes that a value opened the API.
    pub fn record(&self, value: ValueKey, client: Client, now: Timestamp) {
        let used = Use { first: now, last: last_use(client, now) };
        self.batch().entry(value).or_default().merge(Evidence { used: Some(used), tried: None });
    }

    /// Notes that a value was tried after it had stopped.
    pub fn record_try(&self, value: ValueKey, client: Client, now: Timestamp) {
        let tried = Tries { count: 1, last: last_use(client, now) };
        self.batch().entry(value).or_default().merge(Evidence { used: None, tried: Some(tried) });
    }

    /// Writes what was collected in one transaction. What can't be written now is kept for the next time.
    pub async fn flush(&self, db: &Db) {
        let batch = std::mem::take(&mut *self.batch());
        if batch.is_empty() {
            return;
        }
        let batch = Arc::new(batch);
        let writing = Arc::clone(&batch);
        if let Err(error) = db.write(move |conn| write(conn, &writing)).await {
            log::warn!("the last use of {} tokens is not written yet: {error}", batch.len());
            let mut kept = self.batch();
            for (value, evidence) in batch.iter() {
                kept.entry(*value).or_default().merge(evidence.clone());
            }
        }
    }

    /// [`Uses::flush`] for callers that may block; what can't be written is lost.
    pub fn flush_blocking(&self, db: &Db) -> Result<(), DbError> {
        let batch = std::mem::take(&mut *self.batch());
        db.write_blocking(|conn| write(conn, &batch))
    }

    fn batch(&self) -> MutexGuard<'_, Batch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Evidence {
    /// Adds what happened elsewhere in time: earlier or later, whichever way two batches meet.
    fn merge(&mut self, other: Self) {
        match (&mut self.used, other.used) {
            (Some(known), Some(used)) => {
                known.first = known.first.min(used.first);
                if known.last.at <= used.last.at {
                    known.last = used.last;
                }
            }
            (known @ None, used) => *known = used,
            (Some(_), None) => {}
        }
        match (&mut self.tried, other.tried) {
            (Some(known), Some(tried)) => {
                known.count += tried.count;
                if known.last.at <= tried.last.at {
                    known.last = tried.last;
                }
            }
            (known @ None, tried) => *known = tried,
            (Some(_), None) => {}
        }
    }
}

fn last_use(client: Client, at: Timestamp) -> LastUse {
    LastUse { at, ip: Some(client.ip_text()), agent: client.agent }
}

fn write(conn: &mut Conn, batch: &Batch) -> Result<(), DbError> {
    for (value, evidence) in batch {
        if let Some(used) = &evidence.used {
            store::mark_used(conn, *value, used)?;
        }
        if let Some(tried) = &evidence.tried {
            store::mark_tried(conn, *value, tried)?;
        }
    }
    Ok(())
}
