//! What an operator does: commands on the machine, many of them while the server runs on the same database.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use crate::support::PASSWORD;
use crate::support::database::IS_POSTGRES;
use crate::support::http::{Answer, Browser, Call};
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

#[test]
fn the_help_of_every_command_names_its_options() {
    let home = Home::new();
    for (command, options) in [
        ("", "--data-dir --database-url --listen --public-url --trusted-proxies --allow-insecure-http LATCHKEY_LOG"),
        ("serve", "--data-dir --database-url --listen --public-url --trusted-proxies --allow-insecure-http"),
        ("demo", "--listen --public-url"),
        ("migrate", "--data-dir --database-url"),
        ("copy", "--from --to"),
        ("backup", "<FILE> --data-dir --database-url"),
        ("user", "add list set-password reset-password deactivate activate"),
        ("user add", "--email --name --password-stdin"),
        ("user list", "--data-dir"),
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
        ("token", "create list delete"),
        ("token create", "--workspace --email --name"),
        ("token list", "--workspace --json"),
        ("token delete", "<UUID>"),
    ] {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = home.done(&args);
        for option in options.split(' ') {
            assert!(help.contains(option), "`{command} --help` does not name {option}: {help}");
        }
        assert!(help.len() > 200, "`{command} --help` teaches nothing: {help}");
    }
    assert!(home.done(&["--version"]).starts_with("latchkey "));
    assert!(!home.data().exists(), "asking for help made a data folder");
}

#[test]
fn a_migrate_on_an_empty_folder_works_and_works_again() {
    let home = Home::new();
    for _ in 0..2 {
        assert!(home.done(&["migrate"]).contains("is up to date"));
    }
    if !IS_POSTGRES {
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(format!("{:o} {:o}", mode(home.data()), mode(home.data().join("latchkey.db"))), "700 600");
    }
}

#[test]
fn a_server_s_data_are_its_owner_s_alone() {
    let home = Home::new();
    let _server = home.serve();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.data()), 0o700);
    let files: Vec<_> = std::fs::read_dir(home.data()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_ne!(files.contains(&home.data().join("latchkey.db")), IS_POSTGRES, "{files:?}");
    for file in files.into_iter().filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("latchkey.db"))
    {
        assert_eq!(mode(file.clone()), 0o600, "{}", file.display());
    }
}

#[test]
fn a_person_is_added_to_a_running_server_and_uses_it() {
    let home = Home::new();
    let server = home.serve();
    assert!(server.setup_url().starts_with(&server.url("/setup?code=")));

    let added = home.done_with(
        &["user", "add", "--email", ALICE, "--name", "Alice", "--password-stdin"],
        &format!("{PASSWORD}\r\nsecond line\n"),
    );
    assert!(added.contains(ALICE), "{added}");
    home.done(&["workspace", "add", "--slug", "acme", "--name", "Acme", "--kind", "production"]);
    home.done(&["member", "add", "--workspace", "acme", "--email", ALICE, "--role", "administrator"]);

    let users = home.done(&["user", "list"]);
    assert!(users.starts_with("uuid\temail\tname\tstate\tcreated_at\n"), "{users}");
    assert!(users.contains("\talice@example.org\tAlice\tactive\t20"), "{users}");
    let workspaces = home.done(&["workspace", "list"]);
    assert!(workspaces.contains("\tacme\tproduction\tAcme\t1\n"), "{workspaces}");
    let (browser, answer) = sign_in(&server, ALICE, PASSWORD);
    assert_eq!(answer.status, 303);
    assert!(is_signed_in(&browser));
    assert_eq!(Browser::new(server.address).get(server.setup_url().split_at(server.url("").len()).1).status, 404);
}

#[test]
fn a_new_password_ends_sessions_and_leaves_tokens_alone() {
    let home = home();
    let server = home.serve();
    let value = create(&home, ALICE, "Reporting");
    let (browser, _) = sign_in(&server, ALICE, PASSWORD);
    let (bob, _) = sign_in(&server, BOB, PASSWORD);
    assert!(is_signed_in(&browser) && is_signed_in(&bob));

    home.done_with(&["user", "set-password", "--email", ALICE, "--password-stdin"], "a wholly different one\n");

    assert_eq!(browser.get("/w/acme").status, 303);
    assert!(is_signed_in(&bob), "somebody else's session ended too");
    assert_eq!(call(&server, &value).status, 200);
    assert_eq!(sign_in(&server, ALICE, PASSWORD).1.status, 422);
    assert_eq!(sign_in(&server, ALICE, "a wholly different one").1.status, 303);
}

