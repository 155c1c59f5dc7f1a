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
    window.wait_for_text("You have no tokens in this workspace yet.");
    let slug = window.url().rsplit('/').next().unwrap().to_owned();

    window.follow_link("Create token");
    window.fill("name", "Reporting");
    window.submit("Create token");
    window.wait_for_text("Token created");
    let value = window.value_of("Token value");
    assert_eq!((value.len(), &value[..4]), (46, "rpat"));

    window.click_button("Copy");
    window.wait_for_visible(&button("Copied"));
    assert_eq!(window.clipboard_text(), value);
    let commands = window.text_of("Commands to try the token");
    window.click_button("Copy commands");
    window.wait_until("the commands on the clipboard", || window.clipboard_text() == commands);

    // The commands work unchanged.
    assert!(commands.starts_with("export LATCHKEY_TOKEN="), "{commands}");
    let workspace: serde_json::Value = serde_json::from_str(&shell(&commands)).unwrap();
    assert_eq!(workspace["name"], "Acme");
    window.wait_for_text("It works: first call from 127.0.0.1 with curl");
    assert!(!window.text().contains("Waiting"), "{}", window.text());

    window.follow_link("Done, I’ve saved it");
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
    // A reload asks for the list, and sends the form of the history entry no more.
    let replaced = format!("{TOKENS}?from=reveal");
    window.refresh();
    window.assert_path(&replaced);
    window.wait_for_text("1 of 3 tokens");
    assert!(!window.source().contains(&value));
    assert_eq!(site.token_names("acme"), ["Refreshed"]);

    let value = create("Back");
    window.click_button("Copy");
    window.wait_for_visible(&button("Copied"));
    window.follow_link("Done, I’ve saved it");
    window.assert_path(TOKENS);
    window.wait_for_text("2 of 3 tokens");
    window.back();
    window.assert_path(&replaced);
    window.wait_for_text("2 of 3 tokens");
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
        submit_login(&window, email, "look-around-freely");
        window.assert_path(path);
    };
    let production = "/w/acme-production/settings/tokens";

    sign_in_to("ada@acme.example", production);
    for text in [
        "3 of 3 tokens used.",
        "from 198.51.100.21 (axios/1.7.9) · old value last used",
        "It stops by itself on",
        "Stop now",
        "(in 6 days)",
        "from 203.0.113.7 (python-requests/2.32.3)",
    ] {
        window.wait_for_text(text);
    }
    audit.check(&window, "state-rotating-both-used-and-expiring");
    window.follow_labelled("Rotate token Partner system");
    window.wait_for_text("This token is already being rotated.");
    audit.check(&window, "rotate-under-way");
    assert!(window.has("//input[@id='grace-none'][@checked]"), "only the immediate stop can be chosen");
    assert!(!window.has("//input[@name='grace'][not(@disabled)][@value!='none']"));
    // A form that was opened before the other rotation allows the other choices.
    window.run_script("document.querySelectorAll('[name=grace]').forEach((it) => { it.disabled = false })");
    window.click("//label[contains(., 'for 24 hours')]");
    window.submit("Rotate token");
    window.wait_for_text("There is a problem");
    audit.check(&window, "rotate-refused");

    sign_in_to("ben@acme.example", production);
    for text in [
        "Not used yet · old value last used",
        "Waiting for the first call",
        "Not used for a month.",
        "(5 days ago)",
        "but something has tried it",
    ] {
        window.wait_for_text(text);
    }
    audit.check(&window, "state-rotating-unused-stale-and-expired");
    window.follow_labelled("Rotate token Nightly export");
    window.wait_for_text("It has expired, so it no longer works, whatever you choose.");
    audit.check(&window, "rotate-expired");

    sign_in_to("ada@acme.example", "/w/acme-demo/settings/tokens");
    for text in ["Recently deleted", "Deleted 2 days ago", "but something has tried it"] {
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
    window.wait_for_text("Token rotated");
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
    window.wait_for_text("Token rotated");
    window.wait_for_text("The old value keeps working until ");
    let new = window.value_of("Token value");
    assert_eq!([&old, &new].map(|value| site.call_api(value).status), [200, 200]);
    // The page polls for the first use.
    window.wait_for_text("It works: first call from 127.0.0.1");
    assert_eq!(done_steps(&window), 2, "the value is saved and used");

    window.follow_link("Done, I’ve saved it");
    assert_eq!(done_steps(&window), 2);
    assert!(!window.source().contains(&new), "the value is shown twice");
    // The old value was used after the rotation, so that stopping it needs a confirmation.
    window.click_labelled("Stop now: old value of Reporting");
    window.wait_for_text("Stop the old value of “Reporting”?");
    window.click_and_load("//dialog[@open]//button[contains(., 'Stop old value now')]");
    window.wait_for_text("Old value of token Reporting stopped.");
    assert_eq!([&old, &new].map(|value| site.call_api(value).status), [401, 200]);
    assert_eq!(site.token_names("acme"), ["Reporting"]);

    window.click_labelled("Rename token Reporting");
    window.run_script("document.querySelector('dialog[open] input[name=name]').value = ''");
    window.click("//dialog[@open]//input");
    window.press("Monthly report");
    window.click_and_load("//dialog[@open]//button[contains(., 'Rename')]");
    window.wait_for_text("Token Reporting renamed to Monthly report.");

    window.click("//summary[contains(., 'I think a token was exposed')]");
    window.click_link("Replace the exposed value of “Monthly report”");
    window.wait_for_text("Every value it has now stops working immediately.");
    assert_eq!(window.focused_name(), "Cancel");
    window.click_and_load("//dialog[@open]//button[contains(., 'Replace the exposed value')]");
    window.wait_for_text("Exposed value replaced");
    assert_eq!(done_steps(&window), 1, "the old value has stopped");
    assert_eq!((site.call_api(&new).status, site.call_api(&window.value_of("Token value")).status), (401, 200));
}

