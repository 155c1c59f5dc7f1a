//! `latchkey restore`: what it refuses, what comes back, and that a kill at any moment loses nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::support::PASSWORD;
use crate::support::api_client::Call;
use crate::support::browser_client::Browser;
use crate::support::database::{is_postgres, rows};
use crate::support::process::{Home, Latchkey};
use latchkey::db::DbConnection;

const ALICE: &str = "alice@example.org";

fn query(file: &Path, sql: &str) -> Vec<String> {
    rows(&mut DbConnection::Sqlite(SqliteConnection::establish(file.to_str().unwrap()).unwrap()), sql)
}

fn execute(file: &Path, sql: &str) {
    SqliteConnection::establish(file.to_str().unwrap()).unwrap().batch_execute(sql).unwrap();
}

fn users(file: &Path) -> Vec<String> {
    query(file, "SELECT email AS text FROM users ORDER BY email")
}

fn call(server: &Latchkey, value: &str) -> u16 {
    Call::new(server.address, "GET", "/api/v2/workspace.json").bearer(value).send().status
}

fn add_user(home: &Home, email: &str) {
    home.done_with(&["user", "add", "--email", email, "--name", "Name", "--password-stdin"], PASSWORD);
}

/// The files in the data folder, without locks, and their content.
fn files(home: &Home) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(home.data()).unwrap().map(|entry| entry.unwrap().path());
    let files = entries
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()));
    files.filter(|(name, _)| !name.ends_with("-lock") && !name.ends_with("-server")).collect()
}

/// The databases that a restore has put aside.
fn previous(home: &Home) -> Vec<PathBuf> {
    let parts = ["-wal", "-shm", "-journal"];
    let names = files(home)
        .into_keys()
        .filter(|name| name.starts_with("latchkey.db.") && !parts.iter().any(|end| name.ends_with(end)));
    names.map(|name| home.data().join(name)).collect()
}

/// A home with a backup of Alice and a token's value.
fn home_with_backup() -> (Home, String, String) {
    let home = Home::new();
    home.add_acme(&[ALICE], "administrator");
    let value = home.done(&["token", "create", "--workspace", "acme", "--email", ALICE, "--name", "Reporting"]);
    let backup = home.folder.path().join("backup.db").to_str().unwrap().to_owned();
    home.done(&["backup", &backup]);
    (home, backup, value.trim_end().to_owned())
}

#[db_test(sqlite)]
fn a_restore_brings_back_the_backup_and_keeps_the_previous_files() {
    let (home, backup, value) = home_with_backup();
    let server = home.serve();
    let alice = Browser::new(server.address);
    assert_eq!(alice.sign_in(ALICE, PASSWORD).status, 303);
    let late = alice.create_token("acme", "Late").value();
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    add_user(&home, "bob@example.org");
    assert_eq!((call(&server, &value), call(&server, &late)), (401, 200));
    let epoch = "SELECT CAST(number AS TEXT) AS text FROM identity_epoch";
    let epochs = [query(&home.file(), epoch), query(Path::new(&backup), epoch)];
    // What was committed last is in the -wal only.
    server.kill();
    assert!(home.data().join("latchkey.db-wal").metadata().unwrap().len() > 0);

    let said = home.done(&["restore", &backup]);
    assert!(said.contains("Users: 1, workspaces: 1, tokens: 1, last event: "), "{said}");
    assert!(said.contains("deleted tokens work again") && said.contains("users sign in again"), "{said}");
    let aside = previous(&home);
    assert_eq!(aside.len(), 1, "{:?}", files(&home).keys());
    assert!(said.contains(aside[0].to_str().unwrap()), "{said}");
    assert!(!epochs.contains(&query(&home.file(), epoch)), "no cache knows this epoch");
    assert_eq!(users(&home.file()), [ALICE]);

    let server = home.serve();
    assert_eq!((call(&server, &value), call(&server, &late)), (200, 401));
    assert_eq!(alice.moved_to(server.address).get("/w/acme").status, 303, "the session is over");
    assert_eq!(Browser::new(server.address).sign_in(ALICE, PASSWORD).status, 303);
    let (status, said) = server.terminate();
    assert_eq!(status, 0, "{said}");
    assert_eq!(users(&aside[0]), [ALICE, "bob@example.org"], "with what was in the -wal");

    // The way back, through a backup of the previous database.
    let way_back = home.folder.path().join("way-back.db");
    let (way_back, aside) = (way_back.to_str().unwrap(), aside[0].to_str().unwrap());
    home.done(&["--database-url", aside, "backup", way_back]);
    home.done(&["restore", way_back]);
    assert_eq!(users(&home.file()), [ALICE, "bob@example.org"]);
    assert_eq!(previous(&home).len(), 2);
}

#[db_test(sqlite)]
fn a_restore_into_an_empty_folder_creates_it() {
    let (_old_home, backup, value) = home_with_backup();
    let home = Home::new();
    let said = home.done(&["restore", &backup]);
    assert!(said.contains("Restored") && !said.contains("previous"), "{said}");
    assert_eq!(call(&home.serve(), &value), 200);
}

#[db_test(sqlite)]
fn one_server_uses_a_database_and_no_restore_replaces_it_meanwhile() {
    let (home, backup, value) = home_with_backup();
    let server = home.serve();
    let refused = home.fails(&["restore", &backup]);
    assert!(refused.contains("is in use: stop the server") && refused.contains("nothing was changed"), "{refused}");
    let second = home.fails_to_serve();
    assert!(second.contains(&format!("another server (process {}) uses the database", server.pid())), "{second}");
    home.done(&["token", "list", "--workspace", "acme"]);
    assert_eq!(call(&server, &value), 200);
    server.kill();
    assert!(previous(&home).is_empty());
    home.done(&["restore", &backup]);
    assert_eq!(call(&home.serve(), &value), 200, "a killed server holds no lock");
}

