//! The page of a token: its states, its readers, its note.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use latchkey::base::day::Day;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::{TestServer, proxy_settings};

const DAY: Duration = Duration::from_hours(24);

/// The path of a token's page.
fn path_of(owner: &Browser, name: &str) -> String {
    owner.delete_path("acme", name).replace("/delete", "")
}

fn rotate(owner: &Browser, path: &str, grace: &str) -> String {
    let form = owner.get(&format!("{path}/rotate"));
    owner.post(&format!("{path}/rotate"), &[("form_key", &form.hidden("form_key")), ("grace", grace)]).value()
}

fn call_from(server: &TestServer, value: &str, ip: &str, agent: &str) {
    let call = server.api("GET", "/api/v2/workspace.json").bearer(value).header("User-Agent", agent);
    call.header("X-Forwarded-For", ip).send();
}

/// The state beside the last use.
fn state(page: &Answer) -> Vec<String> {
    page.page().texts(".lead .tag")
}

#[db_test]
fn the_page_shows_calls_callers_and_events_until_the_token_is_purged() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let path = path_of(&alice, "Reporting");
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
    let new = rotate(&alice, &path, "7d");
    server.call(&new);
    server.flush();
    let page = alice.get(&path);
    assert_eq!(state(&page), ["Rotating"]);
    let bars = |class: &str| page.page().attribute(&format!(".chart path.{class}"), "d");
    assert_eq!((bars("bar-old"), bars("bar-new")), ("M638 160V48".to_owned(), "M638 48V10".to_owned()));
    let legend = page.page().text_of(".legend");
    assert_eq!(legend, format!("4 calls in 30 days new value old value rpat…{}", &value[42..]));
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
    let path = path_of(&bob, "Import");
    assert_eq!(bob.get(&path).page().texts(".head .bar a"), ["Rotate", "Report as exposed", "Delete"]);

    let alice = server.signed_in("alice");
    let page = alice.get(&path);
    assert_eq!((page.status, page.page().texts(".head .bar a")), (200, vec!["Revoke".to_owned()]));
    assert!(!page.page().has("main form"), "no form of the owner");
    assert_eq!(page.page().texts(".crumb a"), ["All tokens"]);
    assert!(
        page.text().contains("Owner Bob ( bob@example.org )") || page.text().contains("Owner Bob (bob@example.org)")
    );
    assert_eq!(alice.post(&format!("{path}/note"), &[("note", "mine")]).status, 404);

    server.create_token(&alice, "acme", "Reporting");
    let of_alice = path_of(&alice, "Reporting");
    assert_eq!(bob.get(&of_alice).status, 404);
    assert_eq!(server.signed_in("dave").get(&path).status, 403, "an agent");
}

#[db_test]
fn the_owner_changes_the_note() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let path = path_of(&alice, "Reporting");
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

#[db_test]
fn an_expiry_is_announced_and_a_call_after_it_is_in_the_timeline() {
    let server = TestServer::start_with(proxy_settings());
    let alice = server.signed_in("alice");
    let form = alice.get("/w/acme/settings/tokens/new");
    let fields = [("name", "Reporting"), ("form_key", &form.hidden("form_key")), ("expiry", "30")];
    let value = alice.post("/w/acme/settings/tokens", &fields).value();
    let path = path_of(&alice, "Reporting");
    server.call(&value);
    server.flush();
    assert_eq!(state(&alice.get(&path)), ["Active"]);
    server.clock.advance(25 * DAY);
    let alice = server.signed_in("alice");
    let page = alice.get(&path);
    assert_eq!(state(&page), ["Expires soon"]);
    assert!(page.text().contains("Expiry Expires 23 Dec 2026"), "{}", page.text());
    server.clock.advance(6 * DAY);
    let alice = server.signed_in("alice");
    call_from(&server, &value, "203.0.113.7", "curl/8.5.0");
    server.flush();
    let page = alice.get(&path);
    assert_eq!(state(&page), ["Expired"]);
    assert!(page.page().text_of(".legend").starts_with("0 calls · 1 rejected in 30 days"), "{}", page.text());
    let ended = format!("A call with the ended value rpat…{} of token Reporting of Alice was rejected.", &value[42..]);
    assert_eq!(page.page().texts(".sentence")[0], ended);
    assert!(page.text().contains("from 203.0.113.7"), "{}", page.text());
    assert_eq!(page.page().texts(".head .bar a"), ["Rotate", "Report as exposed", "Delete"]);
}

