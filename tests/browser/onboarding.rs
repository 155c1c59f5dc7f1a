//! Invitations, the account page, new workspaces and password resets.

use latchkey_test_macros::db_test;

use crate::window::{Window, button};
use crate::{ALICE, EVE, PASSWORD, PageAudit, TestSite, submit_login};

const INVITATIONS: &str = "/w/acme/settings/members/invitations";
const KIM: &str = "kim@example.org";
const KIM_PASSWORD: &str = "violet harbor ladder";

fn join_as_kim(window: &Window) {
    for (field, text) in [("name", "Kim"), ("email", KIM), ("password", KIM_PASSWORD)] {
        window.fill(field, text);
    }
    window.submit("Join");
}

/// Creates an invitation to `acme` and returns its link.
fn invite(window: &Window, site: &TestSite, role: &str, note: &str) -> String {
    window.goto(&site.url(INVITATIONS));
    window.click(&format!("//label[starts-with(normalize-space(), '{role}')]"));
    window.fill("note", note);
    window.submit("Create invitation link");
    window.wait_for_text("Invitation created: copy its link now");
    window.value_of("Invitation link")
}

#[db_test(sqlite, needs(chromium))]
fn an_invited_user_joins_changes_her_password_and_creates_a_workspace() {
    let (alice, kim) = (Window::open(), Window::open());
    let site = TestSite::start();
    site.sign_in(&alice, ALICE);
    alice.assert_path("/w/acme");
    let link = invite(&alice, &site, "Administrator", "Kim");
    alice.click_button("Copy");
    alice.wait_for_visible(&button("Copied"));
    assert_eq!(alice.clipboard_text(), link);
    alice.follow_link("Done, I’ve copied it");
    alice.assert_path(INVITATIONS);
    alice.wait_for_text("by alice@example.org");
    assert!(!alice.source().contains(&link));
    alice.back();
    assert!(!alice.source().contains(&link), "Back shows the link again");

    kim.goto(&link);
    kim.wait_for_text("You are invited as an Administrator.");
    join_as_kim(&kim);
    kim.assert_path("/w/acme");
    kim.wait_for_text("You have joined Acme.");
    alice.goto(&link);
    alice.wait_for_text("This invitation link doesn’t work");

    // A new password ends the other sessions and keeps the current one.
    let phone = Window::open();
    site.sign_in_with(&phone, KIM, KIM_PASSWORD);
    phone.assert_path("/w/acme");
    kim.click_and_load("//a[contains(., 'kim@example.org')]");
    kim.assert_path("/account");
    kim.wait_for_text("This browser");
    kim.wait_for_text("Chrome on Linux");
    kim.fill("present_password", KIM_PASSWORD);
    kim.fill("new_password", "copper meadow lantern");
    kim.submit("Change password");
    kim.wait_for_text("Password changed. 1 other browser was signed out.");
    phone.goto(&site.url("/w/acme"));
    phone.wait_for_text("Forgot your password?");
    site.sign_in_with(&phone, KIM, "copper meadow lantern");
    phone.assert_path("/w/acme");
    kim.refresh();
    kim.submit("Sign out all other browsers");
    kim.wait_for_text("1 other browser was signed out.");
    phone.goto(&site.url("/w/acme"));
    phone.wait_for_text("Forgot your password?");

    kim.click("//summary[contains(., 'Your workspaces')]");
    kim.follow_link("New workspace");
    kim.assert_path("/workspaces/new");
    assert_eq!(kim.focused_name(), "name");
    kim.fill("name", "Kim’s Tea");
    kim.click("//label[starts-with(normalize-space(), 'Demo')]");
    kim.submit("Create workspace");
    kim.assert_path("/w/kim-s-tea");
    kim.wait_for_text("Workspace Kim’s Tea created. You are its administrator.");
    kim.click_and_load("//a[contains(., 'kim@example.org')]");
    kim.follow_link("Back to Kim’s Tea");
    kim.assert_path("/w/kim-s-tea");

    // A password reset.
    let reset = site.home.done(&["user", "reset-password", "--email", KIM]);
    phone.goto(reset.trim());
    phone.wait_for_text("For kim@example.org.");
    phone.fill("password", "silver orchard window");
    phone.submit("Set password");
    phone.wait_for_text("Password changed. You were signed out everywhere.");
    kim.refresh();
    kim.wait_for_text("Forgot your password?");
    site.sign_in_with(&phone, KIM, "silver orchard window");
    phone.assert_path("/w/kim-s-tea");
    for window in [&alice, &kim, &phone] {
        assert_eq!(window.console_messages(), Vec::<String>::new());
    }
}

#[db_test(sqlite, needs(chromium))]
fn an_existing_user_accepts_an_invitation_without_script() {
    let (window, eve) = (Window::open(), Window::open_without_script());
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    let link = invite(&window, &site, "Editor", "");
    eve.goto(&link);
    eve.follow_link("Sign in to join");
    submit_login(&eve, EVE, PASSWORD);
    eve.submit("Join as eve@example.org");
    eve.assert_path("/w/acme");
    eve.wait_for_text("Your role is Editor.");
}

#[db_test(sqlite, needs(chromium, axe_core))]
fn account_and_invitation_pages_are_accessible() {
    let window = Window::open();
    let site = TestSite::start();
    let mut audit = PageAudit::new();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url(INVITATIONS));
    audit.check(&window, "invitations-none");
    invite(&window, &site, "Agent", "");
    let link = invite(&window, &site, "Editor", "Kim, who does the reporting");
    audit.check(&window, "invitations-made");
    window.refresh();
    window.wait_for_text("This invitation already exists");
    audit.check(&window, "invitations-again");

    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        audit.check(&window, name);
    };
    visit("accept-member", &link);
    visit("account", &site.url("/account"));
    visit("workspace-new", &site.url("/workspaces/new"));
    window.fill("name", "Acme");
    window.fill("slug", "acme");
    window.submit("Create workspace");
    window.wait_for_text("Another workspace already uses this name in URLs.");
    audit.check(&window, "workspace-new-refused");
    window.click("//summary[contains(., 'Your workspaces')]");
    audit.check(&window, "workspace-new-switcher");
    window.goto(&site.url("/account"));
    window.fill("present_password", "a wrong password");
    window.fill("new_password", "copper meadow lantern");
    window.submit("Change password");
    window.wait_for_text("This is not your current password.");
    audit.check(&window, "account-refused");

    site.sign_in(&window, EVE);
    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        audit.check(&window, name);
    };
    visit("account-no-workspace", &site.url("/account"));
    visit("accept-known", &link);
    visit("workspace-new-forbidden", &site.url("/workspaces/new"));
    window.delete_cookies();
    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        audit.check(&window, name);
    };
    visit("accept-new", &link);
    visit("accept-dead", &site.url("/invitations/nonsense"));
    visit("reset", site.home.done(&["user", "reset-password", "--email", ALICE]).trim());
    window.fill("password", "copper meadow lantern");
    window.submit("Set password");
    window.wait_for_text("Password changed.");
    audit.check(&window, "reset-done");
    window.goto(&site.url("/reset/nonsense"));
    audit.check(&window, "reset-dead");

    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
    assert_eq!(window.console_messages(), Vec::<String>::new());
}