/// The number of steps of a rotation that are done.
fn done_steps(window: &Window) -> u64 {
    window.run_script("return document.querySelectorAll('.stages .done').length").as_u64().unwrap()
}

#[db_test(sqlite, needs(chromium))]
fn the_page_of_a_new_value_asks_once_before_it_is_left_without_a_copy() {
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
    // Whether the browser asks before it leaves the page.
    let asks = || {
        let leave = "const leave = new Event('beforeunload', { cancelable: true }); dispatchEvent(leave); return leave.defaultPrevented";
        window.run_script(leave) == true
    };

    create("Dialog");
    assert_eq!(window.run_script("return document.title"), "Token created · Acme (Production) · Latchkey");
    assert!(window.focused_name().starts_with("Token created"), "{}", window.focused_name());
    assert_eq!(window.text().matches("Waiting for the first call").count(), 1);
    assert_eq!(window.run_script("return document.querySelectorAll('main .primary').length"), 1, "one primary button");
    window.assert_path(&format!("{TOKENS}?from=reveal"));
    window.click_link("Done, I’ve saved it");
    window.wait_for_text("Leave without copying the value?");
    assert_eq!(window.focused_name(), "Stay on this page");
    window.click_button("Stay on this page");
    assert!(!asks(), "it asked before");
    window.follow_link("Overview");
    window.assert_path("/w/acme");

    create("Browser");
    assert_eq!([asks(), asks()], [true, false]);

    // The commands contain the value, the code for Python does not.
    create("Copied");
    window.click("//label[.='Python']");
    assert!(window.text_of("Code for Python").contains("os.environ[\"LATCHKEY_TOKEN\"]"));
    window.click_button("Copy code");
    window.wait_for_visible(&button("Copied"));
    assert_eq!(done_steps(&window), 0);
    window.click("//label[.='.env']");
    assert_eq!(window.text_of("Line of a .env file"), format!("LATCHKEY_TOKEN={}", window.value_of("Token value")));
    window.click_button("Copy line");
    window.wait_until("the step to be done", || done_steps(&window) == 1);
    assert!(!asks());
    window.follow_link("Done, I’ve saved it");
    window.wait_for_text("3 of 3 tokens");
    assert_eq!(window.console_messages(), Vec::<String>::new());
}

#[db_test(sqlite, needs(chromium))]
fn the_expiry_of_a_choice_is_shown_before_the_token_is_created() {
    let window = Window::open();
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url(&format!("{TOKENS}/new")));
    window.fill("name", "Reporting");
    let choose = |value: &str| {
        window.run_script(&format!(
            "const select = document.getElementById('expiry'); select.value = '{value}'; select.dispatchEvent(new Event('change'));"
        ));
        window.run_script("return document.getElementById('expiry-preview').textContent").as_str().unwrap().to_owned()
    };
    assert!(choose("90").starts_with("Expires "));
    assert_eq!(choose("never"), "Without an expiry date, a leaked token works until someone notices and deletes it.");
    assert_eq!(choose("date"), "");
    window.run_script(
        "const day = document.getElementById('expires_on'); day.value = '2035-03-04'; day.dispatchEvent(new Event('input'));",
    );
    window.wait_for_text("Expires Sun 4 Mar 2035, 23:59 UTC");
    window.submit("Create token");
    window.wait_for_text("Expires Sun 4 Mar 2035, 23:59 UTC");
}
