//! What is deleted by age stays if the clock is wrong. `docs/operations.md` lists which way everything fails.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;

use crate::support::TestServer;
use crate::support::database::rows;
use crate::support::process::Home;
use crate::support::{TABLES, plain_settings};

const DAY: Duration = Duration::from_hours(24);

const TEN_YEARS: Duration = Duration::from_hours(24 * 3652);

fn count(server: &TestServer, sql: &str) -> i64 {
    server.rows(&format!("SELECT CAST(count(*) AS TEXT) AS text FROM {sql}"))[0].parse().unwrap()
}

/// A server with a token, a deleted one, a replaced value, an open invitation and 200 events.
fn server_with_history() -> (TestServer, String) {
    let server = TestServer::start_with(plain_settings());
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    server.create_token(&alice, "acme", "Deleted");
    alice.post(&alice.delete_path("acme", "Deleted"), &[]);
    server.create_token(&alice, "acme", "Partner");
    let rotate = alice.delete_path("acme", "Partner").replace("/delete", "/rotate");
    let key = alice.get(&rotate).hidden("form_key");
    alice.post(&rotate, &[("form_key", &key), ("grace", "none")]);
    server.invite(&alice, "editor");
    let at = server.now().micros();
    for _ in count(&server, "events")..200 {
        server.db_execute(&format!("INSERT INTO events (at, kind, action) VALUES ({at}, 'x', 'x')"));
    }
    (server, value)
}

#[db_test]
fn a_clock_that_is_ten_years_ahead_deletes_a_share_a_day_and_only_if_the_server_is_used() {
    let (mut server, value) = server_with_history();
    let kept: Vec<&str> = TABLES.into_iter().filter(|table| *table != "settings").collect();
    let before = server.db_rows(&kept);
    server.clock.advance(TEN_YEARS);
    // Three starts: the first purge of each is refused.
    for _ in 0..3 {
        server.restart();
    }
    // A row of that time: someone signs in. The purge that follows deletes 20 events and no more, which also shows that the
    // earlier ones deleted none.
    let purged = |server: &TestServer| 200 - count(server, "events WHERE kind = 'x' OR at < 1800000000000000");
    assert_eq!(server.db_rows(&kept), before);
    let alice = server.signed_in("alice");
    // A tenth of those that are left: of 201, 181 and 163.
    for (day, total) in [20, 38, 54].into_iter().enumerate() {
        if day > 0 {
            server.clock.advance(DAY);
            assert_eq!(alice.moved_to(server.address).get("/w/acme").status, 200);
        }
        for _ in 0..2 {
            server.restart();
            server.wait_until(|server| purged(server) >= total);
        }
        assert_eq!(purged(&server), total);
    }
    // The clock is right again: nothing is lost but the share, and everything works.
    server.clock.set_back(TEN_YEARS + 2 * DAY);
    server.restart();
    assert_eq!(server.call(&value).status, 200);
    assert_eq!(purged(&server), 54);
    let page = server.signed_in("alice").get("/w/acme/settings/members/invitations").text();
    assert!(page.contains("Editor"), "{page}");
}

#[db_test]
fn what_was_made_while_the_clock_was_ahead_does_not_last_for_years() {
    let mut server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    server.clock.advance(TEN_YEARS);
    let later = server.signed_in("alice");
    let link = server.invite(&later, "editor");
    assert_eq!(server.call(&value).status, 200);
    server.flush();
    let bob = server.browser();
    for _ in 0..10 {
        bob.post("/login", &[("email", "bob@example.org"), ("password", "not his password")]);
    }
    assert_eq!(bob.sign_in("bob@example.org", crate::support::PASSWORD).status, 429);
    assert_eq!(server.browser().get(&link).status, 200);

    server.clock.set_back(TEN_YEARS);
    assert_eq!(alice.get("/w/acme").status, 200, "an earlier session lives");
    assert_eq!(later.get("/w/acme").status, 303, "a session from the future does not");
    assert_eq!(server.browser().get(&link).status, 404, "nor a link");
    assert_eq!(bob.sign_in("bob@example.org", crate::support::PASSWORD).status, 303, "nor a lock");
    assert_eq!(server.call(&value).status, 200);
    server.flush();
    let used = server.rows("SELECT CAST(last_used_at AS TEXT) AS text FROM value_uses");
    assert_eq!(used, [server.now().micros().to_string()], "the last use is the last one");
    server.stop();
}

#[db_test]
fn the_log_says_what_was_purged_and_what_was_not() {
    let home = Home::new();
    home.add_acme(&["alice@example.org"], "administrator");
    let execute = |sql: &str| home.database.connect().batch_execute(sql).unwrap();
    for _ in 0..30 {
        execute("INSERT INTO events (at, kind, action) VALUES (1700000000000000, 'x', 'x')");
    }
    let total = rows(&mut home.database.connect(), "SELECT CAST(count(*) AS TEXT) AS text FROM events");
    let server = home.serve();
    let line = server.line("purged 10 of");
    let said = format!("INFO  latchkey::background] purged 10 of {} events, from before", total[0]);
    assert!(line.contains(&said) && line.contains("20 more follow on later days"), "{line}");
    assert_eq!(server.terminate().0, 0);

    execute("UPDATE events SET at = 1700000000000000");
    let server = home.serve();
    let line = server.line("events are not purged");
    assert!(
        line.contains("WARN") && line.contains("the newest row of the database is from 14 Nov 2023, 22:13 UTC"),
        "{line}"
    );
    let (status, said) = server.terminate();
    assert_eq!((status, said.contains("purged 1")), (0, false), "{said}");
}
