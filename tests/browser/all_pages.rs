//! Each page of the route table in every render mode with the longest names, and its size, requests and layout shift.
//! A route without a row in `ROWS` fails a test.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::SimpleConnection as _;
use latchkey::routes::{API_PAGES, PAGES};
use serde_json::Value;

use latchkey_test_macros::{db_test, plain_test};

use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::window::{RenderMode, Window};
use crate::{ALICE, DAVE, EVE, PASSWORD, PageAudit, TOKENS, TestSite};

/// The user whose session opens a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Viewer {
    Anonymous,
    Alice,
    /// Anonymous, on a server without users.
    Setup,
    /// The route has no page: it redirects, or returns JSON, CSV or a part of a page.
    NoPage,
}
use Viewer::{Alice, Anonymous, NoPage, Setup};

/// Each GET route, and its viewer.
const ROWS: &[(&str, Viewer)] = &[
    ("/", NoPage),
    ("/setup", Setup),
    ("/login", Anonymous),
    ("/invitations/{code}", Anonymous),
    ("/reset/{code}", Anonymous),
    ("/account", Alice),
    ("/account/name", NoPage),
    ("/account/email", NoPage),
    ("/account/password", NoPage),
    ("/account/time-zone", NoPage),
    ("/account/sessions/end", NoPage),
    ("/account/sessions/{uuid}/end", NoPage),
    ("/workspaces", Alice),
    ("/workspaces/new", Alice),
    ("/w/{slug}", Alice),
    ("/w/{slug}/checklist", NoPage),
    ("/w/{slug}/settings", Alice),
    ("/w/{slug}/settings/members/invitations", Alice),
    ("/w/{slug}/settings/members/invitations/{uuid}/revoke", NoPage),
    ("/w/{slug}/settings/tokens", Alice),
    ("/w/{slug}/settings/tokens/new", Alice),
    ("/w/{slug}/settings/tokens/deleted", Alice),
    ("/w/{slug}/settings/tokens/{uuid}", Alice),
    ("/w/{slug}/settings/tokens/{uuid}/rename", Alice),
    ("/w/{slug}/settings/tokens/{uuid}/note", NoPage),
    ("/w/{slug}/settings/tokens/{uuid}/usage.csv", NoPage),
    ("/w/{slug}/settings/tokens/{uuid}/usage.html", NoPage),
    ("/w/{slug}/settings/tokens/{uuid}/use.json", NoPage),
    ("/w/{slug}/settings/tokens/{uuid}/rotate", Alice),
    ("/w/{slug}/settings/tokens/{uuid}/retire", Alice),
    ("/w/{slug}/settings/tokens/{uuid}/delete", Alice),
    ("/w/{slug}/settings/activity", Alice),
    ("/w/{slug}/settings/usage", Alice),
    ("/w/{slug}/settings/members", Alice),
    ("/w/{slug}/settings/members/tokens", Alice),
    ("/w/{slug}/settings/members/tokens/deleted", Alice),
    ("/w/{slug}/settings/members/tokens/revoke", Alice),
    ("/w/{slug}/settings/members/tokens/{uuid}/revoke", Alice),
    ("/w/{slug}/settings/members/{member}", Alice),
    ("/w/{slug}/settings/members/{member}/email", NoPage),
    ("/w/{slug}/settings/members/{member}/reset", NoPage),
    ("/w/{slug}/settings/members/{member}/remove", Alice),
    ("/w/{slug}/settings/members/{member}/revoke", Alice),
    ("/api", NoPage),
    ("/api/v2", Anonymous),
];

/// The most used pages: docs/performance.md has their figures.
const MAIN: &[&str] = &[
    "/login",
    "/w/{slug}",
    "/w/{slug}/settings",
    "/w/{slug}/settings/tokens",
    "/w/{slug}/settings/activity",
    "/api/v2",
];

#[plain_test]
fn each_page_route_has_a_row() {
    let paths = PAGES.iter().chain(API_PAGES).filter(|(_, methods)| methods.contains(&"GET")).map(|(path, _)| *path);
    let rows: BTreeSet<_> = ROWS.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths.collect::<BTreeSet<_>>(), rows);
}

/// The names and the number of workspaces on a [`FullSite`].
struct Names {
    plain: String,
    wide: String,
    email: String,
    more_workspaces: u32,
}

impl Names {
    /// The longest names, in wide letters, and forty workspaces.
    fn longest() -> Self {
        let email = format!("{}@{}.{}.example.org", "b".repeat(64), "o".repeat(60), "b".repeat(60));
        Self { plain: "W".repeat(64), wide: "国".repeat(64), email, more_workspaces: 38 }
    }

    /// Names of usual length and three workspaces.
    fn usual() -> Self {
        Self {
            plain: "Warehouse sync".to_owned(),
            wide: "Survey import".to_owned(),
            email: "bob@example.org".to_owned(),
            more_workspaces: 1,
        }
    }
}

