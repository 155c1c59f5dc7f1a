//! The usage page of a workspace, and its card on the overview.

use std::time::Duration;

use latchkey::usage::UsageRecorder;

use super::usage_tracking::{client, flush, id_of};
use crate::support::browser_client::Browser;
use crate::support::html::Page;
use crate::support::{TestServer, query_log};

const USAGE: &str = "/w/acme/settings/usage";

const DAY: Duration = Duration::from_hours(24);

/// The rows of a list of tokens: `Reporting rpat…abcd Alice 1,200`.
fn rows(page: &Page, section: &str) -> Vec<String> {
    let texts = |cell: &str| page.texts(&format!("section[aria-labelledby={section}] tbody {cell}"));
    let hint = |name: String| {
        name.split_once(" rpat…").map(|(name, rest)| format!("{name} {}", &rest[4..].trim_start())).unwrap()
    };
    texts("th")
        .into_iter()
        .map(hint)
        .zip(texts("td:nth-child(2)"))
        .map(|(name, count)| format!("{name} {count}"))
        .collect()
}

/// Starts the server again and waits for the count of its tokens at the current time.
fn count_tokens(server: &mut TestServer) {
    server.clock.advance(Duration::from_millis(1));
    server.restart();
    let now = server.now().micros();
    let counted = format!("SELECT CAST(token_id AS TEXT) AS text FROM top_tokens WHERE counted_at >= {now}");
    server.wait_until(|server| !server.rows(&counted).is_empty());
}

/// Records this many calls and rejected calls with a value, now.
fn record(server: &TestServer, value: &str, calls: u32, rejected: u32) {
    let (id, uses) = (id_of(server, value), UsageRecorder::default());
    (0..calls).for_each(|_| uses.record(id, client("tool/1.0"), server.now()));
    (0..rejected).for_each(|_| uses.record_rejected(id, client("tool/1.0"), server.now()));
    flush(&uses, server);
}

#[db_test]
fn the_page_lists_the_five_busiest_tokens_and_those_with_rejected_calls() {
    let mut server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let mut tokens: Vec<(Browser, &str, String)> = Vec::new();
    server.add_to_acme("charlie", latchkey::workspaces::model::Role::Editor);
    let charlie = server.signed_in("charlie");
    for (nth, (browser, name)) in
        [(&alice, "One"), (&alice, "Two"), (&alice, "Three"), (&bob, "Four"), (&bob, "Five"), (&charlie, "Six")]
            .into_iter()
            .enumerate()
    {
        let value = server.create_token(browser, "acme", name);
        record(&server, &value, [10, 1200, 30, 5, 6, 7][nth], [0, 0, 2, 0, 9, 0][nth]);
        tokens.push((browser.moved_to(server.address), name, value));
    }
    let other = server.create_token(&alice, "acme-demo", "Elsewhere");
    record(&server, &other, 5000, 50);
    let page = alice.get(USAGE).page();
    assert!(page.text().contains("Not counted yet. Tokens are counted at least once an hour."), "{}", page.text());

    count_tokens(&mut server);
    let alice = alice.moved_to(server.address);
    let page = alice.get(USAGE).page();
    assert_eq!(
        rows(&page, "busiest"),
        ["Two Alice 1,200", "Three Alice 30", "One Alice 10", "Six Charlie 7", "Five Bob 6"]
    );
    let last = "Last attempt 23 Nov 2026, 12:00 UTC from 127.0.0.1 (tool/1.0)";
    assert_eq!(rows(&page, "rejected"), [format!("Five Bob {last} 9"), format!("Three Alice {last} 2")]);
    assert!(page.text_of(".counted").starts_with("Counted 23 Nov 2026, 12:00 UTC"), "{}", page.text_of(".counted"));
    let first = page.attributes("section[aria-labelledby=busiest] tbody a", "href").remove(0);
    assert_eq!(first, alice.delete_path("acme", "Two").replace("/delete", ""));
    assert!(alice.get(USAGE).body.len() < 30 * 1024);

    // A deleted token stays in the list as long as its calls are in the 30 days.
    alice.post(&alice.delete_path("acme", "Two"), &[]);
    assert_eq!(rows(&alice.get(USAGE).page(), "busiest")[0], "Two Deleted Alice 1,200");
    server.clock.advance(29 * DAY);
    count_tokens(&mut server);
    let alice = server.signed_in("alice");
    assert_eq!(rows(&alice.get(USAGE).page(), "busiest").len(), 5);
    record(&server, &tokens[0].2, 1, 0);
    server.clock.advance(DAY);
    count_tokens(&mut server);
    let alice = server.signed_in("alice");
    assert_eq!(rows(&alice.get(USAGE).page(), "busiest"), ["One Alice 1"]);
    assert_eq!(rows(&alice.get(USAGE).page(), "rejected"), [""; 0]);
    server.clock.advance(30 * DAY);
    server.restart();
    server.wait_until(|server| server.rows("SELECT CAST(token_id AS TEXT) AS text FROM top_tokens").is_empty());
    let page = server.signed_in("alice").get(USAGE).page();
    assert!(page.text().contains("No token was used in the last 30 days."));
}

