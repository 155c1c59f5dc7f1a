//! The history after the page that shows a new value: Back leads to the list, whatever form led to the value, and Refresh
//! creates nothing.

use latchkey_test_macros::db_test;

use crate::window::Window;
use crate::{ALICE, TOKENS, TestSite};

/// A step that leads from the list to a new value.
struct Way<'a> {
    name: &'a str,
    take: &'a dyn Fn(&Window),
}

/// Takes each way from the list, and goes back from the new value, or refreshes it first.
fn assert_back_leads_to_the_list(window: &Window, site: &TestSite, ways: &[Way<'_>]) {
    for Way { name, take } in ways {
        for refreshes in [false, true] {
            window.goto(&site.url(TOKENS));
            take(window);
            let value = window.value_of("Token value");
            let names = site.token_names("acme");
            if refreshes {
                window.refresh();
                window.assert_path(&format!("{TOKENS}?from=reveal"));
            }
            window.back();
            window.assert_path(TOKENS);
            window.wait_for_text(&format!("{} of 3 tokens used.", names.len()));
            assert!(!window.source().contains(&value), "{name}: Back shows the value");
            assert_eq!(site.token_names("acme"), names, "{name}");
            assert_eq!(site.call_api(&value).status, 200, "{name}: the value was not replaced again");
        }
    }
}

#[db_test(sqlite, needs(chromium))]
fn back_from_a_created_token_leads_to_the_list() {
    let window = Window::open();
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    let delete = |name: &str| {
        window.goto(&site.url(TOKENS));
        window.click_labelled(&format!("Delete token {name}"));
        window.submit("Delete token");
    };
    let create = |window: &Window| {
        if window.has("//a[@aria-label='Delete token Reporting']") {
            delete("Reporting");
        }
        window.follow_link("Create token");
        window.fill("name", "Reporting");
        window.submit("Create token");
    };
    assert_back_leads_to_the_list(&window, &site, &[Way { name: "create", take: &create }]);

    // The first form is refused: its response is a POST in the history.
    let create_at_the_second_try = |window: &Window| {
        if window.has("//a[@aria-label='Delete token Second']") {
            delete("Second");
        }
        window.follow_link("Create token");
        window.fill("name", "Reporting");
        window.submit("Create token");
        window.wait_for_text("There is a problem");
        window.fill("name", "Second");
        window.submit("Create token");
    };
    assert_back_leads_to_the_list(&window, &site, &[Way { name: "refused", take: &create_at_the_second_try }]);

    // Without a new value, Back leads to the form as before.
    window.goto(&site.url(TOKENS));
    window.follow_link("Create token");
    window.goto(&site.url("/account"));
    window.back();
    window.assert_path(&format!("{TOKENS}/new"));
}

#[db_test(sqlite, needs(chromium))]
fn back_from_a_replaced_value_leads_to_the_list() {
    let window = Window::open();
    let site = TestSite::start();
    site.create_token("acme", "Reporting");
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    let rotate = |window: &Window| {
        window.follow_labelled("Rotate token Reporting");
        window.click("//label[@for='grace-none']");
        window.submit("Rotate token");
    };
    let replace_in_list = |window: &Window| {
        window.click("//summary[.='I think a token was exposed']");
        if window.has("//a[contains(., 'Replace the exposed value')]") {
            window.click("//a[contains(., 'Replace the exposed value')]");
            window.submit("Replace the exposed value");
        } else {
            window.click_and_load("//button[contains(., 'Replace the exposed value')]");
        }
    };
    let replace_on_page = |window: &Window| {
        let rotate = window.run_script("return document.querySelector('[aria-label=\"Rotate token Reporting\"]').href");
        window.goto(&format!("{}?cause=exposed", rotate.as_str().unwrap()));
        window.submit("Replace the exposed value");
    };
    assert_back_leads_to_the_list(
        &window,
        &site,
        &[
            Way { name: "rotate", take: &rotate },
            Way { name: "expose in the list", take: &replace_in_list },
            Way { name: "expose on its page", take: &replace_on_page },
        ],
    );
}
