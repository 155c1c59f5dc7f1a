//! One look at the epoch for all requests of a worker that came before it.
//!
//! A look is two system calls on a lock that all workers share, which is most of what a check costs. A request need not
//! have a look of its own: one that begins after the request arrived knows of everything that was answered before it
//! was sent. So whoever arrives lets the others who are there arrive too, and the first to go on looks for all of them.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::kernel::db::{DbError, Epoch, Near};

/// A worker's looks at its own connection.
pub(super) struct Looks {
    near: RefCell<Near>,
    /// How many looks there were, and what the last one saw, unless it failed.
    count: Cell<u64>,
    seen: Cell<Option<Epoch>>,
    waiting: RefCell<Vec<Waker>>,
}

impl Looks {
    pub fn new(near: Near) -> Self {
        Self { near: RefCell::new(near), count: Cell::new(0), seen: Cell::new(None), waiting: RefCell::default() }
    }

    /// The epoch, as a look that begins after this call sees it.
    pub fn epoch(&self) -> Look<'_> {
        Look { looks: self, arrived: None }
    }

    /// Runs a short read here and now.
    pub fn read<T>(&self, work: impl FnOnce(&mut crate::kernel::db::Conn) -> Result<T, DbError>) -> Result<T, DbError> {
        self.near.borrow_mut().read(work)
    }

    fn wake_all(&self) {
        for waker in self.waiting.take() {
            waker.wake();
        }
    }
}

/// Waits for the next look, or makes it.
pub(super) struct Look<'a> {
    looks: &'a Looks,
    /// How many looks there had been when this one arrived.
    arrived: Option<u64>,
}

impl Future for Look<'_> {
    type Output = Result<Epoch, DbError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let looks = self.looks;
        let Some(arrived) = self.arrived else {
            self.arrived = Some(looks.count.get());
            let mut waiting = looks.waiting.borrow_mut();
            waiting.push(context.waker().clone());
            // Not at once: behind those whose requests are there already.
            if waiting.len() == 1 {
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        };
        if let Some(epoch) = looks.seen.get().filter(|_| looks.count.get() > arrived) {
            return Poll::Ready(Ok(epoch));
        }
        let seen = looks.near.borrow_mut().epoch();
        looks.count.set(looks.count.get() + 1);
        looks.seen.set(seen.as_ref().ok().copied());
        looks.wake_all();
        Poll::Ready(seen)
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        // The others may be waiting for this one, whose request is gone.
        if self.arrived == Some(self.looks.count.get()) {
            self.looks.wake_all();
        }
    }
}
