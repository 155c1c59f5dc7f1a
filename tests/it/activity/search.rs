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
        ("q=revoked+reporting", &[revoked]),
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

/// What the page shows of an event is found, also the last four characters of a value and a new caller.
#[db_test]
fn a_search_finds_every_word_that_the_page_shows() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let call = |program| {
        let status = server.api("GET", "/api/v2/token.json").bearer(&value).header("User-Agent", program).send().status;
        server.flush();
        status
    };
    assert_eq!([call("curl/8.5.0"), call("warehouse/7")], [200, 200]);
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    assert_eq!(call("curl/8.5.0"), 401);
    server.db_execute("UPDATE events SET ip = NULL, agent = NULL");
    let hint = &value[value.len() - 4..];
    let rejected = format!("A call with the ended value rpat…{hint} of token Reporting of Alice was rejected.");
    for query in [format!("q={hint}"), format!("q=rpat%E2%80%A6{hint}"), "q=ended+value".to_owned()] {
        assert_eq!(search(&alice, &query), [rejected.as_str()], "{query}");
    }
    let new = search(&alice, "q=warehouse");
    assert!(new.len() == 1 && new[0].contains(" was used by a new caller: warehouse"), "{new:?}");

    for sentence in sentences(&alice.get(ACTIVITY)) {
        for word in sentence.trim_end_matches('.').split(' ') {
            let word = percent_encoding::utf8_percent_encode(word, percent_encoding::NON_ALPHANUMERIC);
            assert!(search(&alice, &format!("q={word}")).contains(&sentence), "{word}: {sentence}");
        }
    }
}

#[db_test]
fn pages_of_a_search_show_each_match_once() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.add_events(130);
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
    server.add_events(10_500);
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
    server.add_events(80);
    server.db_execute("UPDATE events SET at = (SELECT max(at) FROM events) WHERE token_name LIKE 'Job %'");
    let page = alice.get(&format!("{ACTIVITY}?q=job"));
    assert_eq!((sentences(&page).len(), older(&page)), (78, None));
    let all = alice.get(ACTIVITY);
    assert_eq!(sentences(&all).iter().filter(|it| it.contains("Job")).count(), 78);
    assert!(older(&all).is_some());
}
