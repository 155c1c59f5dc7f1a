//! First start: a link that works once creates the first administrator.

use std::time::Duration;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::{TABLES, TestServer, plain_settings};

const PASSWORD: &str = "seven blue kettles sing";

/// A server without users, and the path and the code that it printed.
fn new_server() -> (TestServer, String, String) {
    let server = TestServer::empty(plain_settings());
    let url = server.setup_url.clone().unwrap();
    let path = url.strip_prefix(&format!("http://{}", server.address)).unwrap().to_owned();
    let code = path.strip_prefix("/setup?code=").unwrap().to_owned();
    (server, path, code)
}

fn set_up(browser: &Browser, code: &str, more: &[(&str, &str)]) -> Answer {
    let fields = [
        ("code", code),
        ("name", "Ada Lovelace"),
        ("email", "ada@example.org"),
        ("password", PASSWORD),
        ("workspace", "Tea & Co."),
    ];
    let kept = fields.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    browser.post("/setup", &kept.chain(more).copied().collect::<Vec<_>>())
}

#[db_test]
fn the_printed_link_creates_the_first_administrator_and_both_workspaces() {
    let (server, path, code) = new_server();
    let ada = server.browser();
    assert!(
        ada.get("/login").text().contains("There are no accounts yet. To create the first one, open the setup link")
    );
    let form = ada.get(&path);
    assert_eq!((form.status, &*form.title(), &*form.hidden("code")), (200, "Set up · Latchkey", code.as_str()));
    assert!(form.body.contains("name=\"demo\" value=\"yes\" checked"), "the demo workspace is offered");

    let done = set_up(&ada, &code, &[("demo", "yes")]);
    assert_eq!((done.status, done.header("location")), (303, "/w/tea-co"));
    let overview = ada.get("/w/tea-co");
    assert_eq!(overview.title(), "Tea & Co. (Production) · Latchkey");
    assert!(overview.text().contains("Your role is Administrator."));
    assert_eq!(ada.get("/w/tea-co-demo").title(), "Tea & Co. Demo (Demo) · Latchkey");
    server.create_token(&ada, "tea-co", "Reporting");

    let missing = server.browser().get("/nothing");
    assert_eq!(ada.get("/setup").whole(), ada.get("/nothing").whole(), "the set-up is not there any more");
    assert_eq!(set_up(&server.browser(), &code, &[]).whole(), missing.whole(), "nor for anyone else");
    assert_eq!(ada.get(&path).whole(), ada.get(&path.replace("/setup", "/nothing")).whole());
    assert_eq!(server.browser().sign_in("ada@example.org", PASSWORD).status, 303);
}

#[db_test]
fn no_setup_link_is_printed_once_there_is_a_user() {
    let (mut server, _, code) = new_server();
    server.restart();
    let again = server.setup_url.clone().unwrap();
    assert!(!again.contains(&code), "a restart prints a new link");
    assert_eq!(set_up(&server.browser(), again.split("code=").nth(1).unwrap(), &[]).status, 303);
    server.restart();
    assert_eq!(server.setup_url, None);
}

#[db_test]
fn an_unchecked_box_creates_no_demo_workspace() {
    let (server, _, code) = new_server();
    let ada = server.browser();
    assert_eq!(set_up(&ada, &code, &[]).header("location"), "/w/tea-co");
    assert_eq!(ada.get("/w/tea-co-demo").status, 404);
    let overview = ada.get("/w/tea-co");
    assert_eq!(overview.between("<div class=\"workspaces\">", "</div>").unwrap().matches("<a href=\"/w/").count(), 1);
}

#[db_test]
fn a_wrong_or_old_setup_code_changes_nothing() {
    let (server, path, code) = new_server();
    let before = server.db_rows(&TABLES);
    let refused = |answer: Answer| {
        assert_eq!((answer.status, &*answer.title()), (403, "This setup link is not valid · Latchkey"));
        assert!(answer.text().contains("Restart Latchkey on the server to get a new link."));
    };
    let swapped: String = code.chars().rev().collect();
    for wrong in ["", "x", &swapped, &code[1..], &code.to_uppercase()] {
        refused(server.browser().get(&format!("/setup?code={wrong}")));
        refused(set_up(&server.browser(), wrong, &[]));
    }
    refused(server.browser().get("/setup"));
    refused(server.browser().get("/setup?code=%FF"));

    server.clock.advance(Duration::from_hours(24) - Duration::from_secs(1));
    assert_eq!(server.browser().get(&path).status, 200);
    server.clock.advance(Duration::from_secs(1));
    refused(server.browser().get(&path));
    refused(set_up(&server.browser(), &code, &[]));
    assert_eq!(server.db_rows(&TABLES), before);
}

