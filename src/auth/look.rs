//! One look at the epoch for all requests of a worker that came before it.
//!
//! A look, or a read, takes and gives back a lock that all readers of the file share, which under load is most of what a
//! check costs. A request need not have a look of its own: one that begins after the request arrived knows of everything that
//! was answered before it was sent. So whoever comes first orders a look, others may come until it is made, and they read what they need as of that look.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::db::{DbConnection, DbError, IdentityEpoch, LocalConnection};

/// A worker's looks, on its own connection.
pub(crate) struct SnapshotReader {
    connection: RefCell<LocalConnection>,
    /// How many looks there were.
    count: Cell<u64>,
    /// What the last one saw, unless it failed.
    last_epoch: Cell<Option<IdentityEpoch>>,
    is_running: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl SnapshotReader {
    pub fn new(near: LocalConnection) -> Rc<Self> {
        Rc::new(Self {
            connection: RefCell::new(near),
            count: Cell::new(0),
            last_epoch: Cell::new(None),
            is_running: Cell::new(false),
            waiting: RefCell::default(),
        })
    }

    /// The epoch, as a look that begins after this call sees it.
    pub async fn epoch(self: &Rc<Self>) -> Result<IdentityEpoch, DbError> {
        let arrived = self.count.get();
        if !self.is_running.replace(true) {
            let looks = Rc::clone(self);
            actix_web::rt::spawn(async move {
                // A task of its own, that goes on behind everybody whose request is there by now.
                tokio::task::yield_now().await;
                looks.read_epoch();
                // Whoever waited reads now; then the file is let go.
                tokio::task::yield_now().await;
                looks.connection.borrow_mut().end_snapshot();
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
        // A look that failed tells nobody why: each has one of their own.
        self.last_epoch.get().map_or_else(|| self.connection.borrow_mut().epoch(), Ok)
    }

    fn read_epoch(&self) {
        self.last_epoch.set(self.connection.borrow_mut().begin_snapshot().ok());
        self.count.set(self.count.get() + 1);
        self.is_running.set(false);
        let mut waiting = self.waiting.take();
        waiting.drain(..).for_each(Waker::wake);
        // Nobody came since: its room serves those who come next.
        self.waiting.replace(waiting);
    }

    /// Runs a short read here and now.
    pub fn read<T>(&self, work: impl FnOnce(&mut DbConnection) -> Result<T, DbError>) -> Result<T, DbError> {
        self.connection.borrow_mut().read(work)
    }
}
