//! The calls of a workspace by day: exact, added by every instance, kept when a token is purged.

use std::time::Duration;

use latchkey::base::clock::Timestamp;
use latchkey::base::day::Day;
use latchkey::db::Db;
use latchkey::usage::UsageRecorder;

use super::usage_counts::days;
use super::usage_tracking::{client, flush, id_of};
use crate::support::TestServer;
use crate::support::browser_client::Browser;

const USAGE: &str = "/w/acme/settings/usage";

const DAY: Duration = Duration::from_hours(24);

/// The rows of a server as `workspace day calls rejected`, counted from its first day.
fn workspace_days(server: &TestServer, start: Timestamp) -> Vec<String> {
    let first = Day::containing(start).number();
    server.rows(&format!(
        "SELECT slug || ' ' || CAST(day - {first} AS TEXT) || ' ' || CAST(calls AS TEXT) || ' ' || CAST(rejected AS TEXT) \
         AS text FROM workspace_usage_days JOIN workspaces ON workspaces.id = workspace_id ORDER BY slug, day"
    ))
}

/// The calls and rejected calls of the chart on a page.
fn totals(browser: &Browser, path: &str) -> (i64, i64) {
    let legend = browser.get(path).page().texts(".legend").remove(0);
    let (numbers, _) = legend.split_once(" in ").unwrap();
    let number = |part: &str| -> i64 { part.split(' ').next().unwrap().replace(',', "").parse().unwrap() };
    let mut parts = numbers.split(" · ");
    (number(parts.next().unwrap()), parts.next().map_or(0, number))
}

/// The sum of the charts on the pages of these tokens.
fn totals_of(browser: &Browser, tokens: &[String]) -> (i64, i64) {
    let add = |sum: (i64, i64), one: (i64, i64)| (sum.0 + one.0, sum.1 + one.1);
    tokens.iter().map(|path| totals(browser, path)).fold((0, 0), add)
}

fn token_path(browser: &Browser, slug: &str, name: &str) -> String {
    browser.delete_path(slug, name).replace("/delete", "")
}

#[db_test]
fn the_calls_of_a_workspace_are_the_sum_of_its_tokens_and_stay_when_a_token_is_purged() {
    let mut server = TestServer::start();
    let (alice, bob, start) = (server.signed_in("alice"), server.signed_in("bob"), server.now());
    let values = [
        server.create_token(&alice, "acme", "Reporting"),
        server.create_token(&bob, "acme", "Import"),
        server.create_token(&alice, "acme-demo", "Try-out"),
    ];
    let tokens = [token_path(&alice, "acme", "Reporting"), token_path(&bob, "acme", "Import")];
    assert_eq!(alice.get(USAGE).page().texts(".chart-empty"), ["No calls in these 30 days."]);
    for (value, count) in values.iter().zip([3, 5, 7]) {
        (0..count).for_each(|_| drop(server.call(value)));
    }
    server.clock.advance(DAY);
    server.call(&values[0]);
    bob.post(&format!("{}/delete", tokens[1]), &[]);
    (0..2).for_each(|_| drop(server.call(&values[1])));
    server.flush();
    assert_eq!(workspace_days(&server, start), ["acme 0 8 0", "acme 1 1 2", "acme-demo 0 7 0"]);
    assert_eq!((totals(&alice, USAGE), totals_of(&alice, &tokens)), ((9, 2), (9, 2)));
    let cells = alice.get(USAGE).page().texts(".chart ~ details tbody td");
    assert_eq!(cells, ["1", "2", "8", "0"], "the latest day first");
    assert_eq!(totals(&alice, "/w/acme-demo/settings/usage"), (7, 0));

    // The tombstone is purged with its days.
    server.clock.advance(90 * DAY + Duration::from_secs(1));
    server.signed_in("alice");
    server.restart();
    server.wait_until(|server| days(server, start) == ["0 3 0", "1 1 0", "0 7 0"]);
    assert_eq!(workspace_days(&server, start), ["acme 0 8 0", "acme 1 1 2", "acme-demo 0 7 0"]);
}

