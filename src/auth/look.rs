//! Shared epoch reads on a worker's own connection.
//!
//! Each read takes and releases a lock that all readers of the database file share. Under load this is most of the cost
//! of an authentication. The first request therefore schedules an epoch read, and requests that arrive before it runs
//! share it. They also share its snapshot for their lookups. A request never uses an epoch read that began before it
//! arrived: it must see every change that was committed before it was sent.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::db::{DbConnection, DbError, IdentityEpoch, LocalConnection};

/// The epoch reads and lookups of one worker.
pub(crate) struct SnapshotReader {
    connection: RefCell<LocalConnection>,
    /// Number of epoch reads so far.
    count: Cell<u64>,
    /// Result of the last epoch read; `None` if it failed.
    last_epoch: Cell<Option<IdentityEpoch>>,
    is_running: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl SnapshotReader {
    pub fn new(connection: LocalConnection) -> Rc<Self> {
        Rc::new(Self {
            connection: RefCell::new(connection),
            count: Cell::new(0),
            last_epoch: Cell::new(None),
            is_running: Cell::new(false),
            waiting: RefCell::default(),
        })
    }

    /// The epoch, as a read that begins after this call sees it.
    pub async fn epoch(self: &Rc<Self>) -> Result<IdentityEpoch, DbError> {
        let arrived = self.count.get();
        if !self.is_running.replace(true) {
            let reader = Rc::clone(self);
            actix_web::rt::spawn(async move {
                // Requests that have already arrived share this read.
                tokio::task::yield_now().await;
                reader.read_epoch();
                // The waiting requests do their lookups in the snapshot before it ends.
                tokio::task::yield_now().await;
                reader.connection.borrow_mut().end_snapshot();
            });
        }
        poll_fn(|context| {
            if self.count.get() > arrived {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
        // The shared read keeps no error, so after a failure each request reads for itself.
        self.last_epoch.get().map_or_else(|| self.connection.borrow_mut().epoch(), Ok)
    }

    fn read_epoch(&self) {
        self.last_epoch.set(self.connection.borrow_mut().begin_snapshot().ok());
        self.count.set(self.count.get() + 1);
        self.is_running.set(false);
        let mut waiting = self.waiting.take();
        waiting.drain(..).for_each(Waker::wake);
        // No request was added meanwhile: keep the allocation for the next ones.
        self.waiting.replace(waiting);
    }

    /// Runs a short read in the current thread.
    pub fn read<T>(&self, work: impl FnOnce(&mut DbConnection) -> Result<T, DbError>) -> Result<T, DbError> {
        self.connection.borrow_mut().read(work)
    }
}
