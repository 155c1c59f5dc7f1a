//! Forms that are sent again after a response was lost: the value that was not seen is replaced, and no other.

use std::time::Duration;

use super::rotate::{LIST, rotate};
use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::database::is_postgres;

const HOUR: Duration = Duration::from_hours(1);

#[db_test]
fn a_resent_rotation_creates_no_second_value_and_offers_a_new_one() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let key = alice.get(&path).hidden("form_key");
    let new = alice.post(&path, &[("form_key", &key), ("grace", "24h")]).value();
    let again = alice.post(&path, &[("form_key", &key), ("grace", "24h")]);
    assert_eq!(again.status, 409);
    assert!(again.text().contains("This token has already been rotated"), "{}", again.text());
    assert_eq!(server.call(&new).status, 200);

    let offered = alice.post(&path, &[("form_key", &again.hidden("form_key")), ("grace", "none")]);
    assert_eq!((offered.status, server.call(&new).status, server.call(offered.value()).status), (201, 401, 200));
}

/// Presses the button that replaces a value whose response was lost.
fn retry(browser: &Browser, warning: &Answer) -> Answer {
    let path = warning.page().attribute("[role=alert] form", "action");
    let fields = ["form_key", "grace", "replaced"].map(|name| (name, warning.hidden(name)));
    browser.post(&path, &fields.each_ref().map(|(name, value)| (*name, value.as_str())))
}

#[db_test]
fn a_lost_response_to_a_rotation_is_repeated_without_ending_the_old_value() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let key = alice.get(&path).hidden("form_key");
    let lost = alice.post(&path, &[("form_key", &key), ("grace", "24h")]).value();
    server.clock.advance(HOUR);
    let warning = alice.post(&path, &[("form_key", &key), ("grace", "24h")]);
    let consequence = format!(
        "Replacing it stops the value rpat…{} immediately. That value has never been used. \
         The old value keeps working until 24 Nov 2026, 12:00 UTC.",
        &lost[42..]
    );
    assert!(warning.text().contains(&consequence), "{}", warning.text());

    let seen = retry(&alice, &warning);
    assert_eq!(seen.status, 201, "{}", seen.text());
    assert!(seen.text().contains("The old value keeps working until 24 Nov 2026, 12:00 UTC."), "{}", seen.text());
    let new = seen.value();
    assert_eq!([&old, &lost, &new].map(|value| server.call(value).status), [200, 401, 200]);
    let activity = alice.get("/w/acme/settings/activity").text();
    assert!(
        activity.contains("replaced the new value of token Reporting and kept the old value until 24 Nov"),
        "{activity}"
    );
    server.clock.advance(23 * HOUR);
    assert_eq!([&old, &new].map(|value| server.call(value).status), [401, 200], "the grace period is not longer");

    server.flush();
    let warning = alice.post(&path, &[("form_key", &key), ("grace", "24h")]);
    assert!(warning.text().contains("That value was last used on 24 Nov 2026, 12:00 UTC."), "{}", warning.text());
    let newest = retry(&alice, &warning).value();
    assert_eq!([&new, &newest].map(|value| server.call(value).status), [401, 200]);
}

#[db_test]
fn a_page_does_not_offer_a_value_that_was_already_replaced() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let keys: Vec<String> = (0..16).map(|_| alice.get(&path).hidden("form_key")).collect();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let post = |key| {
            let (browser, path) = (alice.clone(), &path);
            scope.spawn(move || browser.post(path, &[("form_key", key), ("grace", "none")]))
        };
        let threads: Vec<_> = keys.iter().map(|key| post(key.as_str())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut current = 0;
    for answer in &answers {
        if answer.status == 409 {
            assert!(answer.text().contains("This value has already been replaced"), "{}", answer.text());
            assert!(!answer.body.contains("data-secret") && !answer.text().contains("Token rotated"));
            continue;
        }
        // Values that were replaced after their page was made: the page asks by this address.
        assert_eq!(answer.status, 201, "{}", answer.text());
        let status = alice.get(&answer.page().attribute("[data-first-call]", "data-first-call")).json();
        let works = server.call(answer.value()).status == 200;
        assert_eq!(status["current"], works, "{status}");
        current += usize::from(works);
    }
    assert_eq!(current, 1);
}

#[db_test]
fn a_new_value_that_is_no_longer_the_current_one_is_not_shown() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    // After the rotation the token has another current value, as if another request had replaced it already.
    let replace = "UPDATE token_values SET hint = 'zzzz'";
    let trigger = "CREATE TRIGGER replace_value AFTER INSERT ON events FOR EACH ROW";
    if is_postgres() {
        server.db_alter(&format!(
            "CREATE FUNCTION replace_value() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {}; RETURN NULL; END'",
            replace.replace('\'', "''")
        ));
        server.db_alter(&format!("{trigger} EXECUTE FUNCTION replace_value()"));
    } else {
        server.db_alter(&format!("{trigger} BEGIN {replace}; END"));
    }
    let answer = rotate(&alice, "Reporting", &[("grace", "none")]);
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.text().contains("This value has already been replaced"), "{}", answer.text());
    assert!(!answer.body.contains("data-secret"), "{}", answer.body);
}

#[db_test]
fn a_resent_creation_offers_to_replace_a_value_that_was_not_seen() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let key = alice.get("/w/acme/settings/tokens/new").hidden("form_key");
    let lost = alice.post(LIST, &[("name", "Reporting"), ("form_key", &key)]).value();
    let again = alice.post(LIST, &[("name", "Reporting"), ("form_key", &key)]);
    assert_eq!(again.status, 409);
    assert!(again.text().contains("I didn’t save it. Replace the value"), "{}", again.text());
    let path = again.page().attribute("[role=alert] form", "action");
    let seen = alice.post(&path, &[("form_key", &again.hidden("form_key")), ("grace", "none")]);
    assert_eq!((server.call(&lost).status, server.call(seen.value()).status), (401, 200));
}
