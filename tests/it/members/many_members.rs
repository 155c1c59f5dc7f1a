//! A workspace with many members and tokens, and what its lists show.

use diesel::connection::SimpleConnection as _;
use latchkey::db::Db;
use latchkey::workspaces::profile::WorkspaceKind;

use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::database::is_postgres;

pub(super) const MEMBERS: &str = "/w/acme/settings/members";
pub(super) const INVITATIONS: &str = "/w/acme/settings/members/invitations";
pub(super) const TOKENS: &str = "/w/acme/settings/members/tokens";

/// Adds this many members to `acme`, with three tokens each, whose values have every age, expiry and use. Their sort keys are
/// filled as those of an older database are, at the next start.
pub(super) fn add_members(server: &TestServer, members: u32) {
    populate(server, members);
    drop(Db::open(&server.database.url()).unwrap());
}

/// The tables whose triggers fill the list of tokens.
const FILLED: [&str; 5] = ["users", "memberships", "tokens", "token_values", "value_uses"];

/// Adds very many members, and open invitations, of which at most 1,000 are to `acme`. One in `shares` is of `acme`, the others
/// are of other workspaces. The triggers are off meanwhile: the rows of the view are copied at the end.
pub(super) fn add_many_members(server: &TestServer, members: u32, shares: u32) {
    for nth in 1..shares {
        server.add_workspace(&format!("w{nth}"), "Other", WorkspaceKind::Demo);
    }
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
    let place = |number: &str| {
        format!(
            "(SELECT slug FROM (SELECT CASE {number} % {shares} WHEN 0 THEN 'acme' ELSE 'w' || {number} % {shares} END AS slug) AS place)"
        )
    };
    let number = |start: u8| {
        format!(
            "CASE substr(name, {start}) WHEN '0' THEN '00' ELSE '0' || length(substr(name, {start})) || substr(name, {start}) END"
        )
    };
    let user = "FROM users WHERE users.id = memberships.user_id";
    let now = server.now().micros();
    let bytes = if is_postgres() { "BYTEA" } else { "BLOB" };
    let mut fill = vec![
        format!(
            "UPDATE memberships SET workspace_id = (SELECT id FROM workspaces WHERE slug = {}) \
             WHERE user_id IN (SELECT id FROM users WHERE name LIKE 'Person %')",
            place("user_id")
        ),
        format!(
            "INSERT INTO one_time_links (digest, uuid, purpose, workspace, role, note, created_by, created_at, expires_at, search_text) \
             SELECT CAST(uuid AS {bytes}), uuid, 'invitation', (SELECT uuid FROM workspaces WHERE slug = {}), 'editor', name, \
             (SELECT uuid FROM users WHERE name = 'Alice'), {now}, {now} + 86400000000, lower(name) \
             FROM users WHERE name LIKE 'Person %' AND ({shares} > 1 OR id % 10 = 0)",
            place("users.id")
        ),
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
    // Without statistics of these tables, the statements below take minutes.
    execute("ANALYZE".to_owned());
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
    execute("ANALYZE".to_owned());
}

/// The first texts of the rows: names of members, or of tokens.
pub(super) fn names(answer: &Answer) -> Vec<String> {
    answer.page().texts("table.list tbody th > :first-child")
}

pub(super) fn link(answer: &Answer, rel: &str) -> Option<String> {
    answer.page().attributes(&format!("nav.pages a[rel={rel}]"), "href").pop()
}
