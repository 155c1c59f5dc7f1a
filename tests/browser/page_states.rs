//! Accessibility of pages and of the states that an action opens.

use latchkey_test_macros::db_test;

use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::window::Window;
use crate::{ALICE, DAVE, EVE, PASSWORD, PageAudit, TOKENS, TestSite, submit_login};

#[db_test(sqlite, needs(chromium, axe_core))]
fn pages_and_the_states_after_an_action_are_accessible() {
    let window = Window::open();
    let mut audit = PageAudit::new();
    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        audit.check(&window, name);
    };

    let empty = Home::new();
    let new = empty.serve_with(&[], "warn");
    visit("setup", &new.setup_url());
    visit("setup-bad-code", &new.url("/setup?code=nonsense"));
    visit("login-before-setup", &new.url("/login"));

    let site = TestSite::start();
    visit("login", &site.url("/login"));
    visit("api", &site.url("/api/v2/"));
    window.goto(&site.url("/login"));
    // axe-core finds a button without a name.
    window.run_script("document.querySelector('main').append(document.createElement('button'))");
    audit.run_axe(&window, "defective page");
    let found: Vec<String> = audit.problems.extract_if(.., |wrong| wrong.starts_with("defective page: ")).collect();
    assert!(found.iter().any(|wrong| wrong.contains("button-name")), "{found:?}");
    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        audit.check(&window, name);
    };
    site.sign_in(&window, DAVE);
    window.assert_path("/w/acme");
    visit("tokens-agent", &site.url(TOKENS));
    visit("general-agent", &site.url("/w/acme/settings"));
    site.sign_in(&window, EVE);
    visit("no-workspace", &site.url("/"));
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    visit("overview-empty", &site.url("/w/acme"));
    visit("tokens-empty", &site.url(TOKENS));
    visit("not-found", &site.url("/nowhere"));
    let used = site.create_token("acme", "Reporting");
    site.create_token("acme", "A name of sixty-four characters, which is as long as a name can");
    assert_eq!(site.call_api(&used).status, 200);
    visit("general", &site.url("/w/acme/settings"));
    visit("general-demo", &site.url("/w/acme-demo/settings"));
    visit("tokens", &site.url(TOKENS));
    visit("new", &site.url(&format!("{TOKENS}/new")));

    // A page that answers a POST can be shown only once.
    window.fill("name", "reporting");
    window.submit("Create token");
    window.wait_for_text("You already have a token with this name.");
    audit.check(&window, "new-refused");
    window.fill("name", "Partner system");
    window.submit("Create token");
    window.wait_for_text("Token created");
    audit.check(&window, "reveal");
    window.click_link("Done, I’ve saved it");
    window.wait_for_text("Leave without copying the value?");
    audit.check(&window, "reveal-leave");
    let mut visit = |name: &str, url: &str| {
        window.goto(url);
        audit.check(&window, name);
    };
    visit("new-full", &site.url(&format!("{TOKENS}/new")));
    visit("overview", &site.url("/w/acme"));
    visit("tokens-full", &site.url(TOKENS));
    window.click_labelled("Delete token Reporting");
    window.wait_for_text("Delete token “Reporting”?");
    audit.check(&window, "delete-dialog");
    let alice = Browser::new(site.server.address);
    assert_eq!(alice.post("/login", &[("email", ALICE), ("password", PASSWORD)]).status, 303);
    window.goto(&site.url(&alice.delete_path("acme", "Reporting")));
    audit.check(&window, "delete");
    window.submit("Delete token");
    window.wait_for_text("Token Reporting deleted.");
    audit.check(&window, "deleted");
    window.click("//summary[contains(., 'Switch workspace')]");
    audit.check(&window, "switcher");
    window.goto(&site.url(&format!("{TOKENS}/new")));
    window.fill("name", "One too many");
    site.create_token("acme", "Created meanwhile");
    window.submit("Create token");
    window.wait_for_text("“One too many” was not created because you already have 3 tokens in this workspace.");
    audit.check(&window, "limit");
    window.delete_cookies();
    window.goto(&site.url("/login"));
    submit_login(&window, ALICE, "a wrong password");
    window.wait_for_visible("//*[@role='alert']");
    audit.check(&window, "login-refused");

    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
    assert_eq!(window.console_messages(), Vec::<String>::new());
}
