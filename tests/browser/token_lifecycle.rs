//! The life of a token: creation, its value on the one page that shows it, use, rotation, deletion, and each state in the
//! list.

use std::process::Command;

use serde_json::json;
use thirtyfour::Key;

use latchkey_test_macros::db_test;

use crate::support::process::Home;
use crate::window::{Window, button};
use crate::{ALICE, PASSWORD, PageAudit, TOKENS, TestSite, call_api, submit_login};

/// Runs the commands in a shell, and returns their output.
fn shell(commands: &str) -> String {
    let output = Command::new("/bin/sh").arg("-c").arg(commands).output().unwrap();
    assert!(output.status.success(), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[db_test(sqlite, needs(chromium, curl))]
fn the_first_user_sets_up_the_server_and_creates_uses_and_deletes_a_token() {
    let window = Window::open();
    let home = Home::new();
    let server = home.serve_with(&[], "warn");
    window.goto(&server.setup_url());
    for (field, text) in [("name", "Alice"), ("email", ALICE), ("password", PASSWORD), ("workspace", "Acme")] {
        window.fill(field, text);
    }
    window.submit("Set up");
    window.wait_for_text("Your role is");
    window.wait_for_text("You have no tokens here yet.");
    let slug = window.url().rsplit('/').next().unwrap().to_owned();

    window.follow_link("Create token");
    window.fill("name", "Reporting");
    window.submit("Create token");
    window.wait_for_text("copy its value now");
    let value = window.value_of("Token value");
    assert_eq!((value.len(), &value[..4]), (46, "rpat"));

    window.click_button("Copy");
    window.wait_for_visible(&button("Copied"));
    assert_eq!(window.clipboard_text(), value);
    let commands = window.text_of("Commands to try it");
    window.click_button("Copy commands");
    window.wait_until("the commands on the clipboard", || window.clipboard_text() == commands);

    // The commands work unchanged.
    assert!(commands.starts_with("export LATCHKEY_TOKEN="), "{commands}");
    let workspace: serde_json::Value = serde_json::from_str(&shell(&commands)).unwrap();
    assert_eq!(workspace["name"], "Acme");
    // Every part of the page updates, not only the status line.
    window.wait_for_text("First call received from 127.0.0.1");
    assert!(!window.source().contains("ever used"), "{}", window.text());

    window.follow_link("I have stored it");
    window.assert_path(&format!("/w/{slug}/settings/tokens"));
    window.wait_for_text("1 of 3 tokens");
    assert!(!window.source().contains(&value));

    // The dialog focuses Cancel. Escape and Cancel change nothing.
    for close in ["Escape", "Cancel"] {
        window.click_labelled("Delete token Reporting");
        window.wait_for_text("Delete token “Reporting”?");
        assert_eq!(window.focused_name(), "Cancel");
        match close {
            "Escape" => window.press(Key::Escape),
            button => window.click_button(button),
        }
        window.wait_until("the dialog to close", || !window.text().contains("Delete token “Reporting”?"));
        assert_eq!(window.focused_name(), "Delete token Reporting", "the focus does not return to the button");
    }
    assert_eq!(call_api(&server, &value).status, 200);
    window.click_labelled("Delete token Reporting");
    window.submit("Delete token");
    window.wait_for_text("Token Reporting deleted.");
    window.assert_path(&format!("/w/{slug}/settings/tokens"));
    window.wait_until("the announcement", || {
        window.run_script("return document.querySelector('[role=status]').textContent") == "Token Reporting deleted."
    });
    window.wait_for_text("No tokens yet");
    assert_eq!(call_api(&server, &value).status, 401);
    assert_eq!(window.console_messages(), Vec::<String>::new());
}

#[db_test(sqlite, needs(chromium))]
fn refresh_and_back_show_no_value_and_create_no_second_token() {
    let window = Window::open();
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    let create = |name: &str| {
        window.goto(&site.url(&format!("{TOKENS}/new")));
        window.fill("name", name);
        window.submit("Create token");
        window.value_of("Token value")
    };

    let value = create("Refreshed");
    window.refresh();
    window.wait_for_text("This token was already created");
    assert!(!window.source().contains(&value));
    assert_eq!(site.token_names("acme"), ["Refreshed"]);

    let value = create("Back");
    window.follow_link("I have stored it");
    window.assert_path(TOKENS);
    window.wait_for_text("2 of 3 tokens");
    window.back();
    assert!(!window.source().contains(&value), "Back shows the value again");
    window.back();
    assert!(!window.source().contains(&value));
    assert_eq!(site.token_names("acme"), ["Refreshed", "Back"]);
    assert_eq!(site.call_api(&value).status, 200);

    // The back/forward cache keeps the page without the value.
    let value = create("Left");
    assert!(window.source().contains(&value));
    window.run_script("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))");
    assert!(!window.source().contains(&value), "the cached page contains the value");
}

#[db_test(sqlite, needs(chromium))]
fn a_double_click_on_create_creates_one_token_and_shows_its_value() {
    let window = Window::open();
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    for name in ["Hasty", "Hastier"] {
        window.goto(&site.url(&format!("{TOKENS}/new")));
        window.fill("name", name);
        window.submit_by_double_click("Create token");
        let value = window.value_of("Token value");
        assert_eq!(site.call_api(&value).status, 200);
    }
    assert_eq!(site.token_names("acme"), ["Hasty", "Hastier"]);

    // A second submission would discard the response to the first, and the value with it.
    window.goto(&site.url(&format!("{TOKENS}/new")));
    window.fill("name", "Impatient");
    window.send_cdp("Network.enable", json!({}));
    let slow = json!({"offline": false, "latency": 1500, "downloadThroughput": -1, "uploadThroughput": -1});
    window.send_cdp("Network.emulateNetworkConditions", slow);
    window.wait_for_load("two clicks on Create token", || {
        window.run_script(
            "const button = document.querySelector('main form .primary');
             button.click();
             setTimeout(() => button.click(), 500);",
        );
    });
    assert_eq!(site.call_api(&window.value_of("Token value")).status, 200);
    assert_eq!(site.token_names("acme"), ["Hasty", "Hastier", "Impatient"]);
}

#[db_test(sqlite, needs(chromium, axe_core))]
fn each_token_state_is_described_and_accessible() {
    let window = Window::open();
    let home = Home::new();
    let demo = home.demo();
    let mut audit = PageAudit::new();
    let sign_in_to = |email: &str, path: &str| {
        window.delete_cookies();
        window.goto(&demo.url(&format!("/login?next={path}")));
        submit_login(&window, email, "try-latchkey-out");
        window.assert_path(path);
    };
    let production = "/w/acme-production/settings/tokens";

    sign_in_to("ada@acme.example", production);
    for text in [
        "3 of 3 tokens in this workspace.",
        "Rotating. New value used",
        "from 198.51.100.21 (axios/1.7.9) · old value",
        "Stop old value now",
        "Expires in 6 days",
        "Last used 4 minutes ago from 203.0.113.7 (python-requests/2.32.3)",
    ] {
        window.wait_for_text(text);
    }
    audit.check(&window, "state-rotating-both-used-and-expiring");
    window.follow_labelled("Rotate token Partner system");
    window.wait_for_text("A rotation is under way.");
    audit.check(&window, "rotate-under-way");
    assert!(window.has("//input[@id='grace-none'][@checked]"), "only the immediate stop can be chosen");
    assert!(!window.has("//input[@name='grace'][not(@disabled)][@value!='none']"));
    // A form that was opened before the other rotation allows the other choices.
    window.run_script("document.querySelectorAll('[name=grace]').forEach((it) => { it.disabled = false })");
    window.click("//label[contains(., '24 more hours')]");
    window.submit("Rotate token");
    window.wait_for_text("Not rotated");
    audit.check(&window, "rotate-refused");

    sign_in_to("ben@acme.example", production);
    for text in [
        "Rotating. New value not used yet · old value",
        "Waiting for the first call",
        "Never used",
        "Nothing has used it for a month.",
        "Expired 5 days ago",
        "was tried once since, last 8 hours ago from 203.0.113.9 (curl/8.5.0).",
    ] {
        window.wait_for_text(text);
    }
    audit.check(&window, "state-rotating-unused-stale-and-expired");
    window.follow_labelled("Rotate token Nightly export");
    window.wait_for_text("It has expired, so it does not work any more, whatever you choose.");
    audit.check(&window, "rotate-expired");

    sign_in_to("ada@acme.example", "/w/acme-demo/settings/tokens");
    for text in ["Recently deleted", "Deleted 2 days ago by ada@acme.example on this page", "was tried 14 times since"]
    {
        window.wait_for_text(text);
    }
    audit.check(&window, "state-deleted-and-still-tried");
    window.click_labelled("Rename token Try-out script");
    window.wait_for_text("Rename token “Try-out script”");
    audit.check(&window, "rename-dialog");
    window.click("//dialog[@open]//button[contains(., 'Cancel')]");
    // The README shows this screenshot.
    window.follow_labelled("Rotate token Try-out script");
    window.submit("Rotate token");
    window.wait_for_text("New value of “Try-out script”: copy it now");
    audit.check(&window, "reveal-rotated");
    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
}

#[db_test(sqlite, needs(chromium))]
fn a_rotation_shows_the_first_use_of_the_new_value_and_then_stops_the_old_one() {
    let window = Window::open();
    let site = TestSite::start();
    let old = site.create_token("acme", "Reporting");
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url(TOKENS));
    window.click_labelled("Delete token Reporting");
    window.follow_link("Rotate instead");
    window.wait_for_text("Rotate token “Reporting”");
    window.submit("Rotate token");
    window.wait_for_text("New value of “Reporting”: copy it now");
    window.wait_for_text("The old value works for 24 more hours.");
    let new = window.value_of("Token value");
    assert_eq!([&old, &new].map(|value| site.call_api(value).status), [200, 200]);
    // The page polls for the first use.
    window.wait_for_text("First call received from 127.0.0.1");
    window.wait_for_text("Rotating. New value used just now · old value");

    window.follow_link("I have stored it");
    window.wait_for_text("Rotating. New value used");
    assert!(!window.source().contains(&new), "the value is shown twice");
    // The old value was used after the rotation, so that stopping it needs a confirmation.
    window.click_link("Stop old value now");
    window.wait_for_text("Stop the old value of “Reporting”?");
    window.click_and_load("//dialog[@open]//button[contains(., 'Stop old value now')]");
    window.wait_for_text("The old value of token Reporting has stopped.");
    assert_eq!([&old, &new].map(|value| site.call_api(value).status), [401, 200]);
    assert_eq!(site.token_names("acme"), ["Reporting"]);

    window.click_labelled("Rename token Reporting");
    window.run_script("document.querySelector('dialog[open] input').value = ''");
    window.click("//dialog[@open]//input");
    window.press("Monthly report");
    window.click_and_load("//dialog[@open]//button[contains(., 'Rename')]");
    window.wait_for_text("Token Reporting is called Monthly report now.");

    window.click("//summary[contains(., 'I think a token was exposed')]");
    window.submit("“Monthly report” was exposed: replace its value now");
    window.wait_for_text("New value of “Monthly report”: copy it now");
    assert_eq!((site.call_api(&new).status, site.call_api(&window.value_of("Token value")).status), (401, 200));
}
