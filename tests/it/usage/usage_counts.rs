//! Calls by day: exact, added to what other instances wrote, kept for 400 days.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use latchkey::base::client_info::ClientInfo;
use latchkey::base::clock::Timestamp;
use latchkey::base::day::Day;
use latchkey::config::ServerArgs;
use latchkey::db::ids::ValueId;
use latchkey::usage::UsageRecorder;

use super::usage_tracking::{client, flush, id_of};
use crate::support::{TestServer, plain_settings};

const DAY: Duration = Duration::from_hours(24);

/// The rows of a server as `day calls rejected`, counted from its first day.
pub(super) fn days(server: &TestServer, start: Timestamp) -> Vec<String> {
    let first = Day::containing(start).number();
    server.rows(&format!(
        "SELECT CAST(day - {first} AS TEXT) || ' ' || CAST(calls AS TEXT) || ' ' || CAST(rejected AS TEXT) AS text \
         FROM usage_days ORDER BY value_id, day"
    ))
}

#[db_test]
fn calls_of_the_api_of_a_gateway_and_of_an_introspection_count() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&secret, "s3cret-s3cret-s3cret\n").unwrap();
    let settings = ServerArgs {
        introspection_clients: vec![format!("warehouse={}", secret.path().display()).parse().unwrap()],
        gateway_any_workspace: true,
        ..plain_settings()
    };
    let server = TestServer::start_with(settings);
    let start = server.now();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    assert_eq!(server.call(&value).status, 200);
    let token = server.api("GET", "/api/v2/token.json").bearer(&value).send();
    assert_eq!((token.status, token.json()["calls_30d"].as_i64()), (200, Some(0)), "not written yet");
    assert_eq!(server.api("GET", "/auth/verify").bearer(&value).send().status, 200);
    let basic = format!("Basic {}", BASE64_STANDARD.encode("warehouse:s3cret-s3cret-s3cret"));
    let asked = server
        .api("POST", "/oauth2/introspect")
        .header("Authorization", &basic)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("token={value}"))
        .send();
    assert_eq!(asked.json()["active"], true);
    server.flush();
    assert_eq!(days(&server, start), ["0 4 0"]);
    let token = server.api("GET", "/api/v2/token.json").bearer(&value).send();
    assert_eq!(token.json()["calls_30d"], 4);
}

#[db_test]
fn calls_count_on_their_day_in_utc_and_rejected_ones_apart() {
    let server = TestServer::start();
    let (alice, start) = (server.signed_in("alice"), server.now());
    let value = server.create_token(&alice, "acme", "Reporting");
    server.call(&value);
    // From noon to a second before midnight, and a second after it, in one flush.
    server.clock.advance(Duration::from_hours(12) - Duration::from_secs(1));
    server.call(&value);
    server.clock.advance(Duration::from_secs(2));
    (0..3).for_each(|_| drop(server.call(&value)));
    server.flush();
    assert_eq!(days(&server, start), ["0 2 0", "1 3 0"]);
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    (0..5).for_each(|_| drop(server.call(&value)));
    server.flush();
    assert_eq!(days(&server, start), ["0 2 0", "1 3 5"]);
}

#[db_test]
fn the_30_days_of_a_token_end_today_and_contain_its_old_value() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "Reporting");
    let calls = |value: &str| {
        server.flush();
        let answer = server.api("GET", "/api/v2/token.json").bearer(value).send().json();
        server.flush();
        answer["calls_30d"].as_i64().unwrap()
    };
    (0..6).for_each(|_| drop(server.call(&old)));
    assert_eq!(calls(&old), 6);
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let key = alice.get(&path).hidden("form_key");
    let new = alice.post(&path, &[("grace", "30d"), ("form_key", &key)]).value();
    server.call(&new);
    assert_eq!(calls(&new), 8, "with the call that asked before");
    server.clock.advance(29 * DAY);
    assert_eq!(calls(&new), 9);
    server.clock.advance(DAY);
    assert_eq!(calls(&new), 1, "the first day is no longer one of the latest 30");
}

