//! The page of a token: its states, its readers, its note.

use std::time::Duration;

use crate::support::TestServer;

const DAY: Duration = Duration::from_hours(24);

#[db_test]
fn the_page_shows_calls_callers_and_events_until_the_token_is_purged() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "");
    let page = alice.get(&path);
    assert_eq!((page.status, page.page().texts(".lead .tag")), (200, vec!["Never used".to_owned()]));
    assert_eq!(page.page().texts(".chart-empty"), ["No calls in these 30 days."]);

    (0..3).for_each(|_| drop(server.call(&value)));
    server.flush();
    let page = alice.get(&path);
    assert_eq!(page.page().texts(".lead .tag"), ["Active"]);
    assert!(page.page().texts(".legend")[0].starts_with("3 calls in 30 days"));
    assert_eq!(page.page().texts(".chart ~ details tbody td"), ["3", "0"]);
    assert_eq!(page.page().texts("section[aria-labelledby=callers] tbody td:last-child"), ["3"]);
    assert_eq!(page.page().texts("#timeline").len(), 1);
    assert!(page.page().texts(".sentence").iter().any(|text| text.contains("created token Reporting")));
    assert!(page.body.len() < 30 * 1024, "{} bytes", page.body.len());

    assert_eq!(alice.get("/w/acme/settings/tokens").page().texts(".strip"), ["3 calls in 30 days"]);

    // During a rotation, the calls of both values are in the chart.
    let key = alice.get(&format!("{path}/rotate")).hidden("form_key");
    let new = alice.post(&format!("{path}/rotate"), &[("form_key", &key), ("grace", "7d")]).value();
    server.call(&new);
    server.flush();
    let page = alice.get(&path);
    assert_eq!(page.page().texts(".lead .tag"), ["Rotating"]);
    assert_eq!(page.page().texts(".chart ~ details tbody td"), ["1", "3", "0"]);

    server.clock.advance(31 * DAY);
    let alice = server.signed_in("alice");
    assert_eq!(alice.get(&path).page().texts(".chart-empty"), ["No calls in these 30 days."]);
    assert!(alice.get(&format!("{path}?days=90")).page().texts(".legend")[0].starts_with("4 calls in 90 days"));

    alice.post(&format!("{path}/delete"), &[]);
    server.call(&new);
    server.flush();
    let page = alice.get(&path);
    assert_eq!((page.status, page.page().texts(".lead .tag")), (200, vec!["Deleted".to_owned()]));
    assert!(page.page().texts(".legend")[0].starts_with("0 calls · 1 rejected in 30 days"));
    assert!(page.page().texts(".sentence").iter().any(|text| text.contains("deleted token Reporting")));
    assert_eq!(page.page().texts("main form button"), [""; 0], "a deleted token can't be changed");
}

#[db_test]
fn an_administrator_reads_the_page_of_every_token_and_another_member_only_their_own() {
    let server = TestServer::start();
    let bob = server.signed_in("bob");
    server.create_token(&bob, "acme", "Import");
    let path = bob.delete_path("acme", "Import").replace("/delete", "");
    assert_eq!(bob.get(&path).page().texts(".head .bar a"), ["Rotate", "Report as exposed", "Delete"]);

    let alice = server.signed_in("alice");
    let page = alice.get(&path);
    assert_eq!((page.status, page.page().texts(".head .bar a")), (200, vec!["Revoke".to_owned()]));
    assert_eq!(page.page().texts("section[aria-labelledby=note-title] button"), [""; 0]);
    assert_eq!(alice.post(&format!("{path}/note"), &[("note", "mine")]).status, 404);

    server.create_token(&alice, "acme", "Reporting");
    let of_alice = alice.delete_path("acme", "Reporting").replace("/delete", "");
    assert_eq!(bob.get(&of_alice).status, 404);
    assert_eq!(server.signed_in("dave").get(&path).status, 403, "an agent");
}

#[db_test]
fn the_owner_changes_the_note() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "");
    let note = format!("{path}/note");
    assert_eq!(alice.post(&note, &[("note", "In the vault. Ask Ben.")]).status, 303);
    assert!(alice.get(&path).body.contains("value=\"In the vault. Ask Ben.\""));
    assert!(alice.get("/w/acme/settings/tokens").text().contains("In the vault. Ask Ben."), "the list has the note");
    let long = "x".repeat(281);
    let refused = alice.post(&note, &[("note", &long)]);
    assert_eq!(refused.status, 422);
    assert_eq!(refused.page().texts("#note-error"), ["Use at most 280 characters."]);
    assert!(refused.body.contains(&long), "nothing typed is lost");
    assert_eq!(alice.post(&note, &[("note", "")]).status, 303);
    assert!(!alice.get(&path).body.contains("In the vault"));
}