#[test]
fn a_link_lets_a_person_set_a_new_password_on_a_running_server() {
    let home = home();
    let early = home.run(&["user", "reset-password", "--email", ALICE]);
    assert_eq!((early.status, early.stdout.as_str()), (2, ""), "where it is reached is not known yet: {early:?}");
    assert!(early.stderr.contains("--public-url"), "{early:?}");
    let said = home.done(&["user", "reset-password", "--email", ALICE, "--public-url", "https://tokens.example"]);
    assert!(said.starts_with("https://tokens.example/reset/"), "{said}");

    let server = home.serve();
    let value = create(&home, ALICE, "Reporting");
    let (browser, _) = sign_in(&server, ALICE, PASSWORD);
    let ran = home.run(&["user", "reset-password", "--email", ALICE]);
    assert_eq!((ran.status, ran.stdout.lines().count()), (0, 1), "the link alone: {ran:?}");
    assert!(ran.stderr.contains("once, for 24 hours"), "{ran:?}");
    let path = ran.stdout.trim_end().strip_prefix(&server.url("")).expect("the running server's address").to_owned();
    assert!(is_signed_in(&browser), "nothing changes until it is used");
    let done = Browser::new(server.address).post(&path, &[("password", "a wholly different one")]);
    assert_eq!(done.status, 303, "{}", done.body);
    assert!(!is_signed_in(&browser));
    assert_eq!(call(&server, &value).status, 200);
    assert_eq!(sign_in(&server, ALICE, "a wholly different one").1.status, 303);

    assert!(home.fails(&["user", "reset-password", "--email", "nobody@example.org"]).contains("no user"));
    let bobs = home.done(&["user", "reset-password", "--email", BOB]);
    home.done(&["user", "deactivate", "--email", BOB]);
    let bobs = bobs.trim_end().strip_prefix(&server.url("")).unwrap().to_owned();
    assert_eq!(Browser::new(server.address).get(&bobs).status, 404);
    assert!(home.fails(&["user", "reset-password", "--email", BOB]).contains("deactivated; activate them first"));
}

#[test]
fn a_password_that_is_too_short_changes_nothing() {
    let home = home();
    let server = home.serve();
    let ran = home.run_with(&["user", "set-password", "--email", ALICE, "--password-stdin"], "short\n");
    assert_eq!(ran.status, 1);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    assert!(ran.stderr.contains("at least 12 characters") && ran.stderr.contains("Nothing was changed"), "{ran:?}");
    assert!(!ran.stderr.contains("short\n"), "{ran:?}");
    assert_eq!(sign_in(&server, ALICE, PASSWORD).1.status, 303);

    let ran = home.run(&["user", "set-password", "--email", ALICE]);
    assert_eq!(ran.status, 2, "nobody is there to type it: {ran:?}");
    assert!(ran.stderr.contains("--password-stdin"), "{ran:?}");
}

#[test]
fn a_deactivated_person_is_out_at_once_and_back_when_activated() {
    let home = home();
    let server = home.serve();
    let value = create(&home, BOB, "Reporting");
    let (browser, _) = sign_in(&server, BOB, PASSWORD);
    assert!(is_signed_in(&browser));
    assert_eq!(call(&server, &value).status, 200);

    home.done(&["user", "deactivate", "--email", BOB]);
    assert_eq!(call(&server, &value).status, 401);
    assert!(!is_signed_in(&browser));
    assert_eq!(sign_in(&server, BOB, PASSWORD).1.status, 422);
    assert!(home.done(&["user", "list"]).contains("\tbob@example.org\tBob\tdeactivated\t"));

    home.done(&["user", "activate", "--email", BOB]);
    assert_eq!(call(&server, &value).status, 200);
    assert!(!is_signed_in(&browser), "a session that was ended came back");
    assert_eq!(sign_in(&server, BOB, PASSWORD).1.status, 303);
}

