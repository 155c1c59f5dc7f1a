//! Every page of the table of routes in a real browser, where everything is as long as it may be: how it looks to
//! different people, what it weighs, and what it asks the network for. A new page fails here until it has a row.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::SimpleConnection as _;
use latchkey::routes::{API_PAGES, PAGES};
use serde_json::Value;

use crate::chromium::{Look, Window};
use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::{ALICE, Gallery, House, PASSWORD};

/// Who is looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    Alice,
    /// Where nobody is set up yet.
    TheFirst,
    /// Nobody: the path leads on, or answers a script.
    NoOne,
}
use Who::{Alice, NoOne, Nobody, TheFirst};

/// Each path that can be opened, and who looks at it.
const ROWS: &[(&str, Who)] = &[
    ("/", NoOne),
    ("/setup", TheFirst),
    ("/login", Nobody),
    ("/invitations/{code}", Nobody),
    ("/reset/{code}", Nobody),
    ("/account", Alice),
    ("/account/name", NoOne),
    ("/account/email", NoOne),
    ("/account/password", NoOne),
    ("/account/sessions/end", NoOne),
    ("/account/sessions/{uuid}/end", NoOne),
    ("/workspaces/new", Alice),
    ("/w/{slug}", Alice),
    ("/w/{slug}/settings", Alice),
    ("/w/{slug}/settings/members/invitations", Alice),
    ("/w/{slug}/settings/members/invitations/{uuid}/revoke", NoOne),
    ("/w/{slug}/settings/tokens", Alice),
    ("/w/{slug}/settings/tokens/new", Alice),
    ("/w/{slug}/settings/tokens/{uuid}", Alice),
    ("/w/{slug}/settings/tokens/{uuid}/use.json", NoOne),
    ("/w/{slug}/settings/tokens/{uuid}/rotate", Alice),
    ("/w/{slug}/settings/tokens/{uuid}/retire", Alice),
    ("/w/{slug}/settings/tokens/{uuid}/delete", Alice),
    ("/w/{slug}/settings/activity", Alice),
    ("/w/{slug}/settings/members", Alice),
    ("/w/{slug}/settings/members/tokens", Alice),
    ("/w/{slug}/settings/members/tokens/{uuid}/revoke", Alice),
    ("/w/{slug}/settings/members/{member}", Alice),
    ("/w/{slug}/settings/members/{member}/remove", Alice),
    ("/w/{slug}/settings/members/{member}/revoke", Alice),
    ("/api", NoOne),
    ("/api/v2", Nobody),
];

/// Pages that people open most, whose figures stand in docs/performance.md.
const MAIN: &[&str] = &[
    "/login",
    "/w/{slug}",
    "/w/{slug}/settings",
    "/w/{slug}/settings/tokens",
    "/w/{slug}/settings/activity",
    "/api/v2",
];

#[test]
fn every_page_has_a_row() {
    let paths = PAGES.iter().chain(API_PAGES).filter(|(_, methods)| methods.contains(&"GET")).map(|(path, _)| *path);
    let rows: BTreeSet<_> = ROWS.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths.collect::<BTreeSet<_>>(), rows);
}

/// Names as long as they may be, of wide letters, and forty workspaces; or as people have them, and three.
struct Names {
    plain: String,
    wide: String,
    email: String,
    more_workspaces: u32,
}

impl Names {
    fn longest() -> Self {
        let email = format!("{}@{}.{}.example.org", "b".repeat(64), "o".repeat(60), "b".repeat(60));
        Self { plain: "W".repeat(64), wide: "国".repeat(64), email, more_workspaces: 38 }
    }

    fn usual() -> Self {
        Self {
            plain: "Warehouse sync".to_owned(),
            wide: "Survey import".to_owned(),
            email: "bob@example.org".to_owned(),
            more_workspaces: 1,
        }
    }
}

/// A workspace with everything in it, and others in the switcher.
struct FullHouse {
    house: House,
    fresh: Home,
    first: crate::support::process::Latchkey,
    paths: BTreeMap<&'static str, String>,
}

