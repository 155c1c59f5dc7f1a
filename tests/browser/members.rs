//! The member pages, the token review and the activity page.

use thirtyfour::Key;

use latchkey_test_macros::db_test;

use crate::support::process::Home;
use crate::window::{Window, button};
use crate::{ALICE, PASSWORD, PageAudit, TestSite, submit_login};

const BOB: &str = "bob@example.org";
const MEMBERS: &str = "/w/acme/settings/members";

#[db_test(sqlite, needs(chromium, axe_core))]
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
    window.wait_for_text("bob@example.org · not signed in anywhere");
    audit.check(&window, "members");

    // The confirmation page focuses Cancel.
    window.follow_link("Everybody’s tokens");
    window.wait_for_text("Every token that opens the API of Acme.");
    audit.check(&window, "oversight");
    window.click_and_load("//nav[@aria-label='Which tokens']//a[contains(., 'Older than 90 days')]");
    window.wait_for_text("No token of this workspace is like that.");
    window.click_and_load("//nav[@aria-label='Which tokens']//a[contains(., 'No expiry')]");
    window.follow_labelled("Revoke token Partner of Bob");
    window.wait_for_text("Revoke token “Partner”?");
    assert_eq!(window.focused_name(), "Cancel");
    audit.check(&window, "revoke");
    window.submit("Revoke token");
    window.wait_for_text("Token Partner revoked.");
    assert_eq!([&reporting, &partner].map(|value| site.call_api(value).status), [200, 401]);

    // Agents have no tokens, so that this change needs a confirmation.
    window.goto(&site.url(MEMBERS));
    window.follow_labelled("Manage Bob");
    window.wait_for_text("Works here, and has API tokens.");
    audit.check(&window, "member");
    window.click("//label[contains(., 'Agent')]");
    window.submit("Change role");
    window.wait_for_text("Make Bob an agent?");
    audit.check(&window, "member-asks");
    assert_eq!(site.call_api(&reporting).status, 200);
    window.click("//label[contains(., 'Yes, Bob is an agent from now on')]");
    window.submit("Change role");
    window.wait_for_text("Bob is Agent now. 1 token stopped.");
    assert_eq!(site.call_api(&reporting).status, 401);
    window.follow_labelled("Manage Bob");
    window.click("//label[contains(., 'Editor')]");
    window.submit("Change role");
    window.wait_for_text("Bob is Editor now.");
    assert_eq!(site.call_api(&reporting).status, 401);

    // Escape closes the dialog and revokes nothing.
    let last = [create("Third"), create("Fourth")];
    window.follow_labelled("Manage Bob");
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
    window.wait_for_text("by alice@example.org, an administrator of this workspace");
    audit.check(&window, "tokens-revoked-by-an-administrator");
    window.follow_link("Activity");
    window.wait_for_text("Alice revoked token Partner of Bob.");
    audit.check(&window, "activity-own");

    let late = create("Late");
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url(MEMBERS));
    window.follow_labelled("Manage Bob");
    window.click_labelled("Remove Bob");
    window.wait_for_text("Remove Bob?");
    assert_eq!(window.focused_name(), "Cancel");
    audit.check(&window, "remove-dialog");
    window.submit("Remove");
    window.wait_for_text("Bob is no member of Acme any more. 1 token stopped.");
    assert_eq!(site.call_api(&late).status, 401);
    window.assert_path(MEMBERS);

    window.follow_labelled("Manage Alice");
    window.wait_for_text("Alice is the only administrator of Acme");
    audit.check(&window, "member-last-administrator");

    window.follow_link("Activity");
    window.wait_for_text("Alice removed Bob.");
    window.wait_for_text("Alice ended token Late of Bob with the membership.");
    window.wait_for_text("from 127.0.0.1 (Chrome on Linux)");
    audit.check(&window, "activity");
    window.follow_link("Members");
    window.follow_link("Activity");
    window.click_and_load("//nav[@aria-label='Which events']//a[normalize-space()='Members']");
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
    window.follow_labelled("Revoke token Reporting of Alice");
    window.submit("Revoke token");
    window.wait_for_text("Token Reporting revoked.");
    assert_eq!(site.call_api(&value).status, 401);
    window.goto(&site.url(MEMBERS));
    window.follow_labelled("Manage Dave");
    window.follow_labelled("Remove Dave");
    window.wait_until("the confirmation page", || window.url().ends_with("/remove"));
    window.wait_for_text("No tokens stop: there are none.");
    window.submit("Remove");
    window.assert_path(MEMBERS);
    window.wait_for_text("Dave is no member of Acme any more.");
}

#[db_test(sqlite, needs(chromium, axe_core))]
fn the_demo_has_members_and_audit_events() {
    let window = Window::open();
    let home = Home::new();
    let demo = home.demo();
    let mut audit = PageAudit::new();
    window.goto(&demo.url("/login?next=/w/acme-production/settings/members"));
    submit_login(&window, "ada@acme.example", "try-latchkey-out");
    for text in ["Ben Okafor", "Forgotten script", "Rotating: the old value"] {
        window.wait_for_text(text);
    }
    audit.check(&window, "demo-members");
    window.follow_link("Everybody’s tokens");
    window.wait_for_text("Older than 90 days 1");
    audit.check(&window, "demo-oversight");
    window.follow_link("Activity");
    for text in [
        "Ada Lovelace rotated token Partner system, with 24 hours for the old value.",
        "Ada Lovelace changed the role of Chiara Rossi from Editor to Agent.",
        "Ada Lovelace ended token Field tablet of Chiara Rossi with the role: agents have none.",
        "from 198.51.100.7 (Firefox on Linux)",
    ] {
        window.wait_for_text(text);
    }
    audit.check(&window, "demo-activity");
    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
}
