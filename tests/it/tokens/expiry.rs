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
        ("date", "Expires 28 Feb 2027"),
    ] {
        let answer = create(&alice, "Reporting", &[("expiry", choice), ("expires_on", "2027-02-28")]);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let list = alice.get(LIST).text();
        assert!(list.contains(if ends.is_empty() { "No expiration" } else { ends }), "{choice}: {list}");
        alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    }
}

#[db_test]
fn each_expiry_choice_says_when_it_ends_and_the_next_page_repeats_it() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let profile = [("name", "Acme"), ("kind", "production"), ("country", "RW"), ("languages", "eng")];
    let zone = [("timezone", "Africa/Kigali"), ("date_style", "day_first")];
    assert_eq!(alice.post("/w/acme/settings", &[&profile[..], &zone].concat()).status, 303);
    let form = alice.get("/w/acme/settings/tokens/new").page();
    let options = |page: &crate::support::html::Page| page.texts("#expiry option");
    assert_eq!(
        options(&form),
        ["In 30 days", "In 60 days", "In 90 days (recommended)", "In 1 year", "Custom date…", "No expiration"]
    );
    assert_eq!(form.text_of("#expiry [selected]"), "In 90 days (recommended)");
    let days = form.attribute("#expiry [value='90']", "data-preview");
    assert_eq!(days, "Expires Sun 21 Feb 2027, 14:00 Kigali time");
    assert_eq!(form.attribute("#expiry-preview", "data-end"), "23:59 Kigali time");
    assert_eq!(form.attribute("#expires_on", "min"), "2026-11-23");

    for (choice, said) in
        [("90", days.as_str()), ("date", "Expires Wed 24 Feb 2027, 23:59 Kigali time"), ("never", "No expiration")]
    {
        let made = create(&alice, choice, &[("expiry", choice), ("expires_on", "2027-02-24")]);
        assert!(made.page().texts(".lead").contains(&said.to_owned()), "{choice}: {}", made.text());
    }
    // A rotation offers the same length first.
    for (name, first) in
        [("90", "Same period as before, until 21 Feb 2027, 14:00 Kigali time"), ("never", "No expiration")]
    {
        let page = alice.get(&alice.delete_path("acme", name).replace("/delete", "/rotate")).page();
        assert_eq!((options(&page)[0].as_str(), page.text_of("#expiry [selected]").as_str()), (first, first));
    }
    // So does the rotation of an expired token.
    server.clock.advance(100 * DAY);
    let alice = server.signed_in("alice");
    let page = alice.get(&alice.delete_path("acme", "90").replace("/delete", "/rotate")).page();
    assert_eq!(page.text_of("#expiry [selected]"), "Same period as before, until 1 Jun 2027, 14:00 Kigali time");
    assert_eq!(page.attribute("#expiry [selected]", "data-preview"), "Expires Tue 1 Jun 2027, 14:00 Kigali time");
}

#[db_test]
fn an_invalid_expiry_keeps_the_form_input() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let refused = create(&alice, "Reporting", &[("expiry", "date"), ("expires_on", "2026-11-22")]);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("Choose today or a later date."));
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
    assert!(form.text().contains("It has expired, so it no longer works, whatever you choose."));
    let answer = alice.post(&path, &[("form_key", &form.hidden("form_key")), ("grace", "7d"), ("expiry", "60")]);
    assert!(
        answer.text().contains("The old value had already expired on 23 Dec 2026, 12:00 UTC."),
        "{}",
        answer.text()
    );
    let activity = alice.get("/w/acme/settings/activity").text();
    assert!(activity.contains("rotated token Reporting after its old value had expired"), "{activity}");
    assert_eq!((server.call(&old).status, server.call(answer.value()).status), (401, 200));
    assert!(!alice.get(LIST).text().contains("It stops by itself"));
}

#[db_test]
fn an_expired_token_keeps_its_slot_when_older_deletions_are_purged() {
    let mut server = TestServer::start();
    let alice = server.signed_in("alice");
    let expired = create(&alice, "Reporting", &[("expiry", "30")]).value();
    server.create_token(&alice, "acme", "Deleted");
    alice.post(&alice.delete_path("acme", "Deleted"), &[]);
    server.clock.advance(200 * DAY);
    server.signed_in("alice");
    server.restart();
    server.wait_until(|server| server.rows("SELECT name AS text FROM tokens WHERE name = 'Deleted'").is_empty());

    let refused = server.call(&expired);
    assert!(refused.header("www-authenticate").contains("The token expired on 2026-12-23"), "{refused:?}");
    let alice = server.signed_in("alice");
    let list = alice.get(LIST).text();
    assert!(list.contains("1 of 3 tokens") && list.contains("Reporting") && list.contains("Expired"), "{list}");
    assert_eq!(create(&alice, "Reporting", &[]).status, 422, "its name is taken");
    for name in ["One", "Two"] {
        server.create_token(&alice, "acme", name);
    }
    let form = alice.get("/w/acme/settings/tokens/new").text();
    assert!(form.contains("You can have a maximum of 3 tokens"), "its slot is taken: {form}");
}

