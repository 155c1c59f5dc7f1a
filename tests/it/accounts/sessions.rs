//! Sessions that are still in the database although their user is deactivated.

use diesel::connection::SimpleConnection as _;
use latchkey::routes::PAGES;

use crate::support::browser_client::Browser;
use crate::support::database::is_postgres;
use crate::support::process::Home;
use crate::support::{PASSWORD, TABLES, TestServer};

const ID: &str = "0199c2b4-0000-7000-8000-000000000000";

/// Deactivates Alice but keeps her sessions, as if another instance inserted them at the same moment.
fn deactivation() -> String {
    let no = if is_postgres() { "FALSE" } else { "0" };
    format!("UPDATE users SET is_active = {no} WHERE email_key = 'alice@example.org'")
}

#[db_test]
fn a_session_of_a_deactivated_user_opens_no_page() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    server.db_execute("UPDATE memberships SET role = 'administrator' WHERE role = 'editor'");
    let invitation = server.invite(&bob, "editor");
    server.db_execute(&deactivation());
    let before = server.db_rows(&TABLES);
    // These pages need no session, and `/logout` ends one.
    let open = ["/setup", "/login", "/logout", "/invitations/{code}", "/reset/{code}"];
    let closed = PAGES.iter().filter(|(route, _)| !open.contains(route));
    for (route, method) in closed.flat_map(|(route, methods)| methods.iter().map(move |method| (route, *method))) {
        let path = route.replace("{slug}", "acme").replace("{uuid}", ID).replace("{member}", &server.uuid_of("bob"));
        let answer = if method == "GET" { alice.get(&path) } else { alice.post(&path, &[("name", "Mine")]) };
        assert_eq!(answer.status, 303, "{method} {path}: {}", answer.body);
        assert!(answer.header("location").starts_with("/login?next="), "{method} {path}: {answer:?}");
    }
    assert_eq!(alice.get("/login").status, 200, "as for a stranger");
    let join = alice.get(&invitation);
    assert!(join.page().has("input[name=password]") && !join.page().has("input[name=join]"), "{}", join.body);
    assert_eq!(server.db_rows(&TABLES), before);
}

#[db_test(postgres)]
fn a_session_from_another_instance_opens_nothing_after_a_deactivation() {
    let home = Home::new();
    home.add_acme(&["alice@example.org"], "administrator");
    let (here, there) = (home.serve_with(&[], "warn"), home.serve_with(&[], "warn"));
    let alice = Browser::new(here.address);
    assert_eq!(alice.sign_in("alice@example.org", PASSWORD).status, 303);
    let instances = [alice.moved_to(here.address), alice.moved_to(there.address)];
    let statuses = || instances.each_ref().map(|browser| browser.get("/w/acme").status);
    assert_eq!(statuses(), [200, 200]);
    home.database.connect().batch_execute(&deactivation()).unwrap();
    assert_eq!(statuses(), [303, 303]);
}
