//! How people come in and look after themselves: an invitation, a first password changed, other browsers signed out, a
//! workspace of one's own, a forgotten password.

use crate::chromium::Window;
use crate::{ALICE, Gallery, House, PASSWORD};

const INVITATIONS: &str = "/w/acme/settings/members/invitations";
const KIM: &str = "kim@example.org";
const KIMS: &str = "seven blue kettles";

fn join_as_kim(window: &Window) {
    for (field, text) in [("name", "Kim"), ("email", KIM), ("password", KIMS)] {
        window.fill(field, text);
    }
    window.click_button("Join");
}

/// Makes an invitation where Alice stands, and returns its link.
fn invite(window: &Window, house: &House, role: &str, note: &str) -> String {
    window.goto(&house.url(INVITATIONS));
    window.click(&format!("//label[starts-with(normalize-space(), '{role}')]"));
    window.fill("note", note);
    window.click_button("Make invitation");
    window.reads("Invitation made: copy its link now");
    window.value_of("Invitation link")
}

#[test]
fn kim_is_invited_joins_changes_her_password_and_makes_a_workspace() {
    let (Some(alice), Some(kim)) = (Window::open(), Window::open()) else { return };
    let house = House::open();
    house.sign_in(&alice, ALICE);
    alice.is_at("/w/acme");
    let link = invite(&alice, &house, "Administrator", "Kim");
    alice.click_button("Copy");
    alice.wait_until("the button to say Copied", || alice.has(&crate::chromium::button("Copied")));
    assert_eq!(alice.pasted(), link);
    alice.click_link("I have copied it");
    alice.is_at(INVITATIONS);
    alice.reads("Administrator · Made");
    assert!(!alice.source().contains(&link));
    alice.back();
    assert!(!alice.source().contains(&link), "Back brings the link back");

    kim.goto(&link);
    kim.reads("You are invited as Administrator.");
    join_as_kim(&kim);
    kim.is_at("/w/acme");
    kim.reads("You have joined Acme.");
    alice.goto(&link);
    alice.reads("This invitation does not work");

    // She is signed in elsewhere too; a new password ends that, and leaves her where she is.
    let phone = Window::open().unwrap();
    house.sign_in_with(&phone, KIM, KIMS);
    phone.is_at("/w/acme");
    kim.click("//a[contains(., 'kim@example.org')]");
    kim.is_at("/account");
    kim.reads("This browser");
    kim.reads("Chrome on Linux");
    kim.fill("present_password", KIMS);
    kim.fill("new_password", "eight green kettles");
    kim.click_button("Change password");
    kim.reads("Password changed. One other browser is signed out.");
    phone.goto(&house.url("/w/acme"));
    phone.reads("Forgot your password?");
    house.sign_in_with(&phone, KIM, "eight green kettles");
    phone.is_at("/w/acme");
    kim.refresh();
    kim.click_button("Sign out all others");
    kim.reads("One other browser is signed out.");
    phone.goto(&house.url("/w/acme"));
    phone.reads("Forgot your password?");

    kim.click("//summary[contains(., 'Your workspaces')]");
    kim.click_link("New workspace");
    kim.is_at("/workspaces/new");
    assert_eq!(kim.focused(), "name");
    kim.fill("name", "Kim’s Tea");
    kim.click("//label[starts-with(normalize-space(), 'Demo')]");
    kim.click_button("Make workspace");
    kim.is_at("/w/kim-s-tea");
    kim.reads("Workspace Kim’s Tea made. You are its administrator.");
    kim.click("//a[contains(., 'kim@example.org')]");
    kim.click_link("Back to Kim’s Tea");
    kim.is_at("/w/kim-s-tea");

    // A forgotten password.
    let reset = house.home.done(&["user", "reset-password", "--email", KIM]);
    phone.goto(reset.trim());
    phone.reads("For kim@example.org.");
    phone.fill("password", "nine yellow kettles");
    phone.click_button("Set password");
    phone.reads("Your password is changed, and you are signed out everywhere.");
    kim.refresh();
    kim.reads("Forgot your password?");
    house.sign_in_with(&phone, KIM, "nine yellow kettles");
    phone.is_at("/w/kim-s-tea");
    for window in [&alice, &kim, &phone] {
        assert_eq!(window.complaints(), Vec::<String>::new());
    }
}

#[test]
fn an_invitation_is_taken_without_script_by_somebody_with_an_account() {
    let (Some(window), Some(eve)) = (Window::open(), Window::open_without_script()) else { return };
    let house = House::open();
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    let link = invite(&window, &house, "Editor", "");
    eve.goto(&link);
    eve.click_link("Sign in to join");
    eve.fill("email", "eve@example.org");
    eve.fill("password", PASSWORD);
    eve.click_button("Sign in");
    eve.click_button("Join as eve@example.org");
    eve.is_at("/w/acme");
    eve.reads("Your role is Editor.");
}

#[test]
fn people_s_pages_are_accessible_in_light_in_dark_and_on_a_phone() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    let mut gallery = Gallery::new();
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    window.goto(&house.url(INVITATIONS));
    gallery.look_at(&window, "invitations-none");
    invite(&window, &house, "Agent", "");
    let link = invite(&window, &house, "Editor", "Kim, who does the reporting");
    gallery.look_at(&window, "invitations-made");
    window.refresh();
    window.reads("This invitation was already made");
    gallery.look_at(&window, "invitations-again");

    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        gallery.look_at(&window, name);
    };
    visit("accept-member", &link);
    visit("account", &house.url("/account"));
    visit("workspace-new", &house.url("/workspaces/new"));
    window.fill("name", "Acme");
    window.fill("slug", "acme");
    window.click_button("Make workspace");
    window.reads("Another workspace has this name in URLs.");
    gallery.look_at(&window, "workspace-new-refused");
    window.click("//summary[contains(., 'Your workspaces')]");
    gallery.look_at(&window, "workspace-new-switcher");
    window.goto(&house.url("/account"));
    window.fill("present_password", "not her password");
    window.fill("new_password", "eight green kettles");
    window.click_button("Change password");
    window.reads("That is not your password.");
    gallery.look_at(&window, "account-refused");

    house.sign_in(&window, "eve@example.org");
    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        gallery.look_at(&window, name);
    };
    visit("account-no-workspace", &house.url("/account"));
    visit("accept-known", &link);
    visit("workspace-new-forbidden", &house.url("/workspaces/new"));
    window.forget();
    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        gallery.look_at(&window, name);
    };
    visit("accept-new", &link);
    visit("accept-dead", &house.url("/invitations/nonsense"));
    visit("reset", house.home.done(&["user", "reset-password", "--email", ALICE]).trim());
    window.fill("password", "eight green kettles");
    window.click_button("Set password");
    window.reads("Your password is changed");
    gallery.look_at(&window, "reset-done");
    window.goto(&house.url("/reset/nonsense"));
    gallery.look_at(&window, "reset-dead");

    assert!(gallery.wrong.is_empty(), "{:#?}", gallery.wrong);
    assert_eq!(window.complaints(), Vec::<String>::new());
}
