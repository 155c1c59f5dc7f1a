//! Login and logout: the cookie, the redirect afterwards, the limits on failed attempts.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sha2::{Digest as _, Sha256};

use crate::support::api_client::{Answer, encode};
use crate::support::browser_client::Browser;
use crate::support::{PASSWORD, TABLES, TestServer, https_settings, proxy_settings};

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";
const REFUSAL: &str = "The email address or password is wrong, or the account is not active.";
const WRONG: &str = "not the password";
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// The cookie that an answer sets: its name, its value, its attributes in order.
fn cookie(answer: &Answer) -> (String, String, Vec<String>) {
    let mut cookies = answer.headers("set-cookie");
    let cookie = cookies.next().unwrap_or_else(|| panic!("no cookie: {answer:?}"));
    assert_eq!(cookies.next(), None, "one cookie");
    let mut parts = cookie.split("; ");
    let (name, value) = parts.next().unwrap().split_once('=').unwrap();
    let mut attributes: Vec<_> = parts.map(str::to_owned).collect();
    attributes.sort();
    (name.to_owned(), value.to_owned(), attributes)
}

fn is_signed_in(browser: &Browser) -> bool {
    match browser.get("/w/acme") {
        answer if answer.status == 200 => true,
        answer => {
            assert_eq!((answer.status, answer.header("location")), (303, "/login?next=%2Fw%2Facme"));
            false
        }
    }
}

/// Fails to sign in `times` times, each with the answer for a wrong password.
fn fail(browser: &Browser, email: &str, times: usize) {
    for nth in 1..=times {
        let answer = browser.sign_in(email, WRONG);
        assert_eq!((answer.status, answer.header("retry-after")), (422, ""), "failure {nth} for {email}");
    }
}

#[track_caller]
fn assert_locked(answer: &Answer, seconds: &str, said: &str) {
    assert_eq!((answer.status, answer.header("retry-after")), (429, seconds));
    assert!(answer.text().contains(&format!("Too many failed attempts. Try again in {said}.")), "{}", answer.text());
    assert_eq!(answer.header("set-cookie"), "");
}

#[db_test]
fn logout_invalidates_the_cookie() {
    let server = TestServer::start();
    let alice = server.browser();
    let answer = alice.sign_in(" Alice@Example.org ", PASSWORD);
    assert_eq!((answer.status, answer.header("location"), answer.body.as_str()), (303, "/", ""));
    assert_eq!(alice.follow("/").title(), "Acme (Production) · Latchkey");
    assert_eq!(alice.get("/login").header("location"), "/", "who is signed in has no use for the form");
    let thief = alice.clone();

    let out = alice.post("/logout", &[]);
    assert_eq!((out.status, out.header("location")), (303, "/login?signed_out=1"));
    assert_eq!((out.header("clear-site-data"), out.header("cache-control")), ("\"cache\"", "no-store"));
    let (name, value, attributes) = cookie(&out);
    assert_eq!((name.as_str(), value.as_str()), ("latchkey", ""));
    assert!(
        attributes.contains(&"Max-Age=0".to_owned()) && attributes.contains(&"Path=/".to_owned()),
        "{attributes:?}"
    );
    assert!(!is_signed_in(&alice));
    assert!(!is_signed_in(&thief), "the row is gone, so a copy of the cookie is too");
    assert_eq!(server.db_rows(&["sessions"]), "sessions\n");
    assert_eq!(alice.post("/logout", &[]).header("location"), "/login?signed_out=1", "twice is no mistake");
}