impl FullHouse {
    fn open(names: &Names) -> Self {
        let house = House::open();
        let home = &house.home;
        let Names { plain, wide, email, more_workspaces } = names;
        home.done_with(&["user", "add", "--email", email, "--name", plain, "--password-stdin"], PASSWORD);
        home.done(&["member", "add", "--workspace", "acme", "--email", email]);
        home.done(&["token", "create", "--workspace", "acme", "--email", email, "--name", plain]);
        for (nth, name) in [plain.clone(), wide.clone(), "Partner system".to_owned()].iter().enumerate() {
            let value = house.create_token("acme", name);
            if nth < 2 {
                assert_eq!(house.call(&value).status, 200);
            }
        }
        let alice = Browser::new(house.server.address);
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
            let made = alice.post("/workspaces/new", &[("name", &name), ("slug", &slug), ("kind", kind)]);
            assert_eq!(made.status, 303, "{}", made.body);
        }
        let token = alice.delete_path("acme", plain).split('/').nth(5).unwrap().to_owned();
        let path = format!("/w/acme/settings/tokens/{token}");
        // Rotating, and the old value was used after the new one was made, so that stopping it asks.
        let form = alice.get(&format!("{path}/rotate")).hidden("form_key");
        let rotated =
            alice.post(&format!("{path}/rotate"), &[("form_key", &form), ("grace", "7d"), ("expiry", "same")]);
        assert_eq!(house.call(&rotated.value()).status, 200);
        let invitations = "/w/acme/settings/members/invitations";
        let form = alice.get(invitations).hidden("form_key");
        let made = alice.post(invitations, &[("role", "editor"), ("note", plain), ("form_key", &form)]);
        let invitation = made.link();
        let members = alice.get("/w/acme/settings/members");
        let before = members.body.split(&format!("aria-label=\"Manage {plain}\"")).next().unwrap();
        let member = before.rsplit("href=\"").next().unwrap().split('"').next().unwrap();
        let member = member.rsplit('/').next().unwrap().to_owned();
        let reset = home.done(&["user", "reset-password", "--email", email]).trim().to_owned();
        let fresh = Home::new();
        let first = fresh.serve_with(&[], "warn");
        let paths = ROWS.iter().filter(|(_, who)| *who != NoOne).map(|(route, who)| {
            let real = match (*route, who) {
                (_, TheFirst) => first.setup_url(),
                ("/invitations/{code}", _) => invitation.clone(),
                ("/reset/{code}", _) => reset.clone(),
                (route, _) => {
                    let path = route.replace("{slug}", "acme").replace("{member}", &member);
                    house.url(&path.replace("{uuid}", &token))
                }
            };
            (*route, real)
        });
        let paths = paths.collect();
        Self { house, fresh, first, paths }
    }

    /// Opens each page as the one who looks at it.
    fn visit(&self, window: &Window, mut look: impl FnMut(&'static str, &str)) {
        for of in [TheFirst, Nobody, Alice] {
            if of == Alice {
                self.house.sign_in(window, ALICE);
                window.reads("Your role is");
            }
            for (route, _) in ROWS.iter().filter(|(_, who)| *who == of) {
                look(route, &self.paths[route]);
            }
        }
    }
}

fn name_of(route: &str) -> String {
    let name: String = route.chars().filter(|c| !"{}".contains(*c)).collect();
    format!("page{}", name.replace('/', "-"))
}

