//! Pages of users with a long history.

use latchkey::workspaces::model::Role;

use crate::support::database::is_postgres;
use crate::support::{TestServer, query_log};

/// How many tokens were deleted of late, and how often one signed in and out.
const MANY: u32 = 20_000;

/// Gives somebody a history that a script makes in a month.
fn has_a_history(server: &TestServer, name: &str) {
    let now = server.now().micros();
    let user = format!("(SELECT id FROM users WHERE name = '{name}')");
    let uuid = format!("(SELECT uuid FROM users WHERE name = '{name}')");
    let acme = "(SELECT id FROM workspaces WHERE slug = 'acme')";
    let acme_uuid = "(SELECT uuid FROM workspaces WHERE slug = 'acme')";
    let membership = format!("(SELECT id FROM memberships WHERE user_id = {user} AND workspace_id = {acme})");
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})");
    let bytes = if is_postgres() { "BYTEA" } else { "BLOB" };
    let number = "CAST(100000000000 + i AS TEXT)";
    server.db_execute(&format!(
        "{numbers} INSERT INTO tokens (uuid, membership_id, slot, name, name_key, created_at, deleted_at, deleted_by, deleted_via) \
         SELECT '00000000-0000-4000-8000-' || {number}, {membership}, 1, 'Job', 'job', {now} - i, {now} - i, 'x', 'page' FROM n"
    ));
    server.db_execute(&format!(
        "INSERT INTO token_values (token_id, generation, digest, hint, created_at, ends_at, end_reason) \
         SELECT id, 1, CAST(uuid AS {bytes}), 'abcd', created_at, deleted_at, 'deleted' FROM tokens WHERE name = 'Job'"
    ));
    server.db_execute(
        "INSERT INTO value_uses (value_id) SELECT id FROM token_values WHERE id NOT IN (SELECT value_id FROM value_uses)",
    );
    for (action, place) in [("token_deleted", acme_uuid), ("signed_in", "NULL")] {
        for person in ["actor", "subject"] {
            server.db_execute(&format!(
                "{numbers} INSERT INTO events (at, kind, action, {person}, workspace, token_name) \
                 SELECT {now} - i, 'x', '{action}', {uuid}, {place}, 'Job' FROM n"
            ));
        }
    }
}

/// The tables that grow with what a member does.
const HISTORY: [&str; 4] = ["tokens", "token_values", "value_uses", "events"];

/// Why this query may read more of a history than the page shows; `None` if it follows an index from one end.
fn defect(sql: &str, plan: &[String]) -> Option<&'static str> {
    let steps: Vec<&str> = plan.iter().map(|step| step.trim_start_matches([' ', '-', '>'])).collect();
    let is_scanned = |table: &&str| {
        let words = steps.iter().map(|step| step.split(' ').collect::<Vec<_>>());
        words
            .into_iter()
            .any(|words| words.starts_with(&["SCAN", table]) || words.starts_with(&["Seq", "Scan", "on", table]))
    };
    // The columns by which an index is searched.
    let conditions: String = steps
        .iter()
        .filter_map(|step| {
            step.strip_prefix("Index Cond:").or_else(|| step.strip_prefix("SEARCH ")?.split_once('(').map(|(_, it)| it))
        })
        .collect();
    let has_condition = |column: &str| conditions.contains(column);
    let reads_others =
        ["actor", "subject"].iter().any(|it| sql.contains(&format!("events.{it} =")) && !has_condition(it));
    // These two indexes hold no deleted tokens.
    let skips_deleted = steps.iter().any(|step| step.contains("tokens_name") || step.contains("tokens_slot"));
    let is_sorted = steps.iter().any(|step| *step == "Sort" || *step == "USE TEMP B-TREE FOR ORDER BY");
    let reads_history = !sql.contains("tokens.deleted_at IS NULL");
    // The tokens of a page, or of a search with few matches.
    let is_by_key = ["tokens.id IN (", "tokens.id = ANY("].iter().any(|it| sql.contains(it));
    if HISTORY.iter().any(is_scanned) {
        Some("it scans a table")
    } else if is_by_key {
        None
    } else if sql.contains("tokens.") && !skips_deleted && !has_condition("deleted_at") {
        Some("it reads all tokens of a member")
    } else if reads_others {
        Some("it reads the events of others")
    } else if reads_history && is_sorted {
        Some("it sorts a history")
    } else if reads_history && !sql.contains(" LIMIT ") {
        Some("it has no limit")
    } else {
        None
    }
}

#[db_test]
fn pages_read_a_long_history_by_index_and_with_a_limit() {
    query_log::enable();
    let server = TestServer::start();
    server.add_to_acme("charlie", Role::Editor);
    has_a_history(&server, "Charlie");
    server.update_statistics();
    let (alice, charlie) = (server.signed_in("alice"), server.signed_in("charlie"));
    let mut conn = server.database.connect();
    for (browser, path, expected) in [
        (&charlie, "/w/acme", 5),
        (&charlie, "/w/acme/settings/tokens", 5),
        (&charlie, "/w/acme/settings/tokens/deleted", 5),
        (&charlie, "/w/acme/settings/tokens/deleted?q=job", 5),
        (&charlie, "/w/acme/settings/activity", 6),
        (&charlie, "/w/acme/settings/activity?show=sign-ins", 4),
        (&charlie, "/w/acme/settings/activity?q=job", 10),
        (&charlie, "/w/acme/settings/activity?q=absent", 10),
        (&charlie, "/account", 0),
        // All events of the workspace.
        (&alice, "/w/acme/settings/activity", 5),
        (&alice, "/w/acme/settings/activity?show=tokens", 4),
        (&alice, "/w/acme/settings/activity?q=job", 8),
        (&alice, "/w/acme/settings/members/tokens/deleted", 5),
    ] {
        let (page, queries) = query_log::record(&server.database, || browser.get(path));
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        let mut checked = 0;
        for sql in queries.into_iter().filter(|sql| sql.starts_with("SELECT ")) {
            let bare = sql.replace(['`', '"'], "");
            if HISTORY.iter().any(|table| bare.contains(&format!("{table}."))) {
                let plan = query_log::plan(&mut conn, &sql);
                assert_eq!(defect(&bare, &plan), None, "{path}: {bare}\n{}", plan.join("\n"));
                checked += 1;
            }
        }
        assert_eq!(checked, expected, "{path}");
    }
}
