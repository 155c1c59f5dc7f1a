//! One query for the lookups of all requests of a worker that wait: where a server has to be asked.
//!
//! The way to a server and back, with the thread that waits for it, takes several times what the server does for one
//! lookup. So the requests that come while some are asked for wait, and go together next. Each is asked for after it
//! came: what was answered to anybody before it was sent counts. One query of a worker at a time: with two the batches are
//! half as long, and twice as many processes share the cores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::callers_store;
use super::value::ValueDigest;
use super::verify::Found;
use crate::kernel::db::{Db, DbError};

/// How many values one query asks for at most.
const MOST: usize = 256;

/// Several may ask for the same value; who is alone with it takes it without a copy.
type Answer = Result<Option<Arc<Found>>, DbError>;

/// A worker's lookups, by the connections that all share.
pub(super) struct Lookups {
    db: Db,
    waiting: RefCell<Vec<(ValueDigest, oneshot::Sender<Answer>)>>,
    is_under_way: Cell<bool>,
}

impl Lookups {
    pub fn new(db: Db) -> Rc<Self> {
        Rc::new(Self { db, waiting: RefCell::default(), is_under_way: Cell::new(false) })
    }

    /// What the database knows of a value, as a query that begins after this call sees it.
    pub async fn find(self: &Rc<Self>, digest: &ValueDigest) -> Answer {
        let (tell, told) = oneshot::channel();
        self.waiting.borrow_mut().push((*digest, tell));
        if !self.is_under_way.replace(true) {
            let lookups = Rc::clone(self);
            actix_web::rt::spawn(async move { lookups.ask().await });
        }
        told.await.unwrap_or_else(|_| Err(DbError::Failed("a lookup was given up".to_owned())))
    }

    /// Asks for whoever waits, until nobody does.
    async fn ask(&self) {
        // Behind everybody whose request is there by now.
        tokio::task::yield_now().await;
        loop {
            let some = self.next();
            if some.is_empty() {
                break;
            }
            let digests: Arc<[ValueDigest]> = some.iter().map(|(digest, _)| *digest).collect();
            let found = self.db.look_up(move |conn| callers_store::find_by_digests(conn, &digests)).await;
            for (digest, asker) in some {
                let answer = found.as_ref().map(|found| found.get(digest.as_bytes().as_slice()).cloned());
                // Whoever went away meanwhile is not told.
                let _ = asker.send(answer.map_err(Clone::clone));
            }
        }
        self.is_under_way.set(false);
    }

    fn next(&self) -> Vec<(ValueDigest, oneshot::Sender<Answer>)> {
        let mut waiting = self.waiting.borrow_mut();
        let some = waiting.len().min(MOST);
        waiting.drain(..some).collect()
    }
}