#[db_test]
fn the_cookie_has_all_security_attributes() {
    let plain = ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax"];
    let secure = ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax", "Secure"];
    for (server, name, expected) in [
        (TestServer::start(), "latchkey", &plain[..]),
        (TestServer::start_with(https_settings()), "__Host-latchkey", &secure[..]),
    ] {
        let browser = server.browser();
        let (is, value, attributes) = cookie(&browser.sign_in(ALICE, PASSWORD));
        assert_eq!((is.as_str(), attributes.iter().map(String::as_str).collect::<Vec<_>>()), (name, expected.to_vec()));
        assert!(value.len() > 64);
        assert!(is_signed_in(&browser));
        let (is, _, attributes) = cookie(&browser.post("/logout", &[]));
        let ends = |attribute: &&str| *attribute != "Max-Age=2592000" && !attributes.contains(&(*attribute).to_owned());
        assert_eq!(
            (is.as_str(), expected.iter().copied().find(ends)),
            (name, None),
            "ends as it began: {attributes:?}"
        );
    }
}

#[db_test]
fn login_replaces_a_planted_session_cookie() {
    let server = TestServer::start();
    let mallory = server.signed_in("charlie");
    let alice = mallory.clone();
    let planted = alice.cookie_header();
    assert_eq!(alice.sign_in(ALICE, PASSWORD).status, 303);
    assert_ne!(alice.cookie_header(), planted);
    assert!(is_signed_in(&alice) && !is_signed_in(&mallory));
    assert_eq!(mallory.get("/w/other").status, 303, "the planted session is over, not renamed");

    let first = alice.cookie_header();
    alice.sign_in(ALICE, PASSWORD);
    assert_ne!(alice.cookie_header(), first, "a new key each time");

    let other = server.browser();
    other.set_cookie("latchkey", "made-up");
    assert!(!is_signed_in(&other));
    assert_eq!(other.sign_in(ALICE, PASSWORD).status, 303);
    assert!(!other.cookie_header().contains("made-up"));
}

#[db_test]
fn the_database_holds_no_session_key() {
    let server = TestServer::start();
    let (_, value, _) = cookie(&server.browser().sign_in(ALICE, PASSWORD));
    let value = percent_encoding::percent_decode_str(&value).decode_utf8().unwrap().into_owned();
    let key = &value[value.len() - 64..];
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat();
    let rows = server.db_rows(&TABLES);
    assert!(rows.contains(&hex(&Sha256::digest(key))), "its digest is there: {rows}");
    assert!(!rows.contains(key) && !rows.contains(&hex(key.as_bytes())));
}

#[db_test]
fn every_failed_login_looks_the_same() {
    let server = TestServer::start();
    let dave = server.signed_in("dave");
    server.set_active("dave", false);
    assert!(!is_signed_in(&dave), "who is kept out is out at once");
    let refuse = |email: &str, password: &str| {
        let answer = server.browser().sign_in(email, password);
        assert!(answer.text().contains(REFUSAL), "{}", answer.text());
        assert!(!answer.body.contains(password), "a password is never shown");
        let (status, headers, body) = answer.whole();
        (
            status,
            headers.into_iter().filter(|(name, _)| name != "content-length").collect::<Vec<_>>(),
            body.replace(email, "E"),
        )
    };
    let wrong = refuse(ALICE, WRONG);
    assert_eq!(wrong.0, 422);
    for (email, password) in [
        ("nobody@example.org", PASSWORD),
        ("dave@example.org", PASSWORD),
        ("dave@example.org", WRONG),
        ("no address", WRONG),
    ] {
        assert_eq!(refuse(email, password), wrong, "{email}");
    }
    server.set_active("dave", true);
    assert_eq!(server.browser().sign_in("dave@example.org", PASSWORD).status, 303);
}

