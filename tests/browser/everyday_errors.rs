//! Common disruptions: an expired session, a second tab, a small screen, the token limit.

use latchkey_test_macros::db_test;

use crate::window::{RenderMode, Window, button, labelled, link};
use crate::{ALICE, PASSWORD, TOKENS, TestSite, submit_login};

#[db_test(sqlite, needs(chromium))]
fn a_form_sent_after_the_session_ended_keeps_its_fields_and_creates_nothing() {
    let window = Window::open();
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url(&format!("{TOKENS}/new")));
    window.fill("name", "Quarterly report");
    window.delete_cookies();
    window.submit("Create token");
    window.wait_for_text("Sign in");
    assert_eq!(site.token_names("acme"), Vec::<String>::new());
    submit_login(&window, ALICE, PASSWORD);
    window.wait_for_visible("//input[@name='name']");
    assert_eq!(window.run_script("return document.querySelector('[name=name]').value"), "Quarterly report");
    window.submit("Create token");
    let value = window.value_of("Token value");
    assert_eq!(site.token_names("acme"), ["Quarterly report"]);

    // A session that ends on the reveal page: sign-in leads to the list, and no page shows the value.
    window.delete_cookies();
    leave_reveal(&window);
    window.wait_for_text("Sign in");
    assert!(!window.url().contains(&value) && !window.source().contains(&value));
    submit_login(&window, ALICE, PASSWORD);
    window.assert_path(TOKENS);
    assert!(!window.source().contains(&value));
}

#[db_test(sqlite, needs(chromium))]
fn a_form_is_kept_while_the_user_signs_out_and_in_again() {
    let window = Window::open();
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url("/w/acme/settings"));
    window.fill("name", "Acme & Söhne");
    window.fill("timezone", "Africa/Kigali");
    window.in_new_tab(|| {
        window.goto(&site.url("/w/acme"));
        window.submit("Sign out");
        window.wait_for_text("Sign in");
    });
    window.submit("Save");
    window.wait_for_text("Your session has ended. Sign in to continue: what you typed is kept.");
    submit_login(&window, ALICE, PASSWORD);
    window.assert_path("/w/acme/settings");
    window.wait_for_text("What you typed is still here, but not saved yet");
    let field = |name: &str| window.run_script(&format!("return document.querySelector('[name={name}]').value"));
    assert_eq!([field("name"), field("timezone")], ["Acme & Söhne", "Africa/Kigali"]);
    window.submit("Save");
    window.wait_for_text("Settings saved.");
    assert_eq!([field("name"), field("timezone")], ["Acme & Söhne", "Africa/Kigali"]);
    assert!(window.text().contains("Acme & Söhne"));
}

#[db_test(sqlite, needs(chromium))]
fn a_sign_out_in_one_tab_ends_the_session_of_the_other_tab() {
    let window = Window::open();
    let site = TestSite::start();
    site.create_token("acme", "Reporting");
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url(TOKENS));
    window.in_new_tab(|| {
        window.goto(&site.url("/w/acme-demo"));
        window.submit("Sign out");
        window.wait_for_text("Sign in");
        window.back();
        assert!(!window.has(&button("Sign out")), "Back shows a page of the ended session");
    });
    window.click_labelled("Delete token Reporting");
    window.wait_for_text("Delete token “Reporting”?");
    window.submit("Delete token");
    window.wait_for_text("Sign in");
    assert_eq!(site.token_names("acme"), ["Reporting"], "a deletion without a session has no effect");
    submit_login(&window, ALICE, PASSWORD);
    // After sign-in the confirmation page asks again.
    window.wait_for_text("Delete token “Reporting”?");
    window.submit("Delete token");
    window.wait_for_text("Token Reporting deleted.");
    assert_eq!(site.token_names("acme"), Vec::<String>::new());
}

