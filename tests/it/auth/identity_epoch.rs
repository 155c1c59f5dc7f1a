//! The identity epoch: which changes increment it, and when it differs although its number is equal.

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use latchkey::auth::epoch::IdentityEpoch;
use latchkey::db::{Db, DbConnection};

use crate::support::api_client::Call;
use crate::support::browser_client::Browser;
use crate::support::database::{TestDatabase, is_postgres, rows};
use crate::support::postgres::OwnServer;
use crate::support::process::Home;
use crate::support::wait::wait_until;
use crate::support::{PASSWORD, TestServer};

const WORKSPACE: &str = "/api/v2/workspace.json";

fn now(conn: &mut DbConnection) -> IdentityEpoch {
    IdentityEpoch::read(conn).unwrap()
}

fn number(conn: &mut DbConnection) -> i64 {
    rows(conn, "SELECT CAST(number AS TEXT) AS text FROM identity_epoch").concat().parse().unwrap()
}

/// Past the triggers, as a restore or another server's past would have it: the token is gone, and nothing says so.
const FORGET: &str = "SET session_replication_role = replica; DELETE FROM value_uses; DELETE FROM token_values; \
    DELETE FROM tokens; SET session_replication_role = DEFAULT";

#[db_test]
fn a_usage_flush_keeps_the_epoch_and_a_deletion_changes_it() {
    let mut server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let mut conn = server.database.connect();
    let before = now(&mut conn);
    assert_eq!(server.api("GET", WORKSPACE).bearer(&value).send().status, 200);
    server.restart();
    let list = server.signed_in("alice").get("/w/acme/settings/tokens").text();
    assert!(list.contains("Last used"), "{list}");
    assert_eq!(now(&mut conn), before);
    assert_eq!(server.api("DELETE", "/api/v2/token.json").bearer(&value).send().status, 204);
    assert_ne!(now(&mut conn), before);
}

/// A uuid that no row has.
const ID: &str = "0199c2b4-0000-7000-8000-000000000000";

/// A connection that may change and delete rows to which others refer.
fn connection_without_references(server: &TestServer) -> DbConnection {
    let mut conn = server.database.connect();
    if is_postgres() {
        server.database.is_altered();
        let foreign_keys = "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS text \
                            FROM pg_constraint WHERE contype = 'f'";
        for drop in rows(&mut conn, foreign_keys) {
            conn.batch_execute(&drop).unwrap();
        }
    } else {
        conn.batch_execute("PRAGMA foreign_keys = OFF").unwrap();
    }
    conn
}

#[db_test]
fn the_epoch_changes_with_each_column_that_authenticates_or_authorizes_and_with_no_other() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let mut conn = connection_without_references(&server);
    let (no, bytes) = if is_postgres() { ("FALSE", "BYTEA") } else { ("0", "BLOB") };
    let mut changes = vec![
        ("users", "name = 'Renamed'".to_owned()),
        ("users", "email = 'x' || email".to_owned()),
        ("users", "email_key = 'x' || email_key".to_owned()),
        ("users", "email_verified_at = 5".to_owned()),
        ("users", "uuid = 'x' || uuid".to_owned()),
        ("users", format!("is_active = {no}")),
        ("memberships", "role = 'editor'".to_owned()),
        ("memberships", "removed_at = 1".to_owned()),
        ("memberships", "user_id = user_id + 100".to_owned()),
        ("memberships", "workspace_id = workspace_id + 100".to_owned()),
        ("token_values", "ends_at = 4000000000000000".to_owned()),
        ("token_values", "end_reason = 'retired'".to_owned()),
        ("token_values", "token_id = token_id + 100".to_owned()),
        ("token_values", format!("digest = CAST(digest || digest AS {bytes})")),
    ];
    for column in ["uuid", "slug", "name", "country", "languages", "timezone"] {
        changes.push(("workspaces", format!("{column} = {column} || 'x'")));
    }
    for column in ["kind = 'demo'", "date_style = 'year_first'"] {
        changes.push(("workspaces", column.to_owned()));
    }
    for column in ["name = 'Renamed'", "uuid = 'x' || uuid", "membership_id = membership_id + 100", "deleted_at = 1"] {
        changes.push(("tokens", column.to_owned()));
    }
    for (table, change) in &changes {
        let before = now(&mut conn);
        conn.batch_execute(&format!("UPDATE {table} SET {change}")).unwrap();
        assert_ne!(now(&mut conn), before, "{table}: {change}");
    }
    for (table, change) in [
        ("users", "password_hash = 'x'"),
        ("users", "created_at = 5"),
        ("memberships", "last_opened_at = 5"),
        ("token_values", "hint = 'x'"),
        ("value_uses", "last_used_at = 5, tries_after_end = 7"),
        ("sessions", "last_seen_at = 5"),
    ] {
        let before = now(&mut conn);
        conn.batch_execute(&format!("UPDATE {table} SET {change}")).unwrap();
        assert_eq!(now(&mut conn), before, "{table}: {change}");
    }
    for table in ["token_values", "tokens", "memberships", "users", "workspaces"] {
        let before = now(&mut conn);
        conn.batch_execute(&format!("DELETE FROM {table}")).unwrap();
        assert_ne!(now(&mut conn), before, "{table}: DELETE");
    }
}

