//! Bounds the memory of a worker's connections. Each connection counts the bytes it holds. Above the limit, the connections
//! that have been idle longest are closed. Must not close a connection whose request is being handled.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::task::Waker;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::rt::time::{Instant, sleep};

/// What a connection holds at least: its buffers, task and timers.
pub(crate) const BYTES_PER_CONNECTION: usize = 16 * 1024;

/// Interval between two checks for connections that have reached a timeout.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Limits of one worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// Bytes that connections hold before idle ones are closed. At four times as many, new connections are refused.
    pub held_bytes: usize,
    /// Number of connections before idle ones are closed. At twice as many, new connections are refused.
    pub connections: usize,
    /// Maximum time from the first byte of a head to its end. The library has its own timer for the first head.
    pub head_timeout: Duration,
    /// Maximum time without any progress.
    pub idle_timeout: Duration,
}

/// The connections of a worker.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: ConnectionLimits,
    open: RefCell<BTreeMap<u64, Rc<Connection>>>,
    next_id: Cell<u64>,
    held_bytes: Cell<usize>,
}

/// The phase of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No request is being handled: the connection is idle, a head is arriving, or a response is being sent.
    Waiting,
    /// A request is being handled. Nothing is read.
    Handling,
    /// The body of a request is being read.
    ReadingBody,
}

/// One connection, shared by its stream and its requests.
#[derive(Debug)]
pub(crate) struct Connection {
    id: u64,
    worker: Weak<Connections>,
    phase: Cell<Phase>,
    is_closed: Cell<bool>,
    /// Bytes of the current head and body, and their maximum so far: the library keeps a buffer of that size.
    input: Cell<usize>,
    max_input: Cell<usize>,
    /// Maximum length of the output buffer so far.
    max_output: Cell<usize>,
    last_progress: Cell<Instant>,
    /// When the first byte of a head arrived, unless it is the first head.
    head_since: Cell<Option<Instant>>,
    has_served: Cell<bool>,
    /// The task of the connection.
    waker: RefCell<Option<Waker>>,
    /// The task waits for another phase, with data that it must not read yet.
    is_parked: Cell<bool>,
}

impl Connections {
    /// Creates an empty list and starts a task that closes connections at their timeouts. Must be called on the worker.
    pub(crate) fn start(limits: ConnectionLimits) -> Rc<Self> {
        let this = Rc::new(Self::new(limits));
        let weak = Rc::downgrade(&this);
        actix_web::rt::spawn(async move {
            loop {
                sleep(CHECK_INTERVAL).await;
                let Some(this) = weak.upgrade() else { return };
                this.close_expired(Instant::now());
            }
        });
        this
    }

    fn new(limits: ConnectionLimits) -> Self {
        Self { limits, open: RefCell::default(), next_id: Cell::new(0), held_bytes: Cell::new(0) }
    }

    /// Adds a connection, and closes idle ones to make room. `None` if there is no room: nothing must be allocated.
    pub(crate) fn add(self: &Rc<Self>) -> Option<Rc<Connection>> {
        self.close_idle(BYTES_PER_CONNECTION);
        let ConnectionLimits { held_bytes, connections, .. } = self.limits;
        if self.held_bytes.get() + BYTES_PER_CONNECTION > held_bytes * 4 || self.open.borrow().len() >= connections * 2
        {
            return None;
        }
        let id = self.next_id.replace(self.next_id.get() + 1);
        let connection = Rc::new(Connection {
            id,
            worker: Rc::downgrade(self),
            phase: Cell::new(Phase::Waiting),
            is_closed: Cell::new(false),
            input: Cell::new(0),
            max_input: Cell::new(0),
            max_output: Cell::new(0),
            last_progress: Cell::new(Instant::now()),
            head_since: Cell::new(None),
            has_served: Cell::new(false),
            waker: RefCell::new(None),
            is_parked: Cell::new(false),
        });
        self.held_bytes.set(self.held_bytes.get() + connection.held_bytes());
        self.open.borrow_mut().insert(id, Rc::clone(&connection));
        Some(connection)
    }

    /// Removes a connection whose stream was dropped, or that is about to be.
    fn remove(&self, connection: &Connection) {
        if self.open.borrow_mut().remove(&connection.id).is_some() {
            self.held_bytes.set(self.held_bytes.get().saturating_sub(connection.held_bytes()));
        }
    }

