//! An administrator creates a password reset link for a member.

use latchkey::workspaces::model::Role;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::{PASSWORD, TestServer};

const NEW: &str = "seven blue kettles";

fn member(server: &TestServer, name: &str) -> String {
    format!("/w/acme/settings/members/{}", server.uuid_of(name))
}

fn create(server: &TestServer, browser: &Browser, name: &str) -> Answer {
    let path = member(server, name);
    let form_key = browser.get(&path).page().attributes("form[action$='/reset'] [name=form_key]", "value").pop();
    browser.post(&format!("{path}/reset"), &[("form_key", &form_key.unwrap_or_default())])
}

/// The path of the link that the page shows.
fn link(server: &TestServer, answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.body);
    let url = answer.page().attribute("#link", "value");
    url.strip_prefix(&format!("http://{}", server.address)).unwrap().to_owned()
}

#[db_test]
fn an_administrator_of_all_workspaces_of_a_member_creates_a_link_that_works_once() {
    let server = TestServer::start();
    server.unverify("bob");
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let value = server.create_token(&bob, "acme", "Reporting");
    let created = create(&server, &alice, "bob");
    assert_eq!(created.header("cache-control"), "no-store");
    let path = link(&server, &created);
    assert!(!alice.get(&member(&server, "bob")).body.contains("/reset/"), "shown once");
    assert_eq!(bob.get("/w/acme").status, 200, "nothing changed yet");
    let sentence = "Alice created a password reset link for Bob";
    assert!(alice.get("/w/acme/settings/activity").text().contains(sentence));
    assert!(bob.get("/w/acme/settings/activity").text().contains(sentence), "Bob sees it");
    assert!(alice.get("/w/acme/settings/activity?group=members").text().contains(sentence));

    let visitor = server.browser();
    assert!(visitor.get(&path).text().contains("For bob@example.org."));
    assert_eq!(visitor.post(&path, &[("password", NEW)]).status, 303);
    assert_eq!(visitor.get(&path).status, 404, "it works once");
    assert_eq!(bob.get("/w/acme").status, 303, "Bob's sessions ended");
    assert_eq!(server.browser().sign_in("bob@example.org", PASSWORD).status, 422);
    assert_eq!(server.browser().sign_in("bob@example.org", NEW).status, 303);
    assert_eq!(server.call(&value).status, 200, "tokens keep working");
    let rows = server.db_rows(&["one_time_links", "events"]);
    assert!(!rows.contains(path.trim_start_matches("/reset/")), "the code is stored nowhere");
}

#[db_test]
fn nobody_takes_over_a_user_with_more_rights() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let assert_refused = |name: &str, reason: &str| {
        let before = server.db_rows(&["one_time_links", "events"]);
        let page = alice.get(&member(&server, name));
        assert!(page.text().contains(reason), "{name}: {}", page.text());
        assert!(!page.body.contains("Create password link"), "{name}");
        let answer = create(&server, &alice, name);
        assert_eq!(answer.status, 403, "{name}: {}", answer.body);
        assert!(answer.text().contains("Nothing was changed."));
        assert_eq!(server.db_rows(&["one_time_links", "events"]), before, "{name}");
    };
    // Bob's address counts in workspaces that Alice does not administer.
    assert_refused("bob", "The address is verified, so it counts on the whole server.");
    server.unverify("bob");
    server.add_to("other", "bob", Role::Agent);
    assert_refused("bob", "This person is also in a workspace where you are not an administrator.");
    server.unverify("alice");
    assert_refused("alice", "You change your own password on your account page.");
    server.unverify("dave");
    server.set_active("dave", false);
    assert_refused("dave", "The account is deactivated.");

    server.let_alice_vouch();
    assert_eq!(create(&server, &alice, "bob").status, 201, "Alice administers every workspace");
    for (name, status) in [("bob", 403), ("dave", 303), ("charlie", 404)] {
        if name != "dave" {
            assert_eq!(create(&server, &server.signed_in(name), "alice").status, status, "{name}");
        }
    }
    assert_eq!(create(&server, &alice, "charlie").status, 404, "not a member of this workspace");
}

/// A change, and what makes it.
type Change<'a> = (&'a str, &'a dyn Fn(&TestServer));

#[db_test]
fn a_link_ends_when_its_creator_may_not_create_it_any_more() {
    let join = |server: &TestServer| server.add_to("other", "bob", Role::Agent);
    let demote = |server: &TestServer| {
        server.db_execute("UPDATE memberships SET role = 'editor' WHERE user_id = (SELECT id FROM users WHERE email_key = 'alice@example.org')");
    };
    let deactivate = |server: &TestServer| server.set_active("alice", false);
    let new_password = |server: &TestServer| {
        let alice = server.signed_in("alice");
        let fields = [("present_password", PASSWORD), ("new_password", NEW)];
        assert_eq!(alice.post("/account/password", &fields).status, 303);
    };
    let events: [Change<'_>; 4] = [
        ("Bob joins another workspace", &join),
        ("Alice is demoted", &demote),
        ("Alice is deactivated", &deactivate),
        ("Alice has a new password", &new_password),
    ];
    for (what, happens) in events {
        let server = TestServer::start();
        server.unverify("bob");
        let path = link(&server, &create(&server, &server.signed_in("alice"), "bob"));
        assert_eq!(server.browser().get(&path).status, 200, "{what}");
        happens(&server);
        assert_eq!(server.browser().get(&path).status, 404, "{what}");
        assert_eq!(server.browser().post(&path, &[("password", "nine green lamps")]).status, 404, "{what}");
        assert_eq!(server.browser().sign_in("bob@example.org", PASSWORD).status, 303, "{what}");
    }
}

#[db_test]
fn a_resent_form_does_not_replace_the_link() {
    let server = TestServer::start();
    server.unverify("bob");
    let (alice, path) = (server.signed_in("alice"), member(&server, "bob"));
    let fields = [("form_key", "0123456789abcdefABCDEF")];
    let first = link(&server, &alice.post(&format!("{path}/reset"), &fields));
    let again = alice.post(&format!("{path}/reset"), &fields);
    assert_eq!(again.status, 409);
    assert!(again.text().contains("This link already exists"), "{}", again.text());
    assert_eq!(server.browser().get(&first).status, 200);
    let second = link(&server, &create(&server, &alice, "bob"));
    assert_eq!((server.browser().get(&first).status, server.browser().get(&second).status), (404, 200));
}
