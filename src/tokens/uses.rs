//! The evidence of use, written behind the requests: collected in memory, put into the database in batches.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::store::ValueKey;
use super::uses_store as store;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::{Conn, Db, DbError};
use crate::kernel::web::client::Client;

/// How often what was collected is written. Pages say that evidence is at most 10 s old.
pub const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// How many values are written in one transaction, which others who want to write have to wait for: some 80 ms. Each
/// commit costs those who look values up the pages that they have at hand.
const AT_ONCE: usize = 20_000;
/// When so many values wait, they are written at once; as many more may come while that goes on. With fewer at a time each
/// page of the database is written more often.
const DUE: usize = MOST / 2;
/// How many values are waited with, of uses and of tries each: as many as a hash table of 2^18 places takes. While nothing
/// can be written, what comes then is not noted; a value that is known stays so.
const MOST: usize = 229_376;
/// When so many wait, the table gets the room for all that may, and keeps it. Doubled from few to many, again after each
/// rest, it would tear holes into the memory that many passes are kept in, some megabytes each time.
const MANY: usize = MOST / 64;

/// The uses of one value since the last flush.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub first: Timestamp,
    pub last: Timestamp,
    pub client: Arc<Client>,
}

/// The tries of one value after it had stopped, since the last flush.
#[derive(Debug, Clone)]
pub(super) struct Tries {
    pub count: i64,
    pub last: Timestamp,
    pub client: Arc<Client>,
}

/// What happened to values since the last flush.
#[derive(Debug, Default)]
struct Batch {
    used: HashMap<ValueKey, Use>,
    tried: HashMap<ValueKey, Tries>,
    /// Each client once, however many values it uses.
    clients: HashSet<Arc<Client>>,
}

/// The evidence that is not written yet, one entry a value; clones are handles to the same.
#[derive(Debug, Clone, Default)]
pub struct Uses {
    waiting: Arc<Mutex<Batch>>,
    is_full: Arc<Notify>,
    /// Whoever is in [`Uses::flush`]. One at a time, so that whoever comes second knows that nothing is under way when it is done.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Uses {
    /// Notes that a value opened the API.
    pub fn record(&self, value: ValueKey, client: Client, now: Timestamp) {
        let mut batch = self.batch();
        match batch.used.get_mut(&value) {
            // The usual case: a tool calls again from where it called before.
            Some(used) if *used.client == client && used.last <= now => used.last = now,
            _ => {
                let client = batch.known(client);
                batch.add_use(value, Use { first: now, last: now, client });
                if batch.used.len() == DUE {
                    self.is_full.notify_one();
                }
            }
        }
    }

    /// Notes that a value was tried after it had stopped.
    pub fn record_try(&self, value: ValueKey, client: Client, now: Timestamp) {
        let mut batch = self.batch();
        let client = batch.known(client);
        batch.add_tries(value, Tries { count: 1, last: now, client });
    }

    /// Waits until it is time for a [`Uses::flush`].
    pub async fn are_due(&self) {
        // Whichever comes first.
        let _ = tokio::time::timeout(FLUSH_EVERY, self.is_full.notified()).await;
    }

    /// Writes what was collected, in transactions of a bounded length. What can't be written now is kept for the next
    /// time.
    pub async fn flush(&self, db: &Db) {
        let _turn = self.turn.lock().await;
        let (mut used, mut tried) = self.batch().take();
        // In the order of their rows: neighbours share pages, and each page is written once.
        used.sort_unstable_by_key(|(value, _)| *value);
        tried.sort_unstable_by_key(|(value, _)| *value);
        while !(used.is_empty() && tried.is_empty()) {
            let some = (Arc::new(last_of(&mut used)), Arc::new(last_of(&mut tried)));
            let (writing_uses, writing_tries) = some.clone();
            let written = db.write(move |conn| write(conn, &writing_uses, &writing_tries)).await;
            if let Err(error) = written {
                log::warn!("the last use of {} tokens is not written yet: {error}", used.len() + some.0.len());
                used.extend_from_slice(&some.0);
                tried.extend_from_slice(&some.1);
                self.batch().keep(used, tried);
                return;
            }
        }
    }

