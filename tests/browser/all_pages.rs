//! Each page of the route table in every render mode with the longest names, and the error pages.
//! A route without a row in `ROWS` fails a test.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection as _;
use latchkey::routes::{API_PAGES, PAGES};

use latchkey_test_macros::{db_test, plain_test};

use crate::full_site::{FullSite, Names, ROWS};
use crate::support::browser_client::Browser;
use crate::window::{RenderMode, Window};
use crate::{ALICE, DAVE, EVE, PageAudit, TOKENS, TestSite};

#[plain_test]
fn each_page_route_has_a_row() {
    let paths = PAGES.iter().chain(API_PAGES).filter(|(_, methods)| methods.contains(&"GET")).map(|(path, _)| *path);
    let rows: BTreeSet<_> = ROWS.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths.collect::<BTreeSet<_>>(), rows);
}

fn name_of(route: &str) -> String {
    let name: String = route.chars().filter(|c| !"{}".contains(*c)).collect();
    format!("page{}", name.replace('/', "-"))
}

#[db_test(sqlite, needs(chromium, axe_core))]
fn each_page_fits_the_longest_names_in_every_render_mode() {
    let window = Window::open();
    let full = FullSite::open(&Names::longest());
    let mut audit = PageAudit::new();
    full.visit(&window, |route, url| {
        window.goto(url);
        audit.check_in_all_modes(&window, &name_of(route));
        let title = window.run_script("return document.title");
        let is_in_a_workspace = route.starts_with("/w/");
        assert_eq!(title.as_str().unwrap().contains("(Production) · Latchkey"), is_in_a_workspace, "{route}: {title}");
        assert!(title.as_str().unwrap().ends_with(" · Latchkey"), "{route}: {title}");
    });
    window.goto(&full.paths["/account"]);
    window.wait_for_text("replace them under API Token in each workspace.");
    window.goto(&full.paths["/w/{slug}/settings/tokens"]);
    let on_paper = |xpath| {
        window.set_render_mode(&RenderMode::PRINT);
        let shown = window.has(xpath);
        window.set_render_mode(&RenderMode::LIGHT);
        (window.has(xpath), shown)
    };
    for (what, kept) in [("//nav", false), ("//*[@class='actions']", false), ("//article[@class='row']//h2", true)] {
        assert_eq!(on_paper(what), (true, kept), "{what} on the screen and on paper");
    }
    window.goto(&full.paths["/w/{slug}"]);
    window.click("//summary[contains(., 'Switch workspace')]");
    audit.check_in_all_modes(&window, "switcher-of-forty");
    window.goto(&full.paths["/w/{slug}/settings/tokens"]);
    window.click_labelled(&format!("Delete token {}", "W".repeat(64)));
    audit.check_in_all_modes(&window, "delete-dialog-wide");
    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
    assert_eq!(window.console_messages(), Vec::<String>::new());
}

#[db_test(sqlite, needs(chromium, axe_core))]
fn error_pages_are_accessible_and_offer_a_next_step() {
    let window = Window::open();
    let site = TestSite::start();
    let mut audit = PageAudit::new();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.goto(&site.url("/w/acme/settings"));
    window.fill("country", "QQ");
    window.fill("timezone", "Middle of nowhere");
    window.submit("Save");
    window.wait_for_visible("//*[@aria-invalid]");
    audit.check_in_all_modes(&window, "error-422");

    // Another connection holds the write lock.
    window.goto(&site.url(&format!("{TOKENS}/new")));
    window.fill("name", "Reporting");
    let mut other = site.home.database.connect();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    window.submit("Create token");
    window.wait_for_text("Latchkey can’t reach its database right now");
    other.batch_execute("ROLLBACK").unwrap();
    audit.check_in_all_modes(&window, "error-503");

    window.goto(&site.url("/w/nowhere"));
    window.wait_for_text("Page not found");
    audit.check_in_all_modes(&window, "error-404");
    window.goto(&site.url("/logout"));
    window.wait_for_text("This action isn’t available here");
    audit.check_in_all_modes(&window, "error-405");
    site.sign_in(&window, DAVE);
    window.goto(&site.url(TOKENS));
    window.wait_for_text("Agents can’t have API tokens");
    audit.check_in_all_modes(&window, "error-403");
    window.follow_link("Back to the workspace");
    window.assert_path("/w/acme");

    let eve = Browser::new(site.server.address);
    while eve.sign_in(EVE, "a wrong password").status != 429 {}
    site.sign_in(&window, EVE);
    window.wait_for_visible("//*[@role='alert']");
    audit.check_in_all_modes(&window, "error-429");
    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
    assert_eq!(window.console_messages(), Vec::<String>::new());
}
