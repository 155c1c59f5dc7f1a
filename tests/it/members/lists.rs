//! Lists of members and tokens: search, filters, orders and pages.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::members::many_members::{MEMBERS, TOKENS, add_members, link, names};
use crate::support::TestServer;
use crate::support::browser_client::Browser;

/// All names on the pages from this one on, and the last page.
fn walk(browser: &Browser, path: &str, rel: &str) -> (Vec<String>, String) {
    let (mut all, mut path) = (Vec::new(), path.to_owned());
    loop {
        let page = browser.get(&path);
        assert_eq!(page.status, 200, "{path}");
        let mut names = names(&page);
        assert!((1..=50).contains(&names.len()), "{path}: {}", names.len());
        if rel == "prev" {
            names.reverse();
        }
        all.extend(names);
        assert!(all.len() < 10_000, "{path} leads on for ever");
        match link(&page, rel) {
            Some(next) => path = next,
            None => return (all, path),
        }
    }
}

#[db_test]
fn pages_of_every_order_show_each_row_once_in_both_directions() {
    let server = TestServer::start();
    add_members(&server, 60);
    let alice = server.signed_in("alice");
    for (list, orders, count) in [
        (MEMBERS, &["name", "role", "tokens", "joined", "seen"][..], 63),
        (TOKENS, &["owner", "name", "used", "created", "expires"][..], 180),
    ] {
        for order in orders {
            for direction in ["asc", "desc"] {
                let (mut names, last) = walk(&alice, &format!("{list}?sort={order}&dir={direction}"), "next");
                assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), count, "{list} {order}");
                assert_eq!(names.len(), count, "{list} {order} {direction}");
                let (back, _) = walk(&alice, &last, "prev");
                names.reverse();
                assert_eq!(names, back, "{list} {order} {direction}");
            }
        }
    }
    let (by_name, _) = walk(&alice, MEMBERS, "next");
    assert_eq!(by_name[..6], ["Alice", "Bob", "Dave", "Person 0", "Person 1", "Person 2"]);
    assert_eq!(by_name[62], "Person 59");
    let (by_name, _) = walk(&alice, &format!("{TOKENS}?sort=name&dir=desc"), "next");
    assert_eq!((&*by_name[0], &*by_name[1], &*by_name[179]), ("Job 179", "Job 178", "Job 0"));
    let page = alice.get(&format!("{TOKENS}?filter=rotating&sort=name"));
    assert_eq!(names(&page), ["Job 0", "Job 50", "Job 100", "Job 150"]);
    let head = page.page();
    assert_eq!(head.attributes("th[aria-sort]", "aria-sort"), ["ascending"]);
    assert_eq!(head.attribute("th[aria-sort] a", "href"), format!("{TOKENS}?filter=rotating&sort=name&dir=desc"));
    assert_eq!(head.texts("nav.pages p"), ["1–4 of 4"]);
}

#[db_test]
fn a_page_says_its_place_and_keeps_search_filter_and_order() {
    let server = TestServer::start();
    add_members(&server, 60);
    let alice = server.signed_in("alice");
    let first = alice.get(&format!("{MEMBERS}?q=PERSON&filter=editor&sort=joined"));
    assert!(first.text().contains("1–50 of 54") && !first.text().contains("Editors 5"), "{}", first.text());
    let second = alice.get(&link(&first, "next").unwrap());
    assert!(second.text().contains("51–54 of 54"), "{}", second.text());
    let page = second.page();
    assert_eq!(page.attribute("input[type=search]", "value"), "PERSON");
    assert_eq!(page.attributes("form[role=search] input[type=hidden]", "value"), ["editor", "joined"]);
    assert_eq!(page.texts("nav.filters a[aria-current]"), ["Editors"]);
    assert_eq!(page.texts("th[aria-sort=descending]"), ["Joined"]);
    let back = alice.get(&link(&second, "prev").unwrap());
    assert_eq!(names(&back), names(&first));
    assert!(alice.get(MEMBERS).text().contains("All 63 Administrators 1 Editors 55 Agents 7"));
    for (search, expected) in [
        ("person%2059", &["Person 59"][..]),
        ("P59@example.net", &["Person 59"]),
        ("59%20PERS", &["Person 59"]),
        ("alice", &["Alice"]),
        ("%25", &[]),
        ("_", &[]),
        ("%5C", &[]),
        ("nobody", &[]),
    ] {
        let page = alice.get(&format!("{MEMBERS}?q={search}"));
        assert_eq!(
            (page.status, names(&page)),
            (200, expected.iter().map(|it| (*it).to_owned()).collect()),
            "{search}"
        );
    }
    let nobody = alice.get(&format!("{MEMBERS}?q=nobody&sort=role"));
    assert!(nobody.text().contains("No matching members Nothing matches “nobody”. Clear the search"));
    assert!(nobody.body.contains(&format!("href=\"{MEMBERS}?sort=role\"")), "{}", nobody.body);
    for (search, expected) in [("job%20179", 1), ("p3@example.net", 3), ("0170", 1)] {
        let page = alice.get(&format!("{TOKENS}?q={search}"));
        assert_eq!(names(&page).len(), expected, "{search}: {}", page.text());
    }
}