/// What the API says of a value's owner. Called by every worker, so that each of them caches the result.
fn identity(server: &TestServer, value: &str) -> String {
    let ask = || {
        let verified = server.api("GET", "/auth/verify").bearer(value).send();
        let headers = ["workspace", "workspace-slug", "user", "email", "role", "token"]
            .map(|name| verified.header(&format!("x-auth-{name}")).to_owned());
        let token = server.api("GET", "/api/v2/token.json").bearer(value).send().json();
        let workspace = server.api("GET", WORKSPACE).bearer(value).send();
        let (name, user) = (&token["name"], &token["user"]["name"]);
        format!("{} {} {name} {user} {} {}", verified.status, headers.join(" "), workspace.status, workspace.body)
    };
    let first = ask();
    for _ in 0..5 {
        assert_eq!(ask(), first);
    }
    first
}

#[db_test]
fn a_row_renamed_moved_or_deleted_by_another_process_counts_at_the_next_call() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    server.create_token(&server.signed_in("bob"), "acme", "Of Bob");
    let mut other = connection_without_references(&server);
    let id = |table: &str, name: &str| format!("(SELECT id FROM {table} WHERE name = '{name}')");
    let (user, acme) = (id("users", "Alice"), id("workspaces", "Acme"));
    let membership =
        |user: &str| format!("(SELECT id FROM memberships WHERE user_id = {user} AND workspace_id = {acme})");
    let (hers, bobs) = (membership(&user), membership(&id("users", "Bob")));
    let (token, bobs_token) = (id("tokens", "Reporting"), id("tokens", "Of Bob"));
    let (charlie, elsewhere) = (id("users", "Charlie"), id("workspaces", "Other"));
    let update = |table: &str, change: &str, row: &str| format!("UPDATE {table} SET {change} WHERE id = {row}");
    let of_value = format!("(SELECT id FROM token_values WHERE token_id = {token})");
    let before = identity(&server, &value);
    for (table, change, expected) in [
        ("users", update("users", "name = 'Renamed'", &user), "Renamed"),
        ("users", update("users", "email = 'new@example.org'", &user), "new@example.org"),
        ("users", update("users", "email_verified_at = NULL", &user), "  administrator"),
        ("users", update("users", &format!("uuid = '{ID}'"), &user), ID),
        ("workspaces", update("workspaces", "name = 'Renamed'", &acme), "Renamed"),
        ("workspaces", update("workspaces", "slug = 'renamed'", &acme), "renamed"),
        ("workspaces", update("workspaces", "timezone = 'Africa/Kigali'", &acme), "Africa/Kigali"),
        ("memberships", update("memberships", &format!("user_id = {charlie}"), &hers), "charlie@example.org"),
        ("memberships", update("memberships", &format!("workspace_id = {elsewhere}"), &hers), "\"Other\""),
        ("memberships", update("memberships", "role = 'editor'", &hers), "editor"),
        ("tokens", update("tokens", "name = 'Renamed'", &token), "Renamed"),
        ("tokens", update("tokens", &format!("membership_id = {bobs}, slot = 3"), &token), "bob@example.org"),
        ("tokens", update("tokens", &format!("uuid = '{ID}'"), &token), ID),
        (
            "token_values",
            update("token_values", &format!("token_id = {bobs_token}, generation = 2"), &of_value),
            "bob@example.org",
        ),
        ("token_values", format!("DELETE FROM token_values WHERE id = {of_value}"), "401"),
        ("tokens", format!("DELETE FROM tokens WHERE id = {token}"), "401"),
        ("memberships", format!("DELETE FROM memberships WHERE id = {hers}"), "401"),
        ("users", format!("DELETE FROM users WHERE id = {user}"), "401"),
        ("workspaces", format!("DELETE FROM workspaces WHERE id = {acme}"), "401"),
    ] {
        other.batch_execute(&format!("CREATE TEMPORARY TABLE saved AS SELECT * FROM {table}")).unwrap();
        other.batch_execute(&change).unwrap_or_else(|error| panic!("{change}: {error}"));
        let after = identity(&server, &value);
        assert!(after.contains(expected) && !before.contains(expected), "{change}: {after}");
        let restore = format!("BEGIN; DELETE FROM {table}; INSERT INTO {table} SELECT * FROM saved; COMMIT");
        other.batch_execute(&restore).unwrap_or_else(|error| panic!("{restore}: {error}"));
        other.batch_execute("DROP TABLE saved").unwrap();
        assert_eq!(identity(&server, &value), before, "after {change}");
    }
}

