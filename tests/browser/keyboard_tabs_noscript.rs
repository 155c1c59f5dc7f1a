//! Use with the keyboard, in two tabs, and without script.

use thirtyfour::Key;

use latchkey_test_macros::db_test;

use crate::window::{Window, button};
use crate::{ALICE, PASSWORD, TOKENS, TestSite};

#[db_test(sqlite, needs(chromium))]
fn the_workspace_switcher_keeps_the_page_and_affects_one_tab() {
    let window = Window::open();
    let site = TestSite::start();
    site.create_token("acme", "Production report");
    site.create_token("acme-demo", "Demo report");
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    let switch_to = |name: &str| {
        window.click("//summary[contains(., 'Switch workspace')]");
        window.click_and_load(&format!("//details//a[contains(., \"{name}\")]"));
    };

    window.goto(&site.url("/w/acme/settings"));
    switch_to("Acme Demo");
    window.assert_path("/w/acme-demo/settings");
    window.goto(&site.url(TOKENS));
    window.wait_for_text("Production report");

    // A switch in another tab leaves this tab and its form unchanged.
    window.follow_link("Create token");
    window.fill("name", "Created in this tab");
    window.in_new_tab(|| {
        window.goto(&site.url(TOKENS));
        switch_to("Acme Demo");
        window.assert_path("/w/acme-demo/settings/tokens");
        window.wait_for_text("Demo report");
        assert!(!window.text().contains("Production report"));
    });
    window.submit("Create token");
    window.wait_for_text("Token created");
    window.assert_path(&format!("{TOKENS}?from=reveal"));
    assert_eq!(site.token_names("acme"), ["Production report", "Created in this tab"]);
    assert_eq!(site.token_names("acme-demo"), ["Demo report"]);

    // Escape closes the switcher and returns the focus to it.
    window.click("//summary[contains(., 'Switch workspace')]");
    assert!(window.has("//details//a[contains(., 'Acme Demo')]"));
    window.press(Key::Escape);
    window.wait_until("the switcher to close", || !window.has("//details//a[contains(., 'Acme Demo')]"));
    assert!(window.focused_name().contains("Switch workspace"));
}

#[db_test(sqlite, needs(chromium))]
fn a_token_is_created_and_deleted_with_the_keyboard() {
    let window = Window::open();
    let site = TestSite::start();
    window.goto(&site.url(TOKENS));
    assert_eq!(window.focused_name(), "email");
    window.press(ALICE);
    window.tab_to("password");
    window.press(PASSWORD);
    window.press_and_load(Key::Enter);
    window.assert_path(TOKENS);

    window.press(Key::Tab);
    assert_eq!(window.focused_name(), "Skip to main content", "the first Tab stop");
    window.tab_to("Create token");
    window.press_and_load(Key::Enter);
    window.assert_path(&format!("{TOKENS}/new"));
    assert_eq!(window.focused_name(), "name");
    window.press("Reporting");
    window.press_and_load(Key::Enter);
    window.wait_for_text("Token created");
    let value = window.value_of("Token value");
    assert_eq!(site.call_api(&value).status, 200);
    window.tab_to("Copy");
    window.press(Key::Enter);
    window.wait_for_visible(&button("Copied"));
    // The arrow keys choose the way to try the token.
    window.tab_to("way");
    window.press(Key::Right);
    window.wait_for_text("import requests");
    window.tab_to("Done, I’ve saved it");
    window.press_and_load(Key::Enter);
    window.wait_for_text("1 of 3 tokens");

    window.tab_to("Delete token Reporting");
    window.press(Key::Enter);
    window.wait_for_text("Delete token “Reporting”?");
    assert_eq!(window.focused_name(), "Cancel");
    window.tab_to("Delete token");
    window.press_and_load(Key::Enter);
    window.wait_for_text("Token Reporting deleted.");
    assert_eq!(site.call_api(&value).status, 401);
}

#[db_test(sqlite, needs(chromium))]
fn a_token_is_created_and_deleted_without_script() {
    let window = Window::open_without_script();
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.follow_link("Create token");
    window.fill("name", "Reporting");
    window.submit("Create token");
    let value = window.value_of("Token value");
    assert_eq!(site.call_api(&value).status, 200);
    assert!(!window.has(&button("Copy")), "a button without function is shown");
    window.click("//label[.='Node']");
    window.wait_for_text("process.env.LATCHKEY_TOKEN");

    window.follow_link("Done, I’ve saved it");
    window.assert_path(TOKENS);
    window.follow_labelled("Delete token Reporting");
    window.wait_until("the confirmation page", || window.url().ends_with("/delete"));
    window.wait_for_text("Delete token “Reporting”?");
    window.wait_for_text("Acme");
    window.follow_link("Cancel");
    window.assert_path(TOKENS);
    window.follow_labelled("Delete token Reporting");
    window.wait_until("the confirmation page", || window.url().ends_with("/delete"));
    window.submit("Delete token");
    window.assert_path(TOKENS);
    window.wait_for_text("Token Reporting deleted.");
    assert_eq!(site.call_api(&value).status, 401);
}