#[db_test]
fn login_redirects_to_a_path_of_this_site_only() {
    let server = TestServer::start();
    let signed_in = server.signed_in("alice");
    for (next, expected) in [
        ("/w/acme/settings/tokens", "/w/acme/settings/tokens"),
        ("/w/acme/settings/tokens/new?name=A%20b&x=1", "/w/acme/settings/tokens/new?name=A%20b&x=1"),
        ("/", "/"),
        ("", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\n/evil.example", "/"),
        (" //evil.example", "/"),
        ("https://evil.example/", "/"),
        ("https:evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("data:text/html,x", "/"),
        ("evil.example", "/"),
        ("@evil.example", "/"),
        ("/w/acme\r\nSet-Cookie: latchkey=x", "/"),
        ("/\u{ff0f}evil.example", "/"),
        ("/login?next=/", "/"),
        ("/logout", "/"),
    ] {
        let page = server.browser().get(&format!("/login?next={}", encode(next)));
        let kept = if expected == next { next } else { "" };
        let shown = page.hidden("next").replace("&#38;", "&").replace("&amp;", "&");
        assert_eq!((page.status, shown.as_str()), (200, kept), "{next:?}");
        let fields = [("email", ALICE), ("password", PASSWORD), ("next", next)];
        let answer = server.browser().post("/login", &fields);
        assert_eq!((answer.status, answer.header("location")), (303, expected), "{next:?}");
        let there = signed_in.get(&format!("/login?next={}", encode(next)));
        assert_eq!((there.status, there.header("location")), (303, expected), "signed in already: {next:?}");
    }
    let fields = [("email", ALICE), ("password", WRONG), ("next", "/w/acme-demo")];
    assert_eq!(server.browser().post("/login", &fields).hidden("next"), "/w/acme-demo", "a failure forgets nothing");
}

#[db_test]
fn login_returns_to_the_requested_page() {
    let server = TestServer::start();
    for path in ["/w/acme", "/w/acme/settings/tokens/new?name=Night%20sync", "/w/nothing?a=b&c=d", "/"] {
        let answer = server.browser().get(path);
        let login = format!("/login?next={}", encode(path));
        assert_eq!((answer.status, answer.header("location"), answer.body.as_str()), (303, login.as_str(), ""));
    }
    let next = |path: &str, fields: &[(&str, &str)]| {
        let answer = server.browser().post(path, fields);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let next = answer.header("location").strip_prefix("/login?next=").unwrap();
        percent_encoding::percent_decode_str(next).decode_utf8().unwrap().into_owned()
    };
    assert_eq!(next("/w/acme/settings/tokens", &[("name", "Night sync")]), "/w/acme/settings/tokens/new");
    assert_eq!(next("/w/acme/settings", &[("name", "Acme"), ("country", "RW")]), "/w/acme/settings");
    let delete = "/w/acme/settings/tokens/0199c2b4-0000-7000-8000-000000000000/delete";
    assert_eq!(next(delete, &[]), delete);
}

#[db_test]
fn a_session_ends_after_seven_idle_days() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for _ in 0..3 {
        server.clock.advance(Duration::from_mins(7 * 24 * 60 - 1));
        assert!(is_signed_in(&alice), "each use counts anew");
    }
    server.clock.advance(7 * DAY);
    assert!(!is_signed_in(&alice));
}

#[db_test]
fn a_session_ends_after_thirty_days_in_use() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for _ in 0..29 {
        server.clock.advance(DAY);
        assert!(is_signed_in(&alice));
    }
    server.clock.advance(Duration::from_mins(24 * 60 - 1));
    assert!(is_signed_in(&alice));
    server.clock.advance(MINUTE);
    assert!(!is_signed_in(&alice));
}

#[db_test]
fn ten_failures_lock_an_account_for_that_address_only() {
    let server = TestServer::start_with(proxy_settings());
    let here = || server.browser().at("203.0.113.1");
    for email in [ALICE, "nobody@example.org"] {
        fail(&here(), email, 10);
        assert_locked(&here().sign_in(&email.to_uppercase(), PASSWORD), "900", "15 minutes");
    }
    assert_eq!(here().sign_in(BOB, PASSWORD).status, 303, "another account is not locked");
    assert_eq!(server.browser().at("203.0.113.2").sign_in(ALICE, PASSWORD).status, 303, "nor another address");

    server.clock.advance(Duration::from_millis(14 * 60_000 + 500));
    let locked = here().sign_in(ALICE, PASSWORD);
    assert_locked(&locked, "60", "1 minute");
    server.clock.advance(MINUTE);
    assert_eq!(here().sign_in(ALICE, PASSWORD).status, 303, "after the time that was said");
}

