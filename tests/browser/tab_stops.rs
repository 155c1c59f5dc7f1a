//! Tab stops and exact times in lists: a time is no stop, and its exact form is visible all the same.

use latchkey_test_macros::db_test;
use thirtyfour::Key;

use crate::support::browser_client::Browser;
use crate::window::{RenderMode, Window};
use crate::{ALICE, PASSWORD, TOKENS, TestSite};

/// The number of Tab stops in each element that matches.
fn tab_stops(window: &Window, css: &str) -> Vec<u64> {
    let counts = window.run_script(&format!(
        "return [...document.querySelectorAll('{css}')].map((it) =>
           [...it.querySelectorAll('*')].filter((inner) => inner.tabIndex >= 0 && inner.checkVisibility() && !inner.disabled).length)"
    ));
    counts.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect()
}

#[db_test(sqlite, needs(chromium))]
fn a_row_of_a_list_has_at_most_two_tab_stops() {
    let window = Window::open();
    let site = TestSite::start();
    for nth in 0..17 {
        let email = format!("member{nth}@example.org");
        let user = ["user", "add", "--email", &email, "--name", &email, "--password-stdin"];
        site.home.done_with(&user, PASSWORD);
        site.home.done(&["member", "add", "--workspace", "acme", "--email", &email]);
        for token in ["Reporting", "Survey import", "Partner system"] {
            site.home.done(&["token", "create", "--workspace", "acme", "--email", &email, "--name", token]);
        }
    }
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    let all = "/w/acme/settings/members/tokens";
    window.goto(&site.url(all));
    let stops = tab_stops(&window, "tbody tr");
    assert_eq!(stops.len(), 50);
    assert!(stops.iter().all(|count| *count <= 2), "{stops:?}");
    window.goto(&site.url("/w/acme/settings/members"));
    let stops = tab_stops(&window, "tbody tr");
    assert!(stops.len() == 19 && stops.iter().all(|count| *count <= 2), "{stops:?}");

    // The question about 50 selected tokens, and the page of a member.
    let alice = Browser::new(site.server.address);
    assert_eq!(alice.sign_in(ALICE, PASSWORD).status, 303);
    let uuids = alice.get(all).page().attributes("tbody input[name=token]", "value");
    window.goto(&site.url(&format!("{all}/revoke?token={}", uuids.join("&token="))));
    assert_eq!(tab_stops(&window, "ul.tokens li"), vec![0; 50]);
    let member = alice.get("/w/acme/settings/members").page().attribute("tbody th a", "href");
    for path in [&member, "/account", "/w/acme/settings/activity"] {
        window.goto(&site.url(path));
        let times =
            window.run_script("return [...document.querySelectorAll('time')].filter((it) => it.tabIndex >= 0).length");
        assert_eq!(times, 0, "{path}");
        assert!(window.has("//time"), "{path}");
    }
}

/// The widths of the exact times of the first row, as whole pixels.
fn has_exact_times(window: &Window) -> bool {
    let widths = window.run_script(
        "return [...document.querySelectorAll('#tokens .row time > span')].map((it) => it.getBoundingClientRect().width > 20)",
    );
    let shown: Vec<bool> = widths.as_array().unwrap().iter().map(|shown| shown.as_bool().unwrap()).collect();
    assert!(!shown.is_empty() && shown.iter().all(|it| *it == shown[0]), "{shown:?}");
    shown[0]
}

#[db_test(sqlite, needs(chromium))]
fn the_exact_time_is_shown_for_the_keyboard_a_finger_and_on_paper() {
    let window = Window::open();
    let site = TestSite::start();
    let value = site.create_token("acme", "Reporting");
    assert_eq!(site.call_api(&value).status, 200);
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url(TOKENS));
    assert!(!has_exact_times(&window));
    window.tab_to("Reporting");
    assert!(has_exact_times(&window), "the keyboard is in the row");
    window.tab_to("Delete token Reporting");
    assert!(has_exact_times(&window));
    window.press(Key::Tab);
    assert!(!has_exact_times(&window), "the keyboard has left the row");
    // A click must not move what is under the pointer.
    window.click_labelled("Rename token Reporting");
    window.press(Key::Escape);
    window.click("//*[@id='tokens']//time");
    window.wait_until("the exact time", || {
        window.run_script("return document.activeElement.querySelector('span').getBoundingClientRect().width > 20")
            == true
    });
    window.set_render_mode(&RenderMode::PRINT);
    assert!(has_exact_times(&window), "on paper");
    window.set_render_mode(&RenderMode::LIGHT);
    // Without a link in the row, the times are always shown.
    window.goto(&site.url(TOKENS));
    window.click_labelled("Delete token Reporting");
    window.submit("Delete token");
    let width =
        "return document.querySelector('[aria-labelledby=deleted] time > span').getBoundingClientRect().width > 20";
    assert_eq!(window.run_script(width), true);
}
