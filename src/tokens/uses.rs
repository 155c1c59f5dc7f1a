//! The evidence of use, written behind the requests: collected in memory, put into the database in batches.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
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
pub struct Use {
    pub(super) first: Timestamp,
    pub(super) last: LastUse,
}

/// The uses that are not written yet, one entry a value; clones are handles to the same.
#[derive(Debug, Clone, Default)]
pub struct Uses(Arc<Mutex<HashMap<ValueKey, Use>>>);

impl Uses {
    /// Notes that a value opened the API.
    pub fn record(&self, value: ValueKey, client: Client, now: Timestamp) {
        self.merge(
            value,
            Use { first: now, last: LastUse { at: now, ip: Some(client.ip_text()), agent: client.agent } },
        );
    }

    /// Writes what was collected in one transaction. What can't be written now is kept for the next time.
    pub async fn flush(&self, db: &Db) {
        let batch = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if batch.is_empty() {
            return;
        }
        let batch = Arc::new(batch);
        let writing = Arc::clone(&batch);
        if let Err(error) = db.write(move |conn| write(conn, &writing)).await {
            log::warn!("the last use of {} tokens is not written yet: {error}", batch.len());
            for (value, used) in batch.iter() {
                self.merge(*value, used.clone());
            }
        }
    }

    /// [`Uses::flush`] for callers that may block; what can't be written is lost.
    pub fn flush_blocking(&self, db: &Db) -> Result<(), DbError> {
        let batch = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        db.write_blocking(|conn| write(conn, &batch))
    }

    fn merge(&self, value: ValueKey, used: Use) {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(value) {
            Entry::Vacant(entry) => {
                entry.insert(used);
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.first = known.first.min(used.first);
                if known.last.at <= used.last.at {
                    known.last = used.last;
                }
            }
        }
    }
}

fn write(conn: &mut Conn, batch: &HashMap<ValueKey, Use>) -> Result<(), DbError> {
    batch.iter().try_for_each(|(value, used)| store::mark_used(conn, *value, used))
}
