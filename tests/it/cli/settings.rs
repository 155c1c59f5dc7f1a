//! Settings from the environment and from files, and `latchkey check-config`.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use crate::support::process::Home;

const SECRET: &str = "secretpw-secretpw";

#[db_test(sqlite)]
fn an_empty_environment_variable_is_not_set_and_a_switch_takes_each_usual_word() {
    let home = Home::new();
    let names = home.done(&["--help"]);
    let names: Vec<&str> = names.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap()).collect();
    assert!(names.len() > 15, "{names:?}");
    let empty: Vec<(&str, &str)> = names.iter().map(|name| (*name, "")).collect();
    let checked = home.run_in(&empty, &["check-config"]);
    assert_eq!((checked.status, checked.stderr.as_str()), (0, ""), "{checked:?}");
    assert_eq!(home.run_in(&empty, &["user", "list"]).status, 0);
    for (word, is_on) in [("1", true), ("true", true), ("yes", true), ("on", true), ("0", false), ("false", false)] {
        let environment = [("LATCHKEY_ALLOW_INSECURE_HTTP", word), ("LATCHKEY_PUBLIC_URL", "http://x.example")];
        let checked = home.run_in(&environment, &["check-config"]);
        assert_eq!(checked.status == 0, is_on, "{word}: {checked:?}");
    }
}

#[db_test(sqlite)]
fn an_error_names_the_environment_variable_that_was_used() {
    let home = Home::new();
    for (name, value) in [
        ("LATCHKEY_LISTEN", "nonsense"),
        ("LATCHKEY_KEEP_EVENTS", "1"),
        ("LATCHKEY_DATABASE_WAIT", "x"),
        ("LATCHKEY_ALLOW_INSECURE_HTTP", "maybe"),
        ("LATCHKEY_LOG", "warning"),
        ("LATCHKEY_LOG", "\"info\""),
        ("DATABASE_URL", "host=h password=secretpw-secretpw"),
    ] {
        for command in [&["check-config"][..], &["serve"], &[]] {
            let ran = home.run_in(&[(name, value)], command);
            assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
            assert!(ran.stderr.contains(&format!("for '{name}'")), "{name}: {ran:?}");
            assert!(!ran.stderr.contains(SECRET), "{ran:?}");
        }
    }
    let typed = home.run_in(&[("LATCHKEY_KEEP_EVENTS", "400")], &["--keep-events", "1"]);
    assert!(typed.stderr.contains("for '--keep-events <DAYS>'"), "{typed:?}");
}

#[db_test(sqlite)]
fn check_config_prints_each_setting_with_its_source_and_no_secret() {
    let home = Home::new();
    let url = format!("postgres://ada:{SECRET}@localhost/latchkey?sslpassword={SECRET}");
    let environment = [("DATABASE_URL", url.as_str()), ("LATCHKEY_KEEP_EVENTS", "90")];
    let checked = home.run_in(&environment, &["check-config", "--listen", "localhost:8081"]);
    assert_eq!((checked.status, checked.stderr.as_str()), (0, ""), "{checked:?}");
    assert!(!checked.stdout.contains(SECRET), "{checked:?}");
    let line = |flag: &str| {
        let line = checked.stdout.lines().find(|line| line.split_whitespace().next() == Some(flag));
        line.unwrap_or_else(|| panic!("{flag}: {checked:?}")).split_whitespace().skip(1).collect::<Vec<_>>()
    };
    assert_eq!(line("listen"), ["localhost:8081", "--listen"]);
    assert_eq!(line("keep-events"), ["90", "LATCHKEY_KEEP_EVENTS"]);
    assert_eq!(line("database-url"), ["postgres://localhost/latchkey", "DATABASE_URL"]);
    assert_eq!(line("allow-insecure-http"), ["false", "default"]);
    assert_eq!(line("api-rate"), ["-", "default"]);
    assert!(checked.stdout.ends_with("reached at http://127.0.0.1:8081\n"), "{checked:?}");
    assert!(!home.data().exists(), "the check creates nothing");
    let log = [("LATCHKEY_LOG", "warn,latchkey=debug,actix_server=info,latchkey::access=info,latchkey::login=info")];
    let wide = home.run_in(&log, &["check-config"]).stdout;
    let table = wide.lines().take_while(|line| !line.is_empty());
    let columns: Vec<_> = table.filter_map(|line| line.find(" default").or_else(|| line.find(" LATCHKEY_"))).collect();
    assert!(columns.len() > 8 && columns.iter().all(|column| *column == columns[0]), "{wide}");

    let refused = home.run_in(&[], &["check-config", "--listen", ":8080"]);
    assert!(refused.status == 2 && refused.stderr.contains("--public-url is required"), "{refused:?}");
}

