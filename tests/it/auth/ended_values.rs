//! A deletion and a stop are facts. Only an expiry and a grace period are compared with the clock.

use std::time::Duration;

use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;

const LIST: &str = "/w/acme/settings/tokens";
const HOUR: Duration = Duration::from_hours(1);

/// Every way to end a value for good.
const ENDS: [&str; 4] = ["Deleted", "Replaced", "Exposed", "Stopped"];

fn rotate(browser: &Browser, name: &str, fields: &[(&str, &str)]) -> String {
    let path = browser.delete_path("acme", name).replace("/delete", "/rotate");
    let key = browser.get(&path).hidden("form_key");
    browser.post(&path, &[&[("form_key", key.as_str())][..], fields].concat()).value()
}

fn stop_old_value(browser: &Browser, name: &str) -> Answer {
    browser.post(&browser.delete_path("acme", name).replace("/delete", "/retire"), &[])
}

/// Ends a value in the way that its token is called. A stopped value was in its grace period.
fn end(browser: &Browser, name: &str) {
    match name {
        "Deleted" => assert_eq!(browser.post(&browser.delete_path("acme", name), &[]).status, 303),
        "Replaced" => drop(rotate(browser, name, &[("grace", "none")])),
        "Exposed" => drop(rotate(browser, name, &[("grace", "none"), ("cause", "exposed")])),
        _ => {
            rotate(browser, name, &[("grace", "24h")]);
            assert_eq!(stop_old_value(browser, name).status, 303);
        }
    }
}

/// The distinct statuses of ten calls, so that every worker is asked and caches the result.
fn statuses(call: impl Fn() -> u16) -> Vec<u16> {
    let mut statuses: Vec<u16> = (0..10).map(|_| call()).collect();
    statuses.dedup();
    statuses
}

#[db_test]
fn an_end_counts_at_once_on_an_instance_whose_clock_is_behind() {
    for name in ENDS {
        let server = TestServer::start();
        let behind = server.another_instance(Duration::from_millis(900));
        let alice = server.signed_in("alice");
        let value = server.create_token(&alice, "acme", name);
        assert_eq!(statuses(|| behind.call(&value).status), [200], "{name}");
        end(&alice, name);
        assert_eq!(statuses(|| behind.call(&value).status), [401], "{name}");
        let (here, there) = (server.call(&value), behind.call(&value));
        assert_eq!(here.whole(), there.whole(), "the reason and the time are the same");
        let verb = if name == "Deleted" { "token was deleted" } else { "value was stopped" };
        let said = format!("error_description=\"The {verb} on {}\"", server.now());
        assert!(there.header("www-authenticate").contains(&said), "{there:?}");
    }
}

#[db_test]
fn a_clock_set_back_does_not_revive_an_ended_value() {
    for name in ENDS {
        let mut server = TestServer::start();
        let alice = server.signed_in("alice");
        let value = server.create_token(&alice, "acme", name);
        assert_eq!(statuses(|| server.call(&value).status), [200], "{name}");
        end(&alice, name);
        server.clock.set_back(HOUR);
        assert_eq!(statuses(|| server.call(&value).status), [401], "{name}");
        server.restart();
        assert_eq!(statuses(|| server.call(&value).status), [401], "{name}, without a cache");
        let list = server.signed_in("alice").get(LIST).text();
        assert!(!list.contains("It stops by itself"), "{name}: the list agrees: {list}");
    }
}

#[db_test]
fn a_clock_set_back_does_not_revive_a_token_that_was_deleted_after_its_expiry() {
    let mut server = TestServer::start();
    let alice = server.signed_in("alice");
    let key = alice.get("/w/acme/settings/tokens/new").hidden("form_key");
    let value = alice.post(LIST, &[("name", "Reporting"), ("form_key", &key), ("expiry", "30")]).value();
    server.clock.advance(31 * 24 * HOUR);
    let alice = server.signed_in("alice");
    assert_eq!(alice.post(&alice.delete_path("acme", "Reporting"), &[]).status, 303);
    server.clock.set_back(2 * 24 * HOUR);
    assert_eq!(statuses(|| server.call(&value).status), [401]);
    server.restart();
    assert_eq!(statuses(|| server.call(&value).status), [401], "without a cache");
}

#[db_test]
fn a_value_that_is_stopped_after_its_grace_period_stays_stopped() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let values = ["Stopped", "Rotated", "Left"].map(|name| {
        let old = server.create_token(&alice, "acme", name);
        rotate(&alice, name, &[("grace", "1h")]);
        old
    });
    let calls = || values.each_ref().map(|value| server.call(value).status);
    server.clock.advance(2 * HOUR);
    assert_eq!(calls(), [401, 401, 401]);
    stop_old_value(&alice, "Stopped");
    let stopped = "The old value of token Stopped had already stopped.";
    assert!(alice.get(LIST).text().contains(stopped), "no event, and no new time");
    rotate(&alice, "Rotated", &[("grace", "24h")]);
    server.clock.set_back(2 * HOUR);
    assert_eq!(calls(), [401, 401, 200], "a grace period alone is a matter of time");
    let list = alice.get(LIST).text();
    assert_eq!(list.matches("It stops by itself").count(), 2, "no token has three values: {list}");
    let said = server.call(&values[0]);
    assert!(said.header("www-authenticate").contains("stopped on 2026-11-23T13:00:00"), "its own time: {said:?}");
}

#[db_test]
fn a_replaced_value_does_not_outlive_its_expiry_if_the_clock_is_set_back() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let key = alice.get("/w/acme/settings/tokens/new").hidden("form_key");
    let old = alice.post(LIST, &[("name", "Monthly"), ("expiry", "30"), ("form_key", &key)]).value();
    server.clock.advance(Duration::from_hours(31 * 24));
    let alice = server.signed_in("alice");
    let new = rotate(&alice, "Monthly", &[("grace", "none"), ("expiry", "60")]);
    server.clock.set_back(Duration::from_hours(2 * 24));
    assert_eq!((server.call(&old).status, server.call(&new).status), (401, 200), "replaced without a grace period");
}
