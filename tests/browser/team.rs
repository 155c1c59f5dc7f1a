//! The people around the tokens, as an administrator goes through them in a browser.

use thirtyfour::Key;

use crate::chromium::{Window, button};
use crate::support::process::Home;
use crate::{ALICE, Gallery, House, PASSWORD};

const BOB: &str = "bob@example.org";
const MEMBERS: &str = "/w/acme/settings/members";

#[test]
fn alice_looks_after_her_team_from_the_first_look_to_the_last_event() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    house.home.done_with(&["user", "add", "--email", BOB, "--name", "Bob", "--password-stdin"], PASSWORD);
    house.home.done(&["member", "add", "--workspace", "acme", "--email", BOB]);
    let create = |name: &str| {
        let made = house.home.done(&["token", "create", "--workspace", "acme", "--email", BOB, "--name", name]);
        made.trim_end().to_owned()
    };
    let (reporting, partner) = (create("Reporting"), create("Partner"));
    assert_eq!(house.call(&reporting).status, 200);
    let mut gallery = Gallery::new();
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    window.click_link("Members");
    window.is_at(MEMBERS);
    window.reads("bob@example.org · not signed in anywhere");
    gallery.look_at(&window, "members");

    // One token is revoked from everybody's: a page asks, and the focus is where nothing happens.
    window.click_link("Everybody’s tokens");
    window.reads("Every token that opens the API of Acme.");
    gallery.look_at(&window, "oversight");
    window.click("//nav[@aria-label='Which tokens']//a[contains(., 'Older than 90 days')]");
    window.reads("No token of this workspace is like that.");
    window.click("//nav[@aria-label='Which tokens']//a[contains(., 'No expiry')]");
    window.click_labelled("Revoke token Partner of Bob");
    window.reads("Revoke token “Partner”?");
    assert_eq!(window.focused(), "Cancel");
    gallery.look_at(&window, "revoke");
    window.click_button("Revoke token");
    window.reads("Token Partner revoked.");
    assert_eq!([&reporting, &partner].map(|value| house.call(value).status), [200, 401]);

    // To be made an agent costs the tokens: it asks, and names them.
    window.goto(&house.url(MEMBERS));
    window.click_labelled("Manage Bob");
    window.reads("Works here, and has API tokens.");
    gallery.look_at(&window, "member");
    window.click("//label[contains(., 'Agent')]");
    window.click_button("Change role");
    window.reads("Make Bob an agent?");
    gallery.look_at(&window, "member-asks");
    assert_eq!(house.call(&reporting).status, 200);
    window.click("//label[contains(., 'Yes, Bob is an agent from now on')]");
    window.click_button("Change role");
    window.reads("Bob is Agent now. 1 token stopped.");
    assert_eq!(house.call(&reporting).status, 401);
    window.click_labelled("Manage Bob");
    window.click("//label[contains(., 'Editor')]");
    window.click_button("Change role");
    window.reads("Bob is Editor now.");
    assert_eq!(house.call(&reporting).status, 401);

    // All of them at once, by a dialog; Escape leaves everything as it was.
    let last = [create("Third"), create("Fourth")];
    window.click_labelled("Manage Bob");
    window.click_link("Revoke all");
    window.reads("Revoke all tokens of Bob?");
    assert_eq!(window.focused(), "Cancel");
    gallery.look_at(&window, "revoke-all-dialog");
    window.press(Key::Escape);
    window.wait_until("the dialog to close", || !window.has(&button("Revoke all now")));
    assert_eq!(window.focused(), "Revoke all", "the focus is lost");
    window.click_link("Revoke all");
    window.click_button("Revoke all now");
    window.reads("2 tokens of Bob revoked.");
    assert_eq!(last.each_ref().map(|value| house.call(value).status), [401; 2]);

    // What Bob reads of it.
    house.sign_in(&window, BOB);
    window.is_at("/w/acme");
    window.goto(&house.url("/w/acme/settings/tokens"));
    window.reads("by alice@example.org, an administrator of this workspace");
    gallery.look_at(&window, "tokens-revoked-by-an-administrator");
    window.click_link("Activity");
    window.reads("Alice revoked token Partner of Bob.");
    gallery.look_at(&window, "activity-own");

    let late = create("Late");
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    window.goto(&house.url(MEMBERS));
    window.click_labelled("Manage Bob");
    window.click_labelled("Remove Bob");
    window.reads("Remove Bob?");
    assert_eq!(window.focused(), "Cancel");
    gallery.look_at(&window, "remove-dialog");
    window.click_button("Remove");
    window.reads("Bob is no member of Acme any more. 1 token stopped.");
    assert_eq!(house.call(&late).status, 401);
    window.is_at(MEMBERS);

    window.click_labelled("Manage Alice");
    window.reads("Alice is the only administrator of Acme");
    gallery.look_at(&window, "member-last-administrator");

    window.click_link("Activity");
    window.reads("Alice removed Bob.");
    window.reads("Alice ended token Late of Bob with the membership.");
    window.reads("from 127.0.0.1 (Chrome on Linux)");
    gallery.look_at(&window, "activity");
    window.click_link("Members");
    window.click_link("Activity");
    window.click("//nav[@aria-label='Which events']//a[normalize-space()='Members']");
    window.reads("Alice changed the role of Bob from Agent to Editor.");
    assert!(!window.text().contains("token Late"), "{}", window.text());
    assert!(gallery.wrong.is_empty(), "{:#?}", gallery.wrong);
    assert_eq!(window.complaints(), Vec::<String>::new());
}

