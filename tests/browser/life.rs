//! A token's life as a person sees it: every state in the list, and a rotation from beginning to end.

use crate::chromium::Window;
use crate::support::process::Home;
use crate::{Gallery, House, TOKENS};

/// The demo has a token in each state there is.
#[test]
fn every_state_of_a_token_says_what_it_is_in_light_in_dark_and_on_a_phone() {
    let Some(window) = Window::open() else { return };
    let home = Home::new();
    let demo = home.demo();
    let mut gallery = Gallery::new();
    let enter = |email: &str, path: &str| {
        window.goto(&demo.url("/login"));
        window.forget();
        window.goto(&demo.url(&format!("/login?next={path}")));
        window.fill("email", email);
        window.fill("password", "try-latchkey-out");
        window.click_button("Sign in");
        window.is_at(path);
    };
    let production = "/w/acme-production/settings/tokens";

    enter("ada@acme.example", production);
    for says in [
        "3 of 3 tokens in this workspace.",
        "Rotating. New value used",
        "from 198.51.100.21 (axios/1.7.9) · old value",
        "Stop old value now",
        "Expires in 6 days",
        "Last used 4 minutes ago from 203.0.113.7 (python-requests/2.32.3)",
    ] {
        window.reads(says);
    }
    gallery.look_at(&window, "state-rotating-both-used-and-expiring");
    window.click_labelled("Rotate token Partner system");
    window.reads("A rotation is under way.");
    gallery.look_at(&window, "rotate-under-way");
    assert!(window.has("//input[@id='grace-none'][@checked]"), "the one choice there is");
    assert!(!window.has("//input[@name='grace'][not(@disabled)][@value!='none']"));
    // As on a form that was opened before the other rotation.
    window.run("document.querySelectorAll('[name=grace]').forEach((it) => { it.disabled = false })");
    window.click("//label[contains(., '24 more hours')]");
    window.click_button("Rotate token");
    window.reads("Not rotated");
    gallery.look_at(&window, "rotate-refused");

    enter("ben@acme.example", production);
    for says in [
        "Rotating. New value not used yet · old value",
        "Waiting for the first call",
        "Never used",
        "Nothing has used it for a month.",
        "Expired 5 days ago",
        "was tried once since, last 8 hours ago from 203.0.113.9 (curl/8.5.0).",
    ] {
        window.reads(says);
    }
    gallery.look_at(&window, "state-rotating-unused-stale-and-expired");
    window.click_labelled("Rotate token Nightly export");
    window.reads("It has expired, so it does not work any more, whatever you choose.");
    gallery.look_at(&window, "rotate-expired");

    enter("ada@acme.example", "/w/acme-demo/settings/tokens");
    for says in ["Recently deleted", "Deleted 2 days ago by ada@acme.example on this page", "was tried 14 times since"]
    {
        window.reads(says);
    }
    gallery.look_at(&window, "state-deleted-and-still-tried");
    window.click_labelled("Rename token Try-out script");
    window.reads("Rename token “Try-out script”");
    gallery.look_at(&window, "rename-dialog");
    window.click("//dialog[@open]//button[contains(., 'Cancel')]");
    // The picture in the README.
    window.click_labelled("Rotate token Try-out script");
    window.click_button("Rotate token");
    window.reads("New value of “Try-out script”: copy it now");
    gallery.look_at(&window, "reveal-rotated");
    assert!(gallery.wrong.is_empty(), "{:#?}", gallery.wrong);
}

#[test]
fn alice_rotates_from_the_delete_dialog_and_sees_when_it_is_safe_to_stop_the_old_value() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    let old = house.create_token("acme", "Reporting");
    house.sign_in(&window, crate::ALICE);
    window.is_at("/w/acme");
    window.goto(&house.url(TOKENS));
    window.click_labelled("Delete token Reporting");
    window.click_link("Rotate instead");
    window.reads("Rotate token “Reporting”");
    window.click_button("Rotate token");
    window.reads("New value of “Reporting”: copy it now");
    window.reads("The old value works for 24 more hours.");
    let new = window.value_of("Token value");
    assert_eq!([&old, &new].map(|value| house.call(value).status), [200, 200]);
    // The page notices by itself.
    window.reads("First call received from 127.0.0.1");
    window.reads("Rotating. New value used just now · old value");

    window.click_link("I have stored it");
    window.reads("Rotating. New value used");
    assert!(!window.source().contains(&new), "a value is shown once");
    // The old value was used since, so the page asks.
    window.click_link("Stop old value now");
    window.reads("Stop the old value of “Reporting”?");
    window.click("//dialog[@open]//button[contains(., 'Stop old value now')]");
    window.reads("The old value of token Reporting has stopped.");
    assert_eq!([&old, &new].map(|value| house.call(value).status), [401, 200]);
    assert_eq!(house.tokens("acme"), ["Reporting"]);

    window.click_labelled("Rename token Reporting");
    window.run("document.querySelector('dialog[open] input').value = ''");
    window.click("//dialog[@open]//input");
    window.press("Monthly report");
    window.click("//dialog[@open]//button[contains(., 'Rename')]");
    window.reads("Token Reporting is called Monthly report now.");

    window.click("//summary[contains(., 'I think a token was exposed')]");
    window.click_button("“Monthly report” was exposed: replace its value now");
    window.reads("New value of “Monthly report”: copy it now");
    assert_eq!((house.call(&new).status, house.call(&window.value_of("Token value")).status), (401, 200));
}
