//! The size, the requests and the layout shift of each page.

use std::collections::BTreeSet;

use serde_json::Value;

use latchkey_test_macros::db_test;

use crate::full_site::{FullSite, Names};
use crate::window::{RenderMode, Window};

/// The most used pages: docs/performance.md has their figures.
const MAIN: &[&str] = &[
    "/login",
    "/w/{slug}",
    "/w/{slug}/settings",
    "/w/{slug}/settings/tokens",
    "/w/{slug}/settings/activity",
    "/api/v2",
];

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
