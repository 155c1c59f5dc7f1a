//! Recording the uses of a token: off the request path, each use once, also by several instances.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use latchkey::auth::{authenticator, credentials};
use latchkey::base::client_info::ClientInfo;
use latchkey::base::clock::Timestamp;
use latchkey::db::ids::ValueId;
use latchkey::db::{Db, DbOptions};
use latchkey::usage::UsageRecorder;

use crate::support::TestServer;
use crate::support::database::is_postgres;

const LIST: &str = "/w/acme/settings/tokens";

pub(super) fn id_of(server: &TestServer, value: &str) -> ValueId {
    let header = format!("Bearer {value}");
    let presented = credentials::parse(std::iter::once(header.as_bytes())).unwrap();
    let now = server.now();
    let caller = server.db.read_blocking(|conn| authenticator::authenticate_uncached(conn, &presented, now));
    caller.unwrap().value()
}

pub(super) fn client(agent: &str) -> ClientInfo {
    ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent.to_owned()) }
}

/// Writes the recorded uses as the server does between requests.
pub(super) fn flush(uses: &UsageRecorder, server: &TestServer) {
    actix_web::rt::System::new().block_on(uses.flush(&server.db));
}

/// Minutes from the first to the last use and to the last rejected use, since `start`, with their programs and the number of
/// rejected uses.
fn usage(server: &TestServer, start: Timestamp) -> Vec<String> {
    let minute = |column: &str| format!("coalesce(CAST(({column} - {}) / 60000000 AS TEXT), '-')", start.micros());
    let text = |column: &str| format!("coalesce({column}, '-')");
    let columns = [
        minute("first_used_at"),
        minute("last_used_at"),
        text("last_used_agent"),
        "CAST(tries_after_end AS TEXT)".to_owned(),
        minute("last_try_at"),
        text("last_try_agent"),
    ];
    server.rows(&format!("SELECT {} AS text FROM value_uses", columns.join(" || ' ' || ")))
}

#[db_test]
fn a_failed_usage_flush_is_written_by_the_next() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let gone = server.create_token(&alice, "acme", "Partner");
    alice.post(&alice.delete_path("acme", "Partner"), &[]);
    server.db_alter("ALTER TABLE value_uses RENAME TO value_uses_elsewhere");
    assert_eq!((server.call(&value).status, server.call(&gone).status), (200, 401));
    server.flush_in_vain();
    server.clock.advance(Duration::from_mins(2));
    server.call(&gone);
    server.flush_in_vain();
    server.db_alter("ALTER TABLE value_uses_elsewhere RENAME TO value_uses");
    server.flush();
    let list = alice.get(LIST).text();
    assert!(list.contains("Last used 23 Nov 2026, 12:00 UTC from 127.0.0.1"), "{list}");
    assert!(list.contains("something has tried it 2 times since. Last attempt 23 Nov 2026, 12:02 UTC"), "{list}");
}

#[db_test]
fn what_a_background_flush_cannot_write_is_written_once_by_the_next() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start, uses) = (id_of(&server, &value), server.now(), UsageRecorder::default());
    let after = |minutes| start + Duration::from_mins(minutes);
    uses.record(id, client("one"), after(1));
    uses.record_rejected(id, client("two"), after(2));
    server.db_alter("ALTER TABLE value_uses RENAME TO value_uses_elsewhere");
    flush(&uses, &server);
    uses.record(id, client("three"), after(3));
    uses.record_rejected(id, client("four"), after(4));
    flush(&uses, &server);
    server.db_alter("ALTER TABLE value_uses_elsewhere RENAME TO value_uses");
    assert_eq!(usage(&server, start), ["- - - 0 - -"]);
    flush(&uses, &server);
    assert_eq!(usage(&server, start), ["1 3 three 2 4 four"]);
    flush(&uses, &server);
    assert_eq!(usage(&server, start), ["1 3 three 2 4 four"], "nothing twice");
    uses.record_rejected(id, client("five"), after(5));
    flush(&uses, &server);
    uses.record_rejected(id, client("six"), after(6));
    flush(&uses, &server);
    assert_eq!(usage(&server, start), ["1 3 three 4 6 six"], "rejected uses add up");
}

#[db_test]
fn an_earlier_use_that_is_written_later_changes_neither_the_first_nor_the_last_use() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start) = (id_of(&server, &value), server.now());
    let after = |minutes| start + Duration::from_mins(minutes);
    let (here, there) = (UsageRecorder::default(), UsageRecorder::default());
    here.record(id, client("early"), after(5));
    there.record(id, client("late"), after(9));
    flush(&there, &server);
    assert_eq!(usage(&server, start), ["9 9 late 0 - -"]);
    flush(&here, &server);
    assert_eq!(usage(&server, start), ["9 9 late 0 - -"]);
    here.record(id, client("latest"), after(12));
    flush(&here, &server);
    assert_eq!(usage(&server, start), ["9 12 latest 0 - -"]);
    // The same when the server stops.
    there.record(id, client("late"), after(11));
    there.flush_blocking(&server.db).unwrap();
    assert_eq!(usage(&server, start), ["9 12 latest 0 - -"]);
}

