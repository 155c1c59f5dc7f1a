//! The files for operators: the documents name each setting, and the admin script passes the settings unchanged.

use std::process::Command;

use crate::support::process::Home;

#[db_test(sqlite)]
fn every_setting_is_documented_in_the_readme_and_for_operators() {
    let help = Home::new().done(&["--help"]);
    let flags = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2).map(str::trim);
    let flags: Vec<&str> = flags
        .filter(|flag| !matches!(*flag, "--help" | "--version" | "--email" | "--from" | "--to" | "--keep"))
        .collect();
    assert!(flags.len() >= 14, "{flags:?}");
    let example = std::fs::read_to_string("deploy/latchkey.env.example").unwrap();
    for name in help.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap()) {
        assert!(example.lines().any(|line| line.trim_start_matches('#').starts_with(&format!("{name}="))), "{name}");
    }
    for document in ["docs/reference/settings.md"] {
        let text = std::fs::read_to_string(document).unwrap();
        for flag in &flags {
            // Those of the database stand in one line: `--database-connections`, `-connect-timeout` and so on.
            let short = flag.strip_prefix("--database");
            let is_there =
                text.contains(&format!("`{flag}`")) || short.is_some_and(|it| text.contains(&format!("`{it}`")));
            assert!(is_there, "{document} says nothing of {flag}");
        }
        for name in help.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap()) {
            let is_there = text.contains(name) || name.starts_with("LATCHKEY_DATABASE_");
            assert!(is_there, "{document} says nothing of {name}");
        }
    }
}

#[plain_test]
fn the_admin_script_passes_the_settings_of_the_file_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("latchkey.env");
    // As systemd takes them: nothing in a value is the shell's, and the last line may lack its end.
    let file = "# a comment\n\nLATCHKEY_PUBLIC_URL=https://tokens.example\nlower=x\n\
                DATABASE_URL=postgres://latchkey:p%40$HOME`x`&a=b@db.example/latchkey?sslmode=verify-full&x=1";
    std::fs::write(&settings, file).unwrap();
    let script = std::fs::read_to_string("deploy/latchkey-admin").unwrap();
    let mut adapted = script.clone();
    for (there, here) in [
        ("/etc/latchkey/latchkey.env", settings.to_str().unwrap()),
        ("LATCHKEY_DATA_DIR=/var/lib/latchkey", &format!("LATCHKEY_DATA_DIR={}", folder.path().display())),
        ("runuser -u latchkey -- /usr/local/bin/latchkey \"$@\"", "env"),
    ] {
        assert!(adapted.contains(there), "{there}");
        adapted = adapted.replace(there, here);
    }
    let ran = Command::new("/bin/sh").args(["-c", &adapted, "latchkey-admin"]).env_clear().output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let environment = String::from_utf8(ran.stdout).unwrap();
    for line in file.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase())) {
        assert!(environment.lines().any(|it| it == line), "{line} is not in {environment}");
    }
    assert!(!environment.contains("lower=x") && !environment.contains("comment"), "{environment}");
    // The paths of the unit and of the script are the same.
    let unit = std::fs::read_to_string("deploy/latchkey.service").unwrap();
    for line in [
        "ExecStart=/usr/local/bin/latchkey",
        "User=latchkey",
        "Environment=LATCHKEY_DATA_DIR=/var/lib/latchkey",
        "EnvironmentFile=-/etc/latchkey/latchkey.env",
    ] {
        assert!(unit.lines().any(|it| it == line), "{line} is not in the unit");
        let path = line.rsplit(['=', '-']).next().unwrap();
        assert!(script.contains(path), "{path} is not in the script");
    }
}

#[plain_test]
fn the_unit_forbids_core_dumps_and_limits_memory() {
    let unit = std::fs::read_to_string("deploy/latchkey.service").unwrap();
    let service = unit.split("[Service]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in ["LimitCORE=0", "MemoryMax=1G"] {
        assert!(service.lines().any(|it| it == line), "{line} is not in the unit");
    }
}

#[plain_test]
fn traefik_removes_upgrades_and_each_spelling_of_the_identity_headers() {
    let file = std::fs::read_to_string("deploy/traefik.yml").unwrap();
    let settings: Vec<&str> = file.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    for line in ["Connection: \"\"", "Upgrade: \"\"", "authResponseHeadersRegex: \"(?i)^x[^a-z0-9]auth\""] {
        assert!(settings.contains(&line), "{line} is not in the file");
    }
    let position = |name: &str| settings.iter().position(|line| *line == format!("- {name}")).unwrap();
    assert!(position("latchkey-no-upgrade") < position("latchkey"), "upgrades are removed first");
}

#[plain_test]
fn the_container_copies_everything_that_cargo_needs() {
    let container = std::fs::read_to_string("deploy/Containerfile").unwrap();
    let copied: Vec<&str> = container
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|rest| !rest.starts_with("--from"))
        .flat_map(|rest| rest.split_whitespace().rev().skip(1))
        .collect();
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    let named = manifest.split("path = \"").skip(1).map(|rest| rest.split(['/', '"']).next().unwrap());
    let always = ["Cargo.toml", "Cargo.lock", "build.rs", ".cargo", "src", "templates", "static", "migrations"];
    for wanted in named.chain(always) {
        assert!(copied.contains(&wanted), "{wanted} is not copied: {copied:?}");
        assert!(std::path::Path::new(wanted).exists(), "{wanted} is not there");
    }
}
