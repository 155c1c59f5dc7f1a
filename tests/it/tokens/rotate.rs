//! Rotation with overlap: the old value works until its grace period ends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::wait::{SetOnDrop, wait_until};

pub(super) const LIST: &str = "/w/acme/settings/tokens";
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Opens the form that rotates a token and sends it.
pub(super) fn rotate(browser: &Browser, name: &str, more: &[(&str, &str)]) -> Answer {
    let path = browser.delete_path("acme", name).replace("/delete", "/rotate");
    let form = browser.get(&path);
    let key = form.hidden("form_key");
    let mut fields = vec![("form_key", key.as_str())];
    fields.extend_from_slice(more);
    browser.post(&path, &fields)
}

pub(super) fn list(browser: &Browser) -> String {
    browser.get(LIST).text()
}

#[db_test]
fn the_old_value_works_until_its_grace_period_ends() {
    for (grace, lasts) in [("1h", HOUR), ("24h", DAY), ("7d", 7 * DAY), ("30d", 30 * DAY)] {
        let server = TestServer::start();
        let alice = server.signed_in("alice");
        let old = server.create_token(&alice, "acme", "Reporting");
        let answer = rotate(&alice, "Reporting", &[("grace", grace)]);
        assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"), "{}", answer.text());
        let new = answer.value();
        assert_ne!(old, new);
        let steps = "Done: Save the new value First call with the new value Waiting for the first call · old value never used \
                     Stop the old value rpat…";
        assert!(list(&alice).contains(steps), "{}", list(&alice));
        assert!(list(&alice).contains("1 of 3 tokens"), "a rotating token is one token");

        server.clock.advance(lasts - Duration::from_micros(1));
        assert_eq!((server.call(&old).status, server.call(&new).status), (200, 200), "{grace}");
        server.clock.advance(Duration::from_micros(1));
        let refused = server.call(&old);
        assert_eq!((refused.status, server.call(&new).status), (401, 200), "{grace}");
        assert!(refused.header("www-authenticate").contains("The value was stopped on 2026-1"), "{refused:?}");
    }
}

#[db_test]
fn a_rotation_without_grace_period_ends_every_earlier_value_immediately() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let first = server.create_token(&alice, "acme", "Reporting");
    let second = rotate(&alice, "Reporting", &[("grace", "7d")]).value();

    let offered = alice.get(&alice.delete_path("acme", "Reporting").replace("/delete", "/rotate")).body;
    assert_eq!(offered.matches(" disabled>").count(), 4, "only no grace can be chosen: {offered}");
    assert!(offered.contains("value=\"none\" checked>"), "{offered}");
    let refused = rotate(&alice, "Reporting", &[("grace", "24h")]);
    assert_eq!(refused.status, 409);
    assert!(
        refused.text().contains("already being rotated: its old value works until 30 Nov 2026, 12:00 UTC"),
        "{}",
        refused.text()
    );
    assert_eq!((server.call(&first).status, server.call(&second).status), (200, 200), "nothing changed");

    let third = rotate(&alice, "Reporting", &[("grace", "none")]).value();
    assert_eq!([&first, &second, &third].map(|value| server.call(value).status), [401, 401, 200]);
}

#[db_test]
fn a_token_at_the_limit_can_be_rotated() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for name in ["One", "Two", "Three"] {
        server.create_token(&alice, "acme", name);
    }
    assert_eq!(rotate(&alice, "Two", &[("grace", "24h")]).status, 201);
    assert!(list(&alice).contains("3 of 3 tokens"));
    assert_eq!(alice.get("/w/acme/settings/tokens/new").status, 200);
}

#[db_test]
fn one_of_two_concurrent_rotations_succeeds() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let keys: Vec<String> = (0..8).map(|_| alice.get(&path).hidden("form_key")).collect();
    let cookie = alice.cookie_header();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let post = |key: &str| {
            let browser = server.browser();
            let (name, value) = cookie.split_once('=').unwrap();
            browser.set_cookie(name, value);
            browser.post(&path, &[("form_key", key), ("grace", "24h")]).status
        };
        let threads: Vec<_> = keys.iter().map(|key| scope.spawn(move || post(key))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
}

pub(super) fn list_says(browser: &Browser, text: &str) -> bool {
    list(browser).contains(text)
}

