//! Batched lookups: one snapshot of the database serves all waiting requests of a worker.
//!
//! On `SQLite`, a read takes and releases a lock that all readers of the file share; on `PostgreSQL`, it takes a round
//! trip and a thread that waits. Both cost several times the query itself. Requests that arrive before a batch runs
//! therefore share it, and requests that arrive during a batch wait for the next one. A request never shares a batch
//! that began before it arrived: it must see every change that was committed before it was sent. A worker runs one
//! batch at a time: two would halve the batches and double the server processes that share the cores.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use tokio::sync::oneshot;

use crate::auth::caller::TokenRecord;
use crate::auth::epoch::{EpochReader, IdentityEpoch};
use crate::auth::store::{self, RecordsByDigest};
use crate::db::{Db, DbError, LocalConnection};
use crate::tokens::secret::ValueDigest;

/// Maximum number of lookups in one batch.
const MAX_LOOKUPS: usize = 256;

/// The epoch, and the record as of this epoch or a later one. Requests for the same value share the record; a sole
/// owner takes it without a copy.
type LookupReply = Result<(IdentityEpoch, Option<Arc<TokenRecord>>), DbError>;

/// A request that waits for a lookup.
struct Waiting {
    digest: ValueDigest,
    reply: oneshot::Sender<LookupReply>,
}

/// The lookups of one worker.
pub(crate) struct LookupBatcher {
    source: LookupSource,
    lookups: RefCell<Vec<Waiting>>,
    /// Requests that wait for the epoch only. They are most requests, so they share one result instead of a channel each.
    epoch_waiters: RefCell<Vec<Waker>>,
    is_running: Cell<bool>,
    /// Numbers of batches that have begun and ended.
    begun: Cell<u64>,
    ended: Cell<u64>,
    last_epoch: RefCell<Result<IdentityEpoch, DbError>>,
}

impl LookupBatcher {
    pub(super) fn new(db: &Db) -> Rc<Self> {
        Rc::new(Self {
            source: LookupSource::new(db),
            lookups: RefCell::default(),
            epoch_waiters: RefCell::default(),
            is_running: Cell::new(false),
            begun: Cell::new(0),
            ended: Cell::new(0),
            last_epoch: RefCell::new(Err(DbError::Unavailable("no epoch was read".to_owned()))),
        })
    }

    /// The epoch that the last batch read. It may be outdated.
    pub(super) fn last_epoch(&self) -> Option<IdentityEpoch> {
        self.last_epoch.borrow().as_ref().ok().copied()
    }

    /// The epoch, as a batch that begins after this call sees it.
    pub(super) async fn epoch(self: &Rc<Self>) -> Result<IdentityEpoch, DbError> {
        let begun = self.begun.get();
        self.start();
        poll_fn(|context| {
            if self.ended.get() > begun {
                return Poll::Ready(());
            }
            self.epoch_waiters.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
        self.last_epoch.borrow().clone()
    }

    /// The epoch and the record of a value, as a batch that begins after this call sees them.
    pub(super) async fn find(
        self: &Rc<Self>,
        digest: &ValueDigest,
    ) -> Result<(IdentityEpoch, Option<TokenRecord>), DbError> {
        let (reply, receiver) = oneshot::channel();
        self.lookups.borrow_mut().push(Waiting { digest: *digest, reply });
        self.start();
        let (epoch, record) = receiver.await.unwrap_or_else(|_| Err(DbError::Query("a lookup panicked".to_owned())))?;
        Ok((epoch, record.map(Arc::unwrap_or_clone)))
    }

    fn start(self: &Rc<Self>) {
        if !self.is_running.replace(true) {
            let batcher = Rc::clone(self);
            actix_web::rt::spawn(async move { batcher.run().await });
        }
    }

    /// Runs batches until no request waits.
    async fn run(&self) {
        let _running = Running(self);
        // Requests that have already arrived join the first batch.
        tokio::task::yield_now().await;
        while self.has_waiting() {
            let (batch, mut waiters) = (self.take_lookups(), self.epoch_waiters.take());
            self.begun.set(self.begun.get() + 1);
            let found = self.source.look_up(batch.iter().map(|waiting| waiting.digest).collect()).await;
            *self.last_epoch.borrow_mut() = found.as_ref().map(|(epoch, _)| *epoch).map_err(DbError::clone);
            self.ended.set(self.begun.get());
            for Waiting { digest, reply } in batch {
                let result = match &found {
                    Ok((epoch, records)) => Ok((*epoch, records.get(&digest).cloned())),
                    Err(error) => Err(error.clone()),
                };
                // A cancelled request has dropped its receiver.
                let _ = reply.send(result);
            }
            waiters.drain(..).for_each(Waker::wake);
            if self.epoch_waiters.borrow().is_empty() {
                // Keeps the allocation for the next waiters.
                self.epoch_waiters.replace(waiters);
            }
        }
    }

    fn has_waiting(&self) -> bool {
        !self.lookups.borrow().is_empty() || !self.epoch_waiters.borrow().is_empty()
    }

    fn take_lookups(&self) -> Vec<Waiting> {
        let mut lookups = self.lookups.borrow_mut();
        let count = lookups.len().min(MAX_LOOKUPS);
        lookups.drain(..count).collect()
    }
}

/// Marks a batcher as idle when its task ends. After a panic, the waiting requests fail and the next one starts a task.
struct Running<'a>(&'a LookupBatcher);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let batcher = self.0;
        batcher.is_running.set(false);
        if std::thread::panicking() {
            *batcher.last_epoch.borrow_mut() = Err(DbError::Query("a lookup panicked".to_owned()));
            batcher.begun.set(batcher.begun.get() + 1);
            batcher.ended.set(batcher.begun.get());
            batcher.lookups.take();
            batcher.epoch_waiters.take().into_iter().for_each(Waker::wake);
        }
    }
}

enum LookupSource {
    /// A connection of the worker's own. A batch runs in the worker thread.
    Local(RefCell<(LocalConnection, EpochReader)>),
    /// The pooled connections. A batch runs on a blocking thread.
    Pooled(Db),
}

impl LookupSource {
    fn new(db: &Db) -> Self {
        let local = db.local_connection().unwrap_or_else(|error| {
            log::warn!("a worker could not open a connection of its own and uses the pool: {error}");
            None
        });
        match local {
            Some(connection) => Self::Local(RefCell::new((connection, EpochReader::default()))),
            None => Self::Pooled(db.clone()),
        }
    }

    /// Reads the epoch, then the records of the values with these digests: a commit between the two reads then
    /// invalidates a cache entry instead of leaving a stale one.
    async fn look_up(&self, digests: Vec<ValueDigest>) -> Result<(IdentityEpoch, RecordsByDigest), DbError> {
        match self {
            Self::Local(local) => {
                let (connection, epochs) = &mut *local.borrow_mut();
                connection.with_snapshot(|conn| {
                    let epoch = epochs.read(conn)?;
                    Ok((epoch, conn.read(|conn| store::find_by_digests(conn, &digests))?))
                })
            }
            Self::Pooled(db) => {
                db.look_up(move |conn| Ok((IdentityEpoch::read(conn)?, store::find_by_digests(conn, &digests)?))).await
            }
        }
    }
}
