//! Stories in a real browser, on the real program: what only a browser can show. Alice owns, Dave is an agent.
//!
//! They need Chromium (`apt-get install chromium chromium-driver`) and, for what is said of accessibility, axe-core,
//! which no Rust registry has:
//! `mkdir -p target/axe && npm pack --silent --pack-destination target/axe axe-core@4 && tar xzf target/axe/axe-core-*.tgz -C target/axe --strip-components 1 package/axe.min.js`
//! Without them they say so and pass; with `CI=true` they fail. Pictures of every page go to `target/screenshots`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    missing_docs,
    reason = "a test that can't go on should say where"
)]

mod chromium;
#[path = "../it/support/database.rs"]
mod database;
mod gallery;
#[path = "../it/support/http.rs"]
mod http;
mod journeys;
mod life;
mod pages;
mod people;
#[path = "../it/support/process.rs"]
mod process;
mod team;

use std::path::Path;
use std::process::Command;

use thirtyfour::Key;

use chromium::{Window, skip};
use gallery::Gallery;
use http::{Answer, Browser, Call};
use process::{Home, Latchkey};

const PASSWORD: &str = "open the door please";
const ALICE: &str = "alice@example.org";
const TOKENS: &str = "/w/acme/settings/tokens";

/// A server where Alice is administrator of `acme` (production) and `acme-demo` (demo), and Dave agent of `acme`.
struct House {
    home: Home,
    server: Latchkey,
}

impl House {
    fn open() -> Self {
        let home = Home::new();
        for (email, name) in [(ALICE, "Alice"), ("dave@example.org", "Dave"), ("eve@example.org", "Eve")] {
            home.done_with(&["user", "add", "--email", email, "--name", name, "--password-stdin"], PASSWORD);
        }
        for (slug, name, kind) in [("acme-demo", "Acme Demo", "demo"), ("acme", "Acme", "production")] {
            home.done(&["workspace", "add", "--slug", slug, "--name", name, "--kind", kind]);
            home.done(&["member", "add", "--workspace", slug, "--email", ALICE, "--role", "administrator"]);
        }
        home.done(&["member", "add", "--workspace", "acme", "--email", "dave@example.org", "--role", "agent"]);
        let server = home.serve_with(&[], "warn");
        Self { home, server }
    }

    fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    fn sign_in(&self, window: &Window, email: &str) {
        self.sign_in_with(window, email, PASSWORD);
    }

    fn sign_in_with(&self, window: &Window, email: &str, password: &str) {
        window.goto(&self.url("/login"));
        window.forget();
        window.goto(&self.url("/login"));
        window.fill("email", email);
        window.fill("password", password);
        window.click_button("Sign in");
    }

    /// Creates a token where no window is looking.
    fn create_token(&self, workspace: &str, name: &str) -> String {
        let made = self.home.done(&["token", "create", "--workspace", workspace, "--email", ALICE, "--name", name]);
        made.trim_end().to_owned()
    }

    /// The names of the live tokens.
    fn tokens(&self, workspace: &str) -> Vec<String> {
        let list = self.home.done(&["token", "list", "--workspace", workspace, "--json"]);
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        list.as_array().unwrap().iter().map(|token| token["name"].as_str().unwrap().to_owned()).collect()
    }

    fn call(&self, value: &str) -> Answer {
        call(&self.server, value)
    }
}

fn call(server: &Latchkey, value: &str) -> Answer {
    Call::new(server.address, "GET", "/api/v2/workspace.json").bearer(value).send()
}

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
}

#[test]
fn switching_the_workspace_keeps_the_page_and_each_tab_its_workspace() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    house.create_token("acme", "Production report");
    house.create_token("acme-demo", "Demo report");
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    let switch_to = |name: &str| {
        window.click("//summary[contains(., 'Switch workspace')]");
        window.click(&format!("//details//a[contains(., \"{name}\")]"));
    };

    window.goto(&house.url("/w/acme/settings"));
    switch_to("Acme Demo");
    window.is_at("/w/acme-demo/settings");
    window.goto(&house.url(TOKENS));
    window.reads("Production report");

    // Another tab goes to the demo workspace; this one stays where it is, and its form too.
    window.click_link("Create token");
    window.fill("name", "Made in this tab");
    window.in_new_tab(|| {
        window.goto(&house.url(TOKENS));
        switch_to("Acme Demo");
        window.is_at("/w/acme-demo/settings/tokens");
        window.reads("Demo report");
        assert!(!window.text().contains("Production report"));
    });
    window.click_button("Create token");
    window.reads("copy its value now");
    window.is_at(TOKENS);
    assert_eq!(house.tokens("acme"), ["Production report", "Made in this tab"]);
    assert_eq!(house.tokens("acme-demo"), ["Demo report"]);

    // Escape closes the switcher and gives the focus back.
    window.click("//summary[contains(., 'Switch workspace')]");
    assert!(window.has("//details//a[contains(., 'Acme Demo')]"));
    window.press(Key::Escape);
    window.wait_until("the switcher to close", || !window.has("//details//a[contains(., 'Acme Demo')]"));
    assert!(window.focused().contains("Switch workspace"));
}

