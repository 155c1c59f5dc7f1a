//! `PgBouncer` before the database, and the lock of the migrations.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use latchkey::db::DbConnection;

use crate::support::PASSWORD;
use crate::support::api_client::Call;
use crate::support::browser_client::Browser;
use crate::support::database::rows;
use crate::support::postgres::OwnServer;
use crate::support::process::Home;
use crate::support::proxy::{self, free_port};

const MIGRATION_LOCK: i64 = 0x6c61_7463_686b_6579;

/// `PgBouncer` 1.18, Debian's, refuses the `options` parameter or ignores it.
#[db_test(postgres, needs(postgres_programs, pgbouncer))]
fn each_pool_mode_of_pgbouncer_works_and_no_session_state_is_left() {
    for (mode, settings) in [
        ("transaction", ""),
        ("transaction", "ignore_startup_parameters = options"),
        ("session", ""),
        ("session", "ignore_startup_parameters = options"),
    ] {
        let database = OwnServer::start();
        let port = free_port();
        let _pgbouncer = proxy::pgbouncer(port, mode, &database, settings);
        let url = format!("postgres://anyone@127.0.0.1:{port}/latchkey");
        let home = Home::at(&url);
        let people: Vec<String> = (0..8).map(|nth| format!("member{nth}@example.org")).collect();
        home.add_acme(&people, "editor");
        let instances = [(); 2].map(|()| home.serve_with(&[], "debug"));
        assert!(instances[0].said().contains("behind a connection pooler"), "{mode}: {}", instances[0].said());

        std::thread::scope(|scope| {
            for (nth, email) in people.iter().enumerate() {
                let [here, there] = [nth % 2, (nth + 1) % 2].map(|nth| instances[nth].address);
                scope.spawn(move || {
                    let browser = Browser::new(here);
                    assert_eq!(browser.sign_in(email, PASSWORD).status, 303, "{mode}");
                    for name in ["Reporting", "Partner"] {
                        let value = browser.create_token("acme", name).value();
                        for _ in 0..10 {
                            let call = Call::new(there, "GET", "/api/v2/workspace.json").bearer(&value).send();
                            assert_eq!(call.status, 200, "{mode}: {call:?}");
                        }
                        assert_eq!(browser.post(&browser.delete_path("acme", name), &[]).status, 303, "{mode}");
                        let call = Call::new(there, "GET", "/api/v2/workspace.json").bearer(&value).send();
                        assert_eq!(call.status, 401, "{mode}: {call:?}");
                    }
                });
            }
        });
        for instance in instances {
            let (code, said) = instance.terminate();
            assert_eq!(code, 0, "{said}");
            assert!(!said.contains("ERROR") && !said.contains("WARN"), "{mode}: {said}");
        }
        let copied = home.folder.path().join("copy.db");
        home.done(&["copy", "--from", &url, "--to", copied.to_str().unwrap()]);

        let mut direct = connect(database.url());
        assert_eq!(rows(&mut direct, "SELECT pid::text AS text FROM pg_locks WHERE locktype = 'advisory'"), [""; 0]);
        // Each of these transactions has a server connection of its own, which the servers above have used.
        let mut used: Vec<DbConnection> = (0..4).map(|_| connect(&url)).collect();
        for conn in &mut used {
            conn.batch_execute("BEGIN").unwrap();
        }
        for conn in &mut used {
            // PgBouncer sets these itself, for each client.
            let set = "SELECT name AS text FROM pg_settings WHERE source = 'session' \
                       AND name NOT IN ('application_name', 'client_encoding', 'TimeZone')";
            assert_eq!(rows(conn, set), [""; 0], "{mode}: settings");
            // The query itself is prepared without a name.
            let prepared = "SELECT name AS text FROM pg_prepared_statements WHERE name LIKE '\\_\\_diesel%'";
            assert_eq!(rows(conn, prepared), [""; 0], "{mode}: prepared statements");
        }
    }
}

fn connect(url: &str) -> DbConnection {
    DbConnection::Postgres(PgConnection::establish(url).unwrap())
}

#[db_test(postgres, needs(postgres_programs))]
fn only_pending_migrations_wait_for_the_lock_and_say_so() {
    let database = OwnServer::start();
    let home = Home::on(&database);
    let mut other = connect(database.url());
    let [lock, unlock] = ["lock", "unlock"].map(|verb| format!("SELECT pg_advisory_{verb}({MIGRATION_LOCK})"));
    other.batch_execute(&lock).unwrap();
    let migrated = std::thread::scope(|scope| {
        let run = scope.spawn(|| home.run(&["migrate"]));
        let waiting = "SELECT pid::text AS text FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        while rows(&mut other, waiting).is_empty() && !run.is_finished() {
            std::thread::yield_now();
        }
        other.batch_execute(&unlock).unwrap();
        run.join().unwrap()
    });
    assert_eq!(migrated.status, 0, "{migrated:?}");
    assert!(migrated.stderr.contains("waiting until another process has migrated the database"), "{migrated:?}");

    other.batch_execute(&lock).unwrap();
    let again = home.run(&["migrate"]);
    assert_eq!(again.status, 0, "{again:?}");
    assert!(!again.stderr.contains("waiting"), "{again:?}");
}