#[test]
fn a_removed_member_s_tokens_stop_at_once_and_for_good() {
    let home = home();
    let server = home.serve();
    let (bob_s, alice_s) = (create(&home, BOB, "Reporting"), create(&home, ALICE, "Reporting"));
    let (browser, _) = sign_in(&server, BOB, PASSWORD);
    assert!(is_signed_in(&browser));

    let said = home.done(&["member", "remove", "--workspace", "acme", "--email", BOB]);
    assert!(said.contains("1 token stopped"), "{said}");
    assert_eq!(call(&server, &bob_s).status, 401);
    assert_eq!(call(&server, &alice_s).status, 200);
    assert_eq!(browser.get("/w/acme").status, 404);

    home.done(&["member", "add", "--workspace", "acme", "--email", BOB, "--role", "administrator"]);
    assert_eq!(call(&server, &bob_s).status, 401, "a deleted token came back");
    assert!(is_signed_in(&browser));
}

#[test]
fn a_member_who_becomes_an_agent_by_command_loses_the_tokens() {
    let home = home();
    let server = home.serve();
    let value = create(&home, BOB, "Reporting");
    let role = |role: &str| home.done(&["member", "role", "--workspace", "acme", "--email", BOB, "--role", role]);
    assert_eq!(role("administrator"), "bob@example.org is administrator of acme now.\n");
    assert_eq!(call(&server, &value).status, 200);
    assert_eq!(role("agent"), "bob@example.org is agent of acme now; 1 token stopped.\n");
    assert_eq!(call(&server, &value).status, 401);
    role("editor");
    assert_eq!(call(&server, &value).status, 401, "a deleted token came back");
}

