//! The token cache: a cached value is never accepted after it ended.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use diesel::connection::SimpleConnection as _;
use diesel::{QueryableByName, RunQueryDsl as _};
use latchkey::accounts::model::EmailAddress;
use latchkey::audit::actor::Actor;
use latchkey::base::clock::Clock;
use latchkey::base::random;
use latchkey::db::Db;
use latchkey::tokens::create::create;
use latchkey::tokens::delete::delete;
use latchkey::tokens::expiry::Expiry;
use latchkey::tokens::model::{DeletionSource, NewToken};
use latchkey::tokens::owner_store::find_owner_by_email;
use latchkey::tokens::secret::TokenValue;
use latchkey::workspaces::model::Slug;

use crate::support::TestServer;
use crate::support::api_client::Call;
use crate::support::database::is_postgres;
use crate::support::process::Home;
use crate::support::wait::{SetOnDrop, wait_until};

const WORKSPACE: &str = "/api/v2/workspace.json";

#[db_test]
fn a_change_by_another_process_counts_at_the_next_call() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let call = || server.api("GET", WORKSPACE).bearer(&value).send();
    let (no, yes, blob) = if is_postgres() { ("FALSE", "TRUE", "BYTEA") } else { ("0", "1", "BLOB") };
    let mut other = server.database.connect();
    for (change, status, word, back) in [
        (
            format!("UPDATE users SET is_active = {no}"),
            401,
            "Invalid token",
            format!("UPDATE users SET is_active = {yes}"),
        ),
        (
            "UPDATE memberships SET role = 'agent'".to_owned(),
            403,
            "permission",
            "UPDATE memberships SET role = 'editor'".to_owned(),
        ),
        (
            "UPDATE memberships SET removed_at = 1".to_owned(),
            401,
            "Invalid token",
            "UPDATE memberships SET removed_at = NULL".to_owned(),
        ),
        (
            "UPDATE token_values SET ends_at = 1".to_owned(),
            401,
            "Invalid token",
            "UPDATE token_values SET ends_at = NULL".to_owned(),
        ),
        (
            "UPDATE workspaces SET name = 'Elsewhere'".to_owned(),
            200,
            "Elsewhere",
            "UPDATE workspaces SET name = 'Acme'".to_owned(),
        ),
        (
            "UPDATE token_values SET digest = CAST(digest || digest AS BLOB)".replace("BLOB", blob),
            401,
            "Invalid token",
            "UPDATE token_values SET ends_at = NULL".to_owned(),
        ),
    ] {
        // Asked by every worker, so that each of them remembers.
        for _ in 0..10 {
            let answer = call();
            assert_eq!(answer.status, 200, "before {change}");
            assert!(answer.body.contains("\"Acme\""), "before {change}: {}", answer.body);
        }
        other.batch_execute(&change).unwrap_or_else(|error| panic!("{change}: {error}"));
        for _ in 0..10 {
            let answer = call();
            assert_eq!(answer.status, status, "{change}");
            assert!(answer.body.contains(word), "{change}: {}", answer.body);
        }
        other.batch_execute(&back).unwrap_or_else(|error| panic!("{back}: {error}"));
    }
}

#[db_test]
fn basic_with_another_address_is_rejected_right_after_a_bearer_call_with_the_same_value() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let basic = |path: &str, email: &str| {
        let pair = BASE64_STANDARD.encode(format!("{email}:{value}"));
        server.api("GET", path).header("Authorization", &format!("Basic {pair}")).send()
    };
    for (path, status) in
        [("/api/v2/token.json", 403), ("/api/v2/users.json", 403), (WORKSPACE, 403), ("/auth/verify", 401)]
    {
        for email in ["bob@example.org", "nobody@example.org", ""] {
            for _ in 0..5 {
                assert_eq!(server.api("GET", path).bearer(&value).send().status, 200, "{path}");
                let refused = basic(path, email);
                assert_eq!((refused.status, refused.header("x-auth-user")), (status, ""), "{path} for {email:?}");
                assert_eq!(refused.json()["detail"], "Invalid token or email", "{path} for {email:?}");
                assert_eq!(basic(path, "Alice@Example.org").status, 200, "{path}");
            }
        }
    }
}

