//! The lists of recently deleted tokens: a member's own, and those of a workspace.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use latchkey::db::Db;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::database::is_postgres;
use crate::support::{TestServer, query_log};

const LIST: &str = "/w/acme/settings/tokens";
const OWN: &str = "/w/acme/settings/tokens/deleted";
const ALL: &str = "/w/acme/settings/members/tokens/deleted";

fn delete(browser: &Browser, name: &str) {
    assert_eq!(browser.post(&browser.delete_path("acme", name), &[]).status, 303, "{name}");
}

fn names(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text());
    page.page().texts("table.list tbody th > a")
}

fn search(browser: &Browser, list: &str, text: &str) -> Vec<String> {
    names(&browser.get(&format!("{list}?q={text}")))
}

#[db_test]
fn the_latest_ten_are_on_the_api_token_page_and_all_on_pages_of_their_own() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    assert!(!alice.get(LIST).body.contains("Recently deleted"));
    assert!(alice.get(OWN).text().contains("No deleted tokens"));
    server.add_deleted_tokens("Alice", 123);
    let page = alice.get(LIST).page();
    let latest: Vec<String> = (0..10).map(|nth| format!("Job {nth}")).collect();
    assert_eq!(page.texts("section[aria-labelledby=deleted] h3 a"), latest);
    assert_eq!(page.texts(&format!("a[href='{OWN}']")), ["All recently deleted (123)"]);
    let (mut all, mut path) = (Vec::new(), OWN.to_owned());
    loop {
        let page = alice.get(&path);
        all.extend(names(&page));
        assert!(all.len() <= 123, "{path} leads on for ever");
        match page.page().attributes("nav.pages a[rel=next]", "href").pop() {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(all, (0..123).map(|nth| format!("Job {nth}")).collect::<Vec<_>>());
    assert!(alice.get(&path).text().contains("101–123 of 123"));
    let oldest = alice.get(&format!("{OWN}?dir=asc")).page();
    assert_eq!(oldest.texts("table.list tbody th > a")[0], "Job 122");
    let token = alice.get(&oldest.attributes("table.list tbody th > a", "href")[0]);
    assert!(token.status == 200 && token.text().contains("Deleted"), "{}", token.text());
}

#[db_test]
fn a_list_of_deleted_tokens_is_searched() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    server.add_deleted_tokens("Alice", 60);
    let value = server.create_token(&bob, "acme", "ÉTÉ 100%");
    delete(&bob, "ÉTÉ 100%");
    let hint = &value[value.len() - 4..];
    for (browser, list, text, expected) in [
        (&alice, OWN, "JOB%2059", &["Job 59"][..]),
        (&alice, OWN, "0059", &["Job 59"]),
        (&alice, OWN, "alice", &[]),
        (&alice, OWN, "%C3%A9t%C3%A9", &[]),
        (&alice, OWN, "_", &[]),
        (&bob, OWN, "%C3%A9t%C3%A9", &["ÉTÉ 100%"]),
        (&bob, OWN, "100%25", &["ÉTÉ 100%"]),
        (&bob, OWN, hint, &["ÉTÉ 100%"]),
        (&bob, OWN, "job", &[]),
        (&alice, ALL, "%C3%A9t%C3%A9", &["ÉTÉ 100%"]),
        (&alice, ALL, "bob@example.org", &["ÉTÉ 100%"]),
        (&alice, ALL, "alice+59", &["Job 59"]),
        (&alice, ALL, "absent", &[]),
    ] {
        assert_eq!(search(browser, list, text), expected, "{list} {text}");
    }
    let page = alice.get(&format!("{OWN}?q=job"));
    assert!(page.text().contains("1–50 of 60"), "{}", page.text());
    let next = page.page().attribute("nav.pages a[rel=next]", "href");
    assert!(next.contains("?q=job&after="), "{next}");
    assert_eq!(names(&alice.get(&next)).len(), 10);
    let none = alice.get(&format!("{OWN}?q=absent"));
    assert!(none.text().contains("No matching tokens Nothing matches “absent”. Clear the search"), "{}", none.text());
    for text in ["q=a%00b%ff", "after=nonsense", "before=", "sort=%00", "dir=up"] {
        assert_eq!(alice.get(&format!("{OWN}?{text}")).status, 200, "{text}");
    }
}

