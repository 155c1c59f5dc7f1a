//! Limits on sign-ins across networks, and what a flood of sign-ins may cost: events, connections, log lines.

use std::io::Write as _;
use std::process::Command;

use diesel::connection::SimpleConnection as _;

use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::support::requirement::program;
use crate::support::{PASSWORD, TestServer, proxy_settings};

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";
const WRONG: &str = "not the password";

fn fail(browser: &Browser, email: &str, times: usize) {
    for nth in 1..=times {
        assert_eq!(browser.sign_in(email, WRONG).status, 422, "failure {nth} for {email}");
    }
}

fn locked_events(server: &TestServer) -> Vec<String> {
    server.rows("SELECT COALESCE(detail, '') AS text FROM events WHERE action = 'sign_in_locked' ORDER BY id")
}

#[db_test]
fn failures_of_an_account_count_for_the_56_and_48_networks_of_an_ipv6_client() {
    let server = TestServer::start_with(proxy_settings());
    let at = |network: &str| server.browser().at(&format!("{network}::7"));
    fail(&at("2001:db8:1:100"), BOB, 10);
    assert_eq!(at("2001:db8:1:100").sign_in(BOB, PASSWORD).status, 429);
    fail(&at("2001:db8:1:101"), BOB, 10);
    assert_eq!(at("2001:db8:1:102").sign_in(BOB, PASSWORD).status, 429, "the /56 network has 20 failures");
    fail(&at("2001:db8:1:200"), BOB, 10);
    fail(&at("2001:db8:1:201"), BOB, 10);
    assert_eq!(at("2001:db8:1:300").sign_in(BOB, PASSWORD).status, 429, "the /48 network has 40 failures");
    assert_eq!(at("2001:db8:1:300").sign_in(ALICE, PASSWORD).status, 303, "another account is not locked");
    assert_eq!(at("2001:db8:2:100").sign_in(BOB, PASSWORD).status, 303, "another network is not locked");
}

#[db_test]
fn failures_of_all_accounts_count_for_the_48_network_of_an_ipv6_client() {
    let server = TestServer::start_with(proxy_settings());
    for nth in 0..200 {
        fail(
            &server.browser().at(&format!("2001:db8:1:{:x}::7", nth * 0x100 % 0x8000)),
            &format!("{nth}@example.org"),
            1,
        );
    }
    assert_eq!(server.browser().at("2001:db8:1:ff00::7").sign_in(BOB, PASSWORD).status, 429);
    assert_eq!(server.browser().at("2001:db8:2:ff00::7").sign_in(BOB, PASSWORD).status, 303);
}

#[db_test]
fn a_reset_link_unlocks_the_account_and_makes_the_address_known() {
    let server = TestServer::start_with(proxy_settings());
    let at = |last: usize| server.browser().at(&format!("203.0.113.{last}"));
    let lock = || (0..10).for_each(|last| fail(&at(last), BOB, 10));
    lock();
    assert_eq!(at(100).sign_in(BOB, PASSWORD).status, 429);
    let password = "seven blue kettles";
    assert_eq!(at(100).post(&server.reset_link("bob"), &[("password", password)]).status, 303);
    assert_eq!(at(101).sign_in(BOB, password).status, 303, "the account is not locked any more");
    server.db_execute("DELETE FROM events WHERE action = 'signed_in'");
    lock();
    assert_eq!(at(102).sign_in(BOB, password).status, 429, "locked again");
    assert_eq!(at(100).sign_in(BOB, password).status, 303, "the address of the reset is known");
}

#[db_test]
fn a_locked_window_writes_one_event_with_the_number_of_failures() {
    let server = TestServer::start();
    let browser = server.browser();
    fail(&browser, ALICE, 10);
    for _ in 0..8 {
        assert_eq!(browser.sign_in(ALICE, PASSWORD).status, 429);
    }
    assert_eq!(locked_events(&server), ["10 failures"]);
    server.clock.advance(std::time::Duration::from_mins(10));
    assert_eq!(browser.sign_in(ALICE, PASSWORD).status, 429);
    assert_eq!(locked_events(&server), ["10 failures"], "the same window");
    server.clock.advance(std::time::Duration::from_mins(5));
    fail(&browser, ALICE, 10);
    assert_eq!(browser.sign_in(ALICE, PASSWORD).status, 429);
    assert_eq!(locked_events(&server), ["10 failures", "10 failures"], "the next window");
    assert_eq!(
        server.rows("SELECT CAST(COUNT(*) AS TEXT) AS text FROM sign_in_attempts"),
        ["10"],
        "a rejected attempt is not a failure"
    );
}

