//! One query for all requests of a worker that wait: where a server has to be asked.
//!
//! The way to a server and back, with the thread that waits for it, takes several times what the server does for one
//! request. So the requests that come while some are asked for wait, and go together next. Each is asked for after it
//! came: what was answered to anybody before it was sent counts. Some want to know the epoch alone, the others what is behind
//! their value too. One query of a worker at a time: with two the batches are half as long, and twice as many processes
//! share the cores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::auth::caller::TokenRecord;
use crate::auth::store;
use crate::db::{Db, DbError, IdentityEpoch};
use crate::tokens::secret::ValueDigest;

/// How many requests one query is for at most.
const MAX_BATCH: usize = 256;

/// The epoch, and what was found in it or in a later one. Several may ask for the same value; who is alone with it takes it
/// without a copy.
type LookupReply = Result<(IdentityEpoch, Option<Arc<TokenRecord>>), DbError>;

/// A worker's lookups, by the connections that all share.
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

    /// The epoch that the last query saw, which may be over.
    pub fn last_epoch(&self) -> Option<IdentityEpoch> {
        self.last_epoch.get()
    }

    /// The epoch, as a query that begins after this call sees it.
    pub async fn epoch(self: &Rc<Self>) -> Result<IdentityEpoch, DbError> {
        Ok(self.submit(None).await?.0)
    }

    /// What the database knows of a value, as a query that begins after this call sees it.
    pub async fn find(self: &Rc<Self>, digest: &ValueDigest) -> LookupReply {
        self.submit(Some(*digest)).await
    }

    async fn submit(self: &Rc<Self>, digest: Option<ValueDigest>) -> LookupReply {
        let (tell, told) = oneshot::channel();
        self.waiting.borrow_mut().push((digest, tell));
        if !self.is_running.replace(true) {
            let lookups = Rc::clone(self);
            actix_web::rt::spawn(async move { lookups.run().await });
        }
        told.await.unwrap_or_else(|_| Err(DbError::Query("a lookup was given up".to_owned())))
    }

    /// Asks for whoever waits, until nobody does.
    async fn run(&self) {
        // Behind everybody whose request is there by now.
        tokio::task::yield_now().await;
        loop {
            let some = self.take_batch();
            if some.is_empty() {
                break;
            }
            let digests: Vec<ValueDigest> = some.iter().filter_map(|(digest, _)| *digest).collect();
            let found = self.db.read_untested(move |conn| {
                // In this order: a commit between the two makes what is remembered older than it is, never younger.
                let epoch = IdentityEpoch::read(conn)?;
                Ok::<_, DbError>((epoch, store::find_by_digests(conn, &digests)?))
            });
            let found = found.await;
            self.last_epoch.set(found.as_ref().ok().map(|(epoch, _)| *epoch));
            for (digest, asker) in some {
                let answer = found.as_ref().map(|(epoch, found)| {
                    (*epoch, digest.and_then(|digest| found.get(digest.as_bytes().as_slice()).cloned()))
                });
                // Whoever went away meanwhile is not told.
                let _ = asker.send(answer.map_err(Clone::clone));
            }
        }
        self.is_running.set(false);
    }

    fn take_batch(&self) -> Vec<(Option<ValueDigest>, oneshot::Sender<LookupReply>)> {
        let mut waiting = self.waiting.borrow_mut();
        let some = waiting.len().min(MAX_BATCH);
        waiting.drain(..some).collect()
    }
}
