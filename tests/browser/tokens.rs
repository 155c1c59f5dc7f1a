//! The main job in a browser: create a token, copy its value the one time it is shown, use it, delete it.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use thirtyfour::Key;

use crate::chromium::{self, Window, skip};
use crate::support::process::Home;
use crate::{ALICE, House, PASSWORD, TOKENS, call};

/// Runs commands in a shell as somebody would who pasted them, and returns what they printed.
fn shell(commands: &str) -> Option<String> {
    if !["/usr/bin/curl", "/bin/curl", "/usr/local/bin/curl"].iter().any(|it| Path::new(it).exists()) {
        skip("skipped: the commands that a page shows need curl: apt-get install curl");
        return None;
    }
    let ran = Command::new("/bin/sh").arg("-c").arg(commands).output().unwrap();
    assert!(ran.status.success(), "{commands}: {}", String::from_utf8_lossy(&ran.stderr));
    Some(String::from_utf8(ran.stdout).unwrap())
}

#[test]
fn alice_sets_up_creates_a_token_uses_it_and_deletes_it() {
    let Some(window) = Window::open() else { return };
    let home = Home::new();
    let server = home.serve_with(&[], "warn");
    // The link that the program printed leads to a form, the form to the workspace.
    window.goto(&server.setup_url());
    for (field, text) in [("name", "Alice"), ("email", ALICE), ("password", PASSWORD), ("workspace", "Acme")] {
        window.fill(field, text);
    }
    window.click_button("Set up");
    window.reads("Your role is");
    window.reads("You have no tokens here yet.");
    let slug = window.url().rsplit('/').next().unwrap().to_owned();

    window.click_link("Create token");
    window.fill("name", "Reporting");
    window.click_button("Create token");
    window.reads("copy its value now");
    let value = window.value_of("Token value");
    assert_eq!((value.len(), &value[..4]), (46, "rpat"));

    // Copying copies, and says so.
    window.click_button("Copy");
    window.wait_until("the button to say Copied", || window.has(&chromium::button("Copied")));
    assert_eq!(window.pasted(), value);
    let commands = window.text_of("Commands to try it");
    window.click_button("Copy commands");
    window.wait_until("the commands on the clipboard", || window.pasted() == commands);

    // The commands work as they stand.
    assert!(commands.starts_with("export LATCHKEY_TOKEN="), "{commands}");
    if let Some(answer) = shell(&commands) {
        let workspace: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(workspace["name"], "Acme");
        // The whole page notices: nothing on it says any more that the value was never used.
        window.reads("First call received from 127.0.0.1");
        assert!(!window.source().contains("ever used"), "{}", window.text());
    }

    window.click_link("I have stored it");
    window.is_at(&format!("/w/{slug}/settings/tokens"));
    window.reads("1 of 3 tokens");
    assert!(!window.source().contains(&value));

    // The dialog stands on Cancel; Escape and Cancel change nothing.
    for close in ["Escape", "Cancel"] {
        window.click_labelled("Delete token Reporting");
        window.reads("Delete token “Reporting”?");
        assert_eq!(window.focused(), "Cancel");
        match close {
            "Escape" => window.press(Key::Escape),
            button => window.click_button(button),
        }
        window.wait_until("the dialog to close", || !window.text().contains("Delete token “Reporting”?"));
        assert_eq!(window.focused(), "Delete token Reporting", "the focus is lost");
    }
    assert_eq!(call(&server, &value).status, 200);
    window.click_labelled("Delete token Reporting");
    window.click_button("Delete token");
    window.reads("Token Reporting deleted.");
    window.is_at(&format!("/w/{slug}/settings/tokens"));
    window.wait_until("the announcement", || {
        window.run("return document.querySelector('[role=status]').textContent") == "Token Reporting deleted."
    });
    window.reads("No tokens yet");
    assert_eq!(call(&server, &value).status, 401);
    assert_eq!(window.complaints(), Vec::<String>::new());
}

#[test]
fn refresh_and_back_show_no_value_and_make_no_second_token() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    let create = |name: &str| {
        window.goto(&house.url(&format!("{TOKENS}/new")));
        window.fill("name", name);
        window.click_button("Create token");
        window.value_of("Token value")
    };

    let value = create("Refreshed");
    window.refresh();
    window.reads("This token was already created");
    assert!(!window.source().contains(&value));
    assert_eq!(house.tokens("acme"), ["Refreshed"]);

    let value = create("Back");
    window.click_link("I have stored it");
    window.is_at(TOKENS);
    window.reads("2 of 3 tokens");
    window.back();
    assert!(!window.source().contains(&value), "Back brings the value back");
    window.back();
    assert!(!window.source().contains(&value));
    assert_eq!(house.tokens("acme"), ["Refreshed", "Back"]);
    assert_eq!(house.call(&value).status, 200);

    // Whatever a browser keeps of a page that is left, it keeps without the value.
    let value = create("Left");
    assert!(window.source().contains(&value));
    window.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))");
    assert!(!window.source().contains(&value), "it is kept with the page");
}

#[test]
fn a_double_click_on_create_makes_one_token_whose_value_is_seen() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    for name in ["Hasty", "Hastier"] {
        window.goto(&house.url(&format!("{TOKENS}/new")));
        window.fill("name", name);
        window.double_click_button("Create token");
        let value = window.value_of("Token value");
        assert_eq!(house.call(&value).status, 200);
    }
    assert_eq!(house.tokens("acme"), ["Hasty", "Hastier"]);

    // The answer is on its way when the second click comes: it would be thrown away, and the value with it.
    window.goto(&house.url(&format!("{TOKENS}/new")));
    window.fill("name", "Impatient");
    window.devtools("Network.enable", json!({}));
    let slow = json!({"offline": false, "latency": 1500, "downloadThroughput": -1, "uploadThroughput": -1});
    window.devtools("Network.emulateNetworkConditions", slow);
    window.run(
        "const button = document.querySelector('main form .primary');
         button.click();
         setTimeout(() => button.click(), 500);",
    );
    assert_eq!(house.call(&window.value_of("Token value")).status, 200);
    assert_eq!(house.tokens("acme"), ["Hasty", "Hastier", "Impatient"]);
}
