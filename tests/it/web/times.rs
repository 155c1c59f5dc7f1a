//! Times on pages: the workspace's zone and date format, the browser's zone, and the day on which a token expires.

use std::time::Duration;

use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;

const SETTINGS: &str = "/w/acme/settings";
const LIST: &str = "/w/acme/settings/tokens";

fn set_zone(alice: &Browser, zone: &str, style: &str) {
    let fields = [("name", "Acme"), ("kind", "production"), ("country", ""), ("languages", "eng")];
    let saved = alice.post(SETTINGS, &[&fields[..], &[("timezone", zone), ("date_style", style)]].concat());
    assert_eq!(saved.status, 303, "{}", saved.body);
}

fn create(browser: &Browser, fields: &[(&str, &str)]) -> Answer {
    let key = browser.get(&format!("{LIST}/new")).hidden("form_key");
    browser.post(LIST, &[&[("name", "Reporting"), ("form_key", key.as_str())], fields].concat())
}

#[db_test]
fn times_have_the_zone_and_the_format_of_the_workspace() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = create(&alice, &[("expiry", "90")]).value();
    server.call(&value);
    server.flush();
    server.clock.advance(Duration::from_mins(20));
    let times = |path: &str| alice.get(path).page().times();
    set_zone(&alice, "Africa/Kigali", "day_first");
    let kigali = [
        "20 minutes ago 23 Nov 2026, 14:00 Kigali time",
        "23 Nov 2026 14:00 Kigali time (20 minutes ago)",
        "21 Feb 2027 14:00 Kigali time (in 3 months)",
    ];
    assert_eq!(times(LIST)[..3], kigali);
    assert_eq!(times("/w/acme")[..3], kigali);
    set_zone(&alice, "America/St_Johns", "month_first");
    assert_eq!(times(LIST)[0], "20 minutes ago Nov 23, 2026, 08:30 St Johns time");
    set_zone(&alice, "Pacific/Kiritimati", "year_first");
    assert_eq!(times(LIST)[1], "2026-11-24 02:00 Kiritimati time (20 minutes ago)");
    assert_eq!(times("/w/acme/settings/activity")[0], "2026-11-24, 02:20 Kiritimati time just now");
    // The API is in UTC.
    let token = server.api("GET", "/api/v2/token.json").bearer(&value).send();
    assert!(token.body.contains("2026-11-23T12:00:00"), "{}", token.body);
}

#[db_test]
fn a_user_who_prefers_it_sees_times_in_the_browsers_zone() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    set_zone(&alice, "Africa/Kigali", "year_first");
    for browser in [&alice, &bob] {
        create(browser, &[]);
    }
    let created = |browser: &Browser| browser.get(LIST).page().times()[0].clone();
    let (kigali, berlin) = ("2026-11-23 14:00 Kigali time (just now)", "2026-11-23 13:00 Berlin time (just now)");
    bob.set_cookie("time_zone", "Europe/Berlin");
    assert_eq!(created(&bob), kigali, "without the choice the cookie counts for nothing");
    assert!(!bob.get(LIST).body.contains("data-browser-zone"));

    let saved = bob.post("/account/time-zone", &[("time_zone", "browser")]);
    assert_eq!(bob.follow(saved.header("location")).status, 200);
    assert_eq!((created(&bob).as_str(), created(&alice).as_str()), (berlin, kigali));
    assert!(bob.get("/account").page().has("#zone-browser[checked]"));
    assert!(bob.get("/account").text().contains("Times on this page are in Berlin time."));
    assert!(bob.get(LIST).page().has("body[data-browser-zone]"));
    // The choice holds on another browser, which has not sent its zone yet, and a wrong zone is none.
    assert_eq!(created(&server.signed_in("bob")), kigali);
    for wrong in ["Mars/Base", "\"><script>", "Europe/Berlin\u{e9}"] {
        bob.set_cookie("time_zone", wrong);
        assert_eq!(created(&bob), kigali, "{wrong}");
    }
    bob.set_cookie("time_zone", "Europe/Berlin");
    bob.post("/account/time-zone", &[("time_zone", "workspace")]);
    assert_eq!(created(&bob), kigali);
    let refused = bob.post("/account/time-zone", &[("time_zone", "Mars")]);
    assert_eq!((refused.status, created(&bob).as_str()), (422, kigali));
}

#[db_test]
fn a_chosen_day_ends_in_the_workspaces_zone_also_for_a_user_with_another_one() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    set_zone(&alice, "America/New_York", "day_first");
    alice.set_cookie("time_zone", "Africa/Kigali");
    alice.post("/account/time-zone", &[("time_zone", "browser")]);
    // In New York it is still 23 November, in Kigali it is not.
    server.clock.advance(Duration::from_hours(12));
    let form = alice.get(&format!("{LIST}/new"));
    assert!(form.text().contains("Expires at the end of (New York time)"), "{}", form.text());
    assert_eq!(form.page().attribute("#expires_on", "min"), "2026-11-23");
    let past = create(&alice, &[("expiry", "date"), ("expires_on", "2026-11-22")]);
    assert_eq!(past.status, 422);
    let created = create(&alice, &[("expiry", "date"), ("expires_on", "2026-11-23")]);
    let value = created.value();
    let times = alice.get(LIST).page().times();
    assert!(times.contains(&"24 Nov 2026, 07:00 Kigali time (in 5 hours)".to_owned()), "{times:?}");
    server.clock.advance(Duration::from_hours(5) - Duration::from_secs(1));
    assert_eq!(server.call(&value).status, 200);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.call(&value).status, 401);
}

#[db_test]
fn a_day_without_midnight_ends_when_the_clocks_change() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    set_zone(&alice, "Africa/Cairo", "day_first");
    let answer = create(&alice, &[("expiry", "date"), ("expires_on", "2027-04-29")]);
    assert_eq!(answer.status, 201);
    assert_eq!(alice.get(LIST).page().times()[1], "29 Apr 2027 23:59 Cairo time (in 5 months)");
    let ends = server.rows("SELECT CAST(ends_at AS TEXT) AS text FROM token_values");
    assert_eq!(ends, ["1809036000000000"], "29 April 2027, 22:00 UTC");
}

#[db_test]
fn a_last_view_is_shown_to_the_hour() {
    let server = TestServer::start();
    server.clock.advance(Duration::from_mins(40));
    let (alice, _bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let last_seen = || alice.get("/w/acme/settings/members").page().times();
    assert!(last_seen().contains(&"23 Nov 2026, about 13:00 UTC within the last hour".to_owned()), "{:?}", last_seen());
    server.clock.advance(Duration::from_hours(3));
    assert!(last_seen().contains(&"23 Nov 2026, about 13:00 UTC about 3 hours ago".to_owned()), "{:?}", last_seen());
}