#[db_test]
fn calls_of_several_instances_and_of_failed_flushes_add_up() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start) = (id_of(&server, &value), server.now());
    let (here, there) = (UsageRecorder::default(), UsageRecorder::default());
    let record = |uses: &UsageRecorder, count| {
        (0..count).for_each(|_| uses.record(id, client("tool"), start));
        uses.record_rejected(id, client("tool"), start + DAY);
    };
    record(&here, 3);
    record(&there, 4);
    flush(&here, &server);
    there.flush_blocking(&server.db).unwrap();
    assert_eq!(days(&server, start), ["0 7 0", "1 0 2"]);
    record(&here, 10);
    server.db_alter("ALTER TABLE usage_origins RENAME TO elsewhere");
    flush(&here, &server);
    record(&here, 20);
    flush(&here, &server);
    assert_eq!(days(&server, start), ["0 7 0", "1 0 2"], "a flush is written wholly or not at all");
    server.db_alter("ALTER TABLE elsewhere RENAME TO usage_origins");
    flush(&here, &server);
    flush(&here, &server);
    assert_eq!(days(&server, start), ["0 37 0", "1 0 4"]);
    let origins = "SELECT CAST(calls AS TEXT) || ' ' || CAST(rejected AS TEXT) AS text FROM usage_origins";
    assert_eq!(server.rows(origins), ["37 4"]);
}

#[db_test]
fn calls_of_a_value_that_is_gone_are_dropped_and_the_others_written() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start, uses) = (id_of(&server, &value), server.now(), UsageRecorder::default());
    uses.record(ValueId::for_tests(1_000_000), client("tool"), start);
    uses.record_rejected(ValueId::for_tests(1_000_001), client("tool"), start);
    uses.record(id, client("tool"), start);
    flush(&uses, &server);
    assert_eq!(days(&server, start), ["0 1 0"]);
}

#[db_test]
fn thousands_of_values_and_clients_are_counted_exactly() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start, uses) = (id_of(&server, &value), server.now(), UsageRecorder::default());
    for nth in 0..5000_u64 {
        let ip = std::net::Ipv4Addr::from_bits(0x0A00_0000 + u32::try_from(nth % 700).unwrap());
        let client = ClientInfo { ip: ip.into(), agent: Some(format!("tool{}/1", nth % 11)) };
        uses.record(id, client, start + Duration::from_mins(nth));
    }
    flush(&uses, &server);
    assert_eq!(days(&server, start), ["0 720 0", "1 1440 0", "2 1440 0", "3 1400 0"]);
    let origins = "SELECT CAST(count(*) AS TEXT) || ' ' || CAST(sum(calls) AS TEXT) AS text FROM usage_origins";
    assert_eq!(server.rows(origins), ["21 5000"]);
}

#[db_test]
fn days_are_purged_after_400_days_and_not_earlier() {
    let mut server = TestServer::start();
    let start = server.now();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    server.call(&value);
    server.clock.advance(DAY);
    server.call(&value);
    server.clock.advance(399 * DAY);
    server.call(&value);
    server.signed_in("alice");
    server.restart();
    // What the purge deletes before and after the days is gone.
    server.wait_until(|server| server.rows("SELECT uuid AS text FROM one_time_links").is_empty());
    assert_eq!(days(&server, start), ["0 1 0", "1 1 0", "400 1 0"]);
    server.clock.advance(DAY);
    server.signed_in("alice");
    server.restart();
    server.wait_until(|server| days(server, start) == ["1 1 0", "400 1 0"]);
}

#[db_test]
fn the_counts_of_a_token_go_with_its_tombstone() {
    let mut server = TestServer::start();
    let (alice, start) = (server.signed_in("alice"), server.now());
    let value = server.create_token(&alice, "acme", "Reporting");
    let other = server.create_token(&alice, "acme", "Partner");
    server.call(&value);
    server.call(&other);
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    server.call(&value);
    server.flush();
    assert_eq!(days(&server, start), ["0 1 1", "0 1 0"]);
    server.clock.advance(90 * DAY + Duration::from_secs(1));
    server.signed_in("alice");
    server.restart();
    server.wait_until(|server| days(server, start) == ["0 1 0"]);
    assert_eq!(server.rows("SELECT agent AS text FROM usage_origins").len(), 1);
}