#[db_test]
fn an_unknown_value_or_cursor_shows_the_first_page() {
    let server = TestServer::start();
    add_members(&server, 60);
    let alice = server.signed_in("alice");
    for list in [MEMBERS, TOKENS] {
        let first = alice.get(list);
        let cursor = |json: &str| {
            use base64::Engine as _;
            base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(json)
        };
        let others = link(&alice.get(&format!("{list}?sort=name&dir=desc")), "next").unwrap();
        let others = others.rsplit("after=").next().unwrap().to_owned();
        let cursors = [
            String::new(),
            "nonsense".to_owned(),
            "%00".to_owned(),
            "%ff".to_owned(),
            cursor("[50]"),
            cursor("[50,[]]"),
            cursor("[50,[1,2,3,4,5]]"),
            cursor("[50,[\"zzzz\\u0000\",1]]"),
            cursor("[50,[1,\"x\"]]"),
            cursor("[50,[\"\u{10FFFF}\",\"\u{10FFFF}\",9223372036854775807]]"),
            cursor("[50,[\"\u{10FFFF}\",9223372036854775807]]"),
            cursor("[99999999999,[\"a\",1]]"),
            cursor("[-1,[\"a\",1]]"),
        ];
        for text in &cursors {
            for side in ["after", "before"] {
                // Before the end of the list is its last page.
                if side == "before" && text.contains("9I-_v") {
                    continue;
                }
                let page = alice.get(&format!("{list}?{side}={text}"));
                assert_eq!((page.status, names(&page)), (200, names(&first)), "{list}?{side}={text}");
            }
        }
        let page = alice.get(&format!("{list}?sort=joined&after={others}"));
        assert_eq!(page.status, 200, "a cursor of another order");
        for text in
            ["sort=nonsense", "dir=up", "filter=nonsense", "filter=", "q=", "q=%20%20", "sort=%00", "after", "&&&=&"]
        {
            let page = alice.get(&format!("{list}?{text}"));
            assert_eq!((page.status, names(&page)), (200, names(&first)), "{list}?{text}");
        }
        let nul = alice.get(&format!("{list}?q=a%00b%ff"));
        assert_eq!((nul.status, names(&nul).len()), (200, 0));
        assert_eq!(alice.get(&format!("{list}?q={}", "x".repeat(5000))).status, 200);
    }
}