#[test]
fn every_page_holds_the_longest_names_for_everybody_who_looks_at_it() {
    let Some(window) = Window::open() else { return };
    let full = FullHouse::open(&Names::longest());
    let mut gallery = Gallery::new();
    full.visit(&window, |route, url| {
        window.goto(url);
        gallery.look_at_from_all_sides(&window, &name_of(route));
        let title = window.run("return document.title");
        let is_in_a_workspace = route.starts_with("/w/");
        assert_eq!(title.as_str().unwrap().contains("(Production) · Latchkey"), is_in_a_workspace, "{route}: {title}");
        assert!(title.as_str().unwrap().ends_with(" · Latchkey"), "{route}: {title}");
    });
    window.goto(&full.paths["/account"]);
    window.reads("replace them on the page API Token of each workspace.");
    window.goto(&full.paths["/w/{slug}/settings/tokens"]);
    let on_paper = |xpath| {
        window.look(&Look::PRINT);
        let shown = window.has(xpath);
        window.look(&Look::LIGHT);
        (window.has(xpath), shown)
    };
    for (what, kept) in [("//nav", false), ("//*[@class='acts']", false), ("//article[@class='row']//h2", true)] {
        assert_eq!(on_paper(what), (true, kept), "{what} on the screen and on paper");
    }
    window.goto(&full.paths["/w/{slug}"]);
    window.click("//summary[contains(., 'Switch workspace')]");
    gallery.look_at_from_all_sides(&window, "switcher-of-forty");
    window.goto(&full.paths["/w/{slug}/settings/tokens"]);
    window.click_labelled(&format!("Delete token {}", "W".repeat(64)));
    gallery.look_at_from_all_sides(&window, "delete-dialog-wide");
    assert!(gallery.wrong.is_empty(), "{:#?}", gallery.wrong);
    assert_eq!(window.complaints(), Vec::<String>::new());
}

#[test]
fn pages_of_errors_say_what_to_do_next() {
    let Some(window) = Window::open() else { return };
    let house = House::open();
    let mut gallery = Gallery::new();
    house.sign_in(&window, ALICE);
    window.is_at("/w/acme");
    window.goto(&house.url("/w/acme/settings"));
    window.fill("country", "QQ");
    window.fill("timezone", "Middle of nowhere");
    window.click_button("Save");
    window.wait_until("the refusal", || window.has("//*[@aria-invalid]"));
    gallery.look_at_from_all_sides(&window, "error-422");

    // Somebody else holds the database.
    window.goto(&house.url(&format!("{}/new", crate::TOKENS)));
    window.fill("name", "Reporting");
    let mut other = house.home.database.connect();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    window.click_button("Create token");
    window.reads("Latchkey can’t reach its data right now");
    other.batch_execute("ROLLBACK").unwrap();
    gallery.look_at_from_all_sides(&window, "error-503");

    window.goto(&house.url("/w/nowhere"));
    window.reads("Page not found");
    gallery.look_at_from_all_sides(&window, "error-404");
    window.goto(&house.url("/logout"));
    window.reads("That does not work here");
    gallery.look_at_from_all_sides(&window, "error-405");
    house.sign_in(&window, "dave@example.org");
    window.goto(&house.url(crate::TOKENS));
    window.reads("Agents have no API tokens");
    gallery.look_at_from_all_sides(&window, "error-403");
    window.click_link("Back to the workspace");
    window.is_at("/w/acme");

    let eve = Browser::new(house.server.address);
    while eve.sign_in("eve@example.org", "not her password").status != 429 {}
    house.sign_in(&window, "eve@example.org");
    window.wait_until("the refusal", || window.has("//*[@role='alert']"));
    gallery.look_at_from_all_sides(&window, "error-429");
    assert!(gallery.wrong.is_empty(), "{:#?}", gallery.wrong);
    assert_eq!(window.complaints(), Vec::<String>::new());
}

/// What one page cost, as the browser counted it.
#[derive(Default)]
struct Cost {
    requests: usize,
    bytes: f64,
}