#[db_test(sqlite)]
fn a_restore_refuses_a_file_that_is_no_backup_and_changes_nothing() {
    let (home, backup, _) = home_with_backup();
    add_user(&home, "bob@example.org");
    let before = files(&home);
    let at = |name: &str| home.folder.path().join(name);
    let copy = |name: &str| {
        std::fs::copy(&backup, at(name)).unwrap();
        at(name)
    };
    std::fs::write(at("text"), "no database").unwrap();
    std::fs::write(at("empty"), "").unwrap();
    execute(&at("other"), "CREATE TABLE users (id INTEGER)");
    execute(&copy("newer"), "INSERT INTO __diesel_schema_migrations VALUES ('99990101000000', '')");
    execute(&copy("lacking"), "DROP TABLE events");
    execute(&copy("damaged"), "PRAGMA ignore_check_constraints = ON; UPDATE users SET is_active = 7");
    let bytes = std::fs::read(&backup).unwrap();
    std::fs::write(at("cut"), &bytes[..bytes.len() / 2]).unwrap();
    copy("in-use");
    std::fs::write(at("in-use-wal"), "x").unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    let refused = [
        ("text", "is no backup of Latchkey"),
        ("empty", "is no backup of Latchkey"),
        ("other", "is no backup of Latchkey"),
        ("lacking", "is no backup of Latchkey"),
        ("damaged", "it is damaged: CHECK constraint failed in users"),
        ("cut", "is no backup of Latchkey"),
        ("newer", "is newer than this program"),
        ("in-use", "backup NEW"),
        ("folder", "can't read the backup"),
        ("missing", "can't read the backup"),
        ("data/latchkey.db", "is the database itself"),
    ];
    for (name, reason) in refused {
        let said = home.fails(&["restore", at(name).to_str().unwrap()]);
        assert!(said.contains(reason), "{name}: {said}");
        assert_eq!(files(&home), before, "{name}");
    }
}

#[db_test(postgres)]
fn on_postgresql_a_restore_prints_the_command() {
    assert!(is_postgres());
    let home = Home::new();
    let ran = home.run(&["--database-url", "postgres://u:secretpw@127.0.0.1:1/x", "restore", "x.dump"]);
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.lines().count()), (2, "", 1), "{ran:?}");
    assert!(ran.stderr.contains("pg_restore") && ran.stderr.contains("'postgres://u@127.0.0.1:1/x' x.dump"), "{ran:?}");
}

/// System calls at which a restore is killed: those that change the folder or make a change permanent.
const SYSTEM_CALLS: [&str; 6] = ["rename", "unlink", "fsync", "fdatasync", "pwrite64", "copy_file_range"];

#[db_test(sqlite, needs(strace))]
fn a_restore_that_is_killed_loses_nothing_and_completes_when_repeated() {
    let (home, backup, _) = home_with_backup();
    let server = home.serve();
    add_user(&home, "bob@example.org");
    server.kill();
    let before = files(&home);
    assert!(before["latchkey.db-wal"].len() > 1, "{:?}", before.keys());
    let (old, new) = (vec![ALICE.to_owned(), "bob@example.org".to_owned()], vec![ALICE.to_owned()]);
    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    for system_call in SYSTEM_CALLS {
        for nth in 1.. {
            for name in files(&home).into_keys() {
                std::fs::remove_file(home.data().join(name)).unwrap();
            }
            for (name, content) in &before {
                std::fs::write(home.data().join(name), content).unwrap();
            }
            let mut strace = Command::new("strace");
            strace.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={system_call}")]);
            strace.args(["-e", &format!("inject={system_call}:signal=SIGKILL:when={nth}")]);
            strace.arg(env!("CARGO_BIN_EXE_latchkey")).arg("--data-dir").arg(home.data()).args(["restore", &backup]);
            let ran = strace.env_remove("DATABASE_URL").output().unwrap();
            if ran.status.success() {
                break;
            }
            // The database is the old one, or the new one, or nothing opens it.
            let list = home.run(&["user", "list"]);
            let outcome = match list.status {
                0 if list.stdout.contains("bob@example.org") => "old",
                0 => "new",
                _ => {
                    assert!(list.stderr.contains("was interrupted"), "{system_call} {nth}: {list:?}");
                    let other = home.run(&["backup", "other.db"]);
                    assert!(other.stderr.contains("was interrupted"), "{system_call} {nth}: {other:?}");
                    "none"
                }
            };
            *outcomes.entry(outcome).or_default() += 1;
            home.done(&["restore", &backup]);
            assert_eq!(users(&home.file()), new, "{system_call} {nth}");
            let kept: Vec<_> = previous(&home).iter().map(|file| users(file)).collect();
            assert!(kept.contains(&old), "{system_call} {nth}: {kept:?}");
            let left = files(&home).into_keys().filter(|name| name.contains("-copy") || name.contains("-restoring"));
            assert_eq!(left.collect::<Vec<_>>(), Vec::<String>::new(), "{system_call} {nth}");
        }
    }
    let kinds: Vec<_> = outcomes.keys().copied().collect();
    assert_eq!(kinds, ["new", "none", "old"], "each kind of interruption occurred: {outcomes:?}");
}
