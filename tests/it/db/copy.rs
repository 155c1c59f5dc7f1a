//! A copy of a database to an empty one: everything but sessions, or nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use latchkey::db::DatabaseUrl;
use latchkey::db::copy::{COPIED_TABLES, CopyError, DERIVED_TABLES, EXCLUDED_TABLES, copy};

use crate::support::PASSWORD;
use crate::support::api_client::Call;
use crate::support::postgres::server;
use crate::support::process::{Home, Latchkey};

const ALICE: &str = "alice@example.org";

/// Every column of its own kind of value, so that none can be taken for another, and empty ones among them.
const PEOPLE: &str = "
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    INSERT INTO users (uuid, email, email_key, name, password_hash, is_active, created_at,
        credentials_generation, email_verified_at, name_key, name_sort)
    SELECT printf('018f0000-0000-7000-8000-%012d', i), 'User' || i || '@Example.org', 'user' || i || '@example.org',
        'Zoë ''' || i || ''' 🗝', '$argon2id$' || i, i % 7 <> 0, 1700000000000000 + i, i % 3,
        CASE i % 2 WHEN 0 THEN 1700000000000000 + 2 * i END, 'key ' || i, 'sort ' || i FROM n;
    INSERT INTO memberships (user_id, workspace_id, role, created_at, last_opened_at, removed_at)
    SELECT id, 1, CASE id % 2 WHEN 0 THEN 'editor' ELSE 'agent' END, created_at + 1, created_at + 2,
        CASE id % 11 WHEN 0 THEN created_at + 3 END FROM users WHERE email LIKE 'User%';
    INSERT INTO tokens (uuid, membership_id, slot, name, name_key, name_sort, created_at, deleted_at,
        deleted_by, deleted_via, note)
    SELECT printf('018f0000-0000-7000-9000-%06d%06d', m.id, s.slot), m.id, s.slot, 'Token ' || s.slot,
        'token ' || s.slot, 'sort ' || s.slot, m.created_at + 4, CASE m.id % 5 WHEN 0 THEN m.created_at + 5 END,
        CASE m.id % 5 WHEN 0 THEN 'somebody' END, CASE m.id % 5 WHEN 0 THEN 'page' END,
        CASE m.id % 4 WHEN 0 THEN 'note ' || m.id END
    FROM memberships m, (SELECT 1 AS slot UNION SELECT 3) s WHERE m.user_id IN (SELECT id FROM users WHERE email LIKE 'User%');
    INSERT INTO token_values (token_id, generation, digest, form_key, hint, created_at, ends_at, end_reason)
    SELECT id, g.generation, randomblob(32), CASE g.generation WHEN 1 THEN uuid END, 'hint', created_at + 6,
        CASE g.generation WHEN 1 THEN created_at + 7 END, CASE g.generation WHEN 1 THEN 'rotated' END
    FROM tokens, (SELECT 1 AS generation UNION SELECT 2) g WHERE slot IN (1, 3) AND name_key LIKE 'token %';
    INSERT INTO value_uses (value_id, first_used_at, last_used_at, last_used_ip, last_used_agent, tries_after_end,
        last_try_at, last_try_ip, last_try_agent)
    SELECT id, created_at + 8, created_at + 9, '192.0.2.' || (id % 250), 'agent ' || id, id % 9, created_at + 10,
        '2001:db8::' || (id % 250), 'try ' || id
    FROM token_values WHERE hint = 'hint';
    INSERT INTO usage_days (day, value_id, calls, rejected)
    SELECT 20000 + d.day, id, id % 5 + d.day, id % 3 FROM token_values, (SELECT 1 AS day UNION SELECT 2 UNION SELECT 9) d;
    INSERT INTO usage_origins (token_id, ip, agent, first_seen_at, last_seen_at, calls, rejected)
    SELECT id, o.ip, o.agent, created_at + 1, created_at + 2, id % 7, id % 2 FROM tokens,
        (SELECT '' AS ip, '' AS agent UNION SELECT '192.0.2.1', 'a' UNION SELECT '192.0.2.1', 'b' UNION SELECT '192.0.2.9', '') o;
    INSERT INTO workspace_usage_days (workspace_id, day, calls, rejected) VALUES (1, 20000, 7, 1), (1, 20001, 9, 0), (1, 20009, 0, 4);
    INSERT INTO top_tokens (token_id, workspace_id, calls, rejected, counted_at) VALUES (1, 1, 7, 1, 1700000000000000);
    INSERT INTO events (at, kind, actor, workspace, token, ip, agent, detail, action, actor_name, actor_email, subject,
        subject_name, subject_email, token_name)
    SELECT created_at, 'authn_token_created', 'actor ' || id, 'workspace', uuid, '192.0.2.9', 'agent', 'detail ' || id,
        'action', 'actor name', 'actor email', 'subject ' || id, 'subject name', 'subject email', name
    FROM tokens;
    INSERT INTO events (at, kind) VALUES (1, 'authn_login_fail');
    INSERT INTO one_time_links VALUES (x'00ff27', 'l', 'invitation', 'w', 'editor', 'n', 'u', 'by', 'f', 1, 2, 3, 'e@x', 'n e@x');
    INSERT INTO one_time_links VALUES (x'', 'm', 'reset', NULL, NULL, NULL, NULL, NULL, NULL, 4, 5, NULL, NULL, '');
    INSERT INTO settings VALUES ('odd', ''), ('even', 'ü');
    INSERT INTO sessions VALUES ('s', x'01', NULL, '{}', 1, 2, 3, NULL, NULL, NULL);
    INSERT INTO sign_in_attempts (account, address, at) VALUES (x'02', '192.0.2.1', 1);";

/// A home with 1,000 people and their tokens, and Alice with the value of hers.
fn full() -> (Home, String) {
    let home = Home::new();
    home.add_acme(&[ALICE], "administrator");
    let value = home.done(&["token", "create", "--workspace", "acme", "--email", ALICE, "--name", "Alice's"]);
    sqlite(&home.file()).batch_execute(PEOPLE).unwrap();
    (home, value.trim_end().to_owned())
}

fn sqlite(path: &Path) -> SqliteConnection {
    SqliteConnection::establish(path.to_str().unwrap()).unwrap()
}

fn url(path: &Path) -> DatabaseUrl {
    DatabaseUrl::Sqlite(path.to_owned())
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

fn texts<C>(conn: &mut C, sql: &str) -> Vec<String>
where
    diesel::query_builder::SqlQuery: diesel::query_dsl::methods::LoadQuery<'static, C, Text>,
{
    let rows: Vec<Text> = diesel::sql_query(sql.to_owned()).load(conn).unwrap();
    rows.into_iter().map(|row| row.text).collect()
}

/// Every row of a table as text, sorted.
fn rows(database: &Path, table: &str) -> Vec<String> {
    let mut conn = sqlite(database);
    let columns = "SELECT group_concat('quote(' || name || ')', ' || '','' || ') AS text FROM pragma_table_info";
    let row = texts(&mut conn, &format!("{columns}('{table}')")).remove(0);
    texts(&mut conn, &format!("SELECT {row} AS text FROM {table} ORDER BY 1"))
}

fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}

fn assert_equal(one: &Path, other: &Path) {
    for table in COPIED_TABLES.iter().chain(DERIVED_TABLES) {
        let (one, other) = (sorted(rows(one, table)), sorted(rows(other, table)));
        assert!(one.len() > 1 || *table == "workspaces", "{table} proves nothing");
        assert!(one == other, "{table}: {:?}", one.iter().zip(&other).find(|(one, other)| one != other));
    }
    for table in EXCLUDED_TABLES {
        // The epoch's one row is the migrations', in each database.
        let left = usize::from(*table == "identity_epoch");
        assert_eq!((rows(one, table).len(), rows(other, table).len()), (1, left), "{table}");
    }
}

fn assert_empty(database: &Path) {
    for table in COPIED_TABLES {
        assert!(rows(database, table).is_empty(), "{table} is not empty");
    }
}

fn copy_args<'a>(from: &'a str, to: &'a str) -> [&'a str; 5] {
    ["copy", "--from", from, "--to", to]
}

fn status(server: &Latchkey, value: &str) -> u16 {
    Call::new(server.address, "GET", "/api/v2/workspace.json").bearer(value).send().status
}

/// A `PostgreSQL` database of one test's own; dropped with it.
struct OwnPostgres {
    server: String,
    name: String,
    url: String,
}

/// A line of `EXPLAIN`.
#[derive(QueryableByName)]
struct Plan {
    #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
    line: String,
}

/// Creates one on the tests' server.
fn postgres() -> OwnPostgres {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let server = server().url.clone();
    let name = format!("copy_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    PgConnection::establish(&server).unwrap().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    let mut url: url::Url = server.parse().unwrap();
    url.set_path(&name);
    OwnPostgres { server, name, url: url.into() }
}

impl OwnPostgres {
    fn connect(&self) -> PgConnection {
        PgConnection::establish(&self.url).unwrap()
    }

    fn count(&self, table: &str) -> String {
        texts(&mut self.connect(), &format!("SELECT count(*)::text AS text FROM {table}")).remove(0)
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let _ = PgConnection::establish(&self.server).map(|mut conn| conn.batch_execute(&drop));
    }
}

#[db_test(sqlite)]
fn every_table_is_copied_or_excluded_explicitly() {
    let schema = include_str!("../../../src/db/schema.rs");
    let declared: BTreeSet<&str> =
        schema.split("diesel::table! {").skip(1).map(|block| block.trim_start().split(' ').next().unwrap()).collect();
    let known: BTreeSet<&str> = COPIED_TABLES.iter().chain(EXCLUDED_TABLES).chain(DERIVED_TABLES).copied().collect();
    assert_eq!(known, declared, "src/db/copy.rs does not know every table");
}

#[db_test(sqlite)]
fn a_copy_has_every_row_but_sessions_and_accepts_the_same_values() {
    let (home, value) = full();
    let new = Home::new();
    // A server that nobody has set up yet was tried out on the target.
    new.serve().terminate();
    let (from, to) = (home.file(), new.file());

    let ran = home.run(&copy_args(from.to_str().unwrap(), to.to_str().unwrap()));

    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stderr.contains("tokens          2001 of 2001\n"), "{}", ran.stderr);
    assert!(ran.stdout.contains("sign in again"), "{}", ran.stdout);
    assert_equal(&from, &to);
    let server = new.serve();
    assert_eq!(status(&server, &value), 200);

    let again = home.fails(&copy_args(from.to_str().unwrap(), to.to_str().unwrap()));
    assert!(again.contains("is not empty: it has rows in the table users"), "{again}");
    assert_eq!(rows(&from, "users"), rows(&to, "users"));
}

#[db_test(sqlite, needs(postgres))]
fn a_copy_to_postgresql_and_back_is_equal_and_usable() {
    let postgres = postgres();
    let (home, value) = full();
    let back = home.folder.path().join("back.db");
    home.done(&copy_args(home.file().to_str().unwrap(), &postgres.url));
    home.done(&copy_args(&postgres.url, back.to_str().unwrap()));
    assert_equal(&home.file(), &back);
    let analyzed = "SELECT DISTINCT tablename::text AS text FROM pg_stats WHERE tablename LIKE 'token%' ORDER BY 1";
    assert_eq!(texts(&mut postgres.connect(), analyzed), ["token_listings", "token_values", "tokens"]);

    let elsewhere = Home::new();
    let done = |args: &[&str], stdin: &str| {
        elsewhere.done_with(&[&["--database-url", postgres.url.as_str()], args].concat(), stdin)
    };
    let server = elsewhere.serve_with(&["--database-url", &postgres.url], "info");
    assert_eq!(status(&server, &value), 200);
    done(&["user", "add", "--email", "bob@example.org", "--name", "Bob", "--password-stdin"], PASSWORD);
    done(&["workspace", "add", "--slug", "new", "--name", "New", "--kind", "demo"], "");
    done(&["member", "add", "--workspace", "new", "--email", "bob@example.org"], "");
    let bobs = done(&["token", "create", "--workspace", "new", "--email", "bob@example.org", "--name", "Bob's"], "");
    assert_eq!((status(&server, bobs.trim_end()), status(&server, &value)), (200, 200));
    assert_eq!(postgres.count("users"), "1002");

    let to_full = elsewhere.fails(&copy_args(home.file().to_str().unwrap(), &postgres.url));
    assert!(to_full.contains("is not empty"), "{to_full}");
}

#[db_test(sqlite, needs(postgres))]
fn tables_that_are_empty_after_a_copy_are_read_by_index() {
    let (home, postgres) = (Home::new(), postgres());
    home.add_acme(&[ALICE], "editor");
    home.done(&copy_args(home.file().to_str().unwrap(), &postgres.url));
    let plan = "EXPLAIN SELECT FROM usage_origins WHERE token_id = ANY ('{1,2}')";
    let plan: Vec<Plan> = diesel::sql_query(plan).load(&mut postgres.connect()).unwrap();
    assert!(!plan[0].line.contains("Seq Scan"), "{}", plan[0].line);
}

/// A session that has planned its queries of a nearly empty table keeps these plans until statistics are collected.
#[db_test(sqlite, needs(postgres))]
fn tokens_added_in_one_transaction_are_read_by_their_key() {
    let postgres = postgres();
    Home::new().done(&["--database-url", &postgres.url, "migrate"]);
    let mut conn = postgres.connect();
    let owners = "BEGIN;
        INSERT INTO users (id, uuid, email, email_key, name, password_hash, is_active, created_at)
        SELECT i, 'u' || i, i || '@example.org', i || '@example.org', 'Ada', '-', TRUE, 1 FROM generate_series(1, 700) i;
        INSERT INTO workspaces (id, uuid, slug, name, kind, country, languages, timezone, date_style, created_at)
        VALUES (1, 'w', 'acme', 'Acme', 'demo', 'DE', 'eng', 'Europe/Berlin', 'day_first', 1);
        INSERT INTO memberships (id, user_id, workspace_id, role, created_at, last_opened_at)
        SELECT i, i, 1, 'editor', 1, 1 FROM generate_series(1, 700) i;";
    conn.batch_execute(owners).unwrap();
    for last in (100..=2000).step_by(100) {
        let ids = format!("generate_series({}, {last}) i", last - 99);
        let tokens = format!(
            "INSERT INTO tokens (id, uuid, membership_id, slot, name, name_key, created_at)
            SELECT i, 't' || i, (i - 1) / 3 + 1, (i - 1) % 3 + 1, 'Reporting ' || i, 'reporting ' || i, 1 FROM {ids};
            INSERT INTO token_values (id, token_id, generation, digest, hint, created_at)
            SELECT i, i, 1, decode(lpad(to_hex(i), 64, '0'), 'hex'), 'hint', 1 FROM {ids};"
        );
        conn.batch_execute(&tokens).unwrap();
    }
    let read =
        "SELECT (seq_tup_read + idx_tup_fetch)::text AS text FROM pg_stat_xact_user_tables WHERE relname = 'tokens'";
    let read: u32 = texts(&mut conn, read).remove(0).parse().unwrap();
    assert!((2000..50 * 2000).contains(&read), "{read} tokens were read");
    let listed = "SELECT count(*)::text AS text FROM token_listings";
    assert_eq!(texts(&mut conn, listed), ["2000"]);
}

#[db_test(sqlite, needs(postgres))]
fn writes_during_a_copy_are_not_part_of_it() {
    let (home, _) = full();
    let to = home.folder.path().join("to.db");
    let late = "INSERT INTO events (at, kind) VALUES (2, 'late'); UPDATE tokens SET name = 'late';
        INSERT INTO settings VALUES ('late', 'late')";
    let write = |database: &Path| sqlite(database).batch_execute(late).unwrap();
    copy(&url(&home.file()), &url(&to), &|progress| {
        if progress.table == "users" && progress.done == progress.total {
            write(&home.file());
        }
    })
    .unwrap();
    assert_eq!(rows(&home.file(), "events").len(), rows(&to, "events").len() + 1);
    assert!(!rows(&to, "tokens").iter().any(|row| row.contains("late")));

    let postgres = postgres();
    copy(&url(&to), &postgres.url.parse().unwrap(), &|_| {}).unwrap();
    let again = home.folder.path().join("again.db");
    copy(&postgres.url.parse().unwrap(), &url(&again), &|progress| {
        if progress.table == "users" && progress.done == progress.total {
            postgres.connect().batch_execute(late).unwrap();
        }
    })
    .unwrap();
    for table in COPIED_TABLES {
        assert_eq!(sorted(rows(&to, table)), sorted(rows(&again, table)), "{table}");
    }
}

#[db_test(sqlite, needs(postgres))]
fn a_failed_copy_leaves_the_target_empty() {
    let (home, _) = full();
    let to = home.folder.path().join("to.db");
    let new = ["--database-url", to.to_str().unwrap(), "migrate"];
    home.done(&new);
    sqlite(&to)
        .batch_execute(
            "CREATE TRIGGER full BEFORE INSERT ON events WHEN NEW.id > 1500 BEGIN SELECT RAISE(ABORT, 'no more'); END",
        )
        .unwrap();
    let failed = home.run(&copy_args(home.file().to_str().unwrap(), to.to_str().unwrap()));
    assert_eq!(failed.status, 1, "{failed:?}");
    let last = failed.stderr.lines().last().unwrap();
    assert!(
        last.contains("can't copy the table events; the target is unchanged") && last.contains("no more"),
        "{last}"
    );
    assert_empty(&to);

    let postgres = postgres();
    // SQLite keeps a NUL within a text, PostgreSQL can't.
    sqlite(&home.file()).batch_execute("UPDATE events SET agent = 'a' || char(0) WHERE id = 1900").unwrap();
    let failed = copy(&url(&home.file()), &postgres.url.parse().unwrap(), &|_| {}).unwrap_err();
    assert!(matches!(&failed, CopyError::Table("events", _)), "{failed}");
    for table in COPIED_TABLES {
        assert_eq!(postgres.count(table), "0", "{table}");
    }
}

#[db_test(sqlite)]
fn an_invalid_source_is_rejected_before_the_target_is_created() {
    let (home, _) = full();
    let at = |name: &str| home.folder.path().join(name).to_str().unwrap().to_owned();
    let (from, to) = (home.file().to_str().unwrap().to_owned(), at("to.db"));
    let source = |name: &str, sql: &str| {
        std::fs::copy(&from, at(name)).unwrap();
        sqlite(Path::new(&at(name))).batch_execute(sql).unwrap();
        at(name)
    };
    let versions = "__diesel_schema_migrations";
    let last = format!("(SELECT max(version) FROM {versions})");
    let behind = source("behind.db", &format!("DELETE FROM {versions} WHERE version = {last}"));
    let ahead = source("ahead.db", &format!("INSERT INTO {versions} (version) VALUES ('99991231000000')"));
    let other = source("other.db", &format!("DROP TABLE {versions}"));
    std::fs::write(at("text.db"), "this is no database, but long enough to have been one, had it wanted to be")
        .unwrap();
    for (from, said) in [
        (at("missing.db"), "does not exist"),
        (at("text.db"), "not a database"),
        (other, "is not a Latchkey database"),
        (behind, "is older than this program"),
        (ahead.clone(), "is newer than this program"),
        ("postgres://u:secretpw@127.0.0.1:1/x".to_owned(), "can't open the database postgres://127.0.0.1:1/x"),
    ] {
        let failed = home.fails(&copy_args(&from, &to));
        assert!(failed.contains(said) && !failed.contains("secretpw"), "{failed}");
        assert!(!Path::new(&to).exists(), "{from}");
    }
    let failed = home.fails(&copy_args(&from, "postgres://u:secretpw@127.0.0.1:1/x"));
    assert!(
        failed.contains("can't open the database postgres://127.0.0.1:1/x") && !failed.contains("secretpw"),
        "{failed}"
    );

    let empty_of_the_future = ahead;
    for table in ["sessions"].iter().chain(COPIED_TABLES.iter().rev()) {
        sqlite(Path::new(&empty_of_the_future)).batch_execute(&format!("DELETE FROM {table}")).unwrap();
    }
    assert!(home.fails(&copy_args(&from, &empty_of_the_future)).contains("migrated by a newer Latchkey"));

    for (from, to, said) in [
        (from.as_str(), from.as_str(), "both"),
        (from.as_str(), "mysql://u:secretpw@h/x", "mysql"),
        ("postgress://u:secretpw@h/x", to.as_str(), "postgress"),
        ("postgres://u:pa/secretpw@h/x", to.as_str(), "percent-encode"),
    ] {
        let ran = home.run(&copy_args(from, to));
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains(said) && !ran.stderr.contains("secretpw"), "{ran:?}");
    }
}