#[db_test]
fn a_client_that_changes_values_during_a_rotation_sees_no_failure() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "Reporting");
    let (current, done, calls) = (Mutex::new(old.clone()), AtomicBool::new(false), AtomicUsize::new(0));
    let some_calls = || {
        let before = calls.load(Ordering::SeqCst);
        wait_until("the client has made five more calls", || calls.load(Ordering::SeqCst) >= before + 5);
    };
    let statuses = std::thread::scope(|scope| {
        let _done = SetOnDrop(&done);
        let client = scope.spawn(|| {
            let mut statuses = Vec::new();
            while !done.load(Ordering::SeqCst) {
                let value = current.lock().unwrap().clone();
                statuses.push(server.call(value).status);
                calls.fetch_add(1, Ordering::SeqCst);
            }
            statuses
        });
        some_calls();
        let new = rotate(&alice, "Reporting", &[("grace", "24h")]).value();
        some_calls();
        *current.lock().unwrap() = new;
        // The first of them may still have the old value.
        some_calls();
        alice.post(&alice.delete_path("acme", "Reporting").replace("/delete", "/retire"), &[]);
        assert_eq!(server.call(&old).status, 401, "the old value fails on the next call");
        some_calls();
        done.store(true, Ordering::SeqCst);
        client.join().unwrap()
    });
    assert!(statuses.len() > 10, "{statuses:?}");
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

#[db_test]
fn an_exposed_token_gets_a_new_value_in_one_step() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let leaked = server.create_token(&alice, "acme", "Reporting");
    let list = alice.get(LIST);
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    assert!(list.text().contains("Replace the exposed value of “Reporting”"));
    let answer = alice.post(&path, &[("form_key", &list.hidden("form_key")), ("grace", "none"), ("cause", "exposed")]);
    assert_eq!((answer.status, server.call(&leaked).status, server.call(answer.value()).status), (201, 401, 200));
    assert_eq!(server.rows("SELECT end_reason AS text FROM token_values WHERE end_reason IS NOT NULL"), ["exposed"]);
    assert_eq!(
        server.rows(
            "SELECT token_name || coalesce(': ' || detail, '') AS text FROM events \
             WHERE kind = 'authn_token_created' ORDER BY id"
        ),
        ["Reporting", "Reporting: grace none, exposed"]
    );
}

#[db_test]
fn a_token_is_rotated_retired_and_renamed_by_its_owner_only() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting");
    for name in ["bob", "charlie"] {
        let other = server.signed_in(name);
        for page in ["/rotate", "/retire", "", "/use.json"] {
            assert_eq!(other.get(&path.replace("/delete", page)).status, 404, "{name} {page}");
        }
        for (page, fields) in [
            ("/rotate", &[("form_key", "0123456789012345678901"), ("grace", "none")][..]),
            ("/retire", &[]),
            ("", &[("name", "Mine")]),
        ] {
            assert_eq!(other.post(&path.replace("/delete", page), fields).status, 404, "{name} {page}");
        }
    }
    assert_eq!(server.call(&value).status, 200);
    assert!(list(&alice).contains("Reporting"));
}

#[db_test]
fn a_token_is_renamed_in_place() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    server.create_token(&alice, "acme", "Partner");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "");
    assert_eq!(alice.post(&path, &[("name", "  Monthly reporting ")]).status, 303);
    assert!(list_says(&alice, "Token Reporting renamed to Monthly reporting."));
    assert_eq!(server.call(&value).status, 200, "no integration notices");
    assert_eq!(alice.post(&path, &[("name", "MONTHLY reporting")]).status, 303, "its own name in other letters");

    for (name, why) in [
        ("partner", "You already have a token with this name."),
        ("", "Enter a name."),
        ("a\u{202E}b", "text-direction"),
    ] {
        let refused = alice.post(&path, &[("name", name)]);
        assert_eq!(refused.status, 422, "{name:?}");
        assert!(refused.text().contains(why), "{}", refused.text());
    }
    assert!(list_says(&alice, "MONTHLY reporting"));
}

#[db_test]
fn an_invalid_rotation_changes_nothing() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    for fields in [
        &[("grace", "1y")][..],
        &[("grace", "")],
        &[],
        &[("grace", "none"), ("expiry", "junk")],
        &[("grace", "none"), ("expiry", "date"), ("expires_on", "2020-01-01")],
    ] {
        assert_eq!(rotate(&alice, "Reporting", fields).status, 422, "{fields:?}");
    }
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    assert_eq!(alice.post(&path, &[("grace", "none"), ("form_key", "short")]).status, 422);
    assert_eq!(server.call(&value).status, 200);
}
