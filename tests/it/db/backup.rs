//! A backup of a database in use is consistent.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::support::api_client::Call;
use crate::support::process::Home;
use crate::support::wait::{SetOnDrop, wait_until};

const ALICE: &str = "alice@example.org";

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

fn sqlite(path: &Path) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    conn
}

/// The one text that a query finds.
fn text(path: &Path, sql: &str) -> String {
    diesel::sql_query(sql).get_result::<Text>(&mut sqlite(path)).unwrap().text
}

fn home() -> (Home, String) {
    let home = Home::new();
    home.add_acme(&[ALICE], "administrator");
    let value = home.done(&["token", "create", "--workspace", "acme", "--email", ALICE, "--name", "Reporting"]);
    (home, value.trim_end().to_owned())
}

/// Events as old as small numbers look would be purged meanwhile.
const FUTURE: i64 = 4_000_000_000_000_000;

#[db_test(sqlite)]
fn a_backup_of_a_busy_server_is_consistent_and_a_server_starts_from_it() {
    let (home, value) = home();
    let server = home.serve();
    let (written, enough) = (AtomicI64::new(0), AtomicBool::new(false));
    let (folder, file) = (home.folder.path().join("backups"), home.folder.path().join("backups/monday.db"));
    std::fs::create_dir(&folder).unwrap();
    let said = std::thread::scope(|scope| {
        // Two rows a transaction: half of one must be nowhere.
        scope.spawn(|| {
            let mut conn = sqlite(&home.file());
            for number in 1.. {
                let two = format!(
                    "BEGIN IMMEDIATE; INSERT INTO events (at, kind) VALUES ({FUTURE} + {number}, 'first');
                     INSERT INTO events (at, kind) VALUES ({FUTURE} + {number}, 'second'); COMMIT"
                );
                conn.batch_execute(&two).unwrap();
                written.store(number, Ordering::SeqCst);
                if enough.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        let _enough = SetOnDrop(&enough);
        wait_until("50 pairs are written", || {
            assert_eq!(Call::new(server.address, "GET", "/readyz").send().status, 200);
            written.load(Ordering::SeqCst) >= 50
        });
        let before = written.load(Ordering::SeqCst);
        let said = home.run(&["backup", file.to_str().unwrap()]);
        enough.store(true, Ordering::SeqCst);
        assert_eq!(said.status, 0, "{said:?}");
        let last = format!("SELECT CAST(max(at) - {FUTURE} AS TEXT) AS text FROM events WHERE kind = 'second'");
        let last: i64 = text(&file, &last).parse().unwrap();
        assert!(last >= before, "{last} of {before} pairs");
        let pairs =
            |kind| text(&file, &format!("SELECT CAST(count(*) AS TEXT) AS text FROM events WHERE kind = '{kind}'"));
        assert_eq!((pairs("first"), pairs("second")), (last.to_string(), last.to_string()));
        said.stdout
    });

    assert!(said.contains("Backed ") && said.contains("monday.db"), "{said}");
    assert_eq!(text(&file, "SELECT integrity_check AS text FROM pragma_integrity_check"), "ok");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["monday.db"]);

    let restored = Home::new();
    std::fs::create_dir(restored.data()).unwrap();
    std::fs::copy(&file, restored.file()).unwrap();
    let server = restored.serve();
    assert_eq!(Call::new(server.address, "GET", "/api/v2/workspace.json").bearer(&value).send().status, 200);
    assert_eq!(text(&restored.file(), "SELECT journal_mode AS text FROM pragma_journal_mode"), "wal");
}

#[db_test(sqlite)]
fn a_backup_replaces_no_file_creates_no_database_and_migrates_none() {
    let (home, _) = home();
    let at = |name: &str| home.folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("kept"), "kept").unwrap();
    std::os::unix::fs::symlink("nowhere", at("link")).unwrap();
    for (file, said) in [("kept", "already exists"), ("link", "already exists"), ("no/where.db", "can't write")] {
        let failed = home.fails(&["backup", &at(file)]);
        assert!(failed.contains(said), "{failed}");
    }
    assert_eq!(std::fs::read_to_string(at("kept")).unwrap(), "kept");

    let failed = home.fails(&["--database-url", &at("missing.db"), "backup", &at("new.db")]);
    assert!(failed.contains("does not exist"), "{failed}");
    assert!(!Path::new(&at("missing.db")).exists() && !Path::new(&at("new.db")).exists());

    let ran = home.run(&["--database-url", "postgres://u:secretpw@127.0.0.1:1/x", "backup", &at("new.db")]);
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.lines().count()), (2, "", 1), "{ran:?}");
    assert!(ran.stderr.contains("pg_dump") && ran.stderr.contains("docs/operations.md"), "{ran:?}");
    assert!(!ran.stderr.contains("secretpw"), "{ran:?}");

    let migrations = "SELECT CAST(count(*) AS TEXT) AS text FROM __diesel_schema_migrations";
    sqlite(&home.file())
        .batch_execute("DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)")
        .unwrap();
    let before = text(&home.file(), migrations);
    home.done(&["backup", &at("old.db")]);
    assert_eq!([text(&home.file(), migrations), text(Path::new(&at("old.db")), migrations)], [before.clone(), before]);
    assert!(
        std::fs::read_dir(home.folder.path())
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().starts_with(".latchkey-backup") })
    );
}

