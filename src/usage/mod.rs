//! The evidence of use, written behind the requests: collected in memory, put into the database in batches.

pub mod buffer;
pub mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::base::client_info::Client;
use crate::base::clock::Timestamp;
use crate::db::ids::ValueKey;
use crate::db::{Db, DbError};
use crate::usage::buffer::{Taken, Waiting};

/// How often what was collected is written. Pages say that evidence is at most 10 s old.
pub const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// How many values are written in one transaction, which others who want to write have to wait for: 0.12 s at most where all
/// cores are busy. Each commit costs those who look values up the pages that they have at hand.
const AT_ONCE: usize = 20_000;

/// In so many parts it is collected, each taken when it is its turn to be written, so that not everything is in memory
/// twice.
const PARTS: usize = 8;

/// So many values that were made one after another, whose rows are neighbours, are in the same part.
const NEIGHBOURS: i64 = 1024;

/// The evidence that is not written yet, one entry a value; clones are handles to the same.
#[derive(Debug, Clone, Default)]
pub struct Uses {
    parts: Arc<[Mutex<Waiting>; PARTS]>,
    is_full: Arc<Notify>,
    /// Whoever is in [`Uses::flush`]. One at a time, so that whoever comes second knows that nothing is under way when it is done.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Uses {
    /// Notes that a value opened the API.
    pub fn record(&self, value: ValueKey, client: Client, now: Timestamp) {
        self.note(value, |waiting| waiting.note_use(value, client, now));
    }

    /// Notes that a value was tried after it had stopped.
    pub fn record_try(&self, value: ValueKey, client: Client, now: Timestamp) {
        self.note(value, |waiting| waiting.note_try(value, client, now));
    }

    fn note(&self, ValueKey(value): ValueKey, note: impl FnOnce(&mut Waiting)) {
        let part = usize::try_from(value / NEIGHBOURS).unwrap_or(0) % PARTS;
        let mut waiting = lock(&self.parts[part]);
        let was_due = waiting.is_due();
        note(&mut waiting);
        if waiting.is_due() && !was_due {
            self.is_full.notify_one();
        }
    }

    /// Waits until it is time for a [`Uses::flush`].
    pub async fn are_due(&self) {
        // Whichever comes first. What became full during the last flush has been written with it.
        while tokio::time::timeout(FLUSH_EVERY, self.is_full.notified()).await.is_ok() && !self.is_due() {}
    }

    fn is_due(&self) -> bool {
        self.parts.iter().any(|part| lock(part).is_due())
    }

    /// Writes what was collected, in transactions of a bounded length. What can't be written now is kept for the next
    /// time.
    pub async fn flush(&self, db: &Db) {
        let _turn = self.turn.lock().await;
        for part in &*self.parts {
            if let Err(error) = flush_part(part, db).await {
                let waiting: usize = self.parts.iter().map(|part| lock(part).len()).sum();
                log::warn!("the last use of {waiting} tokens is not written yet: {error}");
                return;
            }
        }
    }

    /// [`Uses::flush`] for callers that may block, who are told what it failed of.
    pub fn flush_blocking(&self, db: &Db) -> Result<(), DbError> {
        for part in &*self.parts {
            let taken = take(part);
            let written = db.write_blocking(|conn| store::write(conn, &taken, 0..usize::MAX));
            if written.is_err() {
                lock(part).keep(&taken, 0);
                return written;
            }
        }
        Ok(())
    }
}

async fn flush_part(part: &Mutex<Waiting>, db: &Db) -> Result<(), DbError> {
    let taken = Arc::new(take(part));
    for from in (0..taken.longest()).step_by(AT_ONCE) {
        let some = Arc::clone(&taken);
        let written = db.write(move |conn| store::write(conn, &some, from..from + AT_ONCE)).await;
        if written.is_err() {
            lock(part).keep(&taken, from);
            return written;
        }
    }
    Ok(())
}

fn take(part: &Mutex<Waiting>) -> Taken {
    let mut taken = lock(part).take();
    taken.sort();
    taken
}

fn lock(part: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use actix_web::rt::time::timeout;

    use super::*;

    fn call(uses: &Uses, value: i64, agent: &str) {
        let client = Client { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent.to_owned()) };
        uses.record(ValueKey(value), client, Timestamp::from_micros(1));
    }

    fn write_nowhere(uses: &Uses) {
        uses.parts.iter().for_each(|part| drop(take(part)));
    }

    #[test]
    fn what_is_much_does_not_wait_for_its_time() {
        let shortly = Duration::from_millis(100);
        let uses = Uses::default();
        actix_web::rt::System::new().block_on(async {
            call(&uses, 1, "curl");
            assert!(timeout(shortly, uses.are_due()).await.is_err(), "one use waits");
            // Of one part alone, though the others have next to nothing.
            let same_part = (0..).step_by(PARTS * 1024).flat_map(|from| from..from + 1024);
            same_part.take(40_000).for_each(|value| call(&uses, value, "curl"));
            assert!(timeout(FLUSH_EVERY / 2, uses.are_due()).await.is_ok());
            write_nowhere(&uses);
            // It was much again, and has been written meanwhile.
            (0..5000).for_each(|number| call(&uses, 1, &number.to_string()));
            write_nowhere(&uses);
            assert!(timeout(shortly, uses.are_due()).await.is_err());
        });
    }

    #[test]
    fn neighbours_are_in_one_part_and_all_parts_are_used() {
        let uses = Uses::default();
        let all = 1024 * i64::try_from(PARTS).unwrap();
        (0..all).for_each(|value| call(&uses, value, "curl"));
        let parts: Vec<Taken> = uses.parts.iter().map(take).collect();
        for (nth, part) in parts.iter().enumerate() {
            let from = 1024 * i64::try_from(nth).unwrap();
            assert!(part.used.iter().map(|(value, _)| value.0).eq(from..from + 1024), "in the order of their rows");
        }
    }
}