#[db_test(sqlite)]
fn the_database_url_can_be_in_a_file() {
    let home = Home::new();
    let file = home.folder.path().join("url");
    let path = file.to_str().unwrap();
    let write = |text: &str, mode| {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let database = home.folder.path().join("named.db");
    write(&format!("sqlite://{}\n", database.display()), 0o600);
    let migrated = home.run_in(&[("DATABASE_URL_FILE", path)], &["migrate"]);
    assert_eq!(migrated.status, 0, "{migrated:?}");
    assert!(database.is_file() && !home.file().exists());

    for (text, mode) in [
        (format!("mysql://u:{SECRET}@h"), 0o600),
        (format!("{SECRET}\n{SECRET}"), 0o600),
        (format!("sqlite://{SECRET}"), 0o604),
    ] {
        write(&text, mode);
        let refused = home.run_in(&[("DATABASE_URL_FILE", path)], &["user", "list"]);
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains("--database-url-file") && !refused.stderr.contains(SECRET), "{refused:?}");
    }
    let both = [("DATABASE_URL_FILE", path), ("DATABASE_URL", "sqlite://x.db")];
    assert_eq!(home.run_in(&both, &["user", "list"]).status, 2, "one of two would be ignored");
}

/// Docker and Kubernetes mount secrets with a mode that cannot be changed.
#[db_test(sqlite, needs(mount))]
fn a_secret_that_all_can_read_is_accepted_with_a_warning_on_a_read_only_file_system() {
    let home = Home::new();
    let script = format!(
        "mount -t tmpfs none /mnt && echo {SECRET} >/mnt/secret && chmod 444 /mnt/secret && {} && \
         exec \"$0\" check-config --introspection-client warehouse=/mnt/secret",
        "{remount}"
    );
    let run = |remount: &str| {
        let script = script.replace("{remount}", remount);
        let mut command = Command::new("unshare");
        command.args(["--mount", "/bin/sh", "-c", &script, env!("CARGO_BIN_EXE_latchkey")]);
        command.current_dir(home.folder.path()).output().unwrap()
    };
    let accepted = run("mount -o remount,ro /mnt");
    let said = String::from_utf8(accepted.stderr).unwrap();
    assert!(accepted.status.success() && said.contains("other users can read the secret in /mnt/secret"), "{said}");
    assert!(!said.contains(SECRET), "{said}");
    let refused = run("true");
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
}

/// The kernel ignores a signal without a handler in the first process of a container.
#[db_test(postgres, needs(mount))]
fn sigterm_ends_the_first_process_of_a_container_while_it_waits_for_the_database() {
    let home = Home::at("postgres://latchkey@127.0.0.1:1/latchkey");
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", env!("CARGO_BIN_EXE_latchkey"), "--listen", "127.0.0.1:0"]);
    command.env_clear().env("DATABASE_URL", home.database.connection_url()).current_dir(home.folder.path());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert!(line.contains("does not respond yet"), "{line}");
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    let stopped = Command::new("kill").args(["-TERM", children.trim()]).status().unwrap();
    assert!(stopped.success());
    let status = child.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(143), None));
}
