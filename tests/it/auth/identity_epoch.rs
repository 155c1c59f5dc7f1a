//! The identity epoch: which changes increment it, and when it differs although its number is equal.

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use latchkey::db::{Db, DbConnection, IdentityEpoch};

use crate::support::api_client::Call;
use crate::support::browser_client::Browser;
use crate::support::database::{TestDatabase, rows};
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
