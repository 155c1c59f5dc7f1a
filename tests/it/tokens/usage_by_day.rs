//! The calls of a token by day besides its page: as CSV, and as the part of the page that a script requests.

use std::time::Duration;

use crate::support::TestServer;
use crate::support::browser_client::Browser;

const DAY: Duration = Duration::from_hours(24);

fn path_of(owner: &Browser, name: &str) -> String {
    owner.delete_path("acme", name).replace("/delete", "")
}

#[db_test]
fn the_csv_of_a_token_has_every_day_that_is_kept() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "=1+1");
    let path = path_of(&alice, "=1+1");
    let csv = format!("{path}/usage.csv");
    assert_eq!(alice.get(&csv).body, "day,value,calls,rejected\r\n", "no calls");
    (0..3).for_each(|_| drop(server.call(&old)));
    server.flush();
    server.clock.advance(DAY);
    let form = alice.get(&format!("{path}/rotate")).hidden("form_key");
    let new = alice.post(&format!("{path}/rotate"), &[("form_key", &form), ("grace", "none")]).value();
    server.call(&old);
    server.call(&new);
    server.flush();
    let rows = format!(
        "day,value,calls,rejected\r\n2026-11-23,rpat...{old},3,0\r\n2026-11-24,rpat...{old},0,1\r\n2026-11-24,rpat...{new},1,0\r\n",
        old = &old[42..],
        new = &new[42..]
    );
    let answer = alice.get(&csv);
    assert_eq!((answer.status, answer.body.as_str()), (200, rows.as_str()));
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let uuid = path.rsplit('/').next().unwrap();
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"usage-{uuid}.csv\""));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(alice.get(&path).page().attribute("a[download]", "href"), csv);

    alice.post(&format!("{path}/delete"), &[]);
    assert_eq!(alice.get(&csv).body, rows, "a deleted token");
    server.clock.advance(399 * DAY);
    assert_eq!(server.signed_in("alice").get(&csv).body, rows, "400 days later");
    server.clock.advance(DAY);
    let later = server.signed_in("alice").get(&csv).body;
    assert!(!later.contains("2026-11-23") && later.contains("2026-11-24"), "{later}");
}

#[db_test]
fn the_part_for_the_script_is_the_chart_of_the_page() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let path = path_of(&alice, "Reporting");
    for (query, days) in [("", 30), ("?days=90", 90)] {
        server.call(&value);
        server.flush();
        server.clock.advance(DAY);
        let page = alice.get(&format!("{path}{query}"));
        let part_path = page.page().attribute("[data-usage]", "data-usage");
        assert_eq!(part_path, format!("{path}/usage.html?days={days}"));
        let part = alice.get(&part_path);
        assert_eq!((part.status, part.header("content-type")), (200, "text/html; charset=utf-8"));
        assert_eq!(page.page().text_of("[data-usage]"), part.page().text_of("body"));
        assert!(page.body.contains(part.body.trim()), "{}", part.body);
        assert!(!part.body.contains("<html"), "{}", part.body);
    }
    let page = alice.get(&path).text();
    assert!(page.contains("Days are in UTC. Usage may be up to 10 seconds behind."), "{page}");
}

#[db_test]
fn the_calls_of_a_token_are_for_its_owner_and_administrators() {
    let server = TestServer::start();
    let bob = server.signed_in("bob");
    server.create_token(&bob, "acme", "Import");
    let path = path_of(&bob, "Import");
    let alices = server.signed_in("alice");
    server.create_token(&alices, "acme", "Reporting");
    let of_alice = path_of(&alices, "Reporting");
    for page in ["usage.csv", "usage.html"] {
        let status = |name: &str, path: &str| server.signed_in(name).get(&format!("{path}/{page}")).status;
        assert_eq!([status("bob", &path), status("alice", &path)], [200, 200], "{page}");
        assert_eq!(
            [status("charlie", &path), status("dave", &path), status("bob", &of_alice)],
            [404, 403, 404],
            "{page}"
        );
        assert_eq!(status("alice", "/w/acme-demo/settings/tokens/0199c2b4-0000-7000-8000-000000000000"), 404);
        let elsewhere = path.replace("/w/acme/", "/w/acme-demo/");
        assert_eq!(status("alice", &elsewhere), 404, "a token of another workspace");
        assert_eq!(server.browser().get(&format!("{path}/{page}")).status, 303);
    }
}