#[db_test]
fn the_values_of_a_token_count_together() {
    let mut server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let key = alice.get(&path).hidden("form_key");
    record(&server, &old, 3, 1);
    let new = alice.post(&path, &[("grace", "30d"), ("form_key", &key)]).value();
    record(&server, &new, 4, 2);
    server.clock.advance(DAY);
    record(&server, &new, 1, 0);
    count_tokens(&mut server);
    let page = alice.moved_to(server.address).get(USAGE).page();
    assert_eq!(rows(&page, "busiest"), ["Reporting Alice 8"]);
    let last = "Last attempt 23 Nov 2026, 12:00 UTC from 127.0.0.1 (tool/1.0)";
    assert_eq!(rows(&page, "rejected"), [format!("Reporting Alice {last} 3")]);
}

#[db_test]
fn unused_tokens_are_those_of_the_filter_and_the_first_five_are_on_the_page() {
    let server = TestServer::start();
    server.add_to_acme("charlie", latchkey::workspaces::model::Role::Editor);
    for name in ["alice", "bob", "charlie"] {
        let browser = server.signed_in(name);
        ["A", "B", "C"].iter().for_each(|token| drop(server.create_token(&browser, "acme", token)));
        server.clock.advance(DAY);
    }
    let page = |name: &str| server.signed_in(name).get(USAGE).page();
    assert!(page("alice").text().contains("No token has been unused for 30 days."));
    server.clock.advance(28 * DAY);
    let of_bob = page("alice");
    assert_eq!(rows(&of_bob, "unused").len(), 3 + 1 + 1, "those of Alice and two of Bob's");
    server.clock.advance(2 * DAY);
    let page = page("alice");
    assert_eq!(rows(&page, "unused").iter().map(|row| &row[..1]).collect::<String>(), "ABCAB");
    assert_eq!(page.texts("main .bar a"), ["Show all 9 unused tokens"]);
    let link = page.attribute("main .bar a", "href");
    assert_eq!(server.signed_in("alice").get(&link).page().texts("tbody tr").len(), 9);
}

#[db_test]
fn an_editor_gets_the_same_refusal_as_on_the_page_of_members() {
    let server = TestServer::start();
    for name in ["bob", "dave"] {
        let browser = server.signed_in(name);
        let [usage, members] = [USAGE, "/w/acme/settings/members"].map(|path| browser.get(path));
        assert_eq!((usage.status, members.status), (403, 403), "{name}");
        assert_eq!(usage.page().text_of("main"), members.page().text_of("main"));
        assert!(!browser.get("/w/acme").page().has("#usage-title"), "{name}");
    }
    assert_eq!(server.signed_in("charlie").get(USAGE).status, 404);
}

#[db_test]
fn the_overview_shows_administrators_the_calls_of_30_days() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&server.signed_in("bob"), "acme", "Import");
    let card = |browser: &Browser| browser.get("/w/acme").page().text_of("section[aria-labelledby=usage-title] .strip");
    assert!(card(&alice).starts_with("0 calls in 30 days"));
    record(&server, &value, 1204, 3);
    assert!(card(&alice).starts_with("1,204 calls · 3 rejected in 30 days"), "{}", card(&alice));
    let links = alice.get("/w/acme").page().attributes("section[aria-labelledby=usage-title] a", "href");
    assert_eq!(links, [USAGE]);
    server.clock.advance(30 * DAY);
    assert!(card(&server.signed_in("alice")).starts_with("0 calls in 30 days"));
    let legend =
        |days: &str| server.signed_in("alice").get(&format!("{USAGE}{days}")).page().texts(".legend").remove(0);
    assert!(legend("?days=90").starts_with("1,204 calls · 3 rejected in 90 days"));
    assert!(legend("?days=7").starts_with("0 calls in 30 days"));
}

#[db_test]
fn the_number_of_queries_does_not_grow_with_the_tokens() {
    query_log::enable();
    let mut server = TestServer::start();
    let queries = |server: &TestServer| {
        let alice = server.signed_in("alice");
        assert_eq!(alice.get(USAGE).status, 200);
        let (page, queries) = query_log::record(&server.database, || alice.get(USAGE));
        assert_eq!(page.status, 200);
        queries.into_iter().filter(|sql| sql.starts_with("SELECT ")).count()
    };
    let values = ["alice", "bob"].map(|name| {
        let browser = server.signed_in(name);
        ["A", "B", "C"].map(|token| server.create_token(&browser, "acme", token))
    });
    record(&server, &values[0][0], 1, 1);
    count_tokens(&mut server);
    let few = queries(&server);
    for day in 0..60 {
        let value = values.as_flattened().iter().cycle().nth(day).unwrap();
        server.clock.advance(DAY);
        record(&server, value, 2, 1);
    }
    count_tokens(&mut server);
    assert_eq!(queries(&server), few);
}
