//! The activity pages: who sees which events, paging, retention.

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey::config::ServerArgs;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::{TestServer, plain_settings};

const ACTIVITY: &str = "/w/acme/settings/activity";

/// The sentences on the page, the latest first.
fn sentences(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text());
    let sentences = page.page().texts("p.sentence");
    sentences.iter().map(|text| text.replace(" .", ".").replace(" ,", ",")).collect()
}

/// Where the page says that it goes on.
fn older(page: &Answer) -> Option<String> {
    page.page().attributes("a[rel=next]", "href").pop()
}

/// What somebody reads who goes on from page to page.
fn all_pages(browser: &Browser, path: &str) -> Vec<Answer> {
    let mut pages = vec![browser.get(path)];
    while let Some(older) = older(pages.last().unwrap()) {
        pages.push(browser.get(&older));
        assert!(pages.len() < 100, "it goes round in circles");
    }
    pages
}

#[db_test]
fn events_are_described_in_readable_sentences() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    server.create_token(&bob, "acme", "Reporting");
    let path = bob.delete_path("acme", "Reporting").replace("/delete", "");
    let key = bob.get(&format!("{path}/rotate")).hidden("form_key");
    bob.post(&format!("{path}/rotate"), &[("form_key", &key), ("grace", "24h")]);
    bob.post(&format!("{path}/retire"), &[]);
    bob.post(&path, &[("name", "Monthly")]);
    let members = format!("/w/acme/settings/members/{}", server.uuid_of("bob"));
    alice.post(&members, &[("role", "administrator")]);
    alice.post(&format!("{members}/revoke"), &[]);
    let general = alice.get("/w/acme/settings");
    assert_eq!(general.status, 200);
    let fields = [("kind", "production"), ("country", ""), ("languages", "eng"), ("timezone", "UTC")];
    let fields = [&fields[..], &[("name", "Acme Ltd"), ("date_style", "day_first")]].concat();
    assert_eq!(alice.post("/w/acme/settings", &fields).status, 303);
    alice.post(&format!("{members}/remove"), &[]);

    let page = alice.get(ACTIVITY);
    assert_eq!(
        sentences(&page)[..9],
        [
            "Alice removed Bob.",
            "Alice changed the settings: name (Acme to Acme Ltd).",
            "Alice revoked token Monthly of Bob.",
            "Alice changed the role of Bob from Editor to Administrator.",
            "Bob renamed token Reporting to Monthly.",
            "Bob stopped the old value of token Reporting.",
            "Bob rotated token Reporting and kept the old value for 24 hours.",
            "Bob created token Reporting.",
            "Alice signed in.",
        ]
    );
    assert!(sentences(&page).contains(&"Server administrator added Dave as Agent.".to_owned()));
    assert!(page.text().contains("Alice removed Bob . 23 Nov 2026, 12:00 UTC alice@example.org 127.0.0.1"));
    assert!(page.text().contains("added Dave as Agent. 23 Nov 2026, 12:00 UTC — the command line"), "{}", page.text());
}

#[db_test]
fn a_member_sees_their_own_events_and_an_administrator_sees_all() {
    let server = TestServer::start();
    let (alice, bob, dave) = (server.signed_in("alice"), server.signed_in("bob"), server.signed_in("dave"));
    server.create_token(&alice, "acme", "Hers");
    server.create_token(&bob, "acme", "His");
    server.create_token(&bob, "acme-demo", "Elsewhere");
    alice.post(&format!("/w/acme/settings/members/{}/revoke", server.uuid_of("bob")), &[]);
    server.signed_in("charlie");
    assert_eq!(
        sentences(&bob.get(ACTIVITY)),
        [
            "Alice revoked token His of Bob.",
            "Bob created token His.",
            "Bob signed in.",
            "Server administrator added Bob as Editor.",
            "An account was created for Bob.",
        ]
    );
    assert_eq!(
        sentences(&dave.get(ACTIVITY)),
        ["Dave signed in.", "Server administrator added Dave as Agent.", "An account was created for Dave."]
    );
    let hers = sentences(&alice.get(ACTIVITY));
    for says in [
        "Alice created token Hers.",
        "Bob created token His.",
        "Server administrator added Dave as Agent.",
        "Alice signed in.",
    ] {
        assert!(hers.contains(&says.to_owned()), "{says}: {hers:?}");
    }
    for hides in [
        "Bob signed in.",
        "Dave signed in.",
        "Bob created token Elsewhere.",
        "Server administrator added Charlie as Administrator.",
    ] {
        assert!(!hers.contains(&hides.to_owned()), "{hides}: {hers:?}");
    }
}

