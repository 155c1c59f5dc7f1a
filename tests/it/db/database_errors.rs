//! A database that is locked, unreachable, too new, or on another machine.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, RunQueryDsl as _};
use latchkey::db::{DatabaseUrl, Db};

use crate::support::api_client::Call;
use crate::support::browser_client::Browser;
use crate::support::database::is_postgres;
use crate::support::postgres::OwnServer;
use crate::support::process::Home;
use crate::support::{PASSWORD, TestServer};

#[db_test(sqlite)]
fn a_locked_database_is_503_with_retry_after_until_it_is_unlocked() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let form = alice.get("/w/acme/settings/tokens/new").hidden("form_key");
    let fields = [("name", "Partner"), ("form_key", form.as_str())];
    let mut other = server.database.connect();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();

    // Who reads does not notice.
    assert_eq!(server.call(&value).status, 200);
    assert_eq!(alice.get("/w/acme/settings/tokens").status, 200);
    // A write waits for a while, then fails, as a page and as JSON.
    let refused = alice.post("/w/acme/settings/tokens", &fields);
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert!(refused.text().contains("reach its database right now"), "{}", refused.text());
    assert!(refused.body.contains(refused.header("x-request-id")), "an id to quote: {}", refused.body);
    let refused = server.api("DELETE", "/api/v2/token.json").bearer(&value).send();
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert_eq!(refused.body, r#"{"detail":"Temporarily unavailable. Try again."}"#);

    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(alice.post("/w/acme/settings/tokens", &fields).status, 201, "the same form, sent again");
}

#[db_test]
fn a_failed_session_write_is_503_and_keeps_the_change() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    for what in ["INSERT", "UPDATE", "DELETE"] {
        let trigger = format!("CREATE TRIGGER stop_{what} BEFORE {what} ON sessions");
        if is_postgres() {
            server.db_alter(
                "CREATE OR REPLACE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql \
                 AS 'BEGIN RAISE EXCEPTION ''canceling statement due to a test''; END'",
            );
            server.db_alter(&format!("{trigger} FOR EACH ROW EXECUTE FUNCTION stop()"));
        } else {
            server.db_alter(&format!("{trigger} BEGIN SELECT RAISE(ABORT, 'database is locked'); END"));
        }
    }
    // The token is deleted; only the sentence that says so is lost.
    assert_eq!(alice.post(&alice.delete_path("acme", "Reporting"), &[]).status, 303);
    assert_eq!(server.call(&value).status, 401);
    assert!(alice.get("/w/acme/settings/tokens").text().contains("Recently deleted Reporting"));
    // No answer claims a login or a logout that did not happen.
    let refused = alice.post("/logout", &[]);
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert!(refused.body.contains(refused.header("x-request-id")), "an id to quote: {}", refused.body);
    assert_eq!(alice.get("/w/acme").status, 200);
    assert_eq!(server.browser().sign_in("bob@example.org", PASSWORD).status, 503);
}

#[db_test(postgres)]
fn a_lost_server_is_503_with_retry_after_until_it_is_back() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    server.database.shut_out(true);
    for _ in 0..3 {
        let refused = server.call(&value);
        assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
        assert_eq!(refused.body, r#"{"detail":"Temporarily unavailable. Try again."}"#);
        let gateway = server.api("GET", "/auth/verify?role=root").bearer(&value).send();
        assert_eq!(
            (gateway.status, gateway.header("retry-after")),
            (503, "1"),
            "closed, and not for the caller's fault"
        );
        assert_eq!(server.api("GET", "/auth/verify").bearer("x").send().status, 401, "no question for the database");
    }
    let refused = alice.get("/w/acme/settings/tokens");
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    let ready = server.api("GET", "/readyz").send();
    assert_eq!((ready.status, ready.body.as_str()), (503, "the database does not answer\n"));
    assert_eq!(ready.header("retry-after"), "1");
    // What needs no database is there, also for a signed-in user.
    assert_eq!(server.api("GET", "/healthz").send().status, 200);
    assert_eq!([server.browser().get("/login").status, alice.get("/login").status], [200, 200]);
    assert_eq!(server.browser().post("/login", &[("email", "alice@example.org"), ("password", "x")]).status, 503);

    server.database.shut_out(false);
    server.wait_until(|server| server.call(&value).status == 200);
    assert_eq!(alice.get("/w/acme/settings/tokens").status, 200, "still signed in");
}

