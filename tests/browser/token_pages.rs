//! The page of a token in each of its states, and its chart: in forced colours, on paper, and as it grows.

use diesel::connection::SimpleConnection as _;
use serde_json::Value;

use latchkey_test_macros::db_test;

use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::window::{RenderMode, Window, button};
use crate::{ALICE, PASSWORD, PageAudit, TOKENS, TestSite, submit_login};

/// The colour of the bars of each kind, the colour of the ground, and the height of the bars in pixels.
fn bars(window: &Window) -> Vec<(String, String, String, f64)> {
    let found = window.run_script(
        "const ground = getComputedStyle(document.querySelector('section.usage')).backgroundColor;
         return [...document.querySelectorAll('.bars path')].filter((bar) => bar.getAttribute('d'))
           .map((bar) => [bar.getAttribute('class'), getComputedStyle(bar).stroke, ground, bar.getBoundingClientRect().height]);",
    );
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bars = found.as_array().unwrap().iter();
    bars.map(|bar| (text(&bar[0]), text(&bar[1]), text(&bar[2]), bar[3].as_f64().unwrap())).collect()
}

/// Checks that bars of these kinds are visible, each kind in another colour.
#[track_caller]
fn assert_visible_bars(window: &Window, kinds: &[&str], page: &str) {
    let bars = bars(window);
    assert_eq!(bars.iter().map(|(kind, ..)| kind.as_str()).collect::<Vec<_>>(), kinds, "{page}");
    for (nth, (_, colour, ground, height)) in bars.iter().enumerate() {
        assert!(colour != ground && colour != "none" && *height > 0.5, "{page}: {bars:?}");
        assert!(bars[..nth].iter().all(|(_, other, ..)| other != colour), "{page}: {bars:?}");
    }
}

#[db_test(sqlite, needs(chromium, axe_core))]
fn the_page_of_a_token_is_accessible_and_its_bars_are_visible_in_every_state() {
    let window = Window::open();
    let home = Home::new();
    let server = home.demo();
    let mut audit = PageAudit::new();
    window.goto(&server.url("/login"));
    submit_login(&window, "ada@acme.example", "look-around-freely");
    let own = ["API Token", "Rotate", "Report as exposed", "Delete", "Save note", "Rename"];
    for (list, name, state, kinds, offered) in [
        ("/w/acme-production/settings/tokens", "Reporting", "Active", &["bar-new", "bar-rejected"][..], &own[..]),
        ("/w/acme-production/settings/tokens", "Partner system", "Rotating", &["bar-old", "bar-new"], &own),
        ("/w/acme-production/settings/tokens", "Survey import", "Expires soon", &["bar-new"], &own),
        ("/w/acme-demo/settings/tokens", "Try-out script", "Never used", &[], &own),
        ("/w/acme-demo/settings/tokens", "Old dashboard", "Deleted", &["bar-new", "bar-rejected"], &["API Token"]),
        (
            "/w/acme-production/settings/members/tokens",
            "Nightly export",
            "Expired",
            &["bar-new", "bar-rejected"],
            &["All tokens", "Revoke"],
        ),
    ] {
        window.goto(&server.url(list));
        window.follow_link(name);
        assert!(window.has(&format!("//p[@class='lead']/span[.='{state}']")), "{name}: {}", window.text());
        for text in own.iter().chain(&["All tokens", "Revoke"]) {
            let is_offered = window.has(&format!("//main//a[.='{text}'] | //main//button[.='{text}']"));
            assert_eq!(is_offered, offered.contains(text), "{name}: {text}");
        }
        audit.check_in_all_modes(&window, &format!("token-{}", state.to_lowercase().replace(' ', "-")));
        for mode in [RenderMode::LIGHT, RenderMode::DARK, RenderMode::FORCED, RenderMode::PRINT] {
            window.set_render_mode(&mode);
            assert_visible_bars(&window, kinds, &format!("{name} in {}", mode.name));
        }
        let is_table_shown = || window.run_script("return document.querySelector('details td').checkVisibility()");
        assert!(kinds.is_empty() || is_table_shown() == true, "{name}: paper shows the table");
        window.set_render_mode(&RenderMode::LIGHT);
        if !kinds.is_empty() {
            assert_eq!(is_table_shown(), false, "{name}");
            window.click("//summary[.='As a table']");
            window.wait_for_visible("//details//td");
        }
    }
    window.goto(&server.url("/w/acme-production/settings/tokens"));
    window.follow_link("Reporting");
    assert!(window.has("//tr[th[contains(., '192.0.2.66')]]//span[.='new']"), "{}", window.text());
    window.click_button("Copy");
    window.wait_for_visible(&button("Copied"));
    assert!(window.url().ends_with(&window.clipboard_text()), "{}", window.url());
    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
    assert_eq!(window.console_messages(), Vec::<String>::new());
}

#[db_test(sqlite, needs(chromium, axe_core))]
fn the_current_day_grows_while_the_page_is_visible() {
    let window = Window::open();
    let site = TestSite::start();
    let value = site.create_token("acme", "Reporting");
    let alice = Browser::new(site.server.address);
    assert_eq!(alice.sign_in(ALICE, PASSWORD).status, 303);
    site.sign_in(&window, ALICE);
    window.goto(&site.url(TOKENS));
    window.follow_link("Reporting");
    window.wait_for_text("No calls in these 30 days.");
    window.run_script("window.isSame = true");
    window.fill("note", "typed, not saved");
    let call = |times: u32| (0..times).for_each(|_| assert_eq!(site.call_api(&value).status, 200));
    call(3);
    window.wait_for_text("3 calls in 30 days");
    window.click("//summary[.='As a table']");
    window.wait_for_visible("//details//td[.='3']");
    call(9);
    window.wait_for_text("12 calls in 30 days");
    assert!(window.has("//details//td[.='12']"), "the table stays open: {}", window.text());
    assert_eq!(window.focused_name(), "As a table", "and keeps the focus");
    assert_eq!(
        window.run_script("return [window.isSame, document.getElementById('note').value]")[1],
        "typed, not saved"
    );

    // The timers that the script sets as the page is hidden and shown again.
    let timers = window.run_script(
        "const timers = [];
         const real = window.setTimeout;
         window.setTimeout = (act, pause) => { timers.push(pause); return real(() => {}, pause); };
         for (const isHidden of [true, false]) {
           Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true });
           timers.push(isHidden ? 'hidden' : 'shown');
           document.dispatchEvent(new Event('visibilitychange'));
         }
         return timers;",
    );
    assert_eq!(timers, serde_json::json!(["hidden", "shown", 5000]));

    // More callers than have rows.
    let origin = "INSERT INTO usage_origins (token_id, ip, agent, first_seen_at, last_seen_at, calls) \
                  SELECT id, ip, agent, created_at, created_at + 1, 7 FROM tokens CROSS JOIN";
    let callers: Vec<String> =
        (0..19).map(|nth| format!("SELECT '192.0.2.{nth}' AS ip, 'curl/8.{nth}' AS agent")).collect();
    let mut conn = site.home.database.connect();
    conn.batch_execute(&format!("{origin} ({})", callers.join(" UNION ALL "))).unwrap();
    conn.batch_execute(&format!("{origin} (SELECT '' AS ip, '' AS agent)")).unwrap();
    window.refresh();
    window.wait_for_text("Other callers");
    let mut audit = PageAudit::new();
    audit.check_in_all_modes(&window, "token-many-callers");
    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
    assert_eq!(window.console_messages(), Vec::<String>::new());
}