#[test]
fn everything_goes_without_a_mouse() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    window.goto(&house.url(TOKENS));
    assert_eq!(window.focused(), "email");
    window.press(ALICE);
    window.tab_to("password");
    window.press(PASSWORD);
    window.press(Key::Enter);
    window.is_at(TOKENS);

    window.press(Key::Tab);
    assert_eq!(window.focused(), "Skip to the page", "it is the first stop");
    window.tab_to("Create token");
    window.press(Key::Enter);
    window.is_at(&format!("{TOKENS}/new"));
    assert_eq!(window.focused(), "name");
    window.press("Reporting");
    window.press(Key::Enter);
    window.reads("copy its value now");
    let value = window.value_of("Token value");
    assert_eq!(house.call(&value).status, 200);
    window.tab_to("Copy");
    window.tab_to("I have stored it");
    window.press(Key::Enter);
    window.reads("1 of 3 tokens");

    window.tab_to("Delete token Reporting");
    window.press(Key::Enter);
    window.reads("Delete token “Reporting”?");
    assert_eq!(window.focused(), "Cancel");
    window.tab_to("Delete token");
    window.press(Key::Enter);
    window.reads("Token Reporting deleted.");
    assert_eq!(house.call(&value).status, 401);
}

#[test]
fn everything_goes_without_script() {
    let Some(window) = Window::open_without_script() else { return };
    let house = House::open();
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    window.click_link("Create token");
    window.fill("name", "Reporting");
    window.click_button("Create token");
    let value = window.value_of("Token value");
    assert_eq!(house.call(&value).status, 200);
    assert!(!window.has(&chromium::button("Copy")), "a button that can do nothing is shown");

    window.click_link("I have stored it");
    window.is_at(TOKENS);
    window.click_labelled("Delete token Reporting");
    window.wait_until("the page that asks", || window.url().ends_with("/delete"));
    window.reads("Delete token “Reporting”?");
    window.reads("Acme");
    window.click_link("Cancel");
    window.is_at(TOKENS);
    window.click_labelled("Delete token Reporting");
    window.wait_until("the page that asks", || window.url().ends_with("/delete"));
    window.click_button("Delete token");
    window.is_at(TOKENS);
    window.reads("Token Reporting deleted.");
    assert_eq!(house.call(&value).status, 401);
}

#[test]
fn every_page_is_accessible_in_light_in_dark_and_on_a_phone() {
    let Some(window) = Window::open() else { return };
    let mut gallery = Gallery::new();
    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        gallery.look_at(&window, name);
    };

    let empty = Home::new();
    let new = empty.serve_with(&[], "warn");
    visit("setup", &new.setup_url());
    visit("setup-bad-code", &new.url("/setup?code=nonsense"));
    visit("login-before-setup", &new.url("/login"));

    let house = House::open();
    visit("login", &house.url("/login"));
    visit("api", &house.url("/api/v2/"));
    window.goto(&house.url("/login"));
    // Or else nothing is checked: a button without a name is found.
    window.run("document.querySelector('main').append(document.createElement('button'))");
    gallery.check(&window, "the spoilt page");
    let found: Vec<String> = gallery.wrong.extract_if(.., |wrong| wrong.starts_with("the spoilt page: ")).collect();
    assert!(gallery.axe.is_none() || found.iter().any(|wrong| wrong.contains("button-name")), "{found:?}");
    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        gallery.look_at(&window, name);
    };
    house.sign_in(&window, "dave@example.org");
    window.is_at("/w/acme");
    visit("tokens-agent", &house.url(TOKENS));
    visit("general-agent", &house.url("/w/acme/settings"));
    house.sign_in(&window, "eve@example.org");
    visit("no-workspace", &house.url("/"));
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    visit("overview-empty", &house.url("/w/acme"));
    visit("tokens-empty", &house.url(TOKENS));
    visit("not-found", &house.url("/nowhere"));
    let used = house.create_token("acme", "Reporting");
    house.create_token("acme", "A name of sixty-four characters, which is as long as a name can");
    assert_eq!(house.call(&used).status, 200);
    visit("general", &house.url("/w/acme/settings"));
    visit("general-demo", &house.url("/w/acme-demo/settings"));
    visit("tokens", &house.url(TOKENS));
    visit("new", &house.url(&format!("{TOKENS}/new")));

    // Pages that an action opens stand in the window only once.
    window.fill("name", "reporting");
    window.click_button("Create token");
    window.reads("You have a token with this name already.");
    gallery.look_at(&window, "new-refused");
    window.fill("name", "Partner system");
    window.click_button("Create token");
    window.reads("copy its value now");
    gallery.look_at(&window, "reveal");
    window.refresh();
    window.reads("This token was already created");
    gallery.look_at(&window, "already-created");
    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        gallery.look_at(&window, name);
    };
    visit("new-full", &house.url(&format!("{TOKENS}/new")));
    visit("overview", &house.url("/w/acme"));
    visit("tokens-full", &house.url(TOKENS));
    window.click_labelled("Delete token Reporting");
    window.reads("Delete token “Reporting”?");
    gallery.look_at(&window, "delete-dialog");
    let alice = Browser::new(house.server.address);
    assert_eq!(alice.post("/login", &[("email", ALICE), ("password", PASSWORD)]).status, 303);
    window.goto(&house.url(&alice.delete_path("acme", "Reporting")));
    gallery.look_at(&window, "delete");
    window.click_button("Delete token");
    window.reads("Token Reporting deleted.");
    gallery.look_at(&window, "deleted");
    window.click("//summary[contains(., 'Switch workspace')]");
    gallery.look_at(&window, "switcher");
    window.goto(&house.url(&format!("{TOKENS}/new")));
    window.fill("name", "One too many");
    house.create_token("acme", "Made meanwhile");
    window.click_button("Create token");
    window.reads("“One too many” was not created: there are 3 already.");
    gallery.look_at(&window, "limit");
    window.forget();
    window.goto(&house.url("/login"));
    window.fill("email", ALICE);
    window.fill("password", "not her password");
    window.click_button("Sign in");
    window.wait_until("the refusal", || window.has("//*[@role='alert']"));
    gallery.look_at(&window, "login-refused");

    assert!(gallery.wrong.is_empty(), "{:#?}", gallery.wrong);
    assert_eq!(window.complaints(), Vec::<String>::new());
}
