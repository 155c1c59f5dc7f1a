//! The path of a new user through all of a token's life, in the words of the help page of the original.

use std::process::Command;

use latchkey_test_macros::db_test;

use crate::support::requirement::program;
use crate::window::{Window, button, labelled};
use crate::{ALICE, PASSWORD, TOKENS, TestSite, submit_login};

/// A tool with a token's value in its settings: the status that it gets.
fn run_tool(site: &TestSite, value: &str) -> String {
    let output = Command::new(program("curl").unwrap())
        .args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--config", "-"])
        .arg(site.url("/api/v2/workspace.json"))
        .stdin(config(value))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The tool's settings, as a file that it reads.
fn config(value: &str) -> std::fs::File {
    use std::io::{Seek as _, Write as _};
    let mut file = tempfile::tempfile().unwrap();
    writeln!(file, "header = \"Authorization: Token {value}\"").unwrap();
    file.rewind().unwrap();
    file
}

/// Copies the value that the page shows, and returns what a paste gives.
fn copy_value(window: &Window) -> String {
    window.click_button("Copy");
    window.wait_for_visible(&button("Copied"));
    window.clipboard_text()
}

#[db_test(sqlite, needs(chromium, curl))]
fn a_user_creates_copies_uses_deletes_and_rotates_tokens() {
    let window = Window::open();
    let site = TestSite::start();

    // Log in.
    window.goto(&site.url("/"));
    submit_login(&window, ALICE, PASSWORD);
    window.assert_path("/w/acme");
    // Settings gear, API Token, Create token.
    window.follow_link("Settings");
    window.assert_path("/w/acme/settings");
    window.follow_link("API Token");
    window.assert_path(TOKENS);
    window.wait_for_text("These are your personal tokens for accessing the API of Acme.");
    window.follow_link("Create token");
    window.fill("name", "Reporting");
    window.submit("Create token");
    window.wait_for_text("Token created");

    // Copy, paste into a tool, "It works".
    let reporting = copy_value(&window);
    assert_eq!(run_tool(&site, &reporting), "200");
    window.wait_for_text("It works: first call from 127.0.0.1 with curl");
    window.follow_link("Done, I’ve saved it");
    window.assert_path(TOKENS);

    // The limit of 3.
    for name in ["Partner system", "Survey import"] {
        window.follow_link("Create token");
        window.fill("name", name);
        window.submit("Create token");
        copy_value(&window);
        window.follow_link("Done, I’ve saved it");
    }
    window.wait_for_text("3 of 3 tokens used.");
    window.wait_for_text("Delete a token to create another");
    window.click_button("Create token");
    window.assert_path(TOKENS);
    window.goto(&site.url(&format!("{TOKENS}/new")));
    window.wait_for_text("You can have a maximum of 3 tokens");
    window.follow_link("Back to your tokens");

    // Delete with the bin and the dialog: the tool fails.
    window.click_labelled("Delete token Reporting");
    window.wait_for_text("Delete token “Reporting”?");
    window.wait_for_text("Anything still using it will start failing immediately with an authentication error.");
    assert_eq!(run_tool(&site, &reporting), "200", "the dialog deletes nothing");
    window.submit("Delete token");
    window.wait_for_text("Token Reporting deleted.");
    window.wait_for_text("2 of 3 tokens used.");
    assert_eq!(run_tool(&site, &reporting), "403");

    // Rotate: the tool works with both values, then with the new one only.
    window.follow_labelled("Rotate token Partner system");
    window.submit("Rotate token");
    window.wait_for_text("Token rotated");
    let new = copy_value(&window);
    assert_eq!(run_tool(&site, &new), "200");
    window.wait_for_text("It works: first call from 127.0.0.1 with curl");
    window.follow_link("Done, I’ve saved it");
    // The old value was never used, so that nothing is asked.
    window.click_and_load(&labelled("Stop now: old value of Partner system"));
    window.wait_for_text("Old value of token Partner system stopped.");
    assert_eq!(run_tool(&site, &new), "200");
    assert_eq!(window.console_messages(), Vec::<String>::new());
}
