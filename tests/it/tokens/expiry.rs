//! Expiry: chosen at creation, exact in the API, shown on the page, changed by a rotation.

use std::time::Duration;

use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;

const LIST: &str = "/w/acme/settings/tokens";
const DAY: Duration = Duration::from_hours(24);

fn create(browser: &Browser, name: &str, expiry: &[(&str, &str)]) -> Answer {
    let form = browser.get("/w/acme/settings/tokens/new");
    let key = form.hidden("form_key");
    let mut fields = vec![("name", name), ("form_key", key.as_str())];
    fields.extend_from_slice(expiry);
    browser.post(LIST, &fields)
}

#[db_test]
fn a_token_is_rejected_from_its_expiry_on() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = create(&alice, "Reporting", &[("expiry", "30")]).value();
    let said = server.api("GET", "/api/v2/token.json").bearer(&value).send().json()["expires_on"].clone();
    assert_eq!(said, (server.now() + 30 * DAY).to_string());

    server.clock.advance(30 * DAY - Duration::from_micros(1));
    assert_eq!(server.call(&value).status, 200);
    server.clock.advance(Duration::from_micros(1));
    let refused = server.call(&value);
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").contains("The token expired on 2026-12-23T12:00:00"), "{refused:?}");
}

#[db_test]
fn every_expiry_choice_of_the_form_is_accepted() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for (choice, ends) in [
        ("never", ""),
        ("60", "22 Jan 2027"),
        ("90", "21 Feb 2027"),
        ("365", "23 Nov 2027"),
        ("date", "1 Mar 2027, 00:00 UTC"),
    ] {
        let answer = create(&alice, "Reporting", &[("expiry", choice), ("expires_on", "2027-02-28")]);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let list = alice.get(LIST).text();
        assert!(list.contains(if ends.is_empty() { "No expiration" } else { ends }), "{choice}: {list}");
        alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    }
}

#[db_test]
fn an_invalid_expiry_keeps_the_form_input() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let refused = create(&alice, "Reporting", &[("expiry", "date"), ("expires_on", "2026-11-22")]);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("Choose a day that is not over yet."));
    assert!(refused.body.contains("value=\"Reporting\"") && refused.body.contains("value=\"2026-11-22\""));
    assert!(alice.get(LIST).text().contains("0 of 3 tokens"));
}

#[db_test]
fn a_token_warns_two_weeks_before_expiry_and_keeps_its_slot_afterwards() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = create(&alice, "Reporting", &[("expiry", "30")]).value();
    assert!(!alice.get(LIST).body.contains("class=\"soon\""));
    server.clock.advance(16 * DAY - Duration::from_secs(1));
    let alice = server.signed_in("alice");
    assert!(!alice.get(LIST).body.contains("class=\"soon\""));
    server.clock.advance(Duration::from_secs(1));
    assert!(alice.get(LIST).body.contains("<strong class=\"soon\">Expires"), "14 days before");
    server.clock.advance(14 * DAY);
    let alice = server.signed_in("alice");
    let list = alice.get(LIST);
    assert!(list.body.contains("<strong class=\"past\">Expired"));
    assert!(list.text().contains("1 of 3 tokens"), "an expired token still sits in its slot");

    // Rotating offers a new expiry; the expired value gets no grace.
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let form = alice.get(&path);
    assert!(form.text().contains("It has expired, so it does not work any more, whatever you choose."));
    let answer = alice.post(&path, &[("form_key", &form.hidden("form_key")), ("grace", "7d"), ("expiry", "60")]);
    assert_eq!((server.call(&old).status, server.call(answer.value()).status), (401, 200));
    assert!(!alice.get(LIST).text().contains("Rotating."));
}

#[db_test]
fn a_grace_period_ends_no_later_than_the_old_expiry() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = create(&alice, "Reporting", &[("expiry", "date"), ("expires_on", "2026-11-24")]).value();
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let form = alice.get(&path);
    assert!(form.text().contains("As before, on 25 Nov 2026, 00:00 UTC"), "{}", form.text());
    let new =
        alice.post(&path, &[("form_key", &form.hidden("form_key")), ("grace", "30d"), ("expiry", "never")]).value();
    server.clock.advance(Duration::from_hours(36) - Duration::from_secs(1));
    assert_eq!((server.call(&old).status, server.call(&new).status), (200, 200));
    server.clock.advance(Duration::from_secs(1));
    let refused = server.call(&old);
    assert_eq!((refused.status, server.call(&new).status), (401, 200));
    assert!(refused.header("www-authenticate").contains("expired on 2026-11-25T00:00:00.000000Z"), "{refused:?}");
}
