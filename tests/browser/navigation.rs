//! The way around the pages: the gear, the switcher, the palette, and narrow and wide windows.

use thirtyfour::Key;

use latchkey_test_macros::db_test;

use crate::support::browser_client::Browser;
use crate::window::{RenderMode, Window};
use crate::{ALICE, DAVE, PASSWORD, PageAudit, TOKENS, TestSite};

const SMALLEST: RenderMode = RenderMode { name: "smallest", width: 320, ..RenderMode::LIGHT };
const WIDE: RenderMode = RenderMode { name: "wide", width: 1920, ..RenderMode::LIGHT };

/// Gives Alice this many more workspaces: `Team 1`, `Team 2`, …
fn add_workspaces(site: &TestSite, count: usize) {
    let alice = Browser::new(site.server.address);
    assert_eq!(alice.sign_in(ALICE, PASSWORD).status, 303);
    for nth in 1..=count {
        let (name, slug) = (format!("Team {nth}"), format!("team-{nth}"));
        let created = alice.post("/workspaces/new", &[("name", &name), ("slug", &slug), ("kind", "demo")]);
        assert_eq!(created.status, 303, "{}", created.body);
    }
}

fn press_ctrl_k(window: &Window) {
    window.press_with_control("k");
}

#[db_test(sqlite, needs(chromium))]
fn the_gear_leads_to_the_settings_on_wide_and_narrow_screens() {
    let window = Window::open();
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    for mode in [RenderMode::LIGHT, RenderMode::PHONE, SMALLEST] {
        window.set_render_mode(&mode);
        window.goto(&site.url("/w/acme"));
        window.click_and_load("//nav//a[@id='settings']");
        window.assert_path("/w/acme/settings");
        for section in ["General", "API Token", "Members", "Activity"] {
            assert!(window.has(&format!("//nav//a[normalize-space()='{section}']")), "{section} at {}", mode.width);
        }
    }
}

#[db_test(sqlite, needs(chromium))]
fn the_switcher_filters_and_closes_when_the_focus_leaves() {
    let window = Window::open();
    let site = TestSite::start();
    add_workspaces(&site, 12);
    site.sign_in(&window, ALICE);
    window.goto(&site.url("/w/team-7"));
    let list = "//details//div[@id='found']";
    window.click("//summary[contains(., 'Switch workspace')]");
    window.wait_for_visible(&format!("{list}/a[1][contains(., 'Team 7')]"));
    assert!(!window.has(&format!("{list}/a[contains(., 'Team 12')]")), "the list is bounded");
    let height =
        window.run_script("return document.querySelector('.workspaces').getBoundingClientRect().bottom <= innerHeight");
    assert_eq!(height, true, "the list is inside of the window");
    window.tab_to("Find a workspace");
    window.press("team 12");
    window.wait_for_visible(&format!("{list}/a[contains(., 'Team 12')]"));
    window.wait_until("only the match", || !window.has(&format!("{list}/a[contains(., 'Team 7')]")));
    window.tab_to("Overview");
    window.wait_until("the switcher to close", || !window.has(list));

    window.click("//summary[contains(., 'Switch workspace')]");
    window.tab_to("Find a workspace");
    window.press_and_load(Key::Enter);
    window.wait_for_text("You are in 14 workspaces.");
}

#[db_test(sqlite, needs(chromium, axe_core))]
fn the_palette_finds_pages_workspaces_and_members() {
    let window = Window::open();
    let site = TestSite::start();
    add_workspaces(&site, 3);
    let mut audit = PageAudit::new();
    site.sign_in(&window, ALICE);
    window.goto(&site.url("/w/acme"));
    press_ctrl_k(&window);
    let option = |text: &str| format!("//dialog//*[@role='option'][contains(., '{text}')]");
    window.wait_for_visible(&option("Team 3"));
    assert_eq!(window.focused_name(), "Go to a page, a workspace or a member");
    audit.check(&window, "palette");
    window.set_render_mode(&SMALLEST);
    audit.run_axe(&window, "palette on the smallest screen");
    window.set_render_mode(&RenderMode::LIGHT);
    window.press("dave");
    window.wait_for_visible(&option("Dave"));
    // The whole text: "13 results" contains "3 results".
    let shows = |count: &str| {
        window.run_script("return document.querySelector('dialog.palette [role=status]').textContent") == count
    };
    window.wait_until("one result", || shows("1 result"));
    let active = "const active = document.activeElement.getAttribute('aria-activedescendant');
        return document.getElementById(active).textContent;";
    assert_eq!(window.run_script(active), "Dave");
    window.press_and_load(Key::Enter);
    window.wait_for_text("Remove from the workspace");

    press_ctrl_k(&window);
    window.wait_for_visible(&option("Overview"));
    window.press("nothing like this");
    window.wait_for_text("Nothing found.");
    audit.run_axe(&window, "palette without results");
    window.press(Key::Escape);
    window.wait_until("the palette to close", || !window.has("//dialog[@class='palette']"));
    press_ctrl_k(&window);
    window.wait_for_visible(&option("Overview"));
    window.press("team");
    window.wait_until("three results", || shows("3 results"));
    // Results that arrive after an arrow key keep the selection.
    window.run_script(
        "document.querySelector('dialog [role=option]').id += '-old';
         const [original, released] = [window.fetch, new Promise((done) => { window.release = done; })];
         window.fetch = (...request) => released.then(() => original(...request));",
    );
    window.press(" ");
    window.press(Key::Down);
    assert_eq!(window.run_script(active), "Team 2");
    window.run_script("window.release()");
    window.wait_until("the results", || !window.has("//*[contains(@id, '-old')]"));
    assert_eq!(window.run_script(active), "Team 2", "the selection is kept");
    window.press(Key::Up);
    window.press(Key::Up);
    assert_eq!(window.run_script(active), "Team 3", "from the first up to the last");
    window.press_and_load(Key::Enter);
    window.assert_path("/w/team-3");

    // Dave is an agent: there is no page of members for him.
    site.sign_in(&window, DAVE);
    window.wait_for_text("Your role is");
    press_ctrl_k(&window);
    window.wait_for_visible(&option("Acme"));
    window.run_script(
        "window.requested = [];
         const original = window.fetch;
         window.fetch = (url, ...rest) => { window.requested.push(String(url)); return original(url, ...rest); };",
    );
    window.press("alice");
    window.wait_for_text("Nothing found.");
    let requested = window.run_script("return window.requested").to_string();
    assert!(requested.contains("/workspaces?q=alice") && !requested.contains("/members"), "{requested}");
    assert!(audit.problems.is_empty(), "{:#?}", audit.problems);
    assert_eq!(window.console_messages(), Vec::<String>::new());
}

