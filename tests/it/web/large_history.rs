//! Pages of users with a long history.
#![expect(clippy::disallowed_types, reason = "how long something takes is asked of the machine's clock")]

use std::time::{Duration, Instant};

use latchkey::workspaces::profile::Role;

use crate::support::TestServer;
use crate::support::browser_client::Browser;
use crate::support::database::is_postgres;

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

fn time(browser: &Browser, path: &str) -> Duration {
    let start = Instant::now();
    let page = browser.get(path);
    let time = start.elapsed();
    assert_eq!(page.status, 200, "{path}: {}", page.text());
    time
}

#[db_test]
fn pages_do_not_read_a_long_history() {
    let server = TestServer::start();
    server.add_to_acme("charlie", Role::Editor);
    has_a_history(&server, "Charlie");
    // Each database counts its rows now and then, to choose among its indexes.
    if is_postgres() {
        server.db_alter("ANALYZE");
    } else {
        server.db.optimize_blocking().unwrap();
    }
    let (charlie, bob) = (server.signed_in("charlie"), server.signed_in("bob"));
    let pages = [
        "/w/acme",
        "/w/acme/settings/tokens",
        "/w/acme/settings/activity",
        "/w/acme/settings/activity?show=sign-ins",
        "/account",
    ];
    for path in pages {
        // In turns, and the quickest of several: other load on the machine delays both, and for a while only.
        let (mut long, mut short) = (Duration::MAX, Duration::MAX);
        for round in 1.. {
            long = long.min(time(&charlie, path));
            short = short.min(time(&bob, path));
            if round >= 4 && long < 5 * short {
                break;
            }
            assert!(round < 100, "{path}: {long:?} with a long history, {short:?} without");
        }
    }
}