#[db_test]
fn each_event_is_in_one_category_and_an_unknown_category_shows_all() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let of = |query: &str| sentences(&alice.get(&format!("{ACTIVITY}{query}")));
    let all = of("");
    let groups = ["?show=tokens", "?show=members", "?show=settings", "?show=sign-ins"].map(of);
    assert_eq!(groups[0], ["Alice created token Reporting."]);
    assert_eq!(groups[1].len(), 3);
    assert_eq!(groups[2], ["Server administrator created this production workspace."]);
    assert_eq!(groups[3], ["Alice signed in.", "An account was created for Alice."]);
    assert_eq!(groups.concat().into_iter().collect::<BTreeSet<_>>(), all.iter().cloned().collect());
    for query in
        ["?show=nonsense", "?show=", "?cursor=nonsense", "?cursor=", "?cursor=%FF", "?show=tokens&show=members", "?x=%"]
    {
        assert_eq!(of(query), all, "{query}");
    }
    let chosen = alice.get(&format!("{ACTIVITY}?show=members"));
    assert!(chosen.body.contains("?show=members\" aria-current=\"true\""), "{}", chosen.body);
}

#[db_test]
fn the_cursor_returns_each_event_once_while_events_are_added() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    server.create_token(&alice, "acme", "Name 0");
    let path = alice.delete_path("acme", "Name 0").replace("/delete", "");
    for nth in 1..=120 {
        // Several in one moment, at the ends of pages too.
        server.clock.advance(Duration::from_millis(u64::from(nth % 3 == 0)));
        assert_eq!(alice.post(&path, &[("name", &format!("Name {nth}"))]).status, 303);
    }
    let first = sentences(&alice.get(ACTIVITY));
    assert!((45..=50).contains(&first.len()), "{}", first.len());
    let mut pages = vec![alice.get(ACTIVITY)];
    server.create_token(&alice, "acme", "Meanwhile");
    pages.extend(all_pages(&alice, &older(&pages[0]).unwrap()));
    assert!(pages.len() >= 3, "{} pages", pages.len());
    let told: Vec<String> = pages.iter().flat_map(sentences).collect();
    let renamed: Vec<&String> = told.iter().filter(|it| it.contains("renamed token")).collect();
    let expected: Vec<String> =
        (1..=120).rev().map(|nth| format!("Alice renamed token Name {} to Name {nth}.", nth - 1)).collect();
    assert_eq!(renamed, expected.iter().collect::<Vec<_>>());
    let count = "SELECT CAST(count(*) AS TEXT) AS text FROM events WHERE token_name != 'Meanwhile' \
                 AND workspace = (SELECT uuid FROM workspaces WHERE slug = 'acme')";
    let of_account = sentences(&alice.get(&format!("{ACTIVITY}?show=sign-ins"))).len();
    let without_token = 4;
    assert_eq!(told.len(), server.rows(count)[0].parse::<usize>().unwrap() + without_token + of_account);

    // More than a page in one moment, for somebody who sees but their own.
    server.clock.advance(Duration::from_secs(1));
    server.create_token(&bob, "acme", "Bob 0");
    let path = bob.delete_path("acme", "Bob 0").replace("/delete", "");
    for nth in 1..=60 {
        bob.post(&path, &[("name", &format!("Bob {nth}"))]);
    }
    let pages = all_pages(&bob, ACTIVITY);
    let told: Vec<String> = pages.iter().flat_map(sentences).collect();
    assert_eq!(pages.len(), 2, "one moment is one page");
    assert_eq!(told.len(), 61 + 3);
    assert_eq!(told[..2], ["Bob renamed token Bob 59 to Bob 60.", "Bob renamed token Bob 58 to Bob 59."]);
    assert!(pages[1].body.contains(&format!("href=\"{ACTIVITY}\">Newest</a>")));
}

