//! Events of uses: a new caller of a token, and the use of a value that has ended.

use std::time::Duration;

use latchkey::base::client_info::ClientInfo;
use latchkey::base::clock::Timestamp;
use latchkey::usage::UsageRecorder;

use super::usage_tracking::{client, flush, id_of};
use crate::support::TestServer;

const DAY: Duration = Duration::from_hours(24);
const ACTIVITY: &str = "/w/acme/settings/activity";

fn events(server: &TestServer, kind: &str) -> Vec<String> {
    server.rows(&format!("SELECT coalesce(detail, '') AS text FROM events WHERE kind = '{kind}' ORDER BY id"))
}

fn new_origins(server: &TestServer) -> Vec<String> {
    events(server, "authn_token_new_origin")
}

fn record(uses: &UsageRecorder, server: &TestServer, value: &str, ip: &str, agent: &str, at: Timestamp) {
    let client = ClientInfo { ip: ip.parse().unwrap(), agent: Some(agent.to_owned()) };
    uses.record(id_of(server, value), client, at);
}

#[db_test]
fn a_new_network_or_program_of_a_token_is_recorded_once() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let (start, uses) = (server.now(), UsageRecorder::default());
    let call = |ip: &str, agent: &str| {
        record(&uses, &server, &value, ip, agent, start);
        flush(&uses, &server);
        new_origins(&server).len()
    };
    assert_eq!(call("203.0.113.7", "curl/8.5"), 0, "the first caller is no news");
    assert_eq!(call("203.0.113.8", "curl/8.5"), 0, "the same network");
    assert_eq!(call("203.0.113.7", "curl/9.0"), 0, "an update");
    assert_eq!(call("203.0.113.7", "wget/1.2"), 1);
    assert_eq!(call("198.51.100.7", "curl/8.5"), 2);
    assert_eq!(call("198.51.100.9", "curl/7"), 2, "recorded once");
    assert_eq!(call("2001:db8::1", "curl/7"), 3);
    assert_eq!(
        new_origins(&server),
        ["wget from 203.0.113.0/24", "curl from 198.51.100.0/24", "curl from 2001:db8::/48"]
    );
    let page = alice.get(ACTIVITY).text();
    assert!(page.contains("Token Reporting of Alice was used by a new caller: wget from 203.0.113.0/24"), "{page}");
    let tokens = alice.get(&format!("{ACTIVITY}?show=tokens")).text();
    assert!(tokens.contains("new caller"), "{tokens}");
}

#[db_test]
fn at_most_ten_new_callers_of_a_token_are_recorded_on_a_day() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let other = server.create_token(&alice, "acme", "Partner");
    let (start, uses) = (server.now(), UsageRecorder::default());
    for nth in 0..8_u32 {
        record(&uses, &server, &value, "203.0.113.7", &format!("a{nth}"), start + Duration::from_secs(nth.into()));
    }
    flush(&uses, &server);
    for nth in 0..100 {
        record(&uses, &server, &value, "203.0.113.7", &format!("b{nth}"), start + Duration::from_mins(nth));
    }
    flush(&uses, &server);
    assert_eq!(new_origins(&server).len(), 10);
    record(&uses, &server, &other, "203.0.113.7", "a0", start);
    record(&uses, &server, &other, "203.0.113.7", "a1", start);
    record(&uses, &server, &value, "203.0.113.7", "c", start + DAY);
    // One that was recorded and has lost its row since.
    record(&uses, &server, &value, "203.0.113.7", "b0", start + DAY);
    flush(&uses, &server);
    let all = new_origins(&server);
    assert_eq!((all.len(), all.iter().filter(|detail| detail.starts_with("b0 ")).count()), (12, 1), "{all:?}");
}

#[db_test]
fn the_first_accepted_call_of_a_caller_that_was_rejected_before_is_recorded() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start, uses) = (id_of(&server, &value), server.now(), UsageRecorder::default());
    uses.record(id, client("tool"), start);
    uses.record_rejected(id, client("thief"), start);
    flush(&uses, &server);
    assert_eq!(new_origins(&server), [""; 0]);
    uses.record(id, client("thief"), start);
    flush(&uses, &server);
    assert_eq!(new_origins(&server), ["thief from 127.0.0.0/24"]);
    assert_eq!(server.rows("SELECT agent AS text FROM usage_origins ORDER BY agent"), ["thief", "tool"]);
}

#[db_test]
fn the_use_of_an_ended_value_is_recorded_at_first_and_then_once_a_day() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    server.call(&value);
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    let reuses = |calls| {
        for _ in 0..calls {
            assert_eq!(server.call(&value).status, 401);
            server.flush();
        }
        events(&server, "authn_token_reuse")
    };
    let hint = &value[42..];
    assert_eq!(reuses(0), [""; 0]);
    assert_eq!(reuses(3), [hint]);
    server.clock.advance(DAY);
    assert_eq!(reuses(2), [hint; 2]);
    let page = server.signed_in("alice").get(ACTIVITY).text();
    let sentence = format!("A call with the ended value rpat…{hint} of token Reporting of Alice was rejected");
    assert_eq!(page.matches(&sentence).count(), 2, "{page}");
    assert!(page.contains("127.0.0.1"), "{page}");
}

#[db_test]
fn a_caller_that_calls_through_two_instances_at_once_is_new_once() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start, first) = (id_of(&server, &value), server.now(), UsageRecorder::default());
    first.record(id, client("tool"), start);
    flush(&first, &server);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let uses = UsageRecorder::default();
                for nth in 0..20 {
                    uses.record(id, client(&format!("new{}", nth % 3)), start + Duration::from_secs(nth));
                    uses.record_rejected(id, client("tool"), start);
                    uses.flush_blocking(&server.db).unwrap();
                }
            });
        }
    });
    assert_eq!((new_origins(&server).len(), events(&server, "authn_token_reuse").len()), (3, 1));
    let sums = "SELECT CAST(sum(calls) AS TEXT) || ' ' || CAST(sum(rejected) AS TEXT) AS text FROM ";
    assert_eq!(server.rows(&format!("{sums} usage_days")), ["81 80"]);
    assert_eq!(server.rows(&format!("{sums} usage_origins")), ["81 80"]);
}