#[db_test]
fn an_expired_token_that_is_rotated_with_the_same_expiry_gets_a_value_that_works() {
    for expiry in [&[][..], &[("expiry", "same")]] {
        let server = TestServer::start();
        let alice = server.signed_in("alice");
        let old = create(&alice, "Reporting", &[("expiry", "30")]).value();
        server.clock.advance(31 * DAY);
        let alice = server.signed_in("alice");
        let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
        let key = alice.get(&path).hidden("form_key");
        let answer = alice.post(&path, &[&[("form_key", key.as_str()), ("grace", "24h")], expiry].concat());
        assert_eq!((server.call(&old).status, server.call(answer.value()).status), (401, 200), "{expiry:?}");
        assert!(alice.get(LIST).text().contains("Expires 23 Jan 2027"), "{}", alice.get(LIST).text());
    }
}

#[db_test]
fn a_deleted_token_is_rejected_although_its_values_have_an_expiry() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let plain = create(&alice, "Plain", &[("expiry", "30")]).value();
    let old = create(&alice, "Rotated", &[("expiry", "90")]).value();
    let path = alice.delete_path("acme", "Rotated").replace("/delete", "/rotate");
    let key = alice.get(&path).hidden("form_key");
    let new = alice.post(&path, &[("form_key", &key), ("grace", "7d"), ("expiry", "60")]).value();
    assert_eq!([&plain, &old, &new].map(|value| server.call(value).status), [200; 3]);
    for name in ["Plain", "Rotated"] {
        assert_eq!(alice.post(&alice.delete_path("acme", name), &[]).status, 303);
    }
    for value in [plain, old, new] {
        let refused = server.call(&value);
        assert_eq!(refused.status, 401);
        assert!(refused.header("www-authenticate").contains("The token was deleted on 2026-11-23"), "{refused:?}");
    }
}

#[db_test]
fn a_grace_period_ends_no_later_than_the_old_expiry() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = create(&alice, "Reporting", &[("expiry", "date"), ("expires_on", "2026-11-24")]).value();
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let form = alice.get(&path);
    assert!(form.text().contains("Same period as before, until 24 Nov 2026, 23:59 UTC"), "{}", form.text());
    let warned = "It expires before that, on 24 Nov 2026, 23:59 UTC.";
    assert_eq!(form.text().matches(warned).count(), 2, "7 and 30 days: {}", form.text());
    let answer = alice.post(&path, &[("form_key", &form.hidden("form_key")), ("grace", "30d"), ("expiry", "never")]);
    let said = "The old value keeps working until it expires on 24 Nov 2026, 23:59 UTC.";
    assert!(answer.text().contains(said), "{}", answer.text());
    let event = "rotated token Reporting and kept the old value until it expires on 25 Nov 2026, 00:00 UTC";
    let activity = alice.get("/w/acme/settings/activity").text();
    assert!(activity.contains(event), "{activity}");
    let new = answer.value();
    server.clock.advance(Duration::from_hours(36) - Duration::from_secs(1));
    assert_eq!((server.call(&old).status, server.call(&new).status), (200, 200));
    server.clock.advance(Duration::from_secs(1));
    let refused = server.call(&old);
    assert_eq!((refused.status, server.call(&new).status), (401, 200));
    assert!(refused.header("www-authenticate").contains("expired on 2026-11-25T00:00:00.000000Z"), "{refused:?}");
}

#[db_test]
fn a_rotation_as_before_gives_the_same_length_and_not_the_same_date() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    create(&alice, "Reporting", &[("expiry", "30")]);
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let expires_on = |value: &str| {
        server.api("GET", "/api/v2/token.json").bearer(value).send().json()["expires_on"].as_str().unwrap().to_owned()
    };
    for days in [29, 40] {
        server.clock.advance(days * DAY);
        let alice = server.signed_in("alice");
        let form = alice.get(&path);
        let until = server.now() + 30 * DAY;
        let choice = format!("selected>Same period as before, until {}<", until.display());
        assert!(form.body.contains(&choice), "after {days} days: {}", form.body);
        let fields = [("form_key", &*form.hidden("form_key")), ("grace", "none"), ("expiry", "same")];
        let value = alice.post(&path, &fields).value();
        assert_eq!(expires_on(&value), until.to_string(), "after {days} days");
    }
}
