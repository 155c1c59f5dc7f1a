//! Batched lookups for a database server: one query serves all waiting requests of a worker.
//!
//! A round trip to the server and the thread that waits for it cost several times the query itself. Requests that
//! arrive during a query therefore wait and share the next one. A request never shares a query that began before it
//! arrived: it must see every change that was committed before it was sent. Some requests read the epoch only, others
//! also a token record. A worker runs one query at a time: two would halve the batches and double the server processes
//! that share the cores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::auth::caller::TokenRecord;
use crate::auth::store;
use crate::db::{Db, DbError, IdentityEpoch};
use crate::tokens::secret::ValueDigest;

/// Maximum number of requests in one query.
const MAX_BATCH: usize = 256;

/// The epoch, and the record as of this epoch or a later one. Requests for the same value share the record; a sole
/// owner takes it without a copy.
type LookupReply = Result<(IdentityEpoch, Option<Arc<TokenRecord>>), DbError>;

/// The lookups of one worker on the pooled connections.
pub(crate) struct LookupBatcher {
    db: Db,
    waiting: RefCell<Vec<(Option<ValueDigest>, oneshot::Sender<LookupReply>)>>,
    is_running: Cell<bool>,
    last_epoch: Cell<Option<IdentityEpoch>>,
}

impl LookupBatcher {
    pub fn new(db: Db) -> Rc<Self> {
        Rc::new(Self { db, waiting: RefCell::default(), is_running: Cell::new(false), last_epoch: Cell::new(None) })
    }

    /// The epoch that the last query read. It may be outdated.
    pub fn last_epoch(&self) -> Option<IdentityEpoch> {
        self.last_epoch.get()
    }

    /// The epoch, as a query that begins after this call sees it.
    pub async fn epoch(self: &Rc<Self>) -> Result<IdentityEpoch, DbError> {
        Ok(self.submit(None).await?.0)
    }

    /// The epoch and the record of a value, as a query that begins after this call sees them.
    pub async fn find(self: &Rc<Self>, digest: &ValueDigest) -> LookupReply {
        self.submit(Some(*digest)).await
    }

    async fn submit(self: &Rc<Self>, digest: Option<ValueDigest>) -> LookupReply {
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().push((digest, sender));
        if !self.is_running.replace(true) {
            let batcher = Rc::clone(self);
            actix_web::rt::spawn(async move { batcher.run().await });
        }
        receiver.await.unwrap_or_else(|_| Err(DbError::Query("a lookup was given up".to_owned())))
    }

    /// Runs queries until no request waits.
    async fn run(&self) {
        // Requests that have already arrived join the first batch.
        tokio::task::yield_now().await;
        loop {
            let batch = self.take_batch();
            if batch.is_empty() {
                break;
            }
            let digests: Vec<ValueDigest> = batch.iter().filter_map(|(digest, _)| *digest).collect();
            let found = self.db.read_untested(move |conn| {
                // Read the epoch first: a commit between the two then invalidates the entry instead of leaving a stale
                // one.
                let epoch = IdentityEpoch::read(conn)?;
                Ok::<_, DbError>((epoch, store::find_by_digests(conn, &digests)?))
            });
            let found = found.await;
            self.last_epoch.set(found.as_ref().ok().map(|(epoch, _)| *epoch));
            for (digest, sender) in batch {
                let reply = found.as_ref().map(|(epoch, found)| {
                    (*epoch, digest.and_then(|digest| found.get(digest.as_bytes().as_slice()).cloned()))
                });
                // A cancelled request has dropped its receiver.
                let _ = sender.send(reply.map_err(Clone::clone));
            }
        }
        self.is_running.set(false);
    }

    fn take_batch(&self) -> Vec<(Option<ValueDigest>, oneshot::Sender<LookupReply>)> {
        let mut waiting = self.waiting.borrow_mut();
        let count = waiting.len().min(MAX_BATCH);
        waiting.drain(..count).collect()
    }
}