#[db_test]
fn the_list_of_tokens_follows_every_change() {
    let server = TestServer::start();
    add_members(&server, 5);
    let agree = |after: &str| {
        let columns = "workspace_id, name_sort, owner_sort, search_text, created_at, value_created_at, ends_at, \
                       retiring_until, used_hour, idle_since, token_id";
        let text = format!(
            "SELECT {} AS text FROM",
            columns.split(", ").map(|it| format!("CAST({it} AS TEXT)")).collect::<Vec<_>>().join(" || ',' || ")
        );
        let [mut listed, mut expected] =
            ["token_listings", "token_listing_rows"].map(|it| server.rows(&format!("{text} {it}")));
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected, "{after}");
        let counted =
            "SELECT CAST(id AS TEXT) || ' ' || CAST(token_count AS TEXT) AS text FROM memberships ORDER BY id";
        let count = "SELECT CAST(id AS TEXT) || ' ' || CAST((SELECT count(*) FROM tokens WHERE membership_id = memberships.id \
                     AND deleted_at IS NULL) AS TEXT) AS text FROM memberships ORDER BY id";
        assert_eq!(server.rows(counted), server.rows(count), "{after}");
        expected.len()
    };
    assert_eq!(agree("a bulk insert"), 15);
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let value = server.create_token(&bob, "acme", "Reporting");
    assert_eq!(agree("a creation"), 16);
    server.call(&value);
    server.flush();
    agree("a first use");
    server.clock.advance(Duration::from_hours(2));
    server.call(&value);
    server.flush();
    agree("a later use");
    let path = bob.delete_path("acme", "Reporting");
    let rotate = path.replace("/delete", "/rotate");
    let key = bob.get(&rotate).hidden("form_key");
    bob.post(&rotate, &[("form_key", &key), ("grace", "24h")]);
    agree("a rotation");
    assert_eq!(names(&alice.get(&format!("{TOKENS}?filter=rotating"))), ["Reporting", "Job 0"]);
    bob.post(path.trim_end_matches("/delete"), &[("name", "Reports 2")]);
    agree("a new name");
    bob.post("/account/name", &[("name", "Robert")]);
    agree("a new name of the owner");
    assert_eq!(names(&alice.get(&format!("{TOKENS}?q=robert"))), ["Reports 2"]);
    assert_eq!(names(&alice.get(&format!("{MEMBERS}?q=robert"))), ["Robert"]);
    bob.post(&path.replace("/delete", "/retire"), &[]);
    agree("the end of an old value");
    bob.post(&path, &[]);
    assert_eq!(agree("a deletion"), 15);
    server.create_token(&bob, "acme", "Last");
    alice.post(&format!("{MEMBERS}/{}/remove", server.uuid_of("bob")), &[]);
    assert_eq!(agree("a removal"), 15);
    server.db_execute("DELETE FROM token_values WHERE end_reason = 'retired'");
    agree("a purge");
}

#[db_test]
fn selected_tokens_are_revoked_together() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let values = ["One", "Two", "Three"].map(|name| server.create_token(&bob, "acme", name));
    let charlies = server.create_token(&server.signed_in("charlie"), "other", "Charlie’s");
    let foreign = server.rows("SELECT uuid AS text FROM tokens WHERE name = 'Charlie’s'").remove(0);
    let list = alice.get(TOKENS).page();
    let select = |name: &str| list.attribute(&format!("input[aria-label='Select {name} of Bob']"), "value");
    let (one, two, three) = (select("One"), select("Two"), select("Three"));
    assert_eq!(list.attribute("form[data-ask]", "action"), "tokens/revoke");

    let asks =
        alice.get(&format!("{TOKENS}/revoke?token={one}&token={two}&token={two}&token={foreign}&token=nonsense"));
    let text = asks.text();
    assert!(
        text.contains("Revoke 2 tokens?") && text.contains("One rpat…") && text.contains("of Bob (bob@example.org)"),
        "{text}"
    );
    assert!(text.contains("2 selected tokens are not listed"), "{text}");
    assert!(!text.contains("Charlie"), "{text}");
    let selected = asks.hidden("tokens");
    assert_eq!(values.each_ref().map(|value| server.call(value).status), [200; 3], "asking revokes nothing");
    for empty in ["", "?token=", "?token=nonsense", "?q=x", &format!("?token={foreign}")] {
        let page = alice.get(&format!("{TOKENS}/revoke{empty}"));
        assert_eq!(page.status, 200, "{empty}");
        assert!(page.text().contains("No token to revoke") && !page.page().has("form[method=post] .danger"), "{empty}");
    }

    let post = |tokens: &str| {
        let done = alice.post(&format!("{TOKENS}/revoke"), &[("tokens", tokens)]);
        assert_eq!((done.status, done.header("location")), (303, TOKENS));
        alice.get(TOKENS).page().text_of(".flash")
    };
    assert_eq!(post(&selected), "2 tokens revoked.");
    assert_eq!(values.each_ref().map(|value| server.call(value).status), [401, 401, 200]);
    let again = post(&format!("{one},{three},{foreign},nonsense"));
    assert_eq!(again, "1 token revoked. 1 token had already been deleted. 2 tokens do not belong to this workspace.");
    assert_eq!(post(""), "No token was revoked.");
    assert_eq!(server.call(&charlies).status, 200);
    let events = "SELECT actor_name || ' ' || subject_name || ' ' || token_name AS text FROM events \
                  WHERE action = 'token_revoked' ORDER BY id";
    let mut events = server.rows(events);
    events.sort();
    assert_eq!(events, ["Alice Bob One", "Alice Bob Three", "Alice Bob Two"]);
    assert_eq!(bob.post(&format!("{TOKENS}/revoke"), &[("tokens", &one)]).status, 403);
}
