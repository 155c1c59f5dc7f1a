//! Backups that run every night, as `docs/operations.md` describes them, and the warning when they do not.

use std::path::PathBuf;
use std::time::Duration;

use crate::support::TestServer;
use crate::support::database::is_postgres;
use crate::support::machine::{Machine, commands_after, repository_file};
use crate::support::process::Home;
use crate::support::wait::wait_until;

const OPERATIONS: &str = "docs/operations.md";

/// The backups in a folder, by name.
fn backups(folder: PathBuf) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("latchkey-"));
    names.sort();
    names
}

#[plain_test(needs(mount, cron))]
fn the_documented_line_makes_a_backup_under_cron() {
    let machine = Machine::new();
    // The script alone finds its programs with cron's PATH.
    machine.run("env -i PATH=/usr/bin:/bin /usr/local/sbin/latchkey-admin migrate");
    machine.run(&commands_after(OPERATIONS, "Or with cron:"));
    // cron runs these lines when it starts, and others at their minute.
    machine
        .run("sed -i 's/^30 3 \\* \\* \\* /@reboot /' /etc/cron.d/latchkey && grep -q ^@reboot /etc/cron.d/latchkey");
    let cron = machine.start("exec cron -f");
    let folder = || machine.path("/var/backups/latchkey");
    wait_until("cron has made a backup", || backups(folder()).iter().any(|name| name.ends_with("Z.db")));

    drop(cron);
    let lock = "flock --nonblock /var/lib/latchkey/latchkey.db-lock true";
    wait_until("the command of cron has ended", || machine.succeeds(lock));

    // And it can be restored, by the commands of the document; there is no systemd.
    let commands = commands_after(OPERATIONS, "To restore:").replace("2026-11-25T03-30-00Z", "*");
    let commands: Vec<&str> = commands.lines().filter(|line| !line.starts_with("systemctl ")).collect();
    let said = machine.run(&commands.join("\n"));
    assert!(
        said.contains("Restored sqlite:///var/lib/latchkey/latchkey.db from /var/backups/latchkey/latchkey-2"),
        "{said}"
    );
    let owners = machine.run("stat -c %U:%a /var/lib/latchkey/latchkey.db*");
    assert!(owners.lines().count() >= 3 && owners.lines().all(|owner| owner == "latchkey:600"), "{owners}");
}

/// The commands of the unit in their order, as a script with the environment that systemd gives them.
fn script_of(unit: &str) -> String {
    let command = |(key, value): (&str, &str)| {
        let value = value.replace("%%", "%").replace("$$", "$");
        let file = value.trim_start_matches('-');
        Some(match key {
            "Environment" => format!("export {value}"),
            "EnvironmentFile" => {
                format!("while IFS= read -r line; do case $line in [A-Z]*) export \"$line\" ;; esac; done < {file}")
            }
            "ExecStartPre" | "ExecStart" => match value.strip_prefix('+') {
                Some(as_root) => as_root.to_owned(),
                None => format!("runuser -u latchkey -- {value}"),
            },
            _ => return None,
        })
    };
    let lines = unit.lines().filter_map(|line| line.split_once('=')).filter_map(command);
    lines.collect::<Vec<_>>().join("\n")
}

#[plain_test(needs(mount))]
fn the_unit_makes_a_backup_and_keeps_28() {
    let machine = Machine::new();
    machine.run("/usr/local/sbin/latchkey-admin migrate");
    let script = script_of(&repository_file("deploy/latchkey-backup.service"));
    assert!(script.contains("/usr/local/bin/latchkey backup"), "{script}");
    machine.run(&script);
    let folder = || machine.path("/var/backups/latchkey");
    let first = backups(folder());
    assert_eq!(first.len(), 1, "{first:?}");
    // A folder that holds other files, and a backup that a wrong clock has dated.
    for name in ["latchkey-2036-01-01T00-00-00Z.db", "latchkey-monday.db", "notes"] {
        std::fs::write(folder().join(name), "").unwrap();
    }
    for day in 1..=28 {
        std::fs::write(folder().join(format!("latchkey-2026-01-{day:02}T03-30-00Z.db")), "").unwrap();
    }
    wait_until("a second has passed", || {
        let said = machine.run(&format!("({script}) 2>&1 || true"));
        !said.contains("already exists")
    });
    let left = backups(folder());
    assert_eq!(left.len(), 28 + 1, "28 and the one with another name: {left:?}");
    assert!(left.contains(&first[0]) && left.contains(&"latchkey-monday.db".to_owned()), "{left:?}");
    assert!(!left.contains(&"latchkey-2026-01-01T03-30-00Z.db".to_owned()), "the oldest go: {left:?}");
}

