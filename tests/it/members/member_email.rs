//! Administrators change and verify the addresses of members, and invite addresses.

use latchkey::workspaces::model::Role;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::{PASSWORD, TestServer};

const KIM: [(&str, &str); 2] = [("name", "Kim"), ("password", "seven blue kettles")];
const VERIFIED: &str = "kim@example.org";

fn bob(server: &TestServer) -> String {
    format!("/w/acme/settings/members/{}", server.uuid_of("bob"))
}

fn change(browser: &Browser, member: &str, email: &str) -> Answer {
    browser.post(&format!("{member}/email"), &[("email", email)])
}

fn error(answer: &Answer) -> Option<String> {
    answer.page().find_text("#email-error")
}

/// The latest sentence of the activity page.
fn latest(browser: &Browser) -> String {
    browser.get("/w/acme/settings/activity").page().texts("p.sentence").remove(0)
}

#[db_test]
fn an_administrator_of_every_workspace_verifies_and_changes_an_address() {
    let server = TestServer::start();
    server.let_alice_vouch();
    server.unverify("bob");
    let (alice, page) = (server.signed_in("alice"), bob(&server));
    let value = server.create_token(&server.signed_in("bob"), "acme", "Reporting");
    let email = || server.api("GET", "/auth/verify").bearer(&value).send().header("x-auth-email").to_owned();
    let list = alice.get("/w/acme/settings/members").text();
    assert!(list.contains("bob@example.org (not verified)") && list.contains("dave@example.org Agent"), "{list}");
    let text = alice.get(&page).text();
    assert!(text.contains("Email address Not verified") && text.contains("Save as verified"), "{text}");
    assert_eq!(email(), "");

    let verified = change(&alice, &page, "bob@example.org");
    assert_eq!((verified.status, verified.header("location")), (303, page.as_str()));
    let text = alice.get(&page).text();
    assert!(text.contains("The email address bob@example.org is verified now."), "{text}");
    assert!(text.contains("Email address Verified"), "{text}");
    assert_eq!(email(), "bob@example.org");
    assert!(
        latest(&alice).contains("Alice verified bob@example.org as the email address of Bob"),
        "{}",
        latest(&alice)
    );

    let events = server.db_rows(&["events"]);
    assert_eq!(change(&alice, &page, " bob@example.org ").status, 303);
    assert!(alice.get(&page).text().contains("The email address is still bob@example.org."));
    assert_eq!(server.db_rows(&["events"]), events, "it was verified before");

    assert_eq!(change(&alice, &page, "Robert@Example.org").status, 303);
    let text = alice.get(&page).text();
    assert!(text.contains("Bob signs in as Robert@Example.org from now on. It is verified."), "{text}");
    assert_eq!(email(), "Robert@Example.org");
    let sentence = "Alice changed the email address of Bob from bob@example.org to Robert@Example.org and verified it";
    assert!(latest(&alice).contains(sentence), "{}", latest(&alice));
    assert_eq!(server.browser().sign_in("bob@example.org", PASSWORD).status, 422);
    let bob = server.browser();
    assert_eq!(bob.sign_in("robert@example.org", PASSWORD).status, 303);
    assert!(bob.get("/w/acme/settings/activity").text().contains(sentence), "Bob sees who did it");
}

#[db_test]
fn an_administrator_of_some_workspaces_changes_addresses_without_verifying_them() {
    let server = TestServer::start();
    let (alice, page) = (server.signed_in("alice"), bob(&server));
    assert!(alice.get(&page).text().contains("Change email address"), "Alice administers both workspaces of Bob");
    assert_eq!(change(&alice, &page, "bob@example.org").status, 303);
    assert!(server.is_verified("bob@example.org"), "the same address is still verified");
    assert_eq!(change(&alice, &page, "b@example.org").status, 303);
    assert!(!server.is_verified("b@example.org"));
    assert!(alice.get(&page).text().contains("Bob signs in as b@example.org from now on."));
    assert!(latest(&alice).contains("Bob from bob@example.org to b@example.org"), "{}", latest(&alice));
    assert!(!latest(&alice).contains("verified"));
    assert_eq!(change(&alice, &page, "b@example.org").status, 303);
    assert!(!server.is_verified("b@example.org"));
}

#[db_test]
fn an_administrator_of_one_of_several_workspaces_changes_nothing() {
    let server = TestServer::start();
    server.add_to("other", "bob", Role::Agent);
    let (alice, page) = (server.signed_in("alice"), bob(&server));
    let text = alice.get(&page).text();
    assert!(text.contains("Only an administrator of all workspaces of Bob or the server administrator"), "{text}");
    assert!(!text.contains("Change email address") && !text.contains("Save as verified"), "{text}");
    let before = server.db_rows(&["users", "events"]);
    for email in ["b@example.org", "bob@example.org", ""] {
        let refused = change(&alice, &page, email);
        assert_eq!((refused.status, &*refused.title()), (403, "You can’t change this address here · Latchkey"));
    }
    assert_eq!(server.db_rows(&["users", "events"]), before);
    let stranger = format!("/w/acme/settings/members/{}", server.uuid_of("charlie"));
    assert_eq!(change(&alice, &stranger, "c@example.org").status, 404);
}