#[db_test(sqlite, needs(chromium))]
fn going_back_after_the_session_ended_shows_the_login_page() {
    let window = Window::open();
    let site = TestSite::start();
    site.create_token("acme", "Reporting");
    let visit_two_pages = || {
        site.sign_in(&window, ALICE);
        window.goto(&site.url(TOKENS));
        window.wait_for_text("Reporting");
        window.goto(&site.url("/w/acme"));
    };
    let assert_login_page = || {
        window.wait_for_text("Forgot your password?");
        assert!(!window.source().contains("Reporting"));
    };

    visit_two_pages();
    window.submit("Sign out");
    window.back();
    assert_login_page();
    window.back();
    assert_login_page();

    // Chromium evicts a page from memory when its cookie changes. Another browser that ends the session changes none.
    visit_two_pages();
    let set_password = ["user", "set-password", "--email", ALICE, "--password-stdin"];
    site.home.done_with(&set_password, "a wholly different one");
    window.back();
    assert_login_page();

    // The page that is kept is hidden, so that nothing shows before the answer.
    site.sign_in_with(&window, ALICE, "a wholly different one");
    window.goto(&site.url(TOKENS));
    window.wait_for_text("Reporting");
    window.run_script("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))");
    assert!(!window.text().contains("Reporting"));
    window.wait_for_load("restoring the page", || {
        window.run_script("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    });
    window.wait_for_text("Reporting");
}

#[db_test(sqlite, needs(chromium))]
fn the_limit_of_three_tokens_is_explained_and_a_deletion_frees_a_slot() {
    let window = Window::open();
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    for name in ["Reporting", "Partner system", "Survey import"] {
        window.goto(&site.url(TOKENS));
        window.follow_link("Create token");
        window.fill("name", name);
        window.submit("Create token");
        window.wait_for_text("Token created");
    }
    leave_reveal(&window);
    window.wait_for_text("3 of 3 tokens used.");
    assert!(!window.has(&link("Create token")), "a link that can only fail is shown");
    assert!(window.has("//button[.='Create token'][@aria-disabled='true']"));
    window.wait_for_text("Delete a token to create another");
    window.goto(&site.url(&format!("{TOKENS}/new")));
    window.wait_for_text("You can have a maximum of 3 tokens");
    window.follow_labelled("Rotate token Reporting");
    window.back();
    window.follow_link("Back to your tokens");
    // The limit counts for each workspace separately.
    window.goto(&site.url("/w/acme-demo/settings/tokens"));
    window.wait_for_text("0 of 3 tokens");
    window.goto(&site.url(TOKENS));
    window.click_labelled("Delete token Partner system");
    window.submit("Delete token");
    window.wait_for_text("2 of 3 tokens used.");
    assert!(window.has(&link("Create token")));
}

#[db_test(sqlite, needs(chromium))]
fn a_token_is_created_and_deleted_on_a_small_phone_and_at_200_percent() {
    let window = Window::open();
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    for mode in [RenderMode::SMALL, RenderMode::ZOOMED] {
        window.set_render_mode(&mode);
        window.goto(&site.url("/w/acme"));
        window.follow_link("API Token");
        window.follow_link("Create token");
        window.fill("name", mode.name);
        window.submit("Create token");
        let value = window.value_of("Token value");
        window.click_button("Copy");
        window.wait_for_visible(&button("Copied"));
        window.follow_link("Done, I’ve saved it");
        window.click_labelled(&format!("Delete token {}", mode.name));
        window.submit("Delete token");
        window.wait_for_text(&format!("Token {} deleted.", mode.name));
        assert_eq!(site.call_api(&value).status, 401);
    }
}

#[db_test(sqlite, needs(chromium))]
fn touch_targets_are_at_least_44_pixels_high() {
    let window = Window::open();
    let site = TestSite::start();
    site.create_token("acme", "Reporting");
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.set_render_mode(&RenderMode::PHONE);
    window.send_cdp("Emulation.setTouchEmulationEnabled", serde_json::json!({"enabled": true}));
    window.send_cdp(
        "Emulation.setEmulatedMedia",
        serde_json::json!({"features": [{"name": "pointer", "value": "coarse"}]}),
    );
    for path in ["/w/acme", TOKENS, "/w/acme/settings", "/w/acme/settings/members", "/account"] {
        window.goto(&site.url(path));
        let small = window.run_script(
            "return [...document.querySelectorAll('button, .button, .side a, summary, select, input:not([type=radio], [type=checkbox], [type=hidden])')]
               .filter((it) => it.checkVisibility() && it.getBoundingClientRect().height < 44).map((it) => it.outerHTML.slice(0, 99));",
        );
        assert_eq!(small, serde_json::json!([]), "{path}");
    }
}

#[db_test(sqlite, needs(chromium))]
fn reduced_motion_stops_animations_and_forced_colours_keep_borders() {
    let window = Window::open();
    let site = TestSite::start();
    site.create_token("acme", "Reporting");
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    let moving = "return [...document.querySelectorAll('*')].filter((it) => {
        const style = getComputedStyle(it);
        return style.transitionDuration !== '0s' || style.animationName !== 'none';
      }).length;";
    window.goto(&site.url(TOKENS));
    window.set_render_mode(&RenderMode { allows_motion: true, ..RenderMode::LIGHT });
    assert!(window.run_script(moving).as_u64().unwrap() > 0, "the script finds no animation at all");
    window.set_render_mode(&RenderMode::LIGHT);
    assert_eq!(window.run_script(moving), 0);

    window.set_render_mode(&RenderMode::FORCED);
    assert_eq!(window.run_script("return matchMedia('(forced-colors: active)').matches"), true);
    // Forced colours remove backgrounds, so that each of these elements needs a border or an outline.
    let flat = window.run_script(
        "return [...document.querySelectorAll('button, .button, .badge, .pips i, [aria-current]')].filter((it) => {
           const style = getComputedStyle(it);
           const edge = (kind) => style[kind + 'Style'] !== 'none' && parseFloat(style[kind + 'Width']) > 0;
           return it.checkVisibility() && !it.closest('dialog, .foot') && !edge('borderTop') && !edge('outline');
         }).map((it) => it.outerHTML.slice(0, 99));",
    );
    assert_eq!(flat, serde_json::json!([]));
}