#[db_test(sqlite)]
fn a_backup_that_fails_the_integrity_check_is_not_kept() {
    let (home, _) = home();
    // The database can be copied page by page, but a row in it breaks a constraint.
    sqlite(&home.file()).batch_execute("PRAGMA ignore_check_constraints = ON; UPDATE users SET is_active = 7").unwrap();
    let folder = home.folder.path().join("backups");
    std::fs::create_dir(&folder).unwrap();
    let failed = home.fails(&["backup", folder.join("monday.db").to_str().unwrap()]);
    assert!(
        failed.contains("the database is damaged; no backup was written: CHECK constraint failed in users"),
        "{failed}"
    );
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[db_test(sqlite)]
fn a_backup_of_a_damaged_database_fails() {
    let (home, _) = home();
    let (database, file) = (home.file(), home.folder.path().join("new.db"));
    sqlite(&database).batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut bytes = std::fs::read(&database).unwrap();
    // The first page says which tables there are; none of them can be read.
    bytes[4096..].fill(0xff);
    std::fs::write(&database, bytes).unwrap();
    let failed = home.fails(&["backup", file.to_str().unwrap()]);
    assert!(failed.contains("malformed") || failed.contains("damaged"), "{failed}");
    assert!(!file.exists());
}

#[db_test(sqlite)]
fn a_second_backup_in_the_same_second_has_a_name_of_its_own() {
    let (home, _) = home();
    let folder = home.folder.path().join("backups");
    std::fs::create_dir(&folder).unwrap();
    // The names of this minute are taken.
    let now = latchkey::base::clock::Clock::System.now();
    for second in 0..60 {
        let stamp = (now + std::time::Duration::from_secs(second)).file_stamp();
        std::fs::write(folder.join(format!("latchkey-{stamp}.db")), "taken").unwrap();
    }
    let said = home.done(&["backup", folder.to_str().unwrap()]);
    let names = || {
        let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<Vec<_>>()
    };
    let backups: Vec<_> = names().into_iter().filter(|name| name.ends_with("Z_2.db")).collect();
    assert_eq!((names().len(), backups.len()), (61, 1), "{:?}", names());
    assert!(said.contains(&backups[0]), "{said}");
    assert_eq!(text(&folder.join(&backups[0]), "SELECT integrity_check AS text FROM pragma_integrity_check"), "ok");
    // It is one of the backups that are counted.
    home.done(&["backup", "--keep", "1", folder.to_str().unwrap()]);
    assert_eq!(names().len(), 1, "{:?}", names());
}

#[db_test(sqlite)]
fn a_backup_keeps_a_number_of_files_in_a_folder_only() {
    let (home, _) = home();
    let file = home.folder.path().join("one.db");
    let ran = home.run(&["backup", "--keep", "2", file.to_str().unwrap()]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("--keep needs a folder") && !file.exists(), "{ran:?}");
    for args in [&["backup"][..], &["backup", "--keep", "0", "."], &["backup", "--record", "x.db"]] {
        assert_eq!(home.run(args).status, 2, "{args:?}");
    }
    let stored = || text(&home.file(), "SELECT value AS text FROM settings WHERE key = 'last_backup_at'");
    home.done(&["backup", file.to_str().unwrap()]);
    let first = stored();
    home.done(&["backup", "--record"]);
    assert!(stored() > first, "{first}");
}
