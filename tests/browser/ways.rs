//! Ways to go about it: in two tabs, without a mouse, without script.

use thirtyfour::Key;

use crate::chromium::{self, Window};
use crate::{ALICE, House, PASSWORD, TOKENS};

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
