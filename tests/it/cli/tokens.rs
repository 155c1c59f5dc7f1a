//! `latchkey token`, while clients call.

use super::{ALICE, call, create, home, list, uuid};
use crate::support::api_client::{Call, Connection};
use crate::support::database::rows;

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
    for key in ["uuid", "name", "email", "hint", "created_at", "last_used_at", "calls_30d", "note"] {
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
    assert!(home.done(&["token", "delete", &uuid]).contains("was already deleted"));
}

#[db_test]
fn the_usage_of_a_token_has_its_days_and_callers() {
    let home = home();
    let server = home.serve();
    let value = create(&home, ALICE, "Reporting");
    let id = uuid(&home, "Reporting");
    assert!(home.done(&["token", "usage", &id]).starts_with("Reporting: 0 calls in the latest 30 days (UTC)"));
    for program in ["curl/8.5.0", "curl/8.5.0", "wget/1.2"] {
        let call = Call::new(server.address, "GET", WORKSPACE).bearer(&value).header("User-Agent", program);
        assert_eq!(call.send().status, 200);
    }
    assert_eq!(server.terminate().0, 0);
    assert_eq!(list(&home)[0]["calls_30d"], 3);
    let usage: serde_json::Value = serde_json::from_str(&home.done(&["token", "usage", &id, "--json"])).unwrap();
    assert_eq!(
        (&usage["uuid"], &usage["name"], &usage["calls_30d"]),
        (&id.as_str().into(), &"Reporting".into(), &3.into())
    );
    let days = usage["days"].as_array().unwrap();
    let calls: i64 = days.iter().map(|day| day["calls"].as_i64().unwrap()).sum();
    // One day, or two if midnight was in between.
    assert!((1..=2).contains(&days.len()) && calls == 3 && days[0]["hint"] == value[42..], "{usage}");
    let callers: Vec<_> = usage["callers"].as_array().unwrap().iter().collect();
    let mut programs: Vec<_> =
        callers.iter().map(|it| (it["program"].as_str().unwrap(), it["calls"].as_i64())).collect();
    programs.sort_unstable();
    assert_eq!(programs, [("curl/8.5.0", Some(2)), ("wget/1.2", Some(1))]);
    let table = home.done(&["token", "usage", &id]);
    assert!(table.contains("Reporting: 3 calls") && table.contains("127.0.0.1\twget/1.2\t"), "{table}");
    assert!(!table.contains(&value));
    home.done(&["token", "delete", &id]);
    assert!(home.fails(&["token", "usage", &id]).contains("there is no token"));
}

#[db_test]
fn a_note_is_set_changed_and_removed_and_each_change_is_an_event() {
    let home = home();
    create(&home, ALICE, "Reporting");
    let id = uuid(&home, "Reporting");
    let note = |text: &str| home.done(&["token", "note", &id, "--text", text]);
    let shown = || list(&home)[0]["note"].clone();
    assert_eq!(shown(), serde_json::Value::Null);
    assert_eq!(note(" In the vault, run by Bob "), "Changed the note.\n");
    assert_eq!(shown(), "In the vault, run by Bob");
    note("In the vault, run by Bob");
    assert_eq!(note(""), "Removed the note.\n");
    assert_eq!(shown(), serde_json::Value::Null);
    for bad in ["x".repeat(281), "two\nlines".to_owned()] {
        let ran = home.run(&["token", "note", &id, "--text", &bad]);
        assert!(ran.status == 2 && ran.stderr.contains("--text"), "{ran:?}");
    }
    let events = "SELECT token_name AS text FROM events WHERE action = 'token_note_changed' AND detail IS NULL";
    assert_eq!(rows(&mut home.database.connect(), events), ["Reporting"; 2]);
}