/// Reads the network's log: everything is ours, kept by caches as it should be, and not compressed where a secret may be.
fn cost(window: &Window, origin: &str, place: &str) -> Cost {
    let mut cost = Cost::default();
    for message in window.requests() {
        let it = &message["params"];
        // The browser's own pictures, like the calendar of a date field, come out of itself.
        let url = it["request"]["url"].as_str().or(it["response"]["url"].as_str()).unwrap_or_default();
        if url.starts_with("data:image/") {
            continue;
        }
        match message["method"].as_str().unwrap() {
            "Network.requestWillBeSent" => {
                assert!(url.starts_with(origin), "{place} asks {url}");
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
                let cache = header("cache-control");
                let expected = if is_static { "public, max-age=31536000, immutable" } else { "no-store" };
                assert!(place.starts_with("/api") && !is_static || cache == expected, "{place}: {url}: {cache}");
                assert!(is_static || header("content-encoding").is_empty(), "{place}: {url} is compressed");
            }
            "Network.loadingFinished" => cost.bytes += it["encodedDataLength"].as_f64().unwrap(),
            "Network.loadingFailed" => panic!("{place}: {it}"),
            _ => {}
        }
    }
    cost
}

#[test]
fn every_page_weighs_less_than_30_kb_asks_nobody_else_and_does_not_move() {
    let Some(window) = Window::open_watched() else { return };
    let full = FullHouse::open(&Names::usual());
    window.look(&Look::LIGHT);
    let script = std::fs::metadata(concat!(env!("CARGO_MANIFEST_DIR"), "/static/app.js")).unwrap();
    assert!(script.len() < 5_000, "app.js has {} bytes", script.len());
    println!("| page | requests | bytes over the wire | first contentful paint | layout shift |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    full.visit(&window, |route, url| {
        let origin = &url[..url[8..].find('/').map_or(url.len(), |at| at + 9)];
        window.devtools("Network.clearBrowserCache", serde_json::json!({}));
        window.goto("about:blank");
        window.requests();
        window.goto(url);
        let seen = window.run_async(
            "const done = arguments[0];
             const shifts = [];
             new PerformanceObserver((list) => shifts.push(...list.getEntries())).observe({ type: 'layout-shift', buffered: true });
             const look = (tries) => {
               const paint = performance.getEntriesByName('first-contentful-paint')[0];
               if (!paint && tries) return setTimeout(look, 20, tries - 1);
               setTimeout(() => done({ paint: paint ? paint.startTime : -1, shift: shifts.reduce((sum, it) => sum + it.value, 0), where: JSON.stringify(shifts.map((it) => [it.startTime, ...it.sources.map((of) => [of.node?.outerHTML?.slice(0, 80) ?? of.node?.textContent, of.previousRect, of.currentRect])])),
                 inline: [...document.querySelectorAll('script:not([src]), style, [style]')].map((it) => it.outerHTML.slice(0, 99)),
                 acts: [...document.querySelectorAll('*')].flatMap((it) => [...it.attributes].map((at) => at.name)).filter((name) => name.startsWith('on')) }), 100);
             };
             look(100);",
        );
        let cost = cost(&window, origin, route);
        assert!(cost.requests >= 3 && cost.bytes > 3_000.0, "{route}: nothing was seen: {} {}", cost.requests, cost.bytes);
        assert!(cost.bytes < 30_000.0, "{route} weighs {} bytes", cost.bytes);
        assert_eq!((&seen["inline"], &seen["acts"]), (&Value::Array(vec![]), &Value::Array(vec![])), "{route}");
        assert!(seen["shift"].as_f64().unwrap() < 0.0005, "{route} moves by {}: {}", seen["shift"], seen["where"]);
        if MAIN.contains(&route) {
            let paint = seen["paint"].as_f64().unwrap();
            println!("| `{route}` | {} | {} | {paint:.0} ms | 0 |", cost.requests, cost.bytes);
        }
    });

    // The page that shows a value.
    window.goto(&full.house.url("/w/acme-demo/settings/tokens/new"));
    window.fill("name", "Reporting");
    window.requests();
    window.click_button("Create token");
    window.value_of("Token value");
    let reveal = cost(&window, &full.house.url("/"), "the reveal");
    assert!(reveal.requests > 0 && reveal.bytes < 30_000.0, "the reveal weighs {} bytes", reveal.bytes);
}