    /// [`Uses::flush`] for callers that may block, who are told what it failed of.
    pub fn flush_blocking(&self, db: &Db) -> Result<(), DbError> {
        let (used, tried) = self.batch().take();
        let written = db.write_blocking(|conn| write(conn, &used, &tried));
        if written.is_err() {
            self.batch().keep(used, tried);
        }
        written
    }

    fn batch(&self) -> MutexGuard<'_, Batch> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn last_of<T>(all: &mut Vec<T>) -> Vec<T> {
    all.split_off(all.len().saturating_sub(AT_ONCE))
}

/// A batch in lists.
type Taken = (Vec<(ValueKey, Use)>, Vec<(ValueKey, Tries)>);

impl Batch {
    /// What was collected.
    fn take(&mut self) -> Taken {
        self.clients.clear();
        (self.used.drain().collect(), std::mem::take(&mut self.tried).into_iter().collect())
    }

    fn known(&mut self, client: Client) -> Arc<Client> {
        if let Some(known) = self.clients.get(&client) {
            return Arc::clone(known);
        }
        let client = Arc::new(client);
        self.clients.insert(Arc::clone(&client));
        client
    }

    /// Takes back what could not be written.
    fn keep(&mut self, used: Vec<(ValueKey, Use)>, tried: Vec<(ValueKey, Tries)>) {
        for (value, seen) in used {
            self.add_use(value, seen);
        }
        for (value, seen) in tried {
            self.add_tries(value, seen);
        }
    }

    /// Adds uses from elsewhere in time: earlier or later, whichever way two batches meet.
    fn add_use(&mut self, value: ValueKey, other: Use) {
        let is_full = self.used.len() >= MOST;
        match self.used.get_mut(&value) {
            None if is_full => {}
            None => {
                if self.used.len() == MANY {
                    self.used.reserve(MOST - MANY);
                }
                self.used.insert(value, other);
            }
            Some(known) => {
                let first = known.first.min(other.first);
                if known.last <= other.last {
                    *known = other;
                }
                known.first = first;
            }
        }
    }

    fn add_tries(&mut self, value: ValueKey, other: Tries) {
        let is_full = self.tried.len() >= MOST;
        match self.tried.get_mut(&value) {
            None if is_full => {}
            None => drop(self.tried.insert(value, other)),
            Some(known) => {
                let count = known.count + other.count;
                if known.last <= other.last {
                    *known = other;
                }
                known.count = count;
            }
        }
    }
}

fn write(conn: &mut Conn, used: &[(ValueKey, Use)], tried: &[(ValueKey, Tries)]) -> Result<(), DbError> {
    store::mark_used(conn, used)?;
    for (value, tried) in tried {
        store::mark_tried(conn, *value, tried)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_database_that_takes_nothing_is_bounded_and_what_is_known_stays() {
        let evidence = Uses::default();
        let client = |agent: &str| Client { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent.to_owned()) };
        let [noon, later] = [Timestamp::from_micros(0), Timestamp::from_micros(1)];
        let many = i64::try_from(MOST).unwrap() + 1;
        for value in 0..many {
            evidence.record(ValueKey(value), client("first"), noon);
            evidence.record_try(ValueKey(value), client("first"), noon);
        }
        let (used, tried) = evidence.batch().take();
        assert_eq!([used.len(), tried.len()], [MOST; 2]);
        // Meanwhile one of these values is used again, and a new one.
        for value in [0, many] {
            evidence.record(ValueKey(value), client("second"), later);
            evidence.record_try(ValueKey(value), client("second"), later);
        }
        evidence.batch().keep(used, tried);
        let batch = evidence.batch();
        assert_eq!([batch.used.len(), batch.tried.len()], [MOST; 2]);
        let (used, tried) = (&batch.used[&ValueKey(0)], &batch.tried[&ValueKey(0)]);
        assert_eq!((used.first, used.last, used.client.agent.as_deref()), (noon, later, Some("second")));
        assert_eq!((tried.count, tried.last), (2, later));
        assert!(batch.used.contains_key(&ValueKey(many)), "the latest is kept before the oldest");
    }
}
