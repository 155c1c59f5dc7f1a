//! The member pages, the token review and the activity page.

use diesel::connection::SimpleConnection as _;
use thirtyfour::Key;

use latchkey_test_macros::db_test;

use crate::support::process::Home;
use crate::window::{Window, button};
use crate::{ALICE, DAVE, EVE, PASSWORD, PageAudit, TestSite, submit_login};

const BOB: &str = "bob@example.org";
const MEMBERS: &str = "/w/acme/settings/members";

#[db_test(sqlite, needs(chromium, axe_core))]
#[expect(clippy::too_many_lines, reason = "one way through the pages, step by step")]
fn an_administrator_manages_members_and_sees_their_audit_events() {
    let window = Window::open();
    let site = TestSite::start();
    site.home.done_with(&["user", "add", "--email", BOB, "--name", "Bob", "--password-stdin"], PASSWORD);
    site.home.done(&["member", "add", "--workspace", "acme", "--email", BOB]);
    let create = |name: &str| {
        let created = site.home.done(&["token", "create", "--workspace", "acme", "--email", BOB, "--name", name]);
        created.trim_end().to_owned()
    };
    let (reporting, partner) = (create("Reporting"), create("Partner"));
    assert_eq!(site.call_api(&reporting).status, 200);
    let mut audit = PageAudit::new();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.follow_link("Members");
    window.assert_path(MEMBERS);
    window.wait_for_text("bob@example.org");
    audit.check(&window, "members");

    // The confirmation page focuses Cancel.
    window.follow_link("All tokens");
    window.wait_for_text("All API tokens of Acme.");
    audit.check(&window, "oversight");
    window.click_and_load("//nav[@aria-label='Filter']//a[contains(., 'Older than 90 days')]");
    window.wait_for_text("Choose another filter to see more.");
    window.click_and_load("//nav[@aria-label='Filter']//a[contains(., 'No expiration')]");
    window.click_labelled("Select Partner of Bob");
    window.click(&button("Revoke selected…"));
    window.wait_for_text("Revoke 1 token?");
    assert_eq!(window.focused_name(), "Cancel");
    audit.check(&window, "revoke-selected-dialog");
    window.press(Key::Escape);
    window.wait_until("the dialog to close", || !window.has(&button("Revoke 1 token")));
    window.click(&button("Revoke selected…"));
    window.submit("Revoke 1 token");
    window.wait_for_text("1 token revoked.");
    assert_eq!([&reporting, &partner].map(|value| site.call_api(value).status), [200, 401]);

    // Agents have no tokens, so that this change needs a confirmation.
    window.goto(&site.url(MEMBERS));
    window.follow_link("Bob");
    window.wait_for_text("Can use the workspace and create API tokens.");
    audit.check(&window, "member");
    window.click("//label[contains(., 'Agent')]");
    window.submit("Change role");
    window.wait_for_text("Make Bob an Agent?");
    audit.check(&window, "member-asks");
    assert_eq!(site.call_api(&reporting).status, 200);
    window.click("//label[contains(., 'Yes, make Bob an Agent')]");
    window.submit("Change role");
    window.wait_for_text("Bob is now an Agent. 1 token deleted.");
    assert_eq!(site.call_api(&reporting).status, 401);
    window.follow_link("Bob");
    window.click("//label[contains(., 'Editor')]");
    window.submit("Change role");
    window.wait_for_text("Bob is now an Editor.");
    assert_eq!(site.call_api(&reporting).status, 401);

    // Escape closes the dialog and revokes nothing.
    let last = [create("Third"), create("Fourth")];
    window.follow_link("Bob");
    window.click_link("Revoke all");
    window.wait_for_text("Revoke all tokens of Bob?");
    assert_eq!(window.focused_name(), "Cancel");
    audit.check(&window, "revoke-all-dialog");
    window.press(Key::Escape);
    window.wait_until("the dialog to close", || !window.has(&button("Revoke all now")));
    assert_eq!(window.focused_name(), "Revoke all", "the focus does not return to the button");
    window.click_link("Revoke all");
    window.submit("Revoke all now");
    window.wait_for_text("2 tokens of Bob revoked.");
    assert_eq!(last.each_ref().map(|value| site.call_api(value).status), [401; 2]);

    // Bob sees who revoked his token.
    site.sign_in(&window, BOB);
    window.assert_path("/w/acme");
    window.goto(&site.url("/w/acme/settings/tokens"));
    window.wait_for_text("by alice@example.org, an administrator");
    audit.check(&window, "tokens-revoked-by-an-administrator");
    window.follow_link("Activity");
    window.wait_for_text("Alice revoked token Partner of Bob.");
    audit.check(&window, "activity-own");

    let late = create("Late");
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url(MEMBERS));
    window.follow_link("Bob");
    window.click_labelled("Remove Bob");
    window.wait_for_text("Remove Bob?");
    assert_eq!(window.focused_name(), "Cancel");
    audit.check(&window, "remove-dialog");
    window.submit("Remove");
    window.wait_for_text("Bob is no longer a member of Acme. 1 token deleted.");
    assert_eq!(site.call_api(&late).status, 401);
    window.assert_path(MEMBERS);

    window.follow_link("Alice");
    window.wait_for_text("Alice is the only administrator of Acme");
    audit.check(&window, "member-last-administrator");

    window.follow_link("Activity");
    window.wait_for_text("Alice removed Bob.");
    window.wait_for_text("Token Late was deleted because Bob was removed from the workspace.");
    window.wait_for_text("127.0.0.1 (Chrome on Linux)");
    audit.check(&window, "activity");
    window.follow_link("Members");
    window.follow_link("Activity");
    window.click_and_load("//nav[@aria-label='Filter']//a[normalize-space()='Members']");
    window.wait_for_text("Alice changed the role of Bob from Agent to Editor.");
    assert!(!window.text().contains("token Late"), "{}", window.text());
    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
    assert_eq!(window.console_messages(), Vec::<String>::new());
}

