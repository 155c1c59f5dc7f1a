//! One look at the epoch for all requests of a worker that came before it.
//!
//! A look, or a read, takes and gives back a lock that all readers of the file share, which under load is most of what a
//! check costs. A request need not have a look of its own: one that begins after the request arrived knows of everything that
//! was answered before it was sent. So whoever comes first orders a look, others may come until it is made, and they read what they need as of that look.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::db::{Conn, DbError, Epoch, Near};

/// A worker's looks, on its own connection.
pub(crate) struct Looks {
    near: RefCell<Near>,
    /// How many looks there were.
    count: Cell<u64>,
    /// What the last one saw, unless it failed.
    seen: Cell<Option<Epoch>>,
    is_ordered: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Looks {
    pub fn new(near: Near) -> Rc<Self> {
        Rc::new(Self {
            near: RefCell::new(near),
            count: Cell::new(0),
            seen: Cell::new(None),
            is_ordered: Cell::new(false),
            waiting: RefCell::default(),
        })
    }

    /// The epoch, as a look that begins after this call sees it.
    pub async fn epoch(self: &Rc<Self>) -> Result<Epoch, DbError> {
        let arrived = self.count.get();
        if !self.is_ordered.replace(true) {
            let looks = Rc::clone(self);
            actix_web::rt::spawn(async move {
                // A task of its own, that goes on behind everybody whose request is there by now.
                tokio::task::yield_now().await;
                looks.look();
                // Whoever waited reads now; then the file is let go.
                tokio::task::yield_now().await;
                looks.near.borrow_mut().let_go();
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
        self.seen.get().map_or_else(|| self.near.borrow_mut().epoch(), Ok)
    }

    fn look(&self) {
        self.seen.set(self.near.borrow_mut().hold().ok());
        self.count.set(self.count.get() + 1);
        self.is_ordered.set(false);
        let mut waiting = self.waiting.take();
        waiting.drain(..).for_each(Waker::wake);
        // Nobody came since: its room serves those who come next.
        self.waiting.replace(waiting);
    }

    /// Runs a short read here and now.
    pub fn read<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T, DbError>) -> Result<T, DbError> {
        self.near.borrow_mut().read(work)
    }
}
