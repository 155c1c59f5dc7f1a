//! The evidence of use, written behind the requests: collected in memory, put into the database in batches.

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

/// How often what was collected is written. Pages say that evidence is at most 10 s old.
pub const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// How many values are written in one transaction, which others who want to write have to wait for: 0.12 s at most where all
/// cores are busy. Each commit costs those who look values up the pages that they have at hand.
const ROWS_PER_TRANSACTION: usize = 20_000;

/// In so many parts it is collected, each taken when it is its turn to be written, so that not everything is in memory
/// twice.
const SHARDS: usize = 8;

/// So many values that were made one after another, whose rows are neighbours, are in the same part.
const IDS_PER_RUN: i64 = 1024;

/// The evidence that is not written yet, one entry a value; clones are handles to the same.
#[derive(Debug, Clone, Default)]
pub struct UsageRecorder {
    shards: Arc<[Mutex<UsageBuffer>; SHARDS]>,
    is_full: Arc<Notify>,
    /// Whoever is in [`Uses::flush`]. One at a time, so that whoever comes second knows that nothing is under way when it is done.
    flush_lock: Arc<tokio::sync::Mutex<()>>,
}

impl UsageRecorder {
    /// Notes that a value opened the API.
    pub fn record(&self, value: ValueId, client: ClientInfo, now: Timestamp) {
        self.note(value, |waiting| waiting.record(value, client, now));
    }

    /// Notes that a value was tried after it had stopped.
    pub fn record_rejected(&self, value: ValueId, client: ClientInfo, now: Timestamp) {
        self.note(value, |waiting| waiting.record_rejected(value, client, now));
    }

    fn note(&self, ValueId(value): ValueId, note: impl FnOnce(&mut UsageBuffer)) {
        let part = usize::try_from(value / IDS_PER_RUN).unwrap_or(0) % SHARDS;
        let mut waiting = lock(&self.shards[part]);
        let was_due = waiting.is_due();
        note(&mut waiting);
        if waiting.is_due() && !was_due {
            self.is_full.notify_one();
        }
    }

    /// Waits until it is time for a [`Uses::flush`].
    pub async fn wait_until_due(&self) {
        // Whichever comes first. What became full during the last flush has been written with it.
        while tokio::time::timeout(FLUSH_INTERVAL, self.is_full.notified()).await.is_ok() && !self.is_due() {}
    }

    fn is_due(&self) -> bool {
        self.shards.iter().any(|part| lock(part).is_due())
    }

    /// Writes what was collected, in transactions of a bounded length. What can't be written now is kept for the next
    /// time.
    pub async fn flush(&self, db: &Db) {
        let _turn = self.flush_lock.lock().await;
        for part in &*self.shards {
            if let Err(error) = flush_shard(part, db).await {
                let waiting: usize = self.shards.iter().map(|part| lock(part).len()).sum();
                log::warn!("the last use of {waiting} tokens is not written yet: {error}");
                return;
            }
        }
    }

    /// [`Uses::flush`] for callers that may block, who are told what it failed of.
    pub fn flush_blocking(&self, db: &Db) -> Result<(), DbError> {
        for part in &*self.shards {
            let taken = drain(part);
            let written = db.write_blocking(|conn| store::write(conn, &taken, 0..usize::MAX));
            if written.is_err() {
                lock(part).restore(&taken, 0);
                return written;
            }
        }
        Ok(())
    }
}

async fn flush_shard(part: &Mutex<UsageBuffer>, db: &Db) -> Result<(), DbError> {
    let taken = Arc::new(drain(part));
    for from in (0..taken.len()).step_by(ROWS_PER_TRANSACTION) {
        let some = Arc::clone(&taken);
        let written = db.write(move |conn| store::write(conn, &some, from..from + ROWS_PER_TRANSACTION)).await;
        if written.is_err() {
            lock(part).restore(&taken, from);
            return written;
        }
    }
    Ok(())
}

fn drain(part: &Mutex<UsageBuffer>) -> UsageBatch {
    let mut taken = lock(part).drain();
    taken.sort();
    taken
}

fn lock(part: &Mutex<UsageBuffer>) -> MutexGuard<'_, UsageBuffer> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use actix_web::rt::time::timeout;

    use super::*;

    fn call(uses: &UsageRecorder, value: i64, agent: &str) {
        let client = ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent.to_owned()) };
        uses.record(ValueId(value), client, Timestamp::from_micros(1));
    }

    fn write_nowhere(uses: &UsageRecorder) {
        uses.shards.iter().for_each(|part| drop(drain(part)));
    }

    #[test]
    fn what_is_much_does_not_wait_for_its_time() {
        let shortly = Duration::from_millis(100);
        let uses = UsageRecorder::default();
        actix_web::rt::System::new().block_on(async {
            call(&uses, 1, "curl");
            assert!(timeout(shortly, uses.wait_until_due()).await.is_err(), "one use waits");
            // Of one part alone, though the others have next to nothing.
            let same_part = (0..).step_by(SHARDS * 1024).flat_map(|from| from..from + 1024);
            same_part.take(40_000).for_each(|value| call(&uses, value, "curl"));
            assert!(timeout(FLUSH_INTERVAL / 2, uses.wait_until_due()).await.is_ok());
            write_nowhere(&uses);
            // It was much again, and has been written meanwhile.
            (0..5000).for_each(|number| call(&uses, 1, &number.to_string()));
            write_nowhere(&uses);
            assert!(timeout(shortly, uses.wait_until_due()).await.is_err());
        });
    }

    #[test]
    fn neighbours_are_in_one_part_and_all_parts_are_used() {
        let uses = UsageRecorder::default();
        let all = 1024 * i64::try_from(SHARDS).unwrap();
        (0..all).for_each(|value| call(&uses, value, "curl"));
        let parts: Vec<UsageBatch> = uses.shards.iter().map(drain).collect();
        for (nth, part) in parts.iter().enumerate() {
            let from = 1024 * i64::try_from(nth).unwrap();
            assert!(part.used.iter().map(|(value, _)| value.0).eq(from..from + 1024), "in the order of their rows");
        }
    }
}