#[test]
fn a_member_is_removed_and_a_token_revoked_without_script() {
    let Some(window) = Window::open_without_script() else { return };
    let house = House::open();
    let value = house.create_token("acme", "Reporting");
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    window.goto(&house.url(&format!("{MEMBERS}/tokens")));
    window.click_labelled("Revoke token Reporting of Alice");
    window.click_button("Revoke token");
    window.reads("Token Reporting revoked.");
    assert_eq!(house.call(&value).status, 401);
    window.goto(&house.url(MEMBERS));
    window.click_labelled("Manage Dave");
    window.click_labelled("Remove Dave");
    window.wait_until("the page that asks", || window.url().ends_with("/remove"));
    window.reads("No tokens stop: there are none.");
    window.click_button("Remove");
    window.is_at(MEMBERS);
    window.reads("Dave is no member of Acme any more.");
}

/// The demo has something of everything to look at.
#[test]
fn the_demo_shows_a_team_and_what_happened_in_it() {
    let Some(window) = Window::open() else { return };
    let home = Home::new();
    let demo = home.demo();
    let mut gallery = Gallery::new();
    window.goto(&demo.url("/login?next=/w/acme-production/settings/members"));
    window.fill("email", "ada@acme.example");
    window.fill("password", "try-latchkey-out");
    window.click_button("Sign in");
    for says in ["Ben Okafor", "Forgotten script", "Rotating: the old value"] {
        window.reads(says);
    }
    gallery.look_at(&window, "demo-members");
    window.click_link("Everybody’s tokens");
    window.reads("Older than 90 days 1");
    gallery.look_at(&window, "demo-oversight");
    window.click_link("Activity");
    for says in [
        "Ada Lovelace rotated token Partner system, with 24 hours for the old value.",
        "Ada Lovelace changed the role of Chiara Rossi from Editor to Agent.",
        "Ada Lovelace ended token Field tablet of Chiara Rossi with the role: agents have none.",
        "from 198.51.100.7 (Firefox on Linux)",
    ] {
        window.reads(says);
    }
    gallery.look_at(&window, "demo-activity");
    assert!(gallery.wrong.is_empty(), "{:#?}", gallery.wrong);
}
