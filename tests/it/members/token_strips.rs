//! The calls by day in the lists of tokens that administrators read, and the links to the pages of the tokens.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use latchkey::base::day::Day;

use crate::support::database::is_postgres;
use crate::support::{TestServer, query_log};

const TOKENS: &str = "/w/acme/settings/members/tokens";
/// The cells of the list that show the calls.
const CALLS: &str = "table.list tbody td:nth-child(4)";

#[db_test]
fn an_administrator_sees_the_calls_of_each_token_and_opens_its_page() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let value = server.create_token(&bob, "acme", "Import");
    server.create_token(&bob, "acme", "Unused");
    let page = bob.delete_path("acme", "Import").replace("/delete", "");
    (0..3).for_each(|_| drop(server.call(&value)));
    server.flush();

    let list = alice.get(TOKENS).page();
    assert_eq!(list.texts(CALLS), ["3 calls", "0 calls"]);
    assert_eq!(list.attributes(".list path", "d"), ["M29 8V0h1V8z"], "no bars without calls");
    let link = list.attribute("table.list tbody th a", "href");
    assert_eq!(link.replace("../tokens", "/w/acme/settings/tokens"), page, "relative to the list");
    let member = alice.get(&format!("/w/acme/settings/members/{}", server.uuid_of("bob"))).page();
    assert_eq!(member.texts(".strip"), ["3 calls in 30 days", "0 calls in 30 days"]);
    assert_eq!(member.attributes("article.row h3 a", "href")[0], page);

    let rotate = format!("{page}/rotate");
    let key = bob.get(&rotate).hidden("form_key");
    bob.post(&rotate, &[("form_key", &key), ("grace", "none")]);
    server.clock.advance(Duration::from_hours(24));
    server.call(&value);
    server.flush();
    let list = alice.get(TOKENS).page();
    assert_eq!(list.texts(CALLS)[0], "3 calls · 1 rejected", "calls of every value");
    assert_eq!(list.attributes(".list path", "d"), ["M28 8V0h1V8z", "M29 8V6h1V8z"]);
    assert_eq!(list.attributes(".list path.rejected", "d"), ["M29 8V6h1V8z"]);

    bob.post(&format!("{page}/delete"), &[]);
    let deleted = bob.get("/w/acme/settings/tokens").page();
    assert_eq!(deleted.attributes("article.single h3 a", "href"), [page.as_str()]);
    assert_eq!(bob.get(&page).page().texts(".lead .tag"), ["Deleted"]);
}

/// Adds 60 members with a token each. One token of three is called on working days, one each day, one each week.
fn add_used_tokens(server: &TestServer) {
    let mut conn = server.database.connect();
    let (now, today) = (server.now().micros(), Day::containing(server.now()).number());
    let bytes = if is_postgres() { "BYTEA" } else { "BLOB" };
    let uuid = |kind: u8| format!("'0000000{kind}-0000-4000-8000-' || CAST(100000000000 + i AS TEXT)");
    let numbers =
        |count| format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count} - 1)");
    let number = "CAST(substr(t.uuid, 25) AS BIGINT)";
    for sql in [
        format!(
            "{} INSERT INTO users (uuid, email, email_key, name, password_hash, is_active, created_at) SELECT {}, \
             'p' || i || '@example.net', 'p' || i || '@example.net', 'Person ' || i, '', (1 = 1), {now} FROM n",
            numbers(60),
            uuid(1)
        ),
        format!(
            "INSERT INTO memberships (user_id, workspace_id, role, created_at, last_opened_at) SELECT id, \
             (SELECT id FROM workspaces WHERE slug = 'acme'), 'editor', {now}, {now} FROM users WHERE name LIKE 'Person %'"
        ),
        format!(
            "{} INSERT INTO tokens (uuid, membership_id, slot, name, name_key, created_at) SELECT {}, m.id, 1, \
             'Job ' || i, 'job ' || i, {now} FROM n JOIN users u ON u.name = 'Person ' || i JOIN memberships m ON m.user_id = u.id",
            numbers(60),
            uuid(2)
        ),
        format!(
            "INSERT INTO token_values (token_id, generation, digest, hint, created_at, ends_at) SELECT t.id, 1, \
             CAST(t.uuid AS {bytes}), substr(t.uuid, 33), t.created_at, {now} + 7776000000000 FROM tokens t"
        ),
        format!("INSERT INTO value_uses (value_id, last_used_at) SELECT id, {now} - id * 60000000 FROM token_values"),
        format!(
            "{} INSERT INTO usage_days (day, value_id, calls, rejected) SELECT {today} - i, v.id, \
             CASE WHEN {number} % 3 > 0 THEN 1 WHEN i % 7 > 1 THEN 85 + ({number} * 31 + i * 17) % 30 ELSE 9 END, 0 \
             FROM n CROSS JOIN token_values v JOIN tokens t ON t.id = v.token_id WHERE {number} % 3 < 2 OR i % 7 = 3",
            numbers(30)
        ),
    ] {
        conn.batch_execute(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
    drop(latchkey::db::Db::open(&server.database.url()).unwrap());
}

#[db_test]
fn a_page_of_tokens_that_are_in_use_is_small_and_reads_their_calls_in_one_query() {
    query_log::enable();
    let server = TestServer::start();
    add_used_tokens(&server);
    let alice = server.signed_in("alice");
    let (page, queries) = query_log::record(&server.database, || alice.get(TOKENS));
    assert_eq!(page.page().attributes(".list path", "d").len(), 50, "{}", page.text());
    assert_eq!(queries.iter().filter(|sql| sql.contains("usage_days")).count(), 1, "{queries:#?}");
    assert!(page.body.len() < 40_000, "{} bytes", page.body.len());
}
