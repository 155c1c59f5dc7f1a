use super::*;

const LIMITS: ConnectionLimits = ConnectionLimits {
    held_bytes: 4 * BYTES_PER_CONNECTION,
    connections: 100,
    head_timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(75),
};

fn open(worker: &Connections) -> Vec<u64> {
    worker.open.borrow().keys().copied().collect()
}

fn add(worker: &Rc<Connections>) -> Rc<Connection> {
    worker.add().unwrap()
}

#[test]
fn the_connection_that_has_been_idle_longest_is_closed_and_never_one_that_is_served() {
    let worker = Rc::new(Connections::new(LIMITS));
    let [served, idle, reading, active] = std::array::from_fn(|_| add(&worker));
    served.set_phase(Phase::Handling);
    reading.set_phase(Phase::ReadingBody);
    active.count_input(0);
    add(&worker);
    assert!(idle.is_closed() && !served.is_closed() && !reading.is_closed() && !active.is_closed());
    add(&worker);
    assert!(reading.is_closed() && !active.is_closed(), "a body that is arriving does not protect a connection");
    assert_eq!(open(&worker), [0, 3, 4, 5]);
    assert_eq!(worker.held_bytes.get(), LIMITS.held_bytes);
}

#[test]
fn a_connection_counts_the_largest_input_and_output() {
    let worker = Rc::new(Connections::new(LIMITS));
    let [one, other] = std::array::from_fn(|_| add(&worker));
    one.count_input(1000);
    one.count_input(200);
    one.input.set(0);
    one.count_input(700);
    one.count_output(3000, 0);
    one.count_output(2000, 2000);
    assert_eq!(worker.held_bytes.get(), 2 * BYTES_PER_CONNECTION + 1200 + 3000);
    one.count_input(2 * BYTES_PER_CONNECTION);
    assert!(other.is_closed() && !one.is_closed(), "bytes make room like connections");
    one.end();
    other.end();
    assert_eq!((worker.held_bytes.get(), open(&worker)), (0, vec![]));
}

#[test]
fn a_connection_is_refused_if_all_are_served() {
    let worker = Rc::new(Connections::new(LIMITS));
    for _ in 0..16 {
        add(&worker).set_phase(Phase::Handling);
    }
    assert!(worker.add().is_none());
    let few = Rc::new(Connections::new(ConnectionLimits { connections: 2, ..LIMITS }));
    for _ in 0..4 {
        add(&few).set_phase(Phase::Handling);
    }
    assert!(few.add().is_none());
}

#[test]
fn an_incomplete_head_and_an_idle_connection_are_closed_at_their_timeouts() {
    let worker = Rc::new(Connections::new(ConnectionLimits { held_bytes: usize::MAX / 4, ..LIMITS }));
    let [idle, head, first_head, served] = std::array::from_fn(|_| add(&worker));
    head.has_served.set(true);
    for one in [&head, &first_head] {
        one.count_input(5);
    }
    served.set_phase(Phase::Handling);
    let now = Instant::now();
    let closed = |after| {
        worker.close_expired(now + Duration::from_secs(after));
        [&idle, &head, &first_head, &served].map(|one| one.is_closed())
    };
    assert_eq!(closed(9), [false; 4]);
    assert_eq!(closed(11), [false, true, false, false], "the library answers to the first head");
    assert_eq!(closed(76), [true, true, true, false]);
}