#[db_test(postgres, needs(postgres_programs))]
fn on_postgresql_the_unit_runs_pg_dump_and_the_command_prints_it() {
    let home = Home::new();
    home.add_acme(&["alice@example.org"], "administrator");
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_str().unwrap();
    let ran = home.run(&["backup", at]);
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.lines().count()), (2, "", 1), "{ran:?}");
    let line = ran.stderr.split_once("Run: ").unwrap().1.split(" (docs").next().unwrap();
    let program = env!("CARGO_BIN_EXE_latchkey");
    let line = line.replace("latchkey backup", &format!("{program} backup"));
    let url = home.database.url_argument().unwrap().to_owned();
    let run = |script: &str| {
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-euc", script]).current_dir(folder.path()).env("DATABASE_URL", &url).output().unwrap()
    };
    let ran = run(&line);
    assert!(ran.status.success(), "{line}: {ran:?}");
    assert!(std::fs::metadata(folder.path().join("latchkey.dump")).unwrap().len() > 1000);

    // The lines that the document's command turns on, run by this user and in this folder.
    let edit = commands_after(OPERATIONS, "For every night:");
    let edit = edit.lines().next().unwrap().replace("/etc/systemd/system/latchkey-backup.service", "unit");
    std::fs::write(folder.path().join("unit"), repository_file("deploy/latchkey-backup.service")).unwrap();
    assert!(run(&edit).status.success(), "{edit}");
    let unit = std::fs::read_to_string(folder.path().join("unit")).unwrap();
    let script: String = script_of(&unit)
        .lines()
        .filter_map(|line| line.strip_prefix("runuser -u latchkey -- "))
        .map(|line| line.replace("/var/backups/latchkey", at).replace("/usr/local/bin/latchkey", program))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(script.lines().count(), 3, "{script}");
    for number in 1..=29 {
        std::fs::write(folder.path().join(format!("latchkey-2026-01-{number:02}T03-30-00Z.dump")), "").unwrap();
    }
    let ran = run(&script);
    assert!(ran.status.success(), "{script}: {ran:?}");
    let dumps = backups(folder.path().to_owned());
    assert_eq!(dumps.len(), 28, "{dumps:?}");
    assert!(std::fs::metadata(folder.path().join(dumps.last().unwrap())).unwrap().len() > 1000, "{dumps:?}");
}

#[db_test]
fn administrators_see_a_backup_that_is_older_than_two_days() {
    let server = TestServer::start();
    let warning = "The last backup of this server is from 23 Nov 2026, 12:00 UTC";
    let sees = |person: &str| server.signed_in(person).get("/w/acme").text().contains("The last backup");
    assert!(!sees("alice"), "there was none");
    let at = server.now().micros();
    server.db_execute(&format!("INSERT INTO settings VALUES ('last_backup_at', '{at}')"));
    let hour = Duration::from_hours(1);
    server.clock.advance(48 * hour);
    assert!(!sees("alice"), "two days are no more than two days");
    server.clock.advance(hour);
    let page = server.signed_in("alice").get("/w/acme").text();
    assert!(page.contains(warning), "{page}");
    assert!(!sees("bob"), "a member can't do anything about it");
    server.clock.set_back(2 * 49 * hour);
    assert!(sees("alice"), "a backup that a wrong clock dated is no recent one");
}

#[db_test]
fn readyz_logs_once_that_the_last_backup_is_older_than_two_days() {
    let home = Home::new();
    home.done(&["migrate"]);
    let old = "INSERT INTO settings VALUES ('last_backup_at', '1795435200000000')";
    diesel::RunQueryDsl::execute(diesel::sql_query(old), &mut home.database.connect()).unwrap();
    let said = |home: &Home| {
        let server = home.serve();
        for _ in 0..3 {
            let ready = crate::support::api_client::Call::new(server.address, "GET", "/readyz").send();
            assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
        }
        server
            .terminate()
            .1
            .lines()
            .filter(|line| line.contains("the last backup"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let lines = said(&home);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("WARN") && lines[0].contains("the last backup is from 23 Nov 2026, 12:00 UTC"),
        "{lines:?}"
    );

    if is_postgres() {
        assert!(home.done(&["backup", "--record"]).contains("Recorded a backup"));
    } else {
        std::fs::create_dir(home.folder.path().join("backups")).unwrap();
        home.done(&["backup", home.folder.path().join("backups").to_str().unwrap()]);
    }
    assert_eq!(said(&home), Vec::<String>::new());
}
