//! The commands of the operator, many of them while a server uses the same database: help and errors.

mod serve;
mod settings;
mod tokens;
mod users;

use std::os::unix::fs::PermissionsExt as _;

use crate::support::PASSWORD;
use crate::support::api_client::{Answer, Call};
use crate::support::browser_client::Browser;
use crate::support::database::is_postgres;
use crate::support::process::{Home, Latchkey};

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";

/// A home where Alice is administrator and Bob editor of `acme`, all by commands.
fn home() -> Home {
    let home = Home::new();
    for (email, name) in [(ALICE, "Alice"), (BOB, "Bob")] {
        home.done_with(&["user", "add", "--email", email, "--name", name, "--password-stdin"], PASSWORD);
    }
    home.done(&["workspace", "add", "--slug", "acme", "--name", "Acme", "--kind", "production"]);
    home.done(&["member", "add", "--workspace", "acme", "--email", ALICE, "--role", "administrator"]);
    home.done(&["member", "add", "--workspace", "acme", "--email", BOB]);
    home
}

fn create(home: &Home, email: &str, name: &str) -> String {
    home.done(&["token", "create", "--workspace", "acme", "--email", email, "--name", name]).trim_end().to_owned()
}

fn list(home: &Home) -> Vec<serde_json::Value> {
    serde_json::from_str(&home.done(&["token", "list", "--workspace", "acme", "--json"])).unwrap()
}

fn uuid(home: &Home, name: &str) -> String {
    let tokens = list(home);
    let token = tokens.iter().find(|token| token["name"] == name).unwrap_or_else(|| panic!("no {name}: {tokens:?}"));
    token["uuid"].as_str().unwrap().to_owned()
}

fn call(server: &Latchkey, value: &str) -> Answer {
    Call::new(server.address, "GET", "/api/v2/workspace.json").bearer(value).send()
}

fn sign_in(server: &Latchkey, email: &str, password: &str) -> (Browser, Answer) {
    let browser = Browser::new(server.address);
    let answer = browser.post("/login", &[("email", email), ("password", password)]);
    (browser, answer)
}

fn is_signed_in(browser: &Browser) -> bool {
    browser.get("/w/acme").status == 200
}

/// The commands that a help lists.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let list = help.split_once("\nCommands:\n").map_or("", |(_, list)| list);
    let list = list.lines().take_while(|line| line.is_empty() || line.starts_with(' '));
    let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help")
}

#[db_test]
fn the_help_of_every_command_names_its_options() {
    let home = Home::new();
    let rows = [
        ("", "--data-dir --database-url --listen --public-url --trusted-proxies --allow-insecure-http LATCHKEY_LOG"),
        ("serve", "--listen --public-url --trusted-proxies --allow-insecure-http --api-rate --keep-events"),
        ("demo", "--listen --public-url"),
        ("check-config", "--listen --public-url --database-url"),
        ("migrate", "--data-dir --database-url"),
        ("copy", "--from --to"),
        ("backup", "[FILE] --keep --record --data-dir --database-url"),
        ("restore", "<FILE> --data-dir --database-url"),
        ("user", "add list set-email verify-email unverify-email set-password reset-password deactivate activate"),
        ("user add", "--email --name --password-stdin"),
        ("user list", "--data-dir"),
        ("user set-email", "--email --new"),
        ("user unverify-email", "--email"),
        ("user verify-email", "--email --workspace --all"),
        ("user set-password", "--email --password-stdin"),
        ("user reset-password", "--email --public-url"),
        ("user deactivate", "--email"),
        ("user activate", "--email"),
        ("workspace", "add list"),
        ("workspace add", "--slug --name --kind"),
        ("workspace list", "--data-dir"),
        ("member", "add role remove"),
        ("member add", "--workspace --email --role"),
        ("member role", "--workspace --email --role"),
        ("member remove", "--workspace --email"),
        ("token", "create rotate retire rename list delete"),
        ("token create", "--workspace --email --name --expires"),
        ("token rotate", "<UUID> --grace --exposed --expires"),
        ("token retire", "<UUID>"),
        ("token rename", "<UUID> --name"),
        ("token note", "<UUID> --text"),
        ("token usage", "<UUID> --json"),
        ("token list", "--workspace --json"),
        ("token delete", "<UUID>"),
    ];
    let mut listed = 0;
    for (command, options) in rows {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = home.done(&args);
        for option in options.split(' ') {
            assert!(help.contains(option), "`{command} --help` does not name {option}: {help}");
        }
        assert!(help.len() > 200, "`{command} --help` teaches nothing: {help}");
        for name in commands(&help) {
            let whole = format!("{command} {name}");
            assert!(rows.iter().any(|(known, _)| *known == whole.trim_start()), "no row for `{whole}`");
            listed += 1;
        }
    }
    assert_eq!(listed, rows.len() - 1, "each but the program itself is listed by another's help");
    assert!(home.done(&["--version"]).starts_with("latchkey "));
    assert!(!home.data().exists(), "asking for help made a data folder");
}