#[db_test]
fn an_event_of_a_page_names_the_client() {
    let server = TestServer::empty(plain_settings());
    let code = server.setup_url.as_ref().unwrap().split("code=").nth(1).unwrap().to_owned();
    let (alice, kim) = (server.browser(), server.browser());
    let hers = [("name", "Alice"), ("email", "alice@example.org"), ("password", "seven blue kettles")];
    let set_up = [&hers[..], &[("code", &code), ("workspace", "Acme"), ("demo", "yes")]].concat();
    assert_eq!(alice.post("/setup", &set_up).header("location"), "/w/acme");
    assert_eq!(alice.post("/workspaces/new", &[("name", "Tea"), ("kind", "demo")]).status, 303);
    let his = [("name", "Kim"), ("email", "kim@example.org"), ("password", "eight green kettles")];
    assert_eq!(kim.post(&server.invite(&alice, "editor"), &his).status, 303);
    let member = format!("/w/acme/settings/members/{}", server.uuid_of("kim"));
    assert_eq!(alice.post(&member, &[("role", "administrator")]).status, 303);
    assert_eq!(alice.post(&format!("{member}/remove"), &[]).status, 303);
    assert_eq!(kim.post(&server.invite(&alice, "editor"), &[("join", &server.uuid_of("kim"))]).status, 303);

    let happened: BTreeSet<String> = server.rows("SELECT action AS text FROM events").into_iter().collect();
    for action in ["user_created", "workspace_created", "member_added", "member_removed", "invitation_used"] {
        assert!(happened.contains(action), "{action}: {happened:?}");
    }
    assert_eq!(server.rows("SELECT action AS text FROM events WHERE ip IS NULL"), Vec::<String>::new());
}

#[db_test]
fn activity_pages_are_read_only() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let page = alice.get(ACTIVITY);
    let main = page.between("<main id=\"main\">", "</main>").unwrap();
    assert!(page.page().has("main form[role=search]") && main.matches("<form").count() == 1, "{main}");
    assert!(!main.contains("method=") && main.matches("<button").count() == 1, "{main}");
    let before = server.db_rows(&["events"]);
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let headers = [("Sec-Fetch-Site", "same-origin")];
        assert_eq!(alice.send(method, ACTIVITY, &headers, &[], Vec::new()).status, 405, "{method}");
    }
    assert_eq!(server.db_rows(&["events"]), before);
}

#[db_test]
fn events_keep_the_names_of_their_time() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    server.create_token(&bob, "acme", "Reporting");
    server.db_execute("UPDATE users SET name = 'Robert', email = 'r@example.org' WHERE name = 'Bob'");
    let page = alice.get(ACTIVITY);
    assert!(sentences(&page).contains(&"Bob created token Reporting.".to_owned()));
    assert!(page.text().contains(" bob@example.org "));
}

#[db_test]
fn events_are_purged_after_the_retention_time_and_not_earlier() {
    let mut server = TestServer::start_with(ServerArgs { keep_events: 30, ..plain_settings() });
    let count = |server: &TestServer, word: &str| {
        server.rows(&format!("SELECT action AS text FROM events WHERE action = '{word}'")).len()
    };
    assert_eq!(count(&server, "member_added"), 6);
    server.clock.advance(Duration::from_hours(29 * 24));
    let says = server.signed_in("alice").get(ACTIVITY).text();
    assert!(says.contains("They are kept for 30 days."), "{says}");
    server.restart();
    server.clock.advance(Duration::from_hours(24) + Duration::from_secs(1));
    assert_eq!(count(&server, "member_added"), 6);
    // A day deletes ten of these events.
    for days in 1..=2 {
        server.signed_in("alice");
        server.restart();
        server.wait_until(|server| {
            server.rows("SELECT key AS text FROM settings WHERE key = 'purged_events'").len() == 1
        });
        server.wait_until(|server| count(server, "member_added") < if days == 1 { 6 } else { 1 });
        server.clock.advance(Duration::from_hours(24));
    }
    assert_eq!(count(&server, "signed_in"), 3, "what is younger stays");
}