/// A site whose workspace `acme` has tokens, members and an invitation, and the URL of each page.
struct FullSite {
    site: TestSite,
    // A server without users, and its data.
    _setup_home: Home,
    _setup_server: crate::support::process::Latchkey,
    paths: BTreeMap<&'static str, String>,
}

impl FullSite {
    fn open(names: &Names) -> Self {
        let site = TestSite::start();
        let home = &site.home;
        let Names { plain, wide, email, more_workspaces } = names;
        home.done_with(&["user", "add", "--email", email, "--name", plain, "--password-stdin"], PASSWORD);
        home.done(&["member", "add", "--workspace", "acme", "--email", email]);
        home.done(&["token", "create", "--workspace", "acme", "--email", email, "--name", plain]);
        for (nth, name) in [plain.clone(), wide.clone(), "Partner system".to_owned()].iter().enumerate() {
            let value = site.create_token("acme", name);
            if nth < 2 {
                assert_eq!(site.call_api(&value).status, 200);
            }
        }
        let alice = Browser::new(site.server.address);
        assert_eq!(alice.sign_in(ALICE, PASSWORD).status, 303);
        let rename = |name: &str| {
            let fields = [("kind", "production"), ("country", "RW"), ("languages", "eng"), ("timezone", "UTC")];
            let fields = [&fields[..], &[("date_style", "day_first"), ("name", name)]].concat();
            assert_eq!(alice.post("/w/acme/settings", &fields).status, 303);
        };
        rename(wide);
        for nth in 0..*more_workspaces {
            let (name, slug) = (format!("Workspace number {nth}"), format!("number-{nth}"));
            let kind = if nth % 2 == 0 { "production" } else { "demo" };
            let created = alice.post("/workspaces/new", &[("name", &name), ("slug", &slug), ("kind", kind)]);
            assert_eq!(created.status, 303, "{}", created.body);
        }
        let token = alice.delete_path("acme", plain).split('/').nth(5).unwrap().to_owned();
        let path = format!("/w/acme/settings/tokens/{token}");
        // The old value is used after the rotation, so that stopping it needs a confirmation.
        let form = alice.get(&format!("{path}/rotate")).hidden("form_key");
        let rotated =
            alice.post(&format!("{path}/rotate"), &[("form_key", &form), ("grace", "7d"), ("expiry", "same")]);
        assert_eq!(site.call_api(&rotated.value()).status, 200);
        let invitations = "/w/acme/settings/members/invitations";
        let form = alice.get(invitations).hidden("form_key");
        let created = alice.post(invitations, &[("role", "editor"), ("note", plain), ("form_key", &form)]);
        let invitation = created.link();
        // For the list.
        let form = alice.get(invitations).hidden("form_key");
        let for_address = [("role", "editor"), ("note", plain), ("email", email), ("form_key", &form)];
        assert_eq!(alice.post(invitations, &for_address).status, 201);
        let members = alice.get(&format!("/w/acme/settings/members?q={email}"));
        let member = members.page().attribute("table.list tbody th a", "href");
        let member = member.rsplit('/').next().unwrap().to_owned();
        let reset = home.done(&["user", "reset-password", "--email", email]).trim().to_owned();
        let setup_home = Home::new();
        let setup_server = setup_home.serve_with(&[], "warn");
        let paths = ROWS.iter().filter(|(_, viewer)| *viewer != NoPage).map(|(route, viewer)| {
            let real = match (*route, viewer) {
                (_, Setup) => setup_server.setup_url(),
                ("/invitations/{code}", _) => invitation.clone(),
                ("/reset/{code}", _) => reset.clone(),
                ("/w/{slug}/settings/members/tokens/revoke", _) => {
                    site.url(&format!("/w/acme/settings/members/tokens/revoke?token={token}"))
                }
                (route, _) => {
                    let path = route.replace("{slug}", "acme").replace("{member}", &member);
                    site.url(&path.replace("{uuid}", &token))
                }
            };
            (*route, real)
        });
        let paths = paths.collect();
        Self { site, _setup_home: setup_home, _setup_server: setup_server, paths }
    }