#[db_test]
fn a_database_that_lacks_a_migration_is_not_ready() {
    let server = TestServer::start();
    let newest = "(SELECT max(version) FROM __diesel_schema_migrations)";
    let versions = server.rows("SELECT version AS text FROM __diesel_schema_migrations ORDER BY version");
    server.db_alter(&format!("DELETE FROM __diesel_schema_migrations WHERE version = {newest}"));
    let ready = server.api("GET", "/readyz").send();
    assert_eq!((ready.status, ready.body.as_str()), (503, "the database is not migrated\n"));
    assert_eq!(server.api("GET", "/healthz").send().status, 200, "the process itself is well");
    server
        .db_alter(&format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{}')", versions.last().unwrap()));
    assert_eq!(server.api("GET", "/readyz").send().body, "ready\n");
    // A newer program has migrated it already, and restarts its instances one after the other.
    server.db_alter("INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')");
    assert_eq!(server.api("GET", "/readyz").send().body, "ready\n");
}

#[db_test(postgres)]
fn a_read_only_server_is_still_read_and_503_for_writes() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting");
    server.database.take_no_writes(true);
    assert_eq!((server.call(&value).status, alice.get("/w/acme/settings/tokens").status), (200, 200));
    let refused = alice.post(&path, &[]);
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{}", refused.body);
    assert_eq!(server.call(&value).status, 200, "nothing was deleted");
    server.database.take_no_writes(false);
    assert_eq!(alice.post(&path, &[]).status, 303);
    assert_eq!(server.call(&value).status, 401);
}

#[db_test(postgres, needs(postgres_programs, german_locale))]
fn errors_of_a_server_with_german_messages_are_classified() {
    let database = OwnServer::start();
    database.speak_german();
    let home = Home::on(&database);
    home.add_acme(&["alice@example.org"], "administrator");
    // One connection for lookups, which has prepared its statements before the lock: while a statement is prepared, the
    // error has a position and can't be told from one in the statement.
    let server = home.serve_with(&["--database-lock-timeout", "1", "--database-connections", "2"], "warn");
    assert_eq!(server.said().matches("de_DE.UTF-8").count(), 1, "said once: {}", server.said());
    let alice = Browser::new(server.address);
    assert_eq!(alice.sign_in("alice@example.org", PASSWORD).status, 303);
    let value = alice.create_token("acme", "Reporting").value();
    let call = || Call::new(server.address, "GET", "/api/v2/workspace.json").bearer(&value).send();
    assert_eq!(call().status, 200);

    let mut other = diesel::PgConnection::establish(database.url()).unwrap();
    other.batch_execute("BEGIN; LOCK TABLE token_values IN ACCESS EXCLUSIVE MODE").unwrap();
    let refused = call();
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{}", refused.body);
    let line = server.line(refused.header("x-request-id"));
    assert!(line.contains("503") && line.contains("Sperre"), "in its own words: {line}");
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(call().status, 200);

    other.batch_execute("ALTER TABLE token_values RENAME COLUMN digest TO digests").unwrap();
    assert_eq!(call().status, 500, "a mistake is one in any language");
}

#[db_test(postgres)]
fn a_slow_server_delays_only_requests_that_need_it_and_only_briefly() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    assert_eq!(server.browser().get("/login").status, 200);
    let mut other = server.database.connect();
    other.batch_execute("BEGIN; LOCK TABLE token_values IN ACCESS EXCLUSIVE MODE").unwrap();
    // More than there are connections: some wait for the lock, the others for a connection.
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..30).map(|_| scope.spawn(|| server.call(&value))).collect();
        assert_eq!(server.api("GET", "/healthz").send().status, 200);
        assert_eq!(server.browser().get("/login").status, 200);
        for call in calls {
            let refused = call.join().unwrap();
            assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{refused:?}");
        }
    });
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(server.call(&value).status, 200);
}

#[db_test(sqlite)]
fn a_database_of_a_newer_version_is_rejected_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("x.db"));
    drop(Db::open(&url).unwrap());
    let mut conn = diesel::SqliteConnection::establish(folder.path().join("x.db").to_str().unwrap()).unwrap();
    diesel::sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')")
        .execute(&mut conn)
        .unwrap();
    let refused = Db::open(&url).err().unwrap().to_string();
    assert!(refused.contains("migrated by a newer Latchkey. Run that version"), "{refused}");
}

#[db_test(sqlite)]
fn the_start_waits_a_limited_time_for_a_database_server() {
    let home = Home::new();
    let url = ["--database-url", "postgres://ada:s3cret@127.0.0.1:1/latchkey"];
    let ran = home.run(&[&url[..], &["--database-wait", "2", "user", "list"]].concat());
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(
        ran.stderr.contains("the database postgres://127.0.0.1:1/latchkey does not respond yet")
            && ran.stderr.contains("retrying for 1s"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("latchkey: the database postgres://127.0.0.1:1/latchkey did not respond for 2s"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("s3cret"));
}

#[db_test(sqlite)]
fn a_remote_server_without_tls_is_rejected() {
    let home = Home::new();
    let url = ["--database-url", "postgres://ada:s3cret@db.example:5432/latchkey"];
    let ran = home.run(&[&url[..], &["user", "list"]].concat());
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(
        ran.stderr.contains(
            "the connection to the database postgres://db.example:5432/latchkey would cross the network in clear text"
        ),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--allow-plaintext-database") && !ran.stderr.contains("s3cret"), "{}", ran.stderr);
}