#[db_test]
fn one_of_two_concurrent_setups_succeeds() {
    let (server, _, code) = new_server();
    let names = ["ada@example.org", "eve@example.org", "kim@example.org", "lin@example.org"];
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let people = names.map(|email| {
            let (server, code) = (&server, &code);
            scope.spawn(move || set_up(&server.browser(), code, &[("email", email)]).status)
        });
        people.into_iter().map(|person| person.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404, 404, 404]);
    assert_eq!(server.db_rows(&["users"]).lines().count(), 2, "the table's name and one user");
    assert_eq!(server.db_rows(&["workspaces"]).lines().count(), 2);
}

#[db_test]
fn a_rejected_form_keeps_its_input_except_the_password() {
    let (server, path, code) = new_server();
    let before = server.db_rows(&TABLES);
    for (field, text, message) in [
        ("name", "", "Enter a name."),
        ("name", "A\u{202e}da", "Remove control and text-direction characters"),
        ("email", "ada", "Enter an email address like ada@example.org."),
        ("email", "", "Enter an email address."),
        ("password", "too short", "Use at least 12 characters."),
        ("password", &"x1".repeat(65), "Use at most 128 characters."),
        ("password", "ADA@example.org", "Choose a password that is not your email address."),
        ("password", "passwordpassword", "This password is too common."),
        ("workspace", "  ", "Enter a name."),
    ] {
        let answer = set_up(&server.browser(), &code, &[(field, text)]);
        assert_eq!((answer.status, answer.header("set-cookie")), (422, ""), "{field} {text}");
        let shown = |id: &str| {
            let input = answer.between(&format!("<input id=\"{id}\" name=\"{id}\" value=\""), ">").unwrap();
            (input.split('"').next().unwrap().to_owned(), input.contains("aria-invalid"))
        };
        let error = answer.between(&format!("id=\"{field}-error\">"), "</p>").unwrap();
        assert!(error.starts_with(message), "{field}: {error}");
        for (id, typed) in [("name", "Ada Lovelace"), ("email", "ada@example.org"), ("workspace", "Tea &#38; Co.")] {
            let expected = if id == field { text } else { typed };
            assert_eq!(shown(id), (expected.to_owned(), id == field), "{id}, when {field} is {text:?}");
        }
        assert_eq!(shown("password"), (String::new(), field == "password"));
        let password = if field == "password" { text } else { PASSWORD };
        assert!(!answer.body.contains(password), "{field}: {}", answer.body);
        assert_eq!(answer.hidden("code"), code, "the form can be sent again");
        assert!(answer.body.contains("name=\"demo\" value=\"yes\">"), "the box stays as it was left");
    }
    assert_eq!(server.db_rows(&TABLES), before);
    assert_eq!(server.browser().get(&path).status, 200);
    assert_eq!(set_up(&server.browser(), &code, &[("name", "Ada 🔑")]).status, 303);
}

#[db_test]
fn a_setup_hashes_a_password_only_within_the_limits_of_the_login() {
    let (server, path, code) = new_server();
    for nth in 0..50 {
        assert_eq!(server.browser().sign_in(&format!("{nth}@example.org"), PASSWORD).status, 422);
    }
    let before = server.db_rows(&["users", "workspaces", "one_time_links"]);
    let locked = set_up(&server.browser(), &code, &[]);
    assert_eq!((locked.status, locked.header("retry-after")), (429, "900"), "{}", locked.text());
    assert!(locked.text().contains("Too many failed attempts"), "{}", locked.text());
    assert_eq!(server.db_rows(&["users", "workspaces", "one_time_links"]), before);
    server.clock.advance(Duration::from_mins(15));
    assert_eq!(server.browser().get(&path).status, 200, "the link still works");
    assert_eq!(set_up(&server.browser(), &code, &[]).status, 303);
    assert_eq!(server.rows("SELECT address AS text FROM sign_in_attempts"), [""; 0], "setup is not a failure");
}
