//! Counts of calls while instances are killed, stopped and started, and while a connection is lost during a commit.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use latchkey::db::{Db, DbOptions};
use latchkey::usage::UsageRecorder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use super::usage_counts::days;
use super::usage_tracking::{client, flush, id_of};
use crate::support::TestServer;
use crate::support::api_client::Call;
use crate::support::database::{TestDatabase, is_postgres, rows};
use crate::support::process::{Home, Latchkey};
use crate::support::wait::wait_until;

const ALICE: &str = "alice@example.org";

/// What happens to one of the instances.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Calls with one of two tokens.
    Calls { instance: usize, token: usize, count: u8 },
    /// kill -9 and a new start.
    Kill(usize),
    /// SIGTERM and a new start.
    Restart(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let calls = |(instance, token, count)| Step::Calls { instance, token, count };
    let step = prop_oneof![
        6 => (0..2_usize, 0..2_usize, 1..40_u8).prop_map(calls),
        1 => (0..2_usize).prop_map(Step::Kill),
        2 => (0..2_usize).prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 4..14)
}

/// The home of the servers, and the values of two tokens.
struct Site {
    home: Home,
    values: [String; 2],
}

impl Site {
    fn new() -> Self {
        let home = Home::new();
        home.add_acme(&[ALICE], "administrator");
        let values = ["One", "Two"].map(|name| {
            let create = ["token", "create", "--workspace", "acme", "--email", ALICE, "--name", name];
            home.done(&create).trim_end().to_owned()
        });
        Self { home, values }
    }

    /// Starts an instance. Once it has answered, SIGTERM stops it in order.
    fn serve(&self) -> Latchkey {
        let server = self.home.serve_with(&[], "warn");
        assert_eq!(Call::new(server.address, "GET", "/healthz").send().status, 200);
        server
    }

    fn counted(&self, table: &str) -> i64 {
        counted(&self.home.database, table)
    }
}

fn counted(database: &TestDatabase, table: &str) -> i64 {
    let sum = format!("SELECT CAST(coalesce(sum(calls), 0) AS TEXT) AS text FROM {table}");
    rows(&mut database.connect(), &sum)[0].parse().unwrap()
}

fn call(server: &Latchkey, value: &str, program: &str) {
    let answer = Call::new(server.address, "GET", "/api/v2/workspace.json").bearer(value);
    assert_eq!(answer.header("User-Agent", program).send().status, 200);
}