#[db_test]
fn rejected_uses_of_several_instances_add_up() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start) = (id_of(&server, &value), server.now());
    let (here, there) = (UsageRecorder::default(), UsageRecorder::default());
    for (uses, minutes) in [(&here, 1), (&there, 2), (&there, 3)] {
        uses.record_rejected(id, client("tool"), start + Duration::from_mins(minutes));
    }
    flush(&here, &server);
    flush(&there, &server);
    assert_eq!(usage(&server, start), ["- - - 3 3 tool"]);
}

#[db_test]
fn an_earlier_rejected_use_that_is_written_later_counts_but_is_not_the_last() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start) = (id_of(&server, &value), server.now());
    let (here, there) = (UsageRecorder::default(), UsageRecorder::default());
    here.record_rejected(id, client("early"), start + Duration::from_mins(5));
    there.record_rejected(id, client("late"), start + Duration::from_mins(9));
    flush(&there, &server);
    flush(&here, &server);
    assert_eq!(usage(&server, start), ["- - - 2 9 late"]);
    here.record_rejected(id, client("latest"), start + Duration::from_mins(12));
    flush(&here, &server);
    assert_eq!(usage(&server, start), ["- - - 3 12 latest"]);
}

#[db_test]
fn a_flush_that_commits_after_its_timeout_writes_nothing_twice() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start, uses) = (id_of(&server, &value), server.now(), UsageRecorder::default());
    let options = DbOptions {
        response_timeout: Duration::from_millis(100),
        lock_timeout: Duration::from_mins(2),
        statement_timeout: Duration::from_mins(2),
        ..DbOptions::default()
    };
    let impatient = Db::open_with(&server.database.url(), &options).unwrap();
    uses.record_rejected(id, client("tool"), start + Duration::from_mins(1));
    let mut other = server.database.connect();
    let lock = if is_postgres() { "BEGIN; LOCK TABLE value_uses" } else { "BEGIN IMMEDIATE" };
    other.batch_execute(lock).unwrap();
    actix_web::rt::System::new().block_on(async {
        uses.flush(&impatient).await;
        other.batch_execute("ROLLBACK").unwrap();
        impatient.wait_for_writes().await;
    });
    assert_eq!(usage(&server, start), ["- - - 1 1 tool"], "committed after the timeout");
    flush(&uses, &server);
    assert_eq!(usage(&server, start), ["- - - 1 1 tool"], "nothing twice");
}

#[db_test]
fn a_flush_that_fails_after_its_timeout_is_written_by_the_next() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start, uses) = (id_of(&server, &value), server.now(), UsageRecorder::default());
    let lock_timeout = Duration::from_secs(1);
    let options = DbOptions { response_timeout: Duration::from_millis(1), lock_timeout, ..DbOptions::default() };
    let impatient = Db::open_with(&server.database.url(), &options).unwrap();
    uses.record_rejected(id, client("tool"), start + Duration::from_mins(1));
    let mut other = server.database.connect();
    let lock = if is_postgres() { "BEGIN; LOCK TABLE value_uses" } else { "BEGIN IMMEDIATE" };
    other.batch_execute(lock).unwrap();
    actix_web::rt::System::new().block_on(async {
        uses.flush(&impatient).await;
        impatient.wait_for_writes().await;
    });
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(usage(&server, start), ["- - - 0 - -"], "the lock was not free in time");
    flush(&uses, &server);
    assert_eq!(usage(&server, start), ["- - - 1 1 tool"]);
}

#[db_test]
fn a_thousand_calls_cause_few_writes() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let changes = || server.rows("SELECT CAST(count(*) AS TEXT) AS text FROM touched")[0].parse::<u32>().unwrap();
    server.db_alter("CREATE TABLE touched (at INTEGER)");
    let touch = "CREATE TRIGGER touch AFTER UPDATE ON value_uses";
    if is_postgres() {
        server.db_alter(
            "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql \
             AS 'BEGIN INSERT INTO touched VALUES (1); RETURN NULL; END'",
        );
        server.db_alter(&format!("{touch} FOR EACH ROW EXECUTE FUNCTION touch()"));
    } else {
        server.db_alter(&format!("{touch} BEGIN INSERT INTO touched VALUES (1); END"));
    }
    for _ in 0..1000 {
        server.clock.advance(Duration::from_millis(1));
        assert_eq!(server.call(&value).status, 200);
    }
    server.flush();
    // One for each 5 s that the calls take, which on a busy machine are many.
    assert!((1..=40).contains(&changes()), "{} writes", changes());
}