#[db_test]
fn instances_late_flushes_and_failed_ones_add_up() {
    let server = TestServer::start();
    let (alice, start) = (server.signed_in("alice"), server.now());
    let ids = ["Reporting", "Partner"].map(|name| id_of(&server, &server.create_token(&alice, "acme", name)));
    let (here, there) = (UsageRecorder::default(), UsageRecorder::default());
    let record = |uses: &UsageRecorder, count: u32| {
        for id in ids {
            (0..count).for_each(|_| uses.record(id, client("tool"), start));
            uses.record_rejected(id, client("tool"), start + DAY);
        }
    };
    record(&here, 3);
    record(&there, 4);
    flush(&here, &server);
    there.flush_blocking(&server.db).unwrap();
    assert_eq!(workspace_days(&server, start), ["acme 0 14 0", "acme 1 0 4"]);
    // Calls of the day before that are written after those of today.
    here.record(ids[0], client("tool"), start - DAY);
    flush(&here, &server);
    assert_eq!(workspace_days(&server, start), ["acme -1 1 0", "acme 0 14 0", "acme 1 0 4"]);
    record(&here, 10);
    server.db_alter("ALTER TABLE workspace_usage_days RENAME TO elsewhere");
    flush(&here, &server);
    record(&here, 20);
    flush(&here, &server);
    server.db_alter("ALTER TABLE elsewhere RENAME TO workspace_usage_days");
    assert_eq!(workspace_days(&server, start), ["acme -1 1 0", "acme 0 14 0", "acme 1 0 4"]);
    flush(&here, &server);
    flush(&here, &server);
    assert_eq!(workspace_days(&server, start), ["acme -1 1 0", "acme 0 74 0", "acme 1 0 8"]);
    // Values that do not exist count nowhere.
    here.record(latchkey::db::ids::ValueId::for_tests(1_000_000), client("tool"), start);
    flush(&here, &server);
    assert_eq!(workspace_days(&server, start), ["acme -1 1 0", "acme 0 74 0", "acme 1 0 8"]);
}

/// Two instances write values of the same workspaces in other orders at the same time.
#[db_test(postgres)]
fn instances_that_write_at_the_same_time_lose_no_call() {
    let server = TestServer::start();
    let (alice, bob, start) = (server.signed_in("alice"), server.signed_in("bob"), server.now());
    let values: Vec<_> = [(&alice, "acme"), (&bob, "acme-demo"), (&alice, "acme-demo"), (&bob, "acme")]
        .into_iter()
        .map(|(browser, slug)| id_of(&server, &server.create_token(browser, slug, "Reporting")))
        .collect();
    let instances = [UsageRecorder::default(), UsageRecorder::default()];
    std::thread::scope(|scope| {
        for (nth, uses) in instances.iter().enumerate() {
            let (server, values) = (&server, &values);
            scope.spawn(move || {
                for round in 0..25 {
                    for step in 0..values.len() {
                        uses.record(values[(nth + round + step) % values.len()], client("tool"), start);
                    }
                    uses.flush_blocking(&server.db).unwrap();
                }
            });
        }
    });
    assert_eq!(workspace_days(&server, start), ["acme 0 100 0", "acme-demo 0 100 0"]);
}

#[db_test]
fn days_of_a_workspace_are_purged_after_400_days() {
    let mut server = TestServer::start();
    let start = server.now();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    for pause in [DAY, 399 * DAY, Duration::ZERO] {
        server.call(&value);
        server.clock.advance(pause);
    }
    server.signed_in("alice");
    server.restart();
    server.wait_until(|server| server.rows("SELECT uuid AS text FROM one_time_links").is_empty());
    assert_eq!(workspace_days(&server, start), ["acme 0 1 0", "acme 1 1 0", "acme 400 1 0"]);
    server.clock.advance(DAY);
    server.signed_in("alice");
    server.restart();
    server.wait_until(|server| workspace_days(server, start) == ["acme 1 1 0", "acme 400 1 0"]);
}

#[db_test]
fn the_migration_counts_the_calls_of_an_older_database() {
    let server = TestServer::start();
    let (alice, bob, start) = (server.signed_in("alice"), server.signed_in("bob"), server.now());
    let values = [server.create_token(&alice, "acme", "Reporting"), server.create_token(&bob, "acme", "Import")];
    values.iter().for_each(|value| drop(server.call(value)));
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    server.clock.advance(DAY);
    values.iter().for_each(|value| drop(server.call(value)));
    server.flush();
    let counted = workspace_days(&server, start);
    assert_eq!(counted, ["acme 0 2 0", "acme 1 1 1"]);
    // The file for PostgreSQL is the same.
    let down = include_str!("../../../migrations/sqlite/2026-11-27-000062_workspace_usage/down.sql");
    let forget = "DELETE FROM __diesel_schema_migrations WHERE version = '20261127000062'";
    down.split_terminator(";\n").chain([forget]).for_each(|statement| server.db_alter(statement));
    Db::open(&server.database.url()).unwrap();
    assert_eq!(workspace_days(&server, start), counted);
}