#[db_test(sqlite, needs(chromium))]
fn a_token_is_renamed_rotated_and_retired_and_the_workspace_switched_without_script() {
    let window = Window::open_without_script();
    let site = TestSite::start();
    let old = site.create_token("acme", "Reporting");
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.follow_link("API Token");
    window.follow_labelled("Rename token Reporting");
    window.fill("name", "Monthly report");
    window.submit("Rename");
    window.wait_for_text("Token Reporting renamed to Monthly report.");
    window.follow_labelled("Rotate token Monthly report");
    window.submit("Rotate token");
    let new = window.value_of("Token value");
    assert_eq!([&old, &new].map(|value| site.call_api(value).status), [200, 200]);
    window.follow_link("Done, I’ve saved it");
    window.click_and_load(&labelled("Stop now: old value of Monthly report"));
    if window.has(&link("Cancel")) {
        window.submit("Stop old value now");
    }
    window.wait_for_text("Old value of token Monthly report stopped.");
    assert_eq!([&old, &new].map(|value| site.call_api(value).status), [401, 200]);
    window.click("//summary[contains(., 'Switch workspace')]");
    window.click_and_load("//details//a[contains(., 'Acme Demo')]");
    window.assert_path("/w/acme-demo/settings/tokens");
    assert!(!window.has(&labelled("Token value")));
}

/// Leaves the page of a new value without a copy.
fn leave_reveal(window: &Window) {
    window.click_link("Done, I’ve saved it");
    window.wait_for_text("Leave without copying the value?");
    window.follow_link("Leave");
}
