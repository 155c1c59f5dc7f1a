//! Write-behind recording of token usage: requests record uses in memory, and a background task writes them in batches.
//! Recording must not wait for the database.

pub mod buffer;
pub mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::db::ids::ValueId;
use crate::db::{Db, DbError};
use crate::usage::buffer::{UsageBatch, UsageBuffer};

/// Interval between flushes. Pages state that usage is at most 10 s old.
pub const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// Maximum number of values in one transaction. Other writers wait for it: at most 0.12 s while all cores are busy.
/// Fewer, larger transactions are better for lookups, because each commit invalidates their page caches.
const ROWS_PER_TRANSACTION: usize = 20_000;

/// Number of buffers. They are drained one at a time, so that only one of them is in memory twice.
const SHARDS: usize = 8;

/// Number of consecutive row keys that share a shard. Their rows are neighbours in the database.
const IDS_PER_RUN: i64 = 1024;

/// Collects uses and writes them to the database; clones share the same buffers.
#[derive(Debug, Clone, Default)]
pub struct UsageRecorder {
    shards: Arc<[Mutex<UsageBuffer>; SHARDS]>,
    is_full: Arc<Notify>,
    /// Held during [`UsageRecorder::flush`]: when a second flush returns, no other flush is in progress.
    flush_lock: Arc<tokio::sync::Mutex<()>>,
}

impl UsageRecorder {
    /// Records that a request used a value.
    pub fn record(&self, value: ValueId, client: ClientInfo, now: Timestamp) {
        self.update(value, |buffer| buffer.record(value, client, now));
    }

    /// Records that a request was rejected because its value had ended.
    pub fn record_rejected(&self, value: ValueId, client: ClientInfo, now: Timestamp) {
        self.update(value, |buffer| buffer.record_rejected(value, client, now));
    }

    fn update(&self, ValueId(value): ValueId, update: impl FnOnce(&mut UsageBuffer)) {
        let shard = usize::try_from(value / IDS_PER_RUN).unwrap_or(0) % SHARDS;
        let mut buffer = lock(&self.shards[shard]);
        let was_due = buffer.is_due();
        update(&mut buffer);
        if buffer.is_due() && !was_due {
            self.is_full.notify_one();
        }
    }

    /// Waits until [`UsageRecorder::flush`] is due: after [`FLUSH_INTERVAL`], or earlier if a buffer fills up.
    pub async fn wait_until_due(&self) {
        // A notification may be stale: the last flush may have written the buffer that caused it.
        while tokio::time::timeout(FLUSH_INTERVAL, self.is_full.notified()).await.is_ok() && !self.is_due() {}
    }

    fn is_due(&self) -> bool {
        self.shards.iter().any(|shard| lock(shard).is_due())
    }

    /// Writes the recorded uses, in transactions of bounded length. Entries that can't be written stay in the buffers
    /// for the next flush.
    pub async fn flush(&self, db: &Db) {
        let _guard = self.flush_lock.lock().await;
        for shard in &*self.shards {
            if let Err(error) = flush_shard(shard, db).await {
                let waiting: usize = self.shards.iter().map(|shard| lock(shard).len()).sum();
                log::warn!("the last use of {waiting} tokens is not written yet: {error}");
                return;
            }
        }
    }

    /// [`UsageRecorder::flush`] for callers that may block.
    ///
    /// # Errors
    ///
    /// Returns the error of the first transaction that fails.
    pub fn flush_blocking(&self, db: &Db) -> Result<(), DbError> {
        for shard in &*self.shards {
            let taken = drain(shard);
            let written = db.write_blocking(|conn| store::write(conn, &taken, 0..usize::MAX));
            if written.is_err() {
                lock(shard).restore(&taken, 0);
                return written;
            }
        }
        Ok(())
    }
}

async fn flush_shard(shard: &Mutex<UsageBuffer>, db: &Db) -> Result<(), DbError> {
    let taken = Arc::new(drain(shard));
    for from in (0..taken.len()).step_by(ROWS_PER_TRANSACTION) {
        let batch = Arc::clone(&taken);
        let written = db.write(move |conn| store::write(conn, &batch, from..from + ROWS_PER_TRANSACTION)).await;
        if written.is_err() {
            lock(shard).restore(&taken, from);
            return written;
        }
    }
    Ok(())
}

fn drain(shard: &Mutex<UsageBuffer>) -> UsageBatch {
    let mut taken = lock(shard).drain();
    taken.sort();
    taken
}

fn lock(shard: &Mutex<UsageBuffer>) -> MutexGuard<'_, UsageBuffer> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use actix_web::rt::time::timeout;

    use super::*;

    fn record_use(uses: &UsageRecorder, value: i64, agent: &str) {
        let client = ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent.to_owned()) };
        uses.record(ValueId(value), client, Timestamp::from_micros(1));
    }

    fn discard(uses: &UsageRecorder) {
        uses.shards.iter().for_each(|shard| drop(drain(shard)));
    }

    #[test]
    fn a_full_buffer_makes_a_flush_due_before_the_interval() {
        let short = Duration::from_millis(100);
        let uses = UsageRecorder::default();
        actix_web::rt::System::new().block_on(async {
            record_use(&uses, 1, "curl");
            assert!(timeout(short, uses.wait_until_due()).await.is_err(), "a single use does not make a flush due");
            // All values are in one shard; the others are nearly empty.
            let same_shard = (0..).step_by(SHARDS * 1024).flat_map(|from| from..from + 1024);
            same_shard.take(40_000).for_each(|value| record_use(&uses, value, "curl"));
            assert!(timeout(FLUSH_INTERVAL / 2, uses.wait_until_due()).await.is_ok());
            discard(&uses);
            // The buffer fills up again and is flushed before the wait.
            (0..5000).for_each(|number| record_use(&uses, 1, &number.to_string()));
            discard(&uses);
            assert!(timeout(short, uses.wait_until_due()).await.is_err());
        });
    }

    #[test]
    fn neighbouring_values_share_a_shard_and_all_shards_are_used() {
        let uses = UsageRecorder::default();
        let count = 1024 * i64::try_from(SHARDS).unwrap();
        (0..count).for_each(|value| record_use(&uses, value, "curl"));
        let batches: Vec<UsageBatch> = uses.shards.iter().map(drain).collect();
        for (nth, batch) in batches.iter().enumerate() {
            let from = 1024 * i64::try_from(nth).unwrap();
            assert!(batch.used.iter().map(|(value, _)| value.0).eq(from..from + 1024), "entries are in row order");
        }
    }
}
