//! Every page and every state that an action opens, looked at.

use crate::chromium::Window;
use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::{ALICE, Gallery, House, PASSWORD, TOKENS};

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
