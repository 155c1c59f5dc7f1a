//! Write-behind recording of token usage: requests record uses in memory, and a background task writes them in batches.
//! Recording must not wait for the database.

mod buffer;
pub mod day_store;
mod event_store;
mod flush;
mod origin_row_store;
pub mod origin_store;
pub mod origins;
mod program;
pub(crate) mod store;
pub(crate) mod top_token_store;
pub(crate) mod top_tokens;
pub(crate) mod workspace_day_store;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::db::ids::ValueId;
use crate::db::{Db, DbConnection, DbError};
use crate::usage::buffer::{UsageBatch, UsageBuffer};
use crate::usage::store::TransactionState;

/// Interval between flushes. Pages state that usage is at most 10 s old.
pub const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// Maximum number of values in one transaction, each with up to three rows. Other writers wait for it.
/// Fewer, larger transactions are better for lookups, because each commit invalidates their page caches.
const ROWS_PER_TRANSACTION: usize = 10_000;

/// Number of buffers. They are drained one at a time, so that only one of them is in memory twice.
const SHARDS: usize = 8;

/// Number of consecutive row keys that share a shard. Their rows are neighbours in the database.
const IDS_PER_RUN: i64 = 1024;

/// Collects uses and writes them to the database; clones share the same buffers.
#[derive(Debug, Clone, Default)]
pub struct UsageRecorder {
    buffers: Arc<Buffers>,
    is_full: Arc<Notify>,
    /// Held during [`UsageRecorder::flush`]: when a second flush returns, no other flush is in progress.
    flush_lock: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Buffers {
    shards: [Mutex<UsageBuffer>; SHARDS],
    /// Entries of transactions that failed, perhaps after the commit. The next flush asks the database.
    in_doubt: Mutex<Vec<InDoubt>>,
}

/// Entries of a `PostgreSQL` transaction that did not report its commit.
#[derive(Debug)]
struct InDoubt {
    transaction: i64,
    shard: usize,
    batch: Arc<UsageBatch>,
    rows: Range<usize>,
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
        let mut buffer = lock(&self.buffers.shards[shard]);
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
        self.buffers.shards.iter().any(|shard| lock(shard).is_due())
    }

    /// Writes the recorded uses, in transactions of bounded length. Entries that can't be written return to the buffers
    /// for the next flush.
    pub async fn flush(&self, db: &Db) {
        let _guard = self.flush_lock.lock().await;
        if let Err(error) = self.flush_parts(db).await {
            let waiting: usize = self.buffers.shards.iter().map(|shard| lock(shard).len()).sum();
            log::warn!("can't write the usage of {waiting} tokens yet: {error}");
        }
    }

    async fn flush_parts(&self, db: &Db) -> Result<(), DbError> {
        let doubtful = self.doubtful_transactions();
        if !doubtful.is_empty() {
            self.resolve(&db.read(move |conn| store::transaction_states(conn, &doubtful)).await?)?;
        }
        for part in (0..SHARDS).flat_map(|shard| self.drain(shard, ROWS_PER_TRANSACTION)) {
            part.write(db).await?;
        }
        Ok(())
    }

    /// [`UsageRecorder::flush`] for callers that may block.
    ///
    /// # Errors
    ///
    /// Returns the error of the first transaction that fails.
    pub fn flush_blocking(&self, db: &Db) -> Result<(), DbError> {
        let doubtful = self.doubtful_transactions();
        if !doubtful.is_empty() {
            self.resolve(&db.read_blocking(|conn| store::transaction_states(conn, &doubtful))?)?;
        }
        for part in (0..SHARDS).flat_map(|shard| self.drain(shard, usize::MAX)) {
            db.write_blocking(|conn| part.write_in(conn))?;
            part.commit();
        }
        Ok(())
    }

    fn doubtful_transactions(&self) -> Vec<i64> {
        lock(&self.buffers.in_doubt).iter().map(|doubt| doubt.transaction).collect()
    }

    /// Restores the entries of transactions that were rolled back, and drops those of committed ones.
    fn resolve(&self, states: &[(i64, TransactionState)]) -> Result<(), DbError> {
        let mut in_doubt = lock(&self.buffers.in_doubt);
        let mut is_waiting = false;
        for doubt in std::mem::take(&mut *in_doubt) {
            match states.iter().find(|(id, _)| *id == doubt.transaction).map(|(_, state)| *state) {
                Some(TransactionState::Committed) => {}
                Some(TransactionState::RolledBack) => {
                    lock(&self.buffers.shards[doubt.shard]).restore(&doubt.batch, &doubt.rows);
                }
                Some(TransactionState::InProgress) => {
                    is_waiting = true;
                    in_doubt.push(doubt);
                }
                None => in_doubt.push(doubt),
            }
        }
        // Without this limit, entries would pile up while no transaction ends.
        if !is_waiting {
            return Ok(());
        }
        Err(DbError::Unavailable("an earlier write is still in progress".to_owned()))
    }

    /// Removes the entries of a shard, in parts of at most `rows` of each list.
    fn drain(&self, shard: usize, rows: usize) -> Vec<PendingWrite> {
        let batch = Arc::new(drain(&self.buffers.shards[shard]));
        let parts = (0..batch.len()).step_by(rows).map(|from| PendingWrite {
            buffers: Arc::clone(&self.buffers),
            shard,
            batch: Arc::clone(&batch),
            rows: from..from.saturating_add(rows),
            transaction: AtomicI64::new(0),
            is_committed: AtomicBool::new(false),
        });
        parts.collect()
    }
}

/// Entries on their way to the database. They return to their buffer when this is dropped, unless they were or may have been
/// committed. The
/// thread that writes them owns this, because it may commit after the caller's wait for it timed out.
struct PendingWrite {
    buffers: Arc<Buffers>,
    shard: usize,
    batch: Arc<UsageBatch>,
    /// Positions in each list of the batch.
    rows: Range<usize>,
    /// Id of the `PostgreSQL` transaction; 0 before everything is written, and on `SQLite`.
    transaction: AtomicI64,
    is_committed: AtomicBool,
}

impl PendingWrite {
    async fn write(self, db: &Db) -> Result<(), DbError> {
        let this = Arc::new(self);
        let committed = Arc::clone(&this);
        db.write_then(move |conn| this.write_in(conn), move || committed.commit()).await
    }

    fn write_in(&self, conn: &mut DbConnection) -> Result<(), DbError> {
        // Without an id, a transaction that fails is rolled back for certain: only a commit can be in doubt.
        self.transaction.store(0, Ordering::Relaxed);
        flush::write(conn, &self.batch, &self.rows)?;
        self.transaction.store(store::transaction_id(conn)?.unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    fn commit(&self) {
        self.is_committed.store(true, Ordering::Relaxed);
    }
}

impl Drop for PendingWrite {
    fn drop(&mut self) {
        if self.is_committed.load(Ordering::Relaxed) {
            return;
        }
        match self.transaction.load(Ordering::Relaxed) {
            0 => lock(&self.buffers.shards[self.shard]).restore(&self.batch, &self.rows),
            transaction => {
                let (batch, rows) = (Arc::clone(&self.batch), self.rows.clone());
                lock(&self.buffers.in_doubt).push(InDoubt { transaction, shard: self.shard, batch, rows });
            }
        }
    }
}

fn drain(shard: &Mutex<UsageBuffer>) -> UsageBatch {
    let mut batch = lock(shard).drain();
    batch.sort();
    batch
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