    /// Closes the connections that have been idle longest until there is room for `needed` more bytes and one more
    /// connection, or none is idle.
    fn close_idle(&self, needed: usize) {
        let is_full = || {
            self.held_bytes.get() + needed > self.limits.held_bytes
                || self.open.borrow().len() >= self.limits.connections
        };
        while is_full() {
            let longest = {
                let open = self.open.borrow();
                open.values().filter(|one| one.is_closable()).min_by_key(|one| one.last_progress.get()).cloned()
            };
            let Some(longest) = longest else { return };
            longest.close();
        }
    }

    fn close_expired(&self, now: Instant) {
        let is_expired = |connection: &Connection| {
            let head_since = connection.head_since.get();
            connection.is_closable()
                && (now - connection.last_progress.get() >= self.limits.idle_timeout
                    || head_since.is_some_and(|since| now - since >= self.limits.head_timeout))
        };
        let expired: Vec<_> = self.open.borrow().values().filter(|one| is_expired(one)).cloned().collect();
        for connection in expired {
            connection.close();
        }
    }
}

impl Connection {
    /// Returns the phase.
    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Returns the number of bytes of the current head and body so far.
    pub(crate) fn input(&self) -> usize {
        self.input.get()
    }

    /// Returns whether the stream must end.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Stores the waker of the connection's task, to end it.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        self.waker.borrow_mut().get_or_insert_with(|| waker.clone()).clone_from(waker);
    }

    /// The task has left data in the socket: the next phase in which it may read wakes it.
    pub(crate) fn park(&self) {
        self.is_parked.set(true);
    }

    /// Wakes the task if it is parked.
    pub(crate) fn unpark(&self) {
        if self.is_parked.take() {
            self.wake();
        }
    }

    /// Counts bytes that were read.
    pub(crate) fn count_input(&self, bytes: usize) {
        let now = Instant::now();
        self.last_progress.set(now);
        if self.phase() == Phase::Waiting && self.has_served.get() && self.head_since.get().is_none() {
            self.head_since.set(Some(now));
        }
        self.input.set(self.input.get() + bytes);
        self.grow(&self.max_input, self.input.get());
    }

    /// Counts the bytes of an output buffer that was offered to the socket, of which `written` were taken.
    pub(crate) fn count_output(&self, offered: usize, written: usize) {
        if written > 0 {
            self.last_progress.set(Instant::now());
        }
        self.grow(&self.max_output, offered);
    }

    /// Ends the connection's share of the limit.
    pub(crate) fn end(&self) {
        if let Some(worker) = self.worker.upgrade() {
            worker.remove(self);
        }
    }

    fn held_bytes(&self) -> usize {
        BYTES_PER_CONNECTION + self.max_input.get() + self.max_output.get()
    }

    fn grow(&self, max: &Cell<usize>, bytes: usize) {
        let more = bytes.saturating_sub(max.get());
        if let (1.., Some(worker), false) = (more, self.worker.upgrade(), self.is_closed()) {
            max.set(bytes);
            worker.held_bytes.set(worker.held_bytes.get() + more);
            worker.close_idle(0);
        }
    }

    fn is_closable(&self) -> bool {
        self.phase() != Phase::Handling
    }

    fn close(&self) {
        self.end();
        self.is_closed.set(true);
        self.wake();
    }

    fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
        if phase != Phase::Handling {
            self.unpark();
        }
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// Keeps the phase of a connection until it is dropped.
#[derive(Debug)]
pub(crate) struct PhaseGuard {
    connection: Rc<Connection>,
    next: Phase,
}

impl PhaseGuard {
    /// Marks a request as being handled.
    pub(crate) fn handling(connection: &Rc<Connection>) -> Self {
        connection.head_since.set(None);
        connection.has_served.set(true);
        connection.set_phase(Phase::Handling);
        Self { connection: Rc::clone(connection), next: Phase::Waiting }
    }

    /// Marks the body of the request that is being handled as being read.
    pub(crate) fn reading_body(connection: &Rc<Connection>) -> Self {
        connection.set_phase(Phase::ReadingBody);
        Self { connection: Rc::clone(connection), next: Phase::Handling }
    }
}

impl Drop for PhaseGuard {
    fn drop(&mut self) {
        if self.next == Phase::Waiting {
            self.connection.input.set(0);
            self.connection.last_progress.set(Instant::now());
        }
        self.connection.set_phase(self.next);
    }
}

/// Marks the request as being handled until the result is dropped.
#[must_use]
pub(crate) fn handle(request: &ServiceRequest) -> Option<PhaseGuard> {
    request.conn_data().map(PhaseGuard::handling)
}

/// Marks the request's body as being read until the result is dropped.
#[must_use]
pub(crate) fn read_body(request: &HttpRequest) -> Option<PhaseGuard> {
    request.conn_data().map(PhaseGuard::reading_body)
}

#[cfg(test)]
mod tests;