    /// Calls `check` with the route and the URL of each page, with the viewer signed in.
    fn visit(&self, window: &Window, mut check: impl FnMut(&'static str, &str)) {
        for viewer in [Setup, Anonymous, Alice] {
            if viewer == Alice {
                self.site.sign_in(window, ALICE);
                window.wait_for_text("Your role is");
            }
            for (route, _) in ROWS.iter().filter(|(_, row_viewer)| *row_viewer == viewer) {
                check(route, &self.paths[route]);
            }
        }
    }
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

/// The requests of one page and their size on the wire.
#[derive(Debug, Default)]
struct PageCost {
    requests: usize,
    /// Of the page itself.
    page_bytes: f64,
    /// Of its style, scripts and icon.
    static_bytes: f64,
}

/// Sums the network events since the last call. Checks that each request goes to `origin`, that static files are cached
/// and pages are not, and that pages are not compressed (BREACH).
fn measure(window: &Window, origin: &str, page: &str) -> PageCost {
    let mut cost = PageCost::default();
    let mut static_requests = BTreeSet::new();
    for message in window.take_network_events() {
        let it = &message["params"];
        // Chromium's own images, such as the calendar of a date field.
        let url = it["request"]["url"].as_str().or(it["response"]["url"].as_str()).unwrap_or_default();
        if url.starts_with("data:image/") {
            continue;
        }
        match message["method"].as_str().unwrap() {
            "Network.requestWillBeSent" => {
                assert!(url.starts_with(origin), "{page} requests {url}");
                cost.requests += 1;
            }
            "Network.responseReceived" => {
                let answer = &it["response"];
                let header = |name: &str| {
                    let headers = answer["headers"].as_object().unwrap();
                    let found = headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
                    found.map_or("", |(_, value)| value.as_str().unwrap()).to_owned()
                };
                let is_static = url.contains("/static/");
                if is_static {
                    static_requests.insert(it["requestId"].to_string());
                }
                let cache = header("cache-control");
                let expected = if is_static { "public, max-age=31536000, immutable" } else { "no-store" };
                assert!(page.starts_with("/api") && !is_static || cache == expected, "{page}: {url}: {cache}");
                assert!(is_static || header("content-encoding").is_empty(), "{page}: {url} is compressed");
            }
            "Network.loadingFinished" => {
                let bytes = it["encodedDataLength"].as_f64().unwrap();
                let is_static = static_requests.contains(&it["requestId"].to_string());
                *if is_static { &mut cost.static_bytes } else { &mut cost.page_bytes } += bytes;
            }
            "Network.loadingFailed" => panic!("{page}: {it}"),
            _ => {}
        }
    }
    cost
}

#[db_test(sqlite, needs(chromium))]
fn each_page_is_small_requests_no_other_host_and_does_not_shift() {
    let window = Window::open_with_network_log();
    let full = FullSite::open(&Names::usual());
    window.set_render_mode(&RenderMode::LIGHT);
    let script = std::fs::metadata(concat!(env!("CARGO_MANIFEST_DIR"), "/static/app.js")).unwrap();
    assert!(script.len() < 8_000, "app.js has {} bytes", script.len());
    let prints_figures = std::env::args().any(|arg| arg == "--nocapture");
    if prints_figures {
        println!("| page | requests | bytes over the wire | first contentful paint | layout shift |");
        println!("| --- | ---: | ---: | ---: | ---: |");
    }
    full.visit(&window, |route, url| {
        let origin = &url[..url[8..].find('/').map_or(url.len(), |at| at + 9)];
        window.send_cdp("Network.clearBrowserCache", serde_json::json!({}));
        window.goto("about:blank");
        window.take_network_events();
        window.goto(url);
        let seen = window.run_async_script(
            "const done = arguments[0];
             const shifts = [];
             new PerformanceObserver((list) => shifts.push(...list.getEntries())).observe({ type: 'layout-shift', buffered: true });
             const measure = (tries) => {
               const paint = performance.getEntriesByName('first-contentful-paint')[0];
               if (!paint && tries) return setTimeout(measure, 20, tries - 1);
               setTimeout(() => done({ paint: paint ? paint.startTime : -1, shift: shifts.reduce((sum, it) => sum + it.value, 0), where: JSON.stringify(shifts.map((it) => [it.startTime, ...it.sources.map((of) => [of.node?.outerHTML?.slice(0, 80) ?? of.node?.textContent, of.previousRect, of.currentRect])])),
                 inline: [...document.querySelectorAll('script:not([src]), style, [style]')].map((it) => it.outerHTML.slice(0, 99)),
                 acts: [...document.querySelectorAll('*')].flatMap((it) => [...it.attributes].map((at) => at.name)).filter((name) => name.startsWith('on')) }), 100);
             };
             measure(100);",
        );
        let cost = measure(&window, origin, route);
        let PageCost { requests, page_bytes, static_bytes } = cost;
        assert!(requests >= 3 && page_bytes > 500.0 && static_bytes > 3_000.0, "{route}: too little was measured: {cost:?}");
        assert!(page_bytes < 30_000.0 && static_bytes < 25_000.0, "{route}: {cost:?}");
        assert_eq!((&seen["inline"], &seen["acts"]), (&Value::Array(vec![]), &Value::Array(vec![])), "{route}");
        assert!(seen["shift"].as_f64().unwrap() < 0.0005, "{route} shifts by {}: {}", seen["shift"], seen["where"]);
        if prints_figures && MAIN.contains(&route) {
            let paint = seen["paint"].as_f64().unwrap();
            println!("| `{route}` | {requests} | {} | {paint:.0} ms | 0 |", page_bytes + static_bytes);
        }
    });

    // The reveal page.
    window.goto(&full.site.url("/w/acme-demo/settings/tokens/new"));
    window.fill("name", "Reporting");
    window.take_network_events();
    window.submit("Create token");
    window.value_of("Token value");
    let reveal = measure(&window, &full.site.url("/"), "the reveal page");
    assert!(reveal.requests > 0 && reveal.page_bytes < 30_000.0, "the reveal page: {reveal:?}");
}
