//! The search of the activity page, also among very many events.

use std::time::Duration;

use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;

const ACTIVITY: &str = "/w/acme/settings/activity";

fn sentences(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text());
    page.page().texts("tbody p.sentence").iter().map(|text| text.replace(" .", ".")).collect()
}

fn search(browser: &Browser, query: &str) -> Vec<String> {
    sentences(&browser.get(&format!("{ACTIVITY}?{query}")))
}

fn older(page: &Answer) -> Option<String> {
    page.page().attributes("nav.pages a[rel=next]", "href").pop()
}

/// Adds this many events of Alice, one a second, the latest one now. The oldest one is about the token `Needle`.
fn add_events(server: &TestServer, count: u32) {
    let now = server.now().micros();
    server.db_execute(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
         INSERT INTO events (at, kind, action, actor, actor_name, actor_email, workspace, token_name, ip, agent) \
         SELECT {now} - CAST(i AS BIGINT) * 1000000, 'x', CASE i WHEN {} THEN 'workspace_changed' ELSE 'token_created' END, \
         (SELECT uuid FROM users WHERE name = 'Alice'), 'Alice', 'alice@example.org', \
         (SELECT uuid FROM workspaces WHERE slug = 'acme'), CASE i WHEN {} THEN 'Needle' ELSE 'Job ' || i END, \
         '192.0.2.1', 'curl/8.5.0' FROM n",
        count - 1,
        count - 2,
        count - 1
    ));
}

#[db_test]
fn a_search_finds_names_addresses_tokens_and_clients() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    server.create_token(&bob, "acme", "ÉTÉ Reporting");
    alice.post(&format!("/w/acme/settings/members/{}/revoke", server.uuid_of("bob")), &[]);
    let path = {
        server.create_token(&alice, "acme", "Survey");
        alice.delete_path("acme", "Survey").replace("/delete", "")
    };
    alice.post(&path, &[("name", "Census")]);
    server.db_execute("UPDATE events SET ip = '2001:db8::7', agent = 'Mozilla/5.0 (X11; Linux) Firefox/140.0' WHERE action = 'token_revoked'");
    let (revoked, created) = ("Alice revoked token ÉTÉ Reporting of Bob.", "Bob created token ÉTÉ Reporting.");
    for (query, expected) in [
        ("q=%C3%A9t%C3%A9", &[revoked, created][..]),
        ("q=reporting+ALICE", &[revoked]),
        ("q=bob@example.org+reporting", &[revoked, created]),
        ("q=2001%3Adb8%3A%3A7", &[revoked]),
        ("q=firefox+on+linux", &[revoked]),
        ("q=census", &["Alice renamed token Survey to Census."]),
        ("q=server+dave", &["Server administrator added Dave as Agent."]),
        ("q=reporting&show=tokens", &[revoked, created]),
        ("q=reporting&show=members", &[]),
        ("q=%25", &[]),
        ("q=_", &[]),
        ("q=absent", &[]),
    ] {
        assert_eq!(search(&alice, query), expected, "{query}");
    }
    assert_eq!(search(&bob, "q=reporting"), [revoked, created]);
    assert_eq!(search(&bob, "q=survey"), [""; 0], "somebody else’s token");
    assert_eq!(search(&alice, "q=%20"), search(&alice, ""));

    let page = alice.get(&format!("{ACTIVITY}?q=Reporting&show=tokens")).page();
    assert_eq!(page.attribute("input[type=search]", "value"), "Reporting");
    assert_eq!(page.attributes("form[role=search] input[type=hidden]", "value"), ["tokens"]);
    assert_eq!(
        page.attributes("nav.filters a", "href"),
        ["", "&show=tokens", "&show=members", "&show=settings", "&show=sign-ins"]
            .map(|show| format!("{ACTIVITY}?q=Reporting{show}"))
    );
    let none = alice.get(&format!("{ACTIVITY}?q=absent&show=tokens"));
    assert!(none.text().contains("No matching events Nothing matches “absent”. Clear the search"), "{}", none.text());
    assert!(none.body.contains(&format!("href=\"{ACTIVITY}?show=tokens\">Clear the search")), "{}", none.body);
    for text in ["q=a%00b%ff", "q", "q=%F0%9F", &format!("q={}", "x".repeat(5000))] {
        assert_eq!(alice.get(&format!("{ACTIVITY}?{text}")).status, 200, "{text}");
    }
}

#[db_test]
fn pages_of_a_search_show_each_match_once() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    add_events(&server, 130);
    let (mut all, mut path) = (Vec::new(), format!("{ACTIVITY}?q=job&show=tokens"));
    loop {
        let page = alice.get(&path);
        assert_eq!(page.page().attribute("input[type=search]", "value"), "job");
        assert_eq!(page.page().texts("nav.filters a[aria-current]"), ["Tokens"]);
        all.extend(sentences(&page));
        assert!(all.len() <= 128, "{path} leads on for ever");
        match older(&page) {
            Some(next) => path = next,
            None => break,
        }
    }
    let expected: Vec<String> = (0..128).map(|nth| format!("Alice created token Job {nth}.")).collect();
    assert_eq!(all, expected);
    let last = alice.get(&path).page();
    assert_eq!(last.texts("nav.pages a"), ["Newest"]);
    assert_eq!(last.attribute("nav.pages a", "href"), format!("{ACTIVITY}?q=job&show=tokens"));
}

#[db_test]
fn a_search_among_very_many_events_stops_and_can_be_continued() {
    let server = TestServer::start();
    server.clock.advance(Duration::from_hours(10));
    let alice = server.signed_in("alice");
    add_events(&server, 10_500);
    let (mut pages, mut path) = (1, format!("{ACTIVITY}?q=needle"));
    let found = loop {
        let page = alice.get(&path);
        let Some(next) = older(&page) else { break page };
        assert_eq!(sentences(&page), [""; 0]);
        let text = page.text();
        assert!(text.contains("Searched back to") && text.contains("Search further back"), "{text}");
        assert!(text.contains("No matching events"), "{text}");
        assert!(next.starts_with(&format!("{ACTIVITY}?q=needle&cursor=")), "{next}");
        (pages, path) = (pages + 1, next);
        assert!(pages < 10, "it goes round in circles");
    };
    assert_eq!((sentences(&found), pages), (vec!["Alice created token Needle.".to_owned()], 4));
    assert!(!found.text().contains("Searched back to"), "the search is complete");

    // A category with few events is found by the database, further back.
    let settings = alice.get(&format!("{ACTIVITY}?show=settings"));
    assert_eq!(sentences(&settings), [""; 0]);
    assert!(settings.text().contains("Nothing of this kind is among the latest events."), "{}", settings.text());
    let rest = alice.get(&older(&settings).unwrap());
    assert_eq!(sentences(&rest).len(), 2, "{}", rest.text());

    // A full page is shorter than what a search reads.
    let full = alice.get(&format!("{ACTIVITY}?q=job"));
    assert_eq!(sentences(&full).len(), 50);
    assert!(!full.text().contains("Searched back to"), "{}", full.text());
}

#[db_test]
fn a_search_shows_all_matches_of_one_moment_together() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    add_events(&server, 80);
    server.db_execute("UPDATE events SET at = (SELECT max(at) FROM events) WHERE token_name LIKE 'Job %'");
    let page = alice.get(&format!("{ACTIVITY}?q=job"));
    assert_eq!((sentences(&page).len(), older(&page)), (79, None));
    let all = alice.get(ACTIVITY);
    assert_eq!(sentences(&all).iter().filter(|it| it.contains("Job")).count(), 78);
    assert!(older(&all).is_some());
}