#[db_test(sqlite, needs(chromium))]
fn a_member_is_removed_and_a_token_revoked_without_script() {
    let window = Window::open_without_script();
    let site = TestSite::start();
    let value = site.create_token("acme", "Reporting");
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url(&format!("{MEMBERS}/tokens")));
    window.click_labelled("Select Reporting of Alice");
    window.submit("Revoke selected…");
    window.wait_for_text("Revoke 1 token?");
    window.submit("Revoke 1 token");
    window.wait_for_text("1 token revoked.");
    assert_eq!(site.call_api(&value).status, 401);
    window.goto(&site.url(MEMBERS));
    window.follow_link("Dave");
    window.follow_labelled("Remove Dave");
    window.wait_until("the confirmation page", || window.url().ends_with("/remove"));
    window.wait_for_text("has no tokens in this workspace.");
    window.submit("Remove");
    window.assert_path(MEMBERS);
    window.wait_for_text("Dave is no longer a member of Acme.");
}

#[db_test(sqlite, needs(chromium, axe_core))]
fn the_demo_has_members_and_audit_events() {
    let window = Window::open();
    let home = Home::new();
    let demo = home.demo();
    let mut audit = PageAudit::new();
    window.goto(&demo.url("/login?next=/w/acme-production/settings/members"));
    submit_login(&window, "ada@acme.example", "look-around-freely");
    window.wait_for_text("Ben Okafor");
    audit.check(&window, "demo-members");
    let text = window.text();
    assert!(
        text.contains("within the last hour") && !text.contains("just now"),
        "the script knows the hour only: {text}"
    );
    window.follow_link("All tokens");
    window.wait_for_text("Forgotten script");
    window.wait_for_text("Older than 90 days 1");
    audit.check(&window, "demo-oversight");
    window.follow_link("Activity");
    for text in [
        "Ada Lovelace rotated token Partner system and kept the old value for 24 hours.",
        "Ada Lovelace changed the role of Chiara Rossi from Editor to Agent.",
        "Token Field tablet was deleted because Chiara Rossi became an Agent.",
        "198.51.100.7 (Firefox on Linux)",
    ] {
        window.wait_for_text(text);
    }
    audit.check(&window, "demo-activity");
    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
}

#[db_test(sqlite, needs(chromium, axe_core))]
fn an_administrator_verifies_an_address_and_invites_one() {
    let window = Window::open();
    let site = TestSite::start();
    site.home
        .database
        .connect()
        .batch_execute("UPDATE users SET email_verified_at = NULL WHERE name = 'Dave'")
        .unwrap();
    let mut audit = PageAudit::new();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url(MEMBERS));
    window.follow_link("Alice");
    window.wait_for_text("This is your own address.");
    audit.check(&window, "member-own-address");
    window.goto(&site.url(MEMBERS));
    window.follow_link("Dave");
    window.wait_for_text("Not verified");
    audit.check(&window, "member-unverified");
    window.fill("email", ALICE);
    window.submit("Save as verified");
    window.wait_for_text("Another user already has this address.");
    audit.check(&window, "member-address-taken");
    window.fill("email", DAVE);
    window.submit("Save as verified");
    window.wait_for_text("The email address dave@example.org is verified now.");
    assert!(!window.text().contains("Not verified"), "{}", window.text());

    window.goto(&site.url(&format!("{MEMBERS}/invitations")));
    window.fill("email", "kim@example.org");
    window.submit("Create invitation link");
    window.wait_for_text("joins as an Editor with the address kim@example.org");
    audit.check(&window, "invitation-for-an-address");
    let link = window.value_of("Invitation link");

    site.sign_in(&window, DAVE);
    window.assert_path("/w/acme");
    window.goto(&site.url("/account"));
    window.wait_for_text("Only an administrator of all your workspaces or the server administrator can change it.");
    audit.check(&window, "account-fixed-address");
    site.sign_in(&window, EVE);
    window.goto(&link);
    window.wait_for_text("This invitation is for kim@example.org only, and you are signed in as eve@example.org.");
    audit.check(&window, "join-other-address");
    window.delete_cookies();
    window.goto(&link);
    assert!(window.has("//input[@name='email'][@readonly][@value='kim@example.org']"));
    audit.check(&window, "join-fixed-address");
    window.fill("name", "Kim");
    window.fill("password", "seven blue kettles");
    window.submit("Join");
    window.wait_for_text("You have joined Acme.");
    window.goto(&site.url("/account"));
    window.wait_for_text("You sign in as kim@example.org.");
    assert!(!window.text().contains("Not verified"), "{}", window.text());
    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
    assert_eq!(window.console_messages(), Vec::<String>::new());
}