#[db_test(postgres)]
fn a_transaction_increments_the_epoch_once_as_its_last_step() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for name in ["One", "Two", "Three"] {
        server.create_token(&alice, "acme", name);
    }
    let (mut one, mut other) = (server.database.connect(), server.database.connect());
    let before = number(&mut one);
    one.batch_execute("UPDATE token_values SET ends_at = 5; UPDATE tokens SET name = name || '!'").unwrap();
    assert_eq!(number(&mut one), before + 1, "many rows, one move");

    // An open transaction blocks no other, and increments nothing if it is rolled back.
    one.batch_execute("BEGIN; UPDATE users SET name = 'Nobody' WHERE email = 'alice@example.org'").unwrap();
    other.batch_execute("SET lock_timeout = 1000; UPDATE workspaces SET name = 'Elsewhere'").unwrap();
    assert_eq!(number(&mut other), before + 2);
    one.batch_execute("ROLLBACK").unwrap();
    assert_eq!(number(&mut other), before + 2);

    let epoch = now(&mut other);
    one.batch_execute("TRUNCATE users CASCADE").unwrap();
    assert_ne!(now(&mut other), epoch);
}

/// Two who change something and commit at the same moment: each moves the number.
#[db_test(postgres)]
fn concurrent_increments_of_the_epoch_are_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::empty(&folder.path().join("x.db"));
    Db::open(&database.url()).unwrap();
    let mut conn = database.connect();
    conn.batch_execute(
        "INSERT INTO users (uuid, email, email_key, name, password_hash, is_active, created_at) VALUES \
         ('1', 'a', 'a', 'A', '', (1 = 1), 0), ('2', 'b', 'b', 'B', '', (1 = 1), 0)",
    )
    .unwrap();
    let before = number(&mut conn);
    std::thread::scope(|scope| {
        for user in ["1", "2"] {
            let mut conn = database.connect();
            scope.spawn(move || {
                for round in 0..100 {
                    conn.batch_execute(&format!("UPDATE users SET name = '{round}' WHERE uuid = '{user}'")).unwrap();
                }
            });
        }
    });
    assert_eq!(number(&mut conn), before + 200);
}