#[test]
fn a_token_is_created_as_one_line_that_opens_the_api() {
    let home = home();
    let server = home.serve();
    let ran = home.run(&["token", "create", "--workspace", "acme", "--email", ALICE, "--name", "Reporting"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let value = ran.stdout.strip_suffix('\n').unwrap();
    assert_eq!(value.len(), 46);
    assert!(value.starts_with("rpat") && value.chars().all(|c| c.is_ascii_alphanumeric()), "{value}");
    assert_eq!(call(&server, value).json()["name"], "Acme");

    let table = home.done(&["token", "list", "--workspace", "acme"]);
    assert!(table.starts_with("uuid\tname\temail\thint\tcreated_at\tlast_used_at\n"), "{table}");
    assert!(table.contains(&format!("\tReporting\t{ALICE}\trpat…{}\t", &value[42..])), "{table}");
    let tokens = list(&home);
    let token = tokens[0].as_object().unwrap();
    for key in ["uuid", "name", "email", "hint", "created_at", "last_used_at"] {
        assert!(token.contains_key(key), "{key}: {token:?}");
    }
    assert_eq!((&token["name"], &token["email"]), (&"Reporting".into(), &ALICE.into()));
    assert_eq!(token["hint"], value[42..]);
    assert!(!table.contains(value) && !home.done(&["token", "list", "--workspace", "acme", "--json"]).contains(value));
}

#[test]
fn a_fourth_token_is_refused_with_the_limit() {
    let home = home();
    for name in ["One", "Two", "Three"] {
        create(&home, ALICE, name);
    }
    let fourth = ["token", "create", "--workspace", "acme", "--email", ALICE, "--name", "Four"];
    assert!(home.fails(&fourth).contains("You can have a maximum of 3 tokens"));
    assert_eq!(list(&home).len(), 3);
    home.done(&["token", "delete", &uuid(&home, "Two")]);
    create(&home, ALICE, "Four");
    assert_eq!(list(&home).len(), 3);
}

#[test]
fn a_token_deleted_by_command_is_refused_at_the_next_request_of_an_open_connection() {
    let home = home();
    let server = home.serve();
    let value = create(&home, ALICE, "Reporting");
    let mut open = KeptOpen::to(server.address);
    assert!(open.ask(&value).starts_with("HTTP/1.1 200"));

    let said = home.done(&["token", "delete", &uuid(&home, "Reporting")]);
    assert!(said.contains("Deleted the token Reporting"), "{said}");

    let answer = open.ask(&value);
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("invalid_token"), "{answer}");
    assert_eq!(call(&server, &value).status, 401);
    assert!(list(&home).is_empty());
}

#[test]
fn a_token_is_deleted_once_however_often_it_is_asked_for() {
    let home = home();
    create(&home, ALICE, "Reporting");
    let uuid = uuid(&home, "Reporting");
    home.done(&["token", "delete", &uuid]);
    assert!(home.done(&["token", "delete", &uuid]).contains("was deleted before"));
}

#[test]
fn what_is_there_already_or_unknown_is_one_clear_line() {
    let home = home();
    create(&home, ALICE, "Reporting");
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (line, said) in [
        ("workspace add --slug acme --name Again --kind demo", "acme already"),
        ("member add --workspace acme --email alice@example.org", "member already, as administrator"),
        ("member add --workspace nowhere --email alice@example.org", "no workspace with the slug nowhere"),
        (
            "member add --workspace acme --email charlie@example.org",
            "no user with the e-mail address charlie@example.org",
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
        ("user set-password --email charlie@example.org --password-stdin", "no user with the e-mail address charlie"),
        ("user deactivate --email charlie@example.org", "no user with the e-mail address charlie"),
        ("user activate --email charlie@example.org", "no user with the e-mail address charlie"),
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

#[test]
fn bad_settings_are_refused_before_anything_is_served() {
    let home = Home::new();
    home.done(&["migrate"]);
    let refused = |args: &[&str], said: &str| {
        let ran = home.run(args);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(said), "{args:?}: {ran:?}");
        assert!(!ran.stderr.contains("secretpw"), "{args:?} shows the password: {ran:?}");
    };
    refused(&["--listen", "nonsense"], "--listen");
    refused(&["--listen", "0.0.0.0:0"], "--public-url is needed");
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

#[test]
fn settings_of_the_server_before_a_command_are_refused_and_not_ignored() {
    for command in [&["serve"][..], &["demo"], &["user", "list"]] {
        let ran = Home::new().run(&[&["--listen", "127.0.0.1:0"][..], command].concat());
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains("latchkey serve --listen"), "{ran:?}");
    }
}

#[test]
fn a_port_that_is_taken_is_one_clear_line() {
    let home = Home::new();
    home.done(&["migrate"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = home.fails(&["--listen", &address]);
    assert!(said.contains(&format!("can't listen on {address}")), "{said}");
}

#[test]
fn sigterm_ends_the_server_and_the_last_use_of_a_token_is_written() {
    let home = home();
    let server = home.serve();
    let value = create(&home, ALICE, "Reporting");
    // A connection that a tool keeps open must not hold the end up.
    let mut open = KeptOpen::to(server.address);
    assert!(open.ask(&value).starts_with("HTTP/1.1 200"));

    let (status, said) = server.terminate();

    assert_eq!(status, 0, "{said}");
    let token = &list(&home)[0];
    assert_eq!(token["last_used_ip"], "127.0.0.1");
    assert_eq!(token["last_used_agent"], "kept-open/1");
    assert!(token["last_used_at"].is_string(), "{token}");
}

#[test]
fn the_demo_lets_somebody_in_and_leaves_nothing_behind() {
    let home = Home::new();
    let demo = home.demo();
    assert!(demo.line("/login").contains(&demo.url("/login")));
    let email = demo.line("administrator").split_whitespace().nth(1).unwrap().to_owned();
    let password = demo.line("password").split_whitespace().nth(1).unwrap().to_owned();

    let (browser, answer) = sign_in(&demo, &email, &password);
    assert_eq!(answer.status, 303, "{}", answer.body);
    let start = browser.follow("/");
    assert_eq!(start.status, 200);
    assert!(start.text().contains("Reporting"), "{}", start.text());

    let left = || std::fs::read_dir(home.folder.path()).unwrap().count();
    assert_eq!(left(), 1, "the demo keeps its files in a temporary folder");
    let (status, said) = demo.terminate();
    assert_eq!((status, left()), (0, 0), "{said}");
}

/// A tool's connection that stays open between requests.
struct KeptOpen(TcpStream);

impl KeptOpen {
    fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self(stream)
    }

    /// Asks for the workspace and reads the whole answer.
    fn ask(&mut self, value: &str) -> String {
        let request = format!(
            "GET /api/v2/workspace.json HTTP/1.1\r\nHost: x\r\nUser-Agent: kept-open/1\r\nAuthorization: Bearer {value}\r\n\r\n"
        );
        self.0.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let mut chunk = [0; 4096];
        loop {
            let read = self.0.read(&mut chunk).unwrap();
            assert!(read > 0, "the connection was closed: {answer}");
            answer.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
            let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap() {
                return answer;
            }
        }
    }
}
