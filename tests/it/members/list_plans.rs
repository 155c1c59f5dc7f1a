//! Lists of a workspace with very many members and tokens: the plans of the queries, the size and the time of the pages.
#![expect(clippy::disallowed_types, reason = "the measurement of pages needs the machine's time")]

use std::time::{Duration, Instant};

use crate::members::many_members::{INVITATIONS, MEMBERS, TOKENS, add_many_members, link};
use crate::support::database::is_postgres;
use crate::support::{TestServer, query_log};

/// The pages of the lists whose queries differ.
const PAGES: [&str; 27] = [
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
    INVITATIONS,
    "/w/acme/settings/members/invitations?dir=asc",
    "/w/acme/settings/members/invitations?q=person+9",
    "/w/acme/settings/members/invitations?q=absent",
];

/// Tables that grow with the workspace.
const LARGE: [&str; 7] =
    ["memberships", "users", "tokens", "token_values", "value_uses", "token_listings", "one_time_links"];

/// Why this query reads more than it should; `None` if it follows an index of the workspace.
fn defect(sql: &str, plan: &[String]) -> Option<String> {
    let steps: Vec<&str> = plan.iter().map(|step| step.trim_start_matches([' ', '-', '>'])).collect();
    // PostgreSQL may read a table once to join it with the hundreds of rows that a search has found by their keys.
    let joins_matches = is_postgres() && sql.contains(" IN (NULL, ");
    for table in LARGE.iter().filter(|_| !joins_matches) {
        let is_scanned = steps.iter().any(|step| {
            let words: Vec<&str> = step.split(' ').collect();
            words.starts_with(&["SCAN", *table]) || words.starts_with(&["Seq", "Scan", "on", *table])
        });
        if is_scanned {
            return Some(format!("it scans {table}"));
        }
    }
    let sorts = steps.iter().any(|step| *step == "Sort" || step.starts_with("USE TEMP B-TREE FOR ORDER BY"));
    // These are sorted after they are found by their keys: at most 1,000 of them.
    let is_by_key = sql.contains(" IN (");
    // PostgreSQL may sort the rows of one workspace if it expects few of them.
    (sorts && !is_by_key && !is_postgres()).then(|| "it sorts a list".to_owned())
}

#[db_test]
fn pages_of_a_large_workspace_follow_indexes_and_are_small() {
    query_log::enable();
    let server = TestServer::start();
    // PostgreSQL chooses its plans by cost: where one workspace is nearly the whole table, a scan can be right.
    let (members, shares) = if is_postgres() { (10_000, 20) } else { (10_000, 1) };
    add_many_members(&server, members, shares);
    server.db_execute(
        "INSERT INTO top_tokens (token_id, workspace_id, calls, rejected, counted_at) \
         SELECT token_id, workspace_id, 1, 1, 0 FROM token_listings ORDER BY token_id LIMIT 10",
    );
    server.update_statistics();
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
                // The creators of no invitations.
                .filter(|sql| !sql.contains("1=0"))
                // The workspaces of the reader.
                .filter(|sql| !sql.contains("last_opened_at"))
                // The reader's own tokens, for the mark in the menu.
                .filter(|sql| !sql.replace(['`', '"'], "").contains("tokens.membership_id = "))
                .collect();
            assert!((2..=6).contains(&lists.len()), "{path}: {lists:#?}");
            for sql in lists {
                let plan = query_log::plan(&mut conn, sql);
                assert_eq!(defect(sql, &plan), None, "{path}: {sql}\n{}", plan.join("\n"));
            }
        }
    }
}

#[db_test(postgres)]
fn a_search_with_many_matches_reads_the_index_of_the_order() {
    query_log::enable();
    let server = TestServer::start();
    add_many_members(&server, 10_000, 1);
    server.add_deleted_tokens("Alice", 10_000);
    server.update_statistics();
    let alice = server.signed_in("alice");
    let mut conn = server.database.connect();
    for path in [
        "/w/acme/settings/members?q=person",
        "/w/acme/settings/members?q=person&sort=seen",
        "/w/acme/settings/members/tokens?q=job&sort=name",
        "/w/acme/settings/members/tokens/deleted?q=job",
    ] {
        let (_, queries) = query_log::record(&server.database, || alice.get(path));
        let pages: Vec<_> = queries.iter().filter(|sql| sql.contains(" LIKE ") && sql.contains("LIMIT 51")).collect();
        assert_eq!(pages.len(), 1, "{path}: {queries:#?}");
        let plan = query_log::plan(&mut conn, pages[0]);
        assert!(!plan.iter().any(|step| step.contains("Sort Key")), "{path}: {}\n{}", pages[0], plan.join("\n"));
    }
}

/// Further pages whose times are measured: of a history, whose plans other tests check.
const HISTORY: [&str; 8] = [
    "/w/acme/settings/activity",
    "/w/acme/settings/activity?show=tokens",
    "/w/acme/settings/activity?show=settings",
    "/w/acme/settings/activity?q=job",
    "/w/acme/settings/activity?q=needle",
    "/w/acme/settings/members/tokens/deleted",
    "/w/acme/settings/members/tokens/deleted?q=job",
    "/w/acme/settings/members/tokens/deleted?q=absent",
];

/// The pages of usage; `{token}` stands for a token's uuid.
const USAGE: [&str; 5] = [
    "/w/acme",
    "/w/acme/settings/usage?days=90",
    "/w/acme/settings/tokens",
    "/w/acme/settings/tokens/{token}",
    "/w/acme/settings/tokens/{token}?days=90",
];

/// Prints, for docs/performance.md, the size and the time of the pages. It runs only if `MEASURE_LISTS` is set.
#[db_test]
fn measured_pages() {
    if std::env::var_os("MEASURE_LISTS").is_none() {
        return;
    }
    for members in [5, 300, 10_000] {
        let server = TestServer::start();
        add_many_members(&server, members, 1);
        server.add_events(100 * members);
        server.add_deleted_tokens("Alice", members);
        server.add_usage(90);
        server.update_statistics();
        let alice = server.signed_in("alice");
        let token =
            server.rows("SELECT uuid AS text FROM tokens WHERE deleted_at IS NULL ORDER BY id LIMIT 1").remove(0);
        for label in PAGES.into_iter().chain(HISTORY).chain(USAGE) {
            let path = &label.replace("{token}", &token);
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
                "| {} | {label} | {members} | {} | {elements} | {:.1} | {:.1} |",
                if is_postgres() { "PostgreSQL" } else { "SQLite" },
                page.body.len(),
                times[50].as_secs_f64() * 1000.0,
                times[98].as_secs_f64() * 1000.0,
            );
        }
    }
}