/// A file that is restored beneath a running program goes on from where it was, by the same changes or others.
#[db_test(sqlite)]
fn two_continuations_of_one_file_share_no_epoch() {
    let home = Home::new();
    home.add_acme(&["alice@example.org"], "editor");
    let copy = home.folder.path().join("copy.db");
    home.done(&["backup", copy.to_str().unwrap()]);
    let mut epochs: Vec<IdentityEpoch> = Vec::new();
    for file in [home.file(), copy] {
        let mut conn = DbConnection::Sqlite(diesel::SqliteConnection::establish(file.to_str().unwrap()).unwrap());
        for name in ["Alice A", "Alice B", "Alice C"] {
            conn.batch_execute(&format!("UPDATE users SET name = '{name}'")).unwrap();
            let epoch = now(&mut conn);
            assert!(!epochs.contains(&epoch));
            epochs.push(epoch);
        }
    }
}

/// What a dump of this moment would restore: the same number, though a token that was made since is not there.
#[db_test(postgres)]
fn a_restore_under_a_running_server_changes_the_epoch() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let status = || server.api("GET", WORKSPACE).bearer(&value).send().status;
    // Asked by every worker, so that each of them remembers.
    let statuses = || (0..10).map(|_| status()).collect::<Vec<_>>();
    assert_eq!(statuses(), [200; 10]);
    let mut other = server.database.connect();
    other.batch_execute(FORGET).unwrap();
    assert_eq!(statuses(), [200; 10], "or else nobody remembers, and this proves nothing");
    let number = number(&mut other);
    let restore = format!("BEGIN; DELETE FROM identity_epoch; INSERT INTO identity_epoch VALUES (1, {number}); COMMIT");
    other.batch_execute(&restore).unwrap();
    assert_eq!(statuses(), [401; 10]);
}

/// After a failover another server answers, which may not have heard of the last token that was made.
#[db_test(postgres, needs(postgres_programs))]
fn another_database_server_has_another_epoch() {
    let database = OwnServer::start();
    let home = Home::on(&database);
    home.add_acme(&["alice@example.org"], "editor");
    let server = home.serve_with(&[], "off");
    let alice = Browser::new(server.address);
    assert_eq!(alice.sign_in("alice@example.org", PASSWORD).status, 303);
    let value = alice.create_token("acme", "Reporting").value();
    let statuses = || -> Vec<u16> {
        (0..10).map(|_| Call::new(server.address, "GET", WORKSPACE).bearer(&value).send().status).collect()
    };
    assert_eq!(statuses(), [200; 10]);
    crate::support::postgres::run(database.url(), FORGET);
    assert_eq!(statuses(), [200; 10], "or else nobody remembers, and this proves nothing");
    database.kill();
    database.start_again();
    assert_eq!(statuses(), [401; 10]);
}

/// A value ends during its lookup: the result is not cached under the later epoch.
#[db_test(postgres)]
fn a_value_that_ends_during_a_lookup_is_rejected_afterwards() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let call = || server.api("GET", WORKSPACE).bearer(&value).send().status;
    let (mut other, mut watch) = (server.database.connect(), server.database.connect());
    other.batch_execute("BEGIN; LOCK TABLE identity_epoch IN ACCESS EXCLUSIVE MODE").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(call);
        let waiting = "SELECT 'yes' AS text FROM pg_locks WHERE NOT granted AND relation = 'identity_epoch'::regclass";
        wait_until("the lookup waits for the epoch", || !rows(&mut watch, waiting).is_empty());
        other.batch_execute("UPDATE token_values SET ends_at = 1; COMMIT").unwrap();
    });
    for _ in 0..10 {
        assert_eq!(call(), 401);
    }
}