#[db_test]
fn migrate_is_repeatable_on_an_empty_folder() {
    let home = Home::new();
    for _ in 0..2 {
        assert!(home.done(&["migrate"]).contains("is up to date"));
    }
    if !is_postgres() {
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(format!("{:o} {:o}", mode(home.data()), mode(home.data().join("latchkey.db"))), "700 600");
    }
}

#[db_test]
fn an_existing_or_unknown_object_is_one_clear_line() {
    let home = home();
    create(&home, ALICE, "Reporting");
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (line, said) in [
        ("workspace add --slug acme --name Again --kind demo", "acme already"),
        ("member add --workspace acme --email alice@example.org", "already a member, as administrator"),
        ("member add --workspace nowhere --email alice@example.org", "no workspace with the slug nowhere"),
        (
            "member add --workspace acme --email charlie@example.org",
            "no user with the email address charlie@example.org",
        ),
        ("member remove --workspace acme --email charlie@example.org", "not a member"),
        ("member remove --workspace nowhere --email alice@example.org", "no workspace with the slug nowhere"),
        ("member remove --workspace acme --email alice@example.org", "only administrator"),
        ("member role --workspace acme --email alice@example.org --role editor", "only administrator"),
        ("member role --workspace acme --email charlie@example.org --role editor", "not a member"),
        ("token create --workspace acme --email alice@example.org --name REPORTING", "name"),
        (
            "token create --workspace acme --email charlie@example.org --name Other",
            "charlie@example.org is not a member",
        ),
        (
            "token create --workspace nowhere --email alice@example.org --name Other",
            "no workspace with the slug nowhere",
        ),
        ("token list --workspace nowhere", "no workspace with the slug nowhere"),
        ("token delete nonsense", "no token nonsense"),
        ("token delete 01a20a5c-f0b4-77d5-8a2b-c3d4ee395363", "no token 01a20a5c-f0b4-77d5-8a2b-c3d4ee395363"),
        ("user set-password --email charlie@example.org --password-stdin", "no user with the email address charlie"),
        ("user deactivate --email charlie@example.org", "no user with the email address charlie"),
        ("user activate --email charlie@example.org", "no user with the email address charlie"),
    ] {
        let args = words(line);
        let failed = home.fails(&args.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(failed.starts_with("latchkey: ") && failed.contains(said), "{line}: {failed}");
    }
    let again =
        home.run_with(&["user", "add", "--email", "ALICE@example.org", "--name", "A", "--password-stdin"], PASSWORD);
    assert_eq!(again.status, 1, "{again:?}");
    assert!(again.stderr.contains("already") && again.stderr.lines().count() == 1, "{again:?}");
}

#[db_test]
fn invalid_settings_are_rejected_before_the_server_listens() {
    let home = Home::new();
    home.done(&["migrate"]);
    let refused = |args: &[&str], said: &str| {
        let ran = home.run(args);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(said), "{args:?}: {ran:?}");
        assert!(!ran.stderr.contains("secretpw"), "{args:?} shows the password: {ran:?}");
    };
    refused(&["--listen", "nonsense"], "--listen");
    refused(&["--listen", "0.0.0.0:0"], "--public-url is required");
    refused(&["--listen", "127.0.0.1:0", "--public-url", "http://x.example"], "--allow-insecure-http");
    refused(&["--public-url", "tokens.example"], "--public-url");
    refused(&["--trusted-proxies", "junk"], "neither an address nor a network");
    for days in ["29", "0", "-1", "junk", "1e9", "36501"] {
        refused(&[&format!("--keep-events={days}")], "--keep-events");
    }
    refused(&["--database-url", "mysql://u:secretpw@h/x"], "mysql");
    refused(&["user", "list", "--database-url", "mysql://u:secretpw@h/x"], "mysql");
    refused(&["--database-url=postgress://u:secretpw@h/x", "migrate"], "postgress");
    refused(&["user", "add", "--email", "nonsense", "--name", "Nonsense", "--password-stdin"], "--email");
    refused(&["workspace", "add", "--slug", "Not A Slug", "--name", "X", "--kind", "demo"], "--slug");
    refused(&["workspace", "add", "--slug", "x", "--name", "X", "--kind", "nonsense"], "demo or production");
    refused(&["nonsense"], "nonsense");
}