#[db_test]
fn an_administrator_sees_the_deleted_tokens_of_the_workspace_with_their_owners() {
    let server = TestServer::start();
    let (alice, bob, charlie) = (server.signed_in("alice"), server.signed_in("bob"), server.signed_in("charlie"));
    for (browser, slug, name) in
        [(&alice, "acme", "Hers"), (&bob, "acme", "His"), (&bob, "acme", "Revoked"), (&bob, "acme-demo", "Demo")]
    {
        server.create_token(browser, slug, name);
    }
    server.create_token(&charlie, "other", "Foreign");
    charlie.post(&charlie.delete_path("other", "Foreign"), &[]);
    bob.post(&bob.delete_path("acme-demo", "Demo"), &[]);
    let later = || server.clock.advance(Duration::from_secs(1));
    delete(&alice, "Hers");
    later();
    delete(&bob, "His");
    later();
    alice.post(&format!("/w/acme/settings/members/{}/revoke", server.uuid_of("bob")), &[]);
    let page = alice.get(ALL);
    assert_eq!(names(&page), ["Revoked", "His", "Hers"]);
    let rows = page.page().texts("table.list tbody tr");
    assert!(rows[0].contains("Bob bob@example.org") && rows[0].contains("Revoked by alice@example.org"), "{}", rows[0]);
    assert!(rows[1].contains("Deleted by the owner") && rows[2].contains("Alice alice@example.org"), "{rows:?}");
    let links = page.page().attributes("table.list tbody th > a", "href");
    assert!(links.iter().all(|link| alice.get(link).status == 200), "{links:?}");
    let tokens = alice.get("/w/acme/settings/members/tokens").page();
    assert_eq!(tokens.texts(&format!("a[href='{ALL}']")), ["Recently deleted"]);
    assert_eq!(names(&bob.get(OWN)), ["Revoked", "His"]);
    assert!(bob.get(OWN).text().contains("Revoked by alice@example.org, an administrator"));

    server.create_token(&bob, "acme", "Last");
    alice.post(&format!("/w/acme/settings/members/{}/remove", server.uuid_of("bob")), &[]);
    let page = alice.get(ALL);
    assert_eq!(names(&page), ["Last", "Revoked", "His", "Hers"]);
    assert!(page.page().texts("table.list tbody tr")[0].contains("when the membership ended"));
    server.clock.advance(Duration::from_hours(90 * 24));
    assert_eq!(names(&server.signed_in("alice").get(ALL)), [""; 0]);
}

#[db_test]
fn the_strip_links_to_the_page_of_a_token_that_the_section_does_not_show() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Old dashboard");
    delete(&alice, "Old dashboard");
    assert_eq!(server.call(&value).status, 401);
    server.flush();
    let link = || alice.get(LIST).page().link_labeled("See: token Old dashboard");
    assert_eq!(link(), format!("{LIST}#deleted"));
    server.clock.advance(Duration::from_mins(1));
    server.add_deleted_tokens("Alice", 10);
    let page = alice.get(&link());
    assert!(!link().contains('#') && page.status == 200, "{}", link());
    assert!(page.text().contains("Old dashboard") && page.text().contains("something has tried it"), "{}", page.text());
}

#[db_test]
fn the_lists_of_deleted_tokens_follow_an_index() {
    query_log::enable();
    let server = TestServer::start();
    server.add_deleted_tokens("Alice", 5_000);
    if is_postgres() {
        server.db_alter("ANALYZE");
    } else {
        actix_web::rt::System::new().block_on(server.db.optimize()).unwrap();
    }
    let alice = server.signed_in("alice");
    let mut conn = server.database.connect();
    for (list, index) in [(OWN, "tokens_membership"), (ALL, "tokens_deleted")] {
        let next = alice.get(list).page().attribute("nav.pages a[rel=next]", "href");
        let (search, oldest) = (format!("{list}?q=job"), format!("{list}?dir=asc"));
        for path in [list, &next, &search, &oldest] {
            let (page, queries) = query_log::record(&server.database, || alice.get(path));
            assert_eq!(names(&page).len(), 50, "{path}");
            assert!(page.body.len() < 30_000, "{path}: {} bytes", page.body.len());
            let is_page = |sql: &&String| sql.contains("ORDER BY tokens.deleted_at") && sql.contains("LIMIT 51");
            let pages: Vec<&String> = queries.iter().filter(is_page).collect();
            assert_eq!(pages.len(), 1, "{path}: {queries:#?}");
            // PostgreSQL does not know how many tokens a search finds.
            if is_postgres() && path == search {
                continue;
            }
            let plan = query_log::plan(&mut conn, pages[0]).join("\n");
            assert!(plan.contains(index) && !plan.contains("Sort") && !plan.contains("B-TREE"), "{path}: {plan}");
        }
    }
}

#[db_test]
fn the_migration_adds_the_columns_of_tokens_that_are_deleted_already() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Live");
    let value = server.create_token(&alice, "acme", "Reporting");
    delete(&alice, "Reporting");
    let columns = "SELECT t.name || ' ' || coalesce(w.slug, '') || ' ' || coalesce(t.deleted_hint, '') AS text FROM tokens t \
                   LEFT JOIN workspaces w ON w.id = t.deleted_in ORDER BY t.id";
    let hint = value[value.len() - 4..].to_lowercase();
    let expected = ["Live  ".to_owned(), format!("Reporting acme {hint}")];
    assert_eq!(server.rows(columns), expected);
    let down = if is_postgres() {
        include_str!("../../../migrations/postgres/2026-11-27-000061_deleted_tokens/down.sql")
    } else {
        include_str!("../../../migrations/sqlite/2026-11-27-000061_deleted_tokens/down.sql")
    };
    server.database.is_altered();
    let mut conn = server.database.connect();
    conn.batch_execute(down).unwrap();
    conn.batch_execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261127000061'").unwrap();
    drop(Db::open(&server.database.url()).unwrap());
    assert_eq!(server.rows(columns), expected);
}
