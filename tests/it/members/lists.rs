//! Lists of members and tokens: search, filters, orders and pages, with few and with very many rows.
#![expect(clippy::disallowed_types, reason = "the measurement of pages needs the machine's time")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use latchkey::db::Db;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::database::is_postgres;
use crate::support::{TestServer, query_log};

const MEMBERS: &str = "/w/acme/settings/members";
const TOKENS: &str = "/w/acme/settings/members/tokens";

/// Adds this many members to `acme`, with three tokens each, whose values have every age, expiry and use. Their sort keys are
/// filled as those of an older database are, at the next start.
fn add_members(server: &TestServer, members: u32) {
    populate(server, members);
    drop(Db::open(&server.database.url()).unwrap());
}

/// The tables whose triggers fill the list of tokens.
const FILLED: [&str; 5] = ["users", "memberships", "tokens", "token_values", "value_uses"];

/// Adds very many members. The triggers are off meanwhile: the rows of the view are copied at the end.
pub(super) fn add_many_members(server: &TestServer, members: u32) {
    let mut conn = server.database.connect();
    let mut triggers = Vec::new();
    if is_postgres() {
        for table in FILLED {
            conn.batch_execute(&format!("ALTER TABLE {table} DISABLE TRIGGER USER")).unwrap();
        }
    } else {
        let list = "FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%\\_list%' ESCAPE '\\' ORDER BY name";
        triggers = server.rows(&format!("SELECT sql AS text {list}"));
        for name in server.rows(&format!("SELECT name AS text {list}")) {
            conn.batch_execute(&format!("DROP TRIGGER {name}")).unwrap();
        }
        assert!(triggers.len() > 5, "{triggers:?}");
    }
    populate(server, members);
    let number = |start: u8| {
        format!(
            "CASE substr(name, {start}) WHEN '0' THEN '00' ELSE '0' || length(substr(name, {start})) || substr(name, {start}) END"
        )
    };
    let user = "FROM users WHERE users.id = memberships.user_id";
    let mut fill = vec![
        format!(
            "UPDATE users SET name_sort = 'person ' || {}, name_key = lower(name) WHERE name LIKE 'Person %'",
            number(8)
        ),
        format!("UPDATE tokens SET name_sort = 'job ' || {}", number(5)),
        format!(
            "UPDATE memberships SET name_sort = (SELECT name_sort {user}), token_count = (SELECT count(*) FROM tokens \
             WHERE tokens.membership_id = memberships.id), search_text = (SELECT name_key || ' ' || email_key {user})"
        ),
        "INSERT INTO token_listings SELECT * FROM token_listing_rows".to_owned(),
    ];
    fill.extend(triggers);
    if is_postgres() {
        fill.extend(FILLED.map(|table| format!("ALTER TABLE {table} ENABLE TRIGGER USER")));
        fill.push("VACUUM ANALYZE".to_owned());
    }
    for sql in fill {
        conn.batch_execute(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
    if !is_postgres() {
        actix_web::rt::System::new().block_on(server.db.optimize()).unwrap();
    }
}

fn populate(server: &TestServer, members: u32) {
    let mut conn = server.database.connect();
    let mut execute = |sql: String| conn.batch_execute(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let now = server.now().micros();
    let numbers =
        |count: u32| format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {})", count - 1);
    let bytes = if is_postgres() { "BYTEA" } else { "BLOB" };
    let uuid = |kind: u8| format!("'0000000{kind}-0000-4000-8000-' || CAST(100000000000 + i AS TEXT)");
    let day = 86_400_000_000_i64;
    let acme = "(SELECT id FROM workspaces WHERE slug = 'acme')";
    execute(format!(
        "{} INSERT INTO users (uuid, email, email_key, name, password_hash, is_active, created_at) \
         SELECT {}, 'p' || i || '@example.net', 'p' || i || '@example.net', 'Person ' || i, '', (1 = 1), {now} FROM n",
        numbers(members),
        uuid(1)
    ));
    execute(format!(
        "INSERT INTO memberships (user_id, workspace_id, role, created_at, last_opened_at, last_seen_at) \
         SELECT id, {acme}, CASE id % 10 WHEN 0 THEN 'agent' ELSE 'editor' END, {now} - (id % 400) * {day}, {now}, \
         CASE id % 3 WHEN 0 THEN 0 ELSE {now} - (id % 90) * {day} END FROM users WHERE name LIKE 'Person %'"
    ));
    execute(format!(
        "{} INSERT INTO tokens (uuid, membership_id, slot, name, name_key, created_at) \
         SELECT {}, m.id, i % 3 + 1, 'Job ' || i, 'job ' || i, {now} - (i % 200) * {day} FROM n \
         JOIN users u ON u.uuid = '00000001-0000-4000-8000-' || CAST(100000000000 + i / 3 AS TEXT) \
         JOIN memberships m ON m.user_id = u.id",
        numbers(members * 3),
        uuid(2)
    ));
    let number = "CAST(substr(t.uuid, 25) AS BIGINT)";
    let value = |generation: u8, ends_at: &str, reason: &str, which: &str| {
        format!(
            "INSERT INTO token_values (token_id, generation, digest, hint, created_at, ends_at, end_reason) \
             SELECT t.id, {generation}, CAST('{generation}' || t.uuid AS {bytes}), substr(t.uuid, 33), t.created_at, \
             {ends_at}, {reason} FROM tokens t WHERE t.name LIKE 'Job %' AND {which}"
        )
    };
    execute(value(1, &format!("{now} + {day}"), "'retired'", &format!("{number} % 50 = 0")));
    let ends_at = format!(
        "CASE {number} % 5 WHEN 0 THEN NULL WHEN 1 THEN {now} + ({number} % 13 + 1) * {day} \
         WHEN 2 THEN {now} - ({number} % 20) * {day} - 1 ELSE {now} + ({number} % 300 + 20) * {day} END"
    );
    execute(value(2, &ends_at, "NULL", "1 = 1"));
    execute(format!(
        "INSERT INTO value_uses (value_id, last_used_at) SELECT v.id, CASE {number} % 4 WHEN 0 THEN NULL \
         ELSE {now} - ({number} % 60) * {day} END FROM token_values v JOIN tokens t ON t.id = v.token_id \
         WHERE t.name LIKE 'Job %'"
    ));
}

/// The first texts of the rows: names of members, or of tokens.
fn names(answer: &Answer) -> Vec<String> {
    answer.page().texts("table.list tbody th > :first-child")
}

fn link(answer: &Answer, rel: &str) -> Option<String> {
    answer.page().attributes(&format!("nav.pages a[rel={rel}]"), "href").pop()
}

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

/// The pages of the lists whose queries differ.
const PAGES: [&str; 23] = [
    "/w/acme/settings/usage",
    MEMBERS,
    "/w/acme/settings/members?dir=desc",
    "/w/acme/settings/members?sort=role",
    "/w/acme/settings/members?sort=tokens",
    "/w/acme/settings/members?sort=joined",
    "/w/acme/settings/members?sort=seen",
    "/w/acme/settings/members?filter=agent",
    "/w/acme/settings/members?filter=administrator&sort=seen",
    "/w/acme/settings/members?q=person+99",
    "/w/acme/settings/members?q=person&sort=seen",
    "/w/acme/settings/members?q=absent",
    TOKENS,
    "/w/acme/settings/members/tokens?sort=name",
    "/w/acme/settings/members/tokens?sort=used",
    "/w/acme/settings/members/tokens?sort=created",
    "/w/acme/settings/members/tokens?sort=expires&filter=active",
    "/w/acme/settings/members/tokens?filter=rotating&sort=used",
    "/w/acme/settings/members/tokens?filter=unused&sort=name",
    "/w/acme/settings/members/tokens?filter=old&sort=created",
    "/w/acme/settings/members/tokens?filter=no-expiry&sort=expires",
    "/w/acme/settings/members/tokens?q=job+9999",
    "/w/acme/settings/members/tokens?q=absent&filter=expired",
];

/// Tables that grow with the workspace.
const LARGE: [&str; 6] = ["memberships", "users", "tokens", "token_values", "value_uses", "token_listings"];

/// Why this query reads more than it should; `None` if it follows an index of the workspace.
fn defect(sql: &str, plan: &[String]) -> Option<String> {
    let steps: Vec<&str> = plan.iter().map(|step| step.trim_start_matches([' ', '-', '>'])).collect();
    for table in LARGE {
        let is_scanned = steps.iter().any(|step| {
            let words: Vec<&str> = step.split(' ').collect();
            words.starts_with(&["SCAN", table])
        });
        if is_scanned {
            return Some(format!("it scans {table}"));
        }
    }
    let sorts = steps.iter().any(|step| *step == "Sort" || step.starts_with("USE TEMP B-TREE FOR ORDER BY"));
    // These are sorted after they are found by their keys: at most 1,000 of them.
    (sorts && !sql.contains(" IN (")).then(|| "it sorts a list".to_owned())
}

#[db_test]
fn pages_of_a_large_workspace_follow_indexes_and_are_small() {
    query_log::enable();
    let server = TestServer::start();
    // PostgreSQL chooses its plans by cost: where one workspace is nearly the whole table, a scan can be right. So its plans are
    // not tested, and fewer rows suffice.
    let tests_plans = !is_postgres();
    add_many_members(&server, if tests_plans { 10_000 } else { 2_000 });
    server.db_execute(
        "INSERT INTO top_tokens (token_id, workspace_id, calls, rejected, counted_at) \
         SELECT token_id, workspace_id, 1, 1, 0 FROM token_listings ORDER BY token_id LIMIT 10",
    );
    let alice = server.signed_in("alice");
    let mut conn = server.database.connect();
    for path in PAGES {
        let mut pages = vec![path.to_owned()];
        let first = alice.get(path);
        pages.extend(link(&first, "next"));
        if let Some(next) = link(&first, "next") {
            pages.extend(link(&alice.get(&next), "prev"));
        }
        for path in pages {
            let (page, queries) = query_log::record(&server.database, || alice.get(&path));
            assert_eq!(page.status, 200, "{path}");
            assert!(page.body.len() < 40_000, "{path}: {} bytes", page.body.len());
            let lists: Vec<&String> = queries
                .iter()
                .filter(|sql| sql.starts_with("SELECT "))
                .filter(|sql| LARGE.iter().any(|table| sql.contains(table)) && !sql.contains("sessions"))
                // The workspaces of the reader.
                .filter(|sql| !sql.contains("last_opened_at"))
                // The reader's own tokens, for the mark in the menu.
                .filter(|sql| !sql.replace(['`', '"'], "").contains("tokens.membership_id = "))
                .collect();
            assert!((2..=6).contains(&lists.len()), "{path}: {lists:#?}");
            for sql in lists.into_iter().filter(|_| tests_plans) {
                let plan = query_log::plan(&mut conn, sql);
                assert_eq!(defect(sql, &plan), None, "{path}: {sql}\n{}", plan.join("\n"));
            }
        }
    }
}

/// Prints, for docs/performance.md, the size and the time of the pages. It runs only if `MEASURE_LISTS` is set.
#[db_test]
fn measured_pages() {
    if std::env::var_os("MEASURE_LISTS").is_none() {
        return;
    }
    for members in [5, 300, 10_000] {
        let server = TestServer::start();
        add_many_members(&server, members);
        let alice = server.signed_in("alice");
        for path in PAGES {
            let mut times: Vec<Duration> = (0..100)
                .map(|_| {
                    let start = Instant::now();
                    assert_eq!(alice.get(path).status, 200);
                    start.elapsed()
                })
                .collect();
            times.sort();
            let page = alice.get(path);
            let elements = page.body.matches('<').count() - page.body.matches("</").count();
            println!(
                "| {} | {path} | {members} | {} | {elements} | {:.1} | {:.1} |",
                if is_postgres() { "PostgreSQL" } else { "SQLite" },
                page.body.len(),
                times[50].as_secs_f64() * 1000.0,
                times[98].as_secs_f64() * 1000.0,
            );
        }
    }
}
