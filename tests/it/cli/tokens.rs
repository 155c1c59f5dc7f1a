//! `latchkey token`, while clients call.

use super::{ALICE, call, create, home, list, uuid};
use crate::support::api_client::Connection;

const WORKSPACE: &str = "/api/v2/workspace.json";

#[db_test]
fn a_created_token_is_one_line_that_opens_the_api() {
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

#[db_test]
fn a_fourth_token_is_rejected_with_the_limit() {
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

#[db_test]
fn a_token_deleted_by_command_is_rejected_at_the_next_request_of_an_open_connection() {
    let home = home();
    let server = home.serve();
    let value = create(&home, ALICE, "Reporting");
    let mut open = Connection::open(server.address);
    assert!(open.get(WORKSPACE, &format!("Bearer {value}")).starts_with("HTTP/1.1 200"));

    let said = home.done(&["token", "delete", &uuid(&home, "Reporting")]);
    assert!(said.contains("Deleted the token Reporting"), "{said}");

    let answer = open.get(WORKSPACE, &format!("Bearer {value}"));
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("invalid_token"), "{answer}");
    assert_eq!(call(&server, &value).status, 401);
    assert!(list(&home).is_empty());
}

#[db_test]
fn a_token_is_deleted_once_however_often_it_is_asked_for() {
    let home = home();
    create(&home, ALICE, "Reporting");
    let uuid = uuid(&home, "Reporting");
    home.done(&["token", "delete", &uuid]);
    assert!(home.done(&["token", "delete", &uuid]).contains("was deleted before"));
}