#[db_test(sqlite, needs(chromium))]
fn the_palette_without_script_is_a_page() {
    let window = Window::open_without_script();
    let site = TestSite::start();
    site.sign_in(&window, ALICE);
    window.assert_path("/w/acme");
    window.click_and_load("//nav//a[contains(., 'Go to')]");
    window.assert_path("/workspaces");
    window.fill("q", "demo");
    window.submit("Search");
    window.assert_path("/workspaces?q=demo");
    window.follow_link("Acme Demo");
    window.assert_path("/w/acme-demo");
}

#[db_test(sqlite, needs(chromium))]
fn names_in_any_script_fit_narrow_and_wide_windows() {
    let window = Window::open();
    let site = TestSite::start();
    let alice = Browser::new(site.server.address);
    assert_eq!(alice.sign_in(ALICE, PASSWORD).status, 303);
    let wide = "W".repeat(64);
    let chinese = "国".repeat(64);
    let arabic = "مساحة العمل الرئيسية (2)";
    for (name, slug) in [(wide.as_str(), "wide"), (chinese.as_str(), "chinese"), (arabic, "arabic")] {
        let created = alice.post("/workspaces/new", &[("name", name), ("slug", slug), ("kind", "production")]);
        assert_eq!(created.status, 303, "{}", created.body);
        site.create_token(slug, name);
    }
    site.sign_in(&window, ALICE);
    window.wait_for_text("Your role is");
    let overflowing = "const page = document.documentElement;
        const wide = page.scrollWidth > innerWidth ? [`the page is ${page.scrollWidth} wide`] : [];
        const inside = (it) => it.scrollWidth <= it.clientWidth + 1;
        return wide.concat([...document.querySelectorAll('.side a, .switch summary, h1, h2, .button, button')]
            .filter((it) => it.offsetParent && !inside(it) && getComputedStyle(it).overflow !== 'hidden' && !it.querySelector('span'))
            .map((it) => `${it.textContent.trim().slice(0, 40)}: ${it.scrollWidth} > ${it.clientWidth}`)).join('; ')";
    for mode in [SMALLEST, RenderMode::PHONE, WIDE] {
        window.set_render_mode(&mode);
        for slug in ["wide", "chinese", "arabic"] {
            for path in
                ["", "/settings", "/settings/tokens", "/settings/tokens/new", "/settings/members", "/settings/activity"]
            {
                window.goto(&site.url(&format!("/w/{slug}{path}")));
                assert_eq!(window.run_script(overflowing), "", "/w/{slug}{path} at {}", mode.width);
            }
        }
        window.goto(&site.url("/workspaces"));
        assert_eq!(window.run_script(overflowing), "", "/workspaces at {}", mode.width);
    }
    // An Arabic name with a number keeps its own direction and does not reorder what is beside it.
    window.goto(&site.url("/w/arabic"));
    let isolated = "return [...document.querySelectorAll('nav .switch b bdi, h1 bdi')].map((it) => getComputedStyle(it).unicodeBidi + ' ' + it.textContent).join('; ')";
    assert_eq!(window.run_script(isolated), format!("isolate {arabic}; isolate {arabic}"));

    // At 1920 px the content is in the middle of the space beside the menu.
    window.goto(&site.url(TOKENS));
    let margins = "const box = document.querySelector('main').getBoundingClientRect();
        const left = box.left - document.querySelector('.side').getBoundingClientRect().right;
        return [left, document.documentElement.clientWidth - box.right, box.width].map(Math.round)";
    let margins = window.run_script(margins);
    let [left, right, width] = [0, 1, 2].map(|nth| margins[nth].as_i64().unwrap());
    assert!((left - right).abs() <= 1 && left > 0 && width > 1000, "{left} {right} {width}");
}