#[db_test]
fn an_invalid_or_taken_address_is_refused_at_the_field() {
    let server = TestServer::start();
    server.let_alice_vouch();
    let (alice, page) = (server.signed_in("alice"), bob(&server));
    let before = server.db_rows(&["users", "events"]);
    for (typed, message) in [
        ("DAVE@example.org", "Another user already has this address."),
        ("bob", "Enter an email address like ada@example.org."),
        ("b\u{200B}ob@example.org", "Remove invisible characters from the email address."),
        ("", "Enter an email address."),
    ] {
        let refused = change(&alice, &page, typed);
        assert_eq!((refused.status, error(&refused).as_deref()), (422, Some(message)), "{typed:?}");
        assert_eq!(refused.page().attribute("input#email", "value"), typed, "what was typed stays");
    }
    assert_eq!(server.db_rows(&["users", "events"]), before);
}

#[db_test]
fn a_new_user_gets_the_address_of_the_invitation() {
    for can_vouch in [true, false] {
        let server = TestServer::start();
        if can_vouch {
            server.let_alice_vouch();
        }
        let alice = server.signed_in("alice");
        let list = alice.get("/w/acme/settings/members/invitations").text();
        assert_eq!(list.contains("It counts as verified"), can_vouch, "{list}");
        let link = server.invite_address(&alice, "acme", "editor", VERIFIED);
        let list = alice.get("/w/acme/settings/members/invitations").text();
        assert!(list.contains("Editor kim@example.org"), "{list}");
        assert!(latest(&alice).contains("Alice created an Editor invitation for kim@example.org"));

        let kim = server.browser();
        let page = kim.get(&link);
        let field = page.page();
        assert_eq!(field.attribute("input#email[readonly]", "value"), VERIFIED, "{}", page.body);
        let made_up = [&KIM[..], &[("email", "root@victim.example")]].concat();
        assert_eq!(kim.post(&link, &made_up).status, 303);
        assert!(kim.get("/account").text().contains("You sign in as kim@example.org."));
        assert_eq!(server.is_verified(VERIFIED), can_vouch);
        assert_eq!(latest(&alice).contains("which verified their email address"), can_vouch, "{}", latest(&alice));
    }
}

#[db_test]
fn an_inviter_who_can_no_longer_vouch_verifies_nothing() {
    let server = TestServer::start();
    server.let_alice_vouch();
    let alice = server.signed_in("alice");
    let link = server.invite_address(&alice, "acme", "editor", VERIFIED);
    server.add_workspace("more", "More", latchkey::workspaces::profile::WorkspaceKind::Demo);
    assert_eq!(server.browser().post(&link, &KIM).status, 303);
    assert!(!server.is_verified(VERIFIED));
}

#[db_test]
fn an_invitation_without_an_address_verifies_nothing() {
    let server = TestServer::start();
    server.let_alice_vouch();
    let link = server.invite(&server.signed_in("alice"), "editor");
    assert_eq!(server.browser().post(&link, &[&KIM[..], &[("email", VERIFIED)]].concat()).status, 303);
    assert!(!server.is_verified(VERIFIED));
    server.unverify("charlie");
    let link = server.invite(&server.signed_in("alice"), "editor");
    let charlie = server.signed_in("charlie");
    let join = charlie.get(&link).hidden("join");
    assert_eq!(charlie.post(&link, &[("join", &join)]).status, 303);
    assert!(!server.is_verified("charlie@example.org"));
}

#[db_test]
fn a_user_with_an_account_joins_with_the_address_of_the_invitation_only() {
    let server = TestServer::start();
    server.let_alice_vouch();
    let alice = server.signed_in("alice");
    let link = server.invite_address(&alice, "acme", "editor", VERIFIED);
    let charlie = server.signed_in("charlie");
    let before = server.db_rows(&["users", "memberships", "one_time_links", "events"]);
    for answer in [charlie.get(&link), charlie.post(&link, &[("join", &server.uuid_of("charlie"))])] {
        assert!(matches!(answer.status, 200 | 409), "{}", answer.status);
        let said = "This invitation is for kim@example.org only, and you are signed in as charlie@example.org.";
        assert!(answer.text().contains(said) && !answer.text().contains("Join as"), "{}", answer.text());
    }
    assert_eq!(server.db_rows(&["users", "memberships", "one_time_links", "events"]), before);

    server.unverify("charlie");
    let taken = server.invite_address(&alice, "acme", "editor", "Charlie@Example.org");
    let refused = server.browser().post(&taken, &KIM);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("An account with this address already exists. Sign in to join."));
    let join = charlie.get(&taken).hidden("join");
    assert_eq!(charlie.post(&taken, &[("join", &join)]).status, 303);
    assert!(server.is_verified("Charlie@Example.org"), "in the inviter's spelling");
    assert!(charlie.get("/w/acme").text().contains("You have joined Acme."));
}

#[db_test]
fn an_address_that_changes_meanwhile_does_not_join() {
    use latchkey::members::invitations::{Invitee, JoinError, join};
    let server = TestServer::start();
    server.let_alice_vouch();
    let link = server.invite_address(&server.signed_in("alice"), "acme", "editor", "charlie@example.org");
    let code: latchkey::accounts::one_time_links::OneTimeCode = link.rsplit('/').next().unwrap().parse().unwrap();
    let (user, _) = server
        .db
        .read_blocking(|conn| latchkey::accounts::store::user_by_email(conn, &"charlie@example.org".parse().unwrap()))
        .unwrap()
        .unwrap();
    server.db_execute("UPDATE users SET email = 'c@x', email_key = 'c@x' WHERE name = 'Charlie'");
    let client = latchkey::base::client_info::ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: None };
    let invitee = Invitee::Existing(user);
    let joined = server.db.write_blocking(|conn| join(conn, &code.digest(), &invitee, &client, server.now()));
    assert!(matches!(joined, Err(JoinError::OtherAddress)), "{joined:?}");
}
