//! The strip of what needs attention, and the mark in the menu.

use std::time::Duration;

use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;

const LIST: &str = "/w/acme/settings/tokens";
const DAY: Duration = Duration::from_hours(24);

fn create(browser: &Browser, name: &str, expiry: &str) -> String {
    let key = browser.get(&format!("{LIST}/new")).hidden("form_key");
    browser.post(LIST, &[("name", name), ("form_key", &key), ("expiry", expiry)]).value()
}

fn rotate(browser: &Browser, name: &str, grace: &str) -> Answer {
    let path = browser.delete_path("acme", name).replace("/delete", "/rotate");
    let key = browser.get(&path).hidden("form_key");
    browser.post(&path, &[("form_key", &key), ("grace", grace)])
}

/// The lines of the strip.
fn lines(browser: &Browser) -> Vec<String> {
    let pages = ["/w/acme", LIST].map(|path| browser.get(path).page().texts(".attention li"));
    assert_eq!(pages[0], pages[1], "both pages say the same");
    pages[0].clone()
}

/// The lines of the strip, all about the member's own tokens, with the mark in the menu of each page.
fn strip(browser: &Browser) -> Vec<String> {
    let lines = lines(browser);
    let has_mark = !lines.is_empty();
    // The last two are 404 and, unless the member is an administrator, 403.
    for path in [
        "/w/acme",
        LIST,
        "/w/acme/settings",
        "/w/acme/settings/activity",
        "/w/acme/nothing",
        "/w/acme/settings/members",
    ] {
        let menu = browser.get(path).page().texts(".menu a");
        assert_eq!(menu.contains(&"API Token (needs attention)".to_owned()), has_mark, "{path}: {menu:?}");
    }
    lines
}

#[db_test]
fn a_token_that_expires_soon_needs_attention_until_it_is_rotated() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    create(&alice, "Reporting", "30");
    assert_eq!(strip(&alice), [""; 0]);
    server.clock.advance(16 * DAY - Duration::from_secs(1));
    let alice = server.signed_in("alice");
    assert_eq!(strip(&alice), [""; 0]);
    server.clock.advance(8 * DAY + Duration::from_secs(1));
    let alice = server.signed_in("alice");
    assert_eq!(strip(&alice), ["Reporting expires 23 Dec 2026 Rotate"]);
    assert!(alice.get(LIST).page().times().contains(&"23 Dec 2026 12:00 UTC (in 6 days)".to_owned()));
    assert_eq!(strip(&server.signed_in("bob")), [""; 0], "another member's token");
    server.clock.advance(7 * DAY);
    let alice = server.signed_in("alice");
    assert_eq!(strip(&alice), ["Reporting expired 23 Dec 2026, 12:00 UTC Rotate"]);
    let link = alice.get("/w/acme").page().link_labeled("Rotate: token Reporting");
    assert!(alice.get(&link).title().starts_with("Rotate token Reporting"));
    rotate(&alice, "Reporting", "none");
    assert_eq!(strip(&alice), [""; 0]);
}

#[db_test]
fn an_unused_token_needs_attention_after_30_days() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = create(&alice, "Reporting", "never");
    server.clock.advance(29 * DAY);
    server.call(&value);
    server.flush();
    server.clock.advance(30 * DAY - Duration::from_secs(1));
    assert_eq!(strip(&server.signed_in("alice")), [""; 0]);
    server.clock.advance(Duration::from_secs(1));
    let alice = server.signed_in("alice");
    assert_eq!(strip(&alice), ["Reporting has not been used for 30 days Delete"]);
    let link = alice.get("/w/acme").page().link_labeled("Delete: token Reporting");
    assert!(alice.get(&link).title().starts_with("Delete token Reporting"));
}

#[db_test]
fn a_rotation_needs_attention_when_its_old_value_is_quiet() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = create(&alice, "Reporting", "never");
    server.call(&old);
    let new = rotate(&alice, "Reporting", "24h").value();
    server.flush();
    server.clock.advance(Duration::from_hours(2));
    assert_eq!(strip(&alice), [""; 0], "the new value was not used");
    server.call(&new);
    server.call(&old);
    server.flush();
    assert_eq!(strip(&alice), [""; 0], "the old value is in use");
    server.clock.advance(Duration::from_hours(1));
    assert_eq!(strip(&alice), ["Reporting : the new value works, and the old one is no longer used Stop old value"]);
    let link = alice.get("/w/acme").page().link_labeled("Stop old value: token Reporting");
    assert_eq!(alice.get(&link).status, 200);
    alice.post(&link, &[]);
    assert_eq!(strip(&alice), [""; 0]);
}

#[db_test]
fn an_ended_value_that_is_still_tried_needs_attention_for_7_days() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let (deleted, stopped) = (create(&alice, "Old dashboard", "never"), create(&alice, "Reporting", "never"));
    alice.post(&alice.delete_path("acme", "Old dashboard"), &[]);
    rotate(&alice, "Reporting", "none");
    for value in [&deleted, &stopped] {
        assert_eq!(server.call(value).status, 401);
    }
    server.flush();
    server.clock.advance(Duration::from_mins(1));
    assert_eq!(
        strip(&alice),
        [
            format!(
                "Reporting : the stopped value rpat…{} is still tried from 127.0.0.1, last 23 Nov 2026, 12:00 UTC See",
                &stopped[42..]
            ),
            format!(
                "Old dashboard was deleted, but its value rpat…{} is still tried from 127.0.0.1, last 23 Nov 2026, 12:00 UTC See",
                &deleted[42..]
            ),
        ]
    );
    let page = alice.get(LIST).page();
    assert!(page.link_labeled("See: token Old dashboard").ends_with("#deleted") && page.has("#deleted"));
    server.clock.advance(7 * DAY);
    assert_eq!(strip(&server.signed_in("alice")), [""; 0]);
}

/// An administrator also sees the numbers of the whole workspace, each with the list that it counts.
#[db_test]
fn an_administrator_sees_how_many_tokens_of_the_workspace_need_attention() {
    let server = TestServer::start();
    let bob = server.signed_in("bob");
    create(&bob, "Export", "30");
    create(&bob, "Import", "30");
    assert_eq!(strip(&server.signed_in("alice")), [""; 0]);
    server.clock.advance(24 * DAY);
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    assert_eq!(strip(&bob).len(), 2, "Bob is no administrator");
    assert_eq!(lines(&alice), ["In the whole workspace: 2 tokens expire within 7 days See"]);
    let link = alice.get("/w/acme").page().link_labeled("See: 2 tokens expire within 7 days");
    assert_eq!(alice.get(&link).page().texts("tbody tr").len(), 2);
    assert!(!alice.get("/w/acme").page().texts(".menu a").iter().any(|it| it.contains("attention")), "own tokens only");

    create(&alice, "Reporting", "30");
    server.clock.advance(7 * DAY);
    let alice = server.signed_in("alice");
    assert_eq!(
        lines(&alice),
        [
            "In the whole workspace: 2 tokens have expired See",
            "In the whole workspace: 2 tokens have not been used for 30 days See"
        ]
    );
    server.clock.advance(24 * DAY);
    let alice = server.signed_in("alice");
    assert_eq!(
        lines(&alice),
        [
            "Reporting expired 16 Jan 2027, 12:00 UTC Rotate",
            "In the whole workspace: 3 tokens have expired See",
            "In the whole workspace: 3 tokens have not been used for 30 days See"
        ]
    );
}