/// Concurrent lookups share a batch; each gets its own answer.
#[db_test]
fn concurrent_calls_are_each_answered_for_their_own_value() {
    let server = TestServer::start();
    let mut values = vec![(None, TokenValue::generate(&mut random::os_rng()).reveal().to_owned())];
    for who in ["alice", "bob"] {
        let browser = server.signed_in(who);
        for nth in 1..=3 {
            let name = format!("Token {nth} of {who}");
            let value = server.create_token(&browser, "acme", &name);
            values.push((Some(name), value));
        }
    }
    let start = Barrier::new(4 * values.len());
    std::thread::scope(|scope| {
        for (name, value) in values.iter().cycle().take(4 * values.len()) {
            let (server, start) = (&server, &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..25 {
                    let answer = server.api("GET", "/api/v2/token.json").bearer(value).send();
                    match name {
                        Some(name) => assert!(answer.body.contains(&format!("\"{name}\"")), "{}", answer.body),
                        None => assert_eq!(answer.status, 401, "{}", answer.body),
                    }
                }
            });
        }
    });
}

#[db_test]
fn a_cached_value_still_expires() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let end = server.now() + Duration::from_hours(1);
    server.db_execute(&format!("UPDATE token_values SET ends_at = {}", end.micros()));
    let status = || server.api("GET", WORKSPACE).bearer(&value).send().status;
    assert_eq!((status(), status()), (200, 200));
    server.clock.advance(Duration::from_micros(3_599_999_999));
    assert_eq!((status(), status()), (200, 200));
    server.clock.advance(Duration::from_micros(1));
    assert_eq!((status(), status()), (401, 401));
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    busy: i32,
}

#[db_test(sqlite)]
fn a_worker_holds_no_snapshot_between_requests() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let mut other = server.database.connect();
    other.batch_execute("PRAGMA busy_timeout = 0").unwrap();
    // Each request reads an epoch, so each worker has begun a snapshot.
    for _ in 0..10 {
        assert_eq!(server.call(&value).status, 200);
    }
    server.db_execute("UPDATE users SET name = name || '!'");
    // A worker ends its snapshot after the response, and the server writes now and then.
    wait_until("no connection reads or writes the log", || {
        let done = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result::<Checkpoint>(&mut other);
        done.is_ok_and(|done| done.busy == 0)
    });
}

/// Another process, which this one is, deletes: the next call of the program under load is refused.
#[db_test]
fn a_thousand_deletions_by_another_process_are_seen_under_load() {
    const ROUNDS: usize = 1000;
    let home = Home::new();
    let latchkey = home.serve_with(&[], "warn");
    home.add_acme(&["alice@example.org"], "editor");
    let steady =
        home.done(&["token", "create", "--workspace", "acme", "--email", "alice@example.org", "--name", "Steady"]);
    let steady = steady.split_whitespace().find(|word| word.starts_with("rpat")).unwrap().to_owned();

    let db = Db::open(&home.database.url()).unwrap();
    let (slug, email): (Slug, EmailAddress) = ("acme".parse().unwrap(), "alice@example.org".parse().unwrap());
    let owner = db.read_blocking(|conn| find_owner_by_email(conn, &slug, &email)).unwrap().unwrap();
    let clock = Clock::System;
    let call = |value: &str| Call::new(latchkey.address, "GET", WORKSPACE).bearer(value).send().status;
    let (is_over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let _is_over = SetOnDrop(&is_over);
        // With the calls below, more requests than workers at a time: some share a read of the epoch.
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(call(&steady), 200);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..ROUNDS {
            let value = TokenValue::generate(&mut random::os_rng());
            let name = format!("Round {round}").parse().unwrap();
            let new = NewToken::new(name, &value, None, Expiry::Never, clock.now(), &mut random::os_rng());
            let actor = Actor::command_line(clock.now());
            db.write_blocking(|conn| create(conn, &owner, &new, &actor)).unwrap();
            assert_eq!((call(value.reveal()), call(value.reveal())), (200, 200), "round {round}");
            let actor = Actor::command_line(clock.now());
            db.write_blocking(|conn| delete(conn, &owner, &new.uuid, DeletionSource::CommandLine, &actor)).unwrap();
            assert_eq!(call(value.reveal()), 401, "round {round}");
        }
    });
    assert!(calls.load(Ordering::Relaxed) > ROUNDS, "there was no load");
}