#[db_test]
fn callers_of_the_last_week_are_marked_and_those_without_a_row_are_counted_together() {
    let server = TestServer::start_with(proxy_settings());
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let path = path_of(&alice, "Reporting");
    call_from(&server, &value, "203.0.113.7", "python-requests/2.32.3");
    server.flush();
    let callers = |browser: &Browser| browser.get(&path).page().texts("section[aria-labelledby=callers] tbody th");
    assert_eq!(callers(&alice), ["203.0.113.7"], "the first caller is not new");
    server.clock.advance(DAY);
    call_from(&server, &value, "198.51.100.20", "curl/8.5.0");
    server.flush();
    assert_eq!(callers(&alice), ["198.51.100.20 new", "203.0.113.7"]);
    server.clock.advance(7 * DAY);
    let alice = server.signed_in("alice");
    assert_eq!(callers(&alice), ["198.51.100.20", "203.0.113.7"], "a week later");

    for nth in 0..22 {
        server.clock.advance(Duration::from_secs(1));
        call_from(&server, &value, &format!("192.0.2.{nth}"), "curl/8.5.0");
    }
    server.flush();
    let all = callers(&alice);
    assert_eq!((all.len(), all.iter().filter(|it| *it == "Other callers").count()), (21, 1), "{all:?}");
    let others = alice.get(&path).page().texts("section[aria-labelledby=callers] tbody tr");
    let others = others.iter().find(|row| row.starts_with("Other callers")).unwrap();
    assert!(others.ends_with(" 4"), "24 callers, 20 rows: {others}");
}

#[db_test]
fn the_timeline_shows_who_changed_the_token_and_from_where() {
    let server = TestServer::start_with(proxy_settings());
    let alice = server.signed_in("alice").at("198.51.100.7");
    let value = server.create_token(&alice, "acme", "Import");
    let path = path_of(&alice, "Import");
    alice.post(&path, &[("name", "Reporting")]);
    rotate(&alice, &path, "none");
    call_from(&server, &value, "203.0.113.7", "Wget/1.21.3");
    server.flush();
    alice.post(&format!("{path}/delete"), &[]);
    let page = alice.get(&path).page();
    let said = [
        "Alice deleted token Reporting .",
        &format!("A call with the ended value rpat…{} of token Reporting of Alice was rejected.", &value[42..]),
        "Alice rotated token Reporting and stopped the old value immediately.",
        "Alice renamed token Import to Reporting .",
        "Alice created token Import .",
    ];
    assert_eq!(page.texts(".sentence"), said);
    let sources = page.texts("article p:last-child");
    for (nth, source) in [(0, "alice@example.org · from 198.51.100.7"), (1, "from 203.0.113.7"), (4, "198.51.100.7")] {
        assert!(sources[nth].contains(source), "{sources:?}");
    }
    assert_eq!(page.text_of("#uuid"), path.rsplit('/').next().unwrap());
    assert_eq!(page.attributes("button[data-copy=uuid]", "type"), ["button"]);
}

#[db_test]
fn the_largest_page_is_small() {
    let server = TestServer::start_with(proxy_settings());
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let path = path_of(&alice, "Reporting");
    for nth in 0..22 {
        call_from(&server, &value, &format!("2001:db8:1111:2222:3333:4444:5555:{nth:x}"), "python-requests/2.32.3");
    }
    rotate(&alice, &path, "7d");
    server.flush();
    for nth in 0..25 {
        alice.post(&path, &[("name", &format!("Reporting for the finance team, {nth}"))]);
    }
    alice.post(&format!("{path}/note"), &[("note", &"w".repeat(280))]);
    let today = Day::containing(server.now()).number();
    let rows = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90) INSERT INTO usage_days \
         SELECT {today} - i, id, 1000 + 17 * i + id, 3 + i % 4 FROM n CROSS JOIN token_values"
    );
    server.database.connect().batch_execute(&rows).unwrap();
    let sizes = ["", "?days=90"].map(|query| alice.get(&format!("{path}{query}")).body.len());
    assert!(sizes.iter().all(|size| *size < 30_000), "{sizes:?}");
    let page = alice.get(&path);
    assert_eq!(page.page().texts(".sentence").len(), 20);
    assert!(page.text().contains("These are the latest 20 events."), "{}", page.text());
}