/// One database; on `SQLite` one instance can use it.
#[db_test]
fn no_call_counts_twice_and_none_is_lost_by_an_instance_that_is_stopped() {
    let site = Site::new();
    let mut instances: Vec<Latchkey> = (0..if is_postgres() { 2 } else { 1 }).map(|_| site.serve()).collect();
    let count = instances.len();
    let instances = std::cell::RefCell::new(&mut instances);
    let mut runner =
        TestRunner::new(Config { cases: 3, failure_persistence: None, max_shrink_iters: 0, ..Config::default() });
    let result = runner.run(&steps(), |steps| {
        let mut instances = instances.borrow_mut();
        let before = site.counted("usage_days");
        let (mut sent, mut is_killed) = (0, false);
        for step in steps {
            match step {
                Step::Calls { instance, token, count: calls } => {
                    let server = &instances[instance % count];
                    // The programs of the calls change, and so do the entries of the buffer.
                    (0..calls)
                        .for_each(|nth| call(server, &site.values[token], ["a/1", "b/1"][usize::from(nth % 7 / 5)]));
                    sent += i64::from(calls);
                }
                Step::Kill(instance) => {
                    is_killed = true;
                    instances.remove(instance % count).kill();
                    instances.push(site.serve());
                }
                Step::Restart(instance) => {
                    assert_eq!(instances.remove(instance % count).terminate().0, 0);
                    instances.push(site.serve());
                }
            }
            prop_assert!(site.counted("usage_days") - before <= sent);
        }
        for _ in 0..count {
            assert_eq!(instances.remove(0).terminate().0, 0);
        }
        let counted = site.counted("usage_days") - before;
        prop_assert!(counted <= sent && (is_killed || counted == sent), "{counted} of {sent}");
        prop_assert_eq!(site.counted("usage_origins"), site.counted("usage_days"));
        prop_assert_eq!(site.counted("workspace_usage_days"), site.counted("usage_days"));
        for _ in 0..count {
            instances.push(site.serve());
        }
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, steps)) => panic!("{reason}: {steps:?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

#[db_test]
fn a_killed_instance_loses_at_most_the_calls_since_its_last_flush() {
    let site = Site::new();
    let server = site.serve();
    (0..50).for_each(|_| call(&server, &site.values[0], "a/1"));
    wait_until("the calls are written", || site.counted("usage_days") == 50);
    (0..20).for_each(|_| call(&server, &site.values[0], "a/1"));
    server.kill();
    let server = site.serve();
    assert!((50..=70).contains(&site.counted("usage_days")));
    let before = site.counted("usage_days");
    (0..20).for_each(|_| call(&server, &site.values[0], "a/1"));
    assert_eq!(server.terminate().0, 0);
    assert_eq!(site.counted("usage_days"), before + 20);
}

/// Forwards connections to `PostgreSQL`. While `drops_commits` is set, it forwards the next commit of usage and waits for the
/// answer, which it drops together with the connection.
fn proxy(listener: UnixListener, server: std::path::PathBuf, drops_commits: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, UnixStream::connect(&server)) else { return };
            let is_cut = Arc::new(AtomicBool::new(false));
            let drops_commits = Arc::clone(&drops_commits);
            forward(client.try_clone().unwrap(), server.try_clone().unwrap(), {
                let (is_cut, writes_usage) = (Arc::clone(&is_cut), AtomicBool::new(false));
                move |bytes| {
                    let has = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
                    if has(b"usage_days") {
                        writes_usage.store(true, Ordering::SeqCst);
                    }
                    let is_commit = has(b"COMMIT") && writes_usage.load(Ordering::SeqCst);
                    if is_commit && drops_commits.swap(false, Ordering::SeqCst) {
                        is_cut.store(true, Ordering::SeqCst);
                    }
                    true
                }
            });
            forward(server, client, move |_| !is_cut.load(Ordering::SeqCst));
        }
    });
}

/// Copies bytes while `passes` says so, then closes both.
fn forward(mut from: UnixStream, mut to: UnixStream, passes: impl Fn(&[u8]) -> bool + Send + 'static) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if !passes(&buffer[..length]) || to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(std::net::Shutdown::Both), to.shutdown(std::net::Shutdown::Both));
    });
}

#[db_test(postgres)]
fn a_flush_whose_connection_is_lost_during_the_commit_counts_once() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start, uses) = (id_of(&server, &value), server.now(), UsageRecorder::default());
    let mut url: url::Url = server.database.connection_url().parse().unwrap();
    let socket = url.query_pairs().find(|(key, _)| key == "host").map(|(_, value)| value.into_owned()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let drops_commits = Arc::new(AtomicBool::new(false));
    let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
    proxy(listener, Path::new(&socket).join(".s.PGSQL.5432"), Arc::clone(&drops_commits));
    url.set_query(Some(&format!("host={}&user=postgres", folder.path().display())));
    let options = DbOptions { response_timeout: Duration::from_secs(30), ..DbOptions::default() };
    let db = Db::open_with(&url.as_str().parse().unwrap(), &options).unwrap();
    let flush_through_proxy = || actix_web::rt::System::new().block_on(uses.flush(&db));

    uses.record(id, client("tool"), start);
    drops_commits.store(true, Ordering::SeqCst);
    let lost = uses.flush_blocking(&db);
    assert!(lost.is_err() && !drops_commits.load(Ordering::SeqCst), "the commit went through the proxy");
    assert_eq!(days(&server, start), ["0 1 0"], "it was committed");
    uses.record(id, client("tool"), start);
    flush_through_proxy();
    assert_eq!(days(&server, start), ["0 2 0"], "the first use did not count again");
    flush(&uses, &server);
    assert_eq!(days(&server, start), ["0 2 0"]);
    let origins = "SELECT CAST(calls AS TEXT) AS text FROM usage_origins";
    assert_eq!(server.rows(origins), ["2"]);
}
