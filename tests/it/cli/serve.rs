//! Start and stop of the server, and the demo.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use super::{ALICE, create, home, list, sign_in};
use crate::support::api_client::Connection;
use crate::support::database::is_postgres;
use crate::support::process::Home;

#[db_test]
fn data_files_are_readable_by_their_owner_only() {
    let home = Home::new();
    let _server = home.serve();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.data()), 0o700);
    let files: Vec<_> = std::fs::read_dir(home.data()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_ne!(files.contains(&home.data().join("latchkey.db")), is_postgres(), "{files:?}");
    for file in files.into_iter().filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("latchkey.db"))
    {
        assert_eq!(mode(file.clone()), 0o600, "{}", file.display());
    }
}

#[db_test]
fn server_settings_before_a_command_are_rejected() {
    for command in [&["serve"][..], &["demo"], &["user", "list"]] {
        let ran = Home::new().run(&[&["--listen", "127.0.0.1:0"][..], command].concat());
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains("latchkey serve --listen"), "{ran:?}");
    }
}

#[db_test]
fn a_used_port_is_one_clear_line() {
    let home = Home::new();
    home.done(&["migrate"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = home.fails(&["--listen", &address]);
    assert!(said.contains(&format!("can't listen on {address}")), "{said}");
}

#[db_test]
fn sigterm_stops_the_server_after_writing_the_last_use() {
    let home = home();
    let server = home.serve();
    let value = create(&home, ALICE, "Reporting");
    // A connection that a tool keeps open must not hold the end up.
    let mut open = Connection::open(server.address);
    assert!(open.get("/api/v2/workspace.json", &format!("Bearer {value}")).starts_with("HTTP/1.1 200"));

    let (status, said) = server.terminate();

    assert_eq!(status, 0, "{said}");
    let token = &list(&home)[0];
    assert_eq!(token["last_used_ip"], "127.0.0.1");
    assert_eq!(token["last_used_agent"], "kept-open/1");
    assert!(token["last_used_at"].is_string(), "{token}");
}

#[db_test]
fn the_demo_refuses_to_be_reachable_from_other_machines() {
    for (args, subject) in [
        (&["--listen", "0.0.0.0:0"][..], "can't listen on 0.0.0.0:0"),
        (&["--listen", "[::]:0"], "can't listen on [::]:0"),
        (
            &["--listen", "127.0.0.1:0", "--public-url", "https://demo.example"],
            "can't be reached at https://demo.example",
        ),
    ] {
        let ran = Home::new().run(&[&["demo"][..], args].concat());
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains(subject) && ran.stderr.contains("is publicly known"), "{ran:?}");
    }
}

#[db_test]
fn the_demo_accepts_a_login_and_leaves_no_files() {
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