#[db_test]
fn a_login_after_exactly_retry_after_succeeds() {
    let server = TestServer::start();
    let browser = server.browser();
    fail(&browser, ALICE, 10);
    assert_locked(&browser.sign_in(ALICE, PASSWORD), "900", "15 minutes");
    server.clock.advance(Duration::from_mins(15));
    assert_eq!(browser.sign_in(ALICE, PASSWORD).status, 303);
}

#[db_test]
fn a_successful_login_clears_earlier_failures() {
    let server = TestServer::start();
    for _ in 0..3 {
        fail(&server.browser(), ALICE, 9);
        assert_eq!(server.browser().sign_in(ALICE, PASSWORD).status, 303);
    }
}

#[db_test]
fn fifty_failures_lock_an_address_for_all_accounts() {
    let server = TestServer::start_with(proxy_settings());
    let here = || server.browser().at("203.0.113.1");
    for nth in 0..50 {
        fail(&here(), &format!("person{nth}@example.org"), 1);
    }
    assert_locked(&here().sign_in(BOB, PASSWORD), "900", "15 minutes");
    assert_locked(&here().sign_in("no address", PASSWORD), "900", "15 minutes");
    assert_eq!(server.browser().at("203.0.113.2").sign_in(BOB, PASSWORD).status, 303);
    server.clock.advance(15 * MINUTE);
    assert_eq!(here().sign_in(BOB, PASSWORD).status, 303);
}

#[db_test]
fn a_hundred_failures_lock_an_account_except_at_known_addresses() {
    let server = TestServer::start_with(proxy_settings());
    let at = |last: usize| server.browser().at(&format!("203.0.113.{last}"));
    assert_eq!(at(200).sign_in(BOB, PASSWORD).status, 303);
    for network in 0..10 {
        fail(&at(network), BOB, 10);
    }
    assert_locked(&at(100).sign_in(BOB, PASSWORD), "900", "15 minutes");
    assert_eq!(at(100).sign_in(ALICE, PASSWORD).status, 303, "another account is not locked");
    assert_eq!(at(200).sign_in(BOB, PASSWORD).status, 303, "nobody locks Bob out of his office");
    server.clock.advance(15 * MINUTE);
    assert_eq!(at(100).sign_in(BOB, PASSWORD).status, 303);
}

#[db_test]
fn concurrent_guesses_are_limited_like_sequential_ones() {
    let server = TestServer::start();
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..30).map(|_| scope.spawn(|| server.browser().sign_in(ALICE, WRONG).status)).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [[422; 10].as_slice(), &[429; 20]].concat());
}

#[db_test]
fn no_forged_cookie_opens_a_session() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let cookie = alice.cookie_header();
    let value = cookie.strip_prefix("latchkey=").unwrap();
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let config = Config { cases: Config::default().cases / 10, failure_persistence: None, ..Config::default() };
    let one_off =
        (0..value.len(), "[0-9A-Za-z%+/=._-]").prop_map(|(at, c)| format!("{}{c}{}", &value[..at], &value[at + 1..]));
    let cut = (0..value.len()).prop_map(|at| value[..at].to_owned());
    let junk = prop_oneof!["[!-:<-~]{0,120}", "[0-9a-zA-Z%]{64,120}", "[A-Za-z0-9+/]{43}=[a-zA-Z0-9]{64}"];
    // Not `proptest!`: with it, PROPTEST_CASES takes precedence over `cases`.
    let result = TestRunner::new(config).run(&(prop_oneof![one_off, cut, junk], any::<bool>()), |(made_up, twice)| {
        prop_assume!(decoded(&made_up) != decoded(value));
        let header = if twice { format!("latchkey={made_up}; x=y") } else { format!("latchkey={made_up}") };
        let answer = server.browser().send("GET", "/w/acme", &[("Cookie", &header)], &[], Vec::new());
        prop_assert_eq!((answer.status, answer.header("location")), (303, "/login?next=%2Fw%2Facme"), "{}", header);
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
    assert!(is_signed_in(&alice), "and hers is as good as before");
}