#[db_test]
#[expect(clippy::disallowed_types, reason = "the delay is the machine's time")]
fn a_locked_client_waits_for_each_response() {
    let server = TestServer::start_with(proxy_settings());
    let locked = server.browser().at("203.0.113.9");
    fail(&locked, ALICE, 10);
    assert_eq!(locked.sign_in(ALICE, PASSWORD).status, 429);
    let begun = std::time::Instant::now();
    for _ in 0..2 {
        assert_eq!(locked.sign_in(ALICE, PASSWORD).status, 429);
    }
    assert!(begun.elapsed() >= std::time::Duration::from_secs(1), "two responses, each delayed by half a second");
    assert_eq!(server.browser().at("203.0.113.10").sign_in(ALICE, PASSWORD).status, 303);
}

#[db_test]
fn an_invitation_link_can_hash_only_within_the_limits() {
    let server = TestServer::start_with(proxy_settings());
    let link = server.invite(&server.signed_in("alice"), "editor");
    let guest = server.browser().at("203.0.113.9");
    let fields = [("name", "Eve"), ("email", ALICE), ("password", "seven blue kettles")];
    for nth in 0..50 {
        assert_eq!(guest.post(&link, &fields).status, 422, "attempt {nth}: the address is taken");
    }
    let locked = guest.post(&link, &fields);
    assert_eq!((locked.status, locked.header("retry-after")), (429, "900"), "{}", locked.text());
    assert!(locked.text().contains("Too many failed attempts"), "{}", locked.text());
    let other = server.browser().at("203.0.113.10");
    let fields = [("name", "Eve"), ("email", "eve@example.org"), ("password", "seven blue kettles")];
    assert_eq!(other.post(&link, &fields).status, 303, "another address can join");
    assert_eq!(
        server.rows("SELECT CAST(COUNT(*) AS TEXT) AS text FROM sign_in_attempts"),
        ["50"],
        "joining is not a failure"
    );
}

#[db_test]
fn a_forwarded_address_with_a_port_is_the_client_and_not_the_proxy() {
    let server = TestServer::start_with(proxy_settings());
    for (outsider, other) in [
        ("203.0.113.10:51234", "203.0.113.11:51235"),
        ("[2001:db8:1::1]:51234", "[2001:db8:2::1]:51234"),
        ("198.51.100.4, \u{e9}", "198.51.100.5"),
    ] {
        fail(&server.browser().at(outsider), BOB, 10);
        assert_eq!(server.browser().at(outsider).sign_in(BOB, PASSWORD).status, 429);
        assert_eq!(server.browser().at(other).sign_in(BOB, PASSWORD).status, 303, "{other}");
    }
}

#[db_test(postgres)]
fn sign_ins_that_wait_for_a_lock_do_not_delay_token_checks() {
    const LOGIN_LOCK: i64 = 0x73_6967_6e20_696e;
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let mut other = server.database.connect();
    other.batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOGIN_LOCK})")).unwrap();
    std::thread::scope(|scope| {
        let sign_ins: Vec<_> = (0..30).map(|_| scope.spawn(|| server.browser().sign_in(ALICE, WRONG).status)).collect();
        let waits = "SELECT COUNT(*)::text AS text FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        server.wait_until(|server| server.rows(waits) != ["0"]);
        for _ in 0..20 {
            assert_eq!(server.call(&value).status, 200, "a token check has a connection");
            assert_eq!(server.browser().get("/login").status, 200, "a page has one too");
        }
        assert_eq!(server.rows(waits), ["1"], "one sign-in waits in the database, the others in the process");
        other.batch_execute("ROLLBACK").unwrap();
        for sign_in in sign_ins {
            assert!([422, 429].contains(&sign_in.join().unwrap()));
        }
    });
}

#[db_test(sqlite, needs(fail2ban))]
fn fail2ban_finds_the_client_of_each_failed_and_locked_sign_in() {
    let home = Home::new();
    home.add_acme(&[ALICE], "administrator");
    let server = home.serve_with(&["--trusted-proxies", "127.0.0.1/32"], "info");
    for client in ["203.0.113.7", "2001:db8::7"] {
        fail(&Browser::new(server.address).at(client), ALICE, 10);
        assert_eq!(Browser::new(server.address).at(client).sign_in(ALICE, WRONG).status, 429);
    }
    assert_eq!(Browser::new(server.address).at("203.0.113.8").sign_in(ALICE, PASSWORD).status, 303);
    server.line("203.0.113.8 POST /login 303");
    let mut log = tempfile::NamedTempFile::new().unwrap();
    log.write_all(server.said().as_bytes()).unwrap();
    let filter = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/fail2ban/latchkey.conf");
    let mut fail2ban = Command::new(program("fail2ban-regex").unwrap());
    let found = fail2ban.args(["--out", "ip"]).arg(log.path()).arg(filter).output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    let count = |ip: &str| found.lines().filter(|line| line.trim() == ip).count();
    assert_eq!((count("203.0.113.7"), count("2001:db8::7"), count("203.0.113.8")), (11, 11, 0), "{found}");
}
