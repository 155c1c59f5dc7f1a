//! The door of the API, one a worker: from what is presented to the caller, as things stand at this moment.
//!
//! On `SQLite` the lookup is made right here, on a connection of the worker's own, and what it found is remembered. A
//! memory is worth nothing without a look at the database, because any process may have deleted the token since: so
//! each request first asks for the epoch, which costs less than the lookup, and believes only what was found in it.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpRequest;

use super::store;
use super::uses::Uses;
use super::value::ValueDigest;
use super::verify::{self, Caller, Found, Presented, Reason, Refusal};
use crate::kernel::app::App;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::{DbError, Epoch, Near};
use crate::kernel::web::client::Client;

/// What a worker needs to let callers in. To be let in is what counts as a use of a value.
pub struct Door {
    app: App,
    uses: Uses,
    memory: Memory,
    near: RefCell<Option<Near>>,
}

impl Door {
    /// A worker's door. The memory is shared with those of the other workers.
    #[must_use]
    pub fn new(app: &App, uses: Uses, memory: Memory) -> Self {
        let near = app.db.near().unwrap_or_else(|error| {
            log::warn!("a worker has no connection of its own and uses the others: {error}");
            None
        });
        Self { app: app.clone(), uses, memory, near: RefCell::new(near) }
    }

    /// Who sends a request.
    #[must_use]
    pub fn client(&self, request: &HttpRequest) -> Client {
        Client::of(request, &self.app.site.trusted_proxies)
    }

    /// Finds the caller behind what was presented, and notes the use, or the try of a value that has ended.
    pub async fn enter(&self, presented: Presented, client: Client) -> Result<Result<Arc<Caller>, Refusal>, DbError> {
        let now = self.app.clock.now();
        let here = self.near.borrow_mut().as_mut().map(|near| self.find_here(near, &presented, now));
        let found = if let Some(found) = here {
            found?
        } else {
            let digest = *presented.digest();
            self.app.db.look_up(move |conn| store::find_by_digest(conn, &digest)).await?.map(Arc::new)
        };
        let verdict = verify::judge(found.as_deref(), &presented, now);
        match &verdict {
            Ok(caller) => self.uses.record(caller.value, client, now),
            Err(Refusal { reason: Reason::Ended(_, _, value), .. }) => self.uses.record_try(*value, client, now),
            Err(_) => {}
        }
        Ok(verdict)
    }

    fn find_here(&self, near: &mut Near, presented: &Presented, now: Timestamp) -> Result<Option<Arc<Found>>, DbError> {
        // Before the lookup: a commit between the two makes the memory older than it is, never younger.
        let epoch = near.epoch()?;
        if let Some(found) = self.memory.recall(presented.digest(), epoch).filter(|found| !found.has_ended(now)) {
            return Ok(Some(found));
        }
        let found = near.read(|conn| store::find_by_digest(conn, presented.digest()))?.map(Arc::new);
        if let Some(found) = &found {
            self.memory.keep(presented.digest(), epoch, found);
        }
        Ok(found)
    }
}

/// How many values are remembered at most.
const LINES: usize = 1 << 15;

/// What was found behind the digests that were presented last. Each digest has one line, which it shares with others:
/// the last one stands there. Digests are spread evenly, so there is nothing to balance and nothing to tidy up.
#[derive(Clone)]
pub struct Memory(Arc<[Mutex<Option<Line>>]>);

struct Line {
    digest: ValueDigest,
    epoch: Epoch,
    found: Arc<Found>,
}

impl Default for Memory {
    fn default() -> Self {
        Self((0..LINES).map(|_| Mutex::new(None)).collect())
    }
}

impl Memory {
    fn recall(&self, digest: &ValueDigest, epoch: Epoch) -> Option<Arc<Found>> {
        let line = self.line(digest).lock().unwrap_or_else(PoisonError::into_inner);
        line.as_ref().filter(|line| line.epoch == epoch && line.digest == *digest).map(|line| Arc::clone(&line.found))
    }

    fn keep(&self, digest: &ValueDigest, epoch: Epoch, found: &Arc<Found>) {
        let line = Line { digest: *digest, epoch, found: Arc::clone(found) };
        // The line before is dropped after the lock.
        let _ = self.line(digest).lock().unwrap_or_else(PoisonError::into_inner).replace(line);
    }

    fn line(&self, digest: &ValueDigest) -> &Mutex<Option<Line>> {
        let [first, second, ..] = *digest.as_bytes();
        &self.0[usize::from(u16::from_le_bytes([first, second])) % LINES]
    }
}
