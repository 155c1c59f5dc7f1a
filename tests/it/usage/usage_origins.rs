//! The callers of a token: at most 20, by address and program.

use std::time::Duration;

use latchkey::base::client_info::ClientInfo;
use latchkey::usage::UsageRecorder;

use super::usage_tracking::{client, flush, id_of};
use crate::support::TestServer;

/// The callers as `ip program calls rejected`, without an address for the others.
fn origins(server: &TestServer) -> Vec<String> {
    server.rows(
        "SELECT ip || ' ' || agent || ' ' || CAST(calls AS TEXT) || ' ' || CAST(rejected AS TEXT) AS text \
         FROM usage_origins ORDER BY first_seen_at, ip, agent",
    )
}

#[db_test]
fn a_caller_is_an_address_and_a_program_with_its_version() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let call = |agent: &str| {
        server.clock.advance(Duration::from_secs(1));
        server.api("GET", "/api/v2/workspace.json").bearer(&value).header("User-Agent", agent).send().status
    };
    for agent in ["curl/8.5.0 (x86)", "curl/8.5.0 (arm)", "curl/9.0", "curl/8.5.0"] {
        assert_eq!(call(agent), 200);
    }
    server.flush();
    assert_eq!(origins(&server), ["127.0.0.1 curl/8.5.0 3 0", "127.0.0.1 curl/9.0 1 0"]);
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    assert_eq!((call("curl/9.0"), call("wget")), (401, 401));
    server.flush();
    assert_eq!(origins(&server), ["127.0.0.1 curl/8.5.0 3 0", "127.0.0.1 curl/9.0 1 1", "127.0.0.1 wget 0 1"]);
}

#[db_test]
fn the_values_of_a_token_have_the_same_callers() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let key = alice.get(&path).hidden("form_key");
    let new = alice.post(&path, &[("grace", "24h"), ("form_key", &key)]).value();
    let (start, uses) = (server.now(), UsageRecorder::default());
    for (value, at) in [(&old, 1), (&new, 2), (&new, 3)] {
        uses.record(id_of(&server, value), client("tool/1.0"), start + Duration::from_secs(at));
    }
    for _ in 0..2 {
        flush(&uses, &server);
        assert_eq!(origins(&server), ["127.0.0.1 tool/1.0 3 0"]);
    }
    uses.record(id_of(&server, &old), client("tool/1.0"), start);
    uses.record(id_of(&server, &new), client("tool/1.0"), start);
    flush(&uses, &server);
    assert_eq!(origins(&server), ["127.0.0.1 tool/1.0 5 0"], "the rows exist now");
}

#[db_test]
fn a_flood_of_made_up_programs_removes_neither_the_oldest_nor_the_busiest_callers() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start, uses) = (id_of(&server, &value), server.now(), UsageRecorder::default());
    let at = |seconds| start + Duration::from_secs(seconds);
    (0..8).for_each(|nth| uses.record(id, client(&format!("old{nth}/1.0")), at(nth)));
    flush(&uses, &server);
    for nth in 0..8 {
        (0..9).for_each(|_| uses.record(id, client(&format!("busy{nth}/1.0")), at(10 + nth)));
    }
    flush(&uses, &server);
    let known = origins(&server);
    for round in 0..3_u64 {
        for nth in 0..1000 {
            let ip = std::net::Ipv4Addr::new(203, 0, 113, u8::try_from(nth % 250).unwrap());
            let agent = Some(format!("flood{round}x{nth}/1.0"));
            uses.record(id, ClientInfo { ip: ip.into(), agent }, at(100 + 1000 * round + nth));
        }
        flush(&uses, &server);
    }
    let now = origins(&server);
    assert!(known.iter().all(|origin| now.contains(origin)), "{now:?}");
    assert_eq!(now.len(), 21);
    assert!(now.contains(&"  2996 0".to_owned()), "the others: {now:?}");
}

#[db_test]
fn a_caller_is_purged_400_days_after_its_last_call() {
    let mut server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (id, start, uses) = (id_of(&server, &value), server.now(), UsageRecorder::default());
    for (agent, hours) in [("old/1.0", 0), ("kept/1.0", 0), ("kept/1.0", 24), ("new/1.0", 24 * 400)] {
        uses.record(id, client(agent), start + Duration::from_hours(hours));
    }
    flush(&uses, &server);
    let all = ["127.0.0.1 kept/1.0 2 0", "127.0.0.1 old/1.0 1 0", "127.0.0.1 new/1.0 1 0"];
    assert_eq!(origins(&server), all);
    // The purge of callers is the last of a start, after that of the link.
    let end_of_purge = |server: &TestServer| server.rows("SELECT uuid AS text FROM one_time_links").is_empty();
    server.clock.advance(Duration::from_hours(24 * 400));
    server.signed_in("alice");
    server.restart();
    server.wait_until(end_of_purge);
    assert_eq!(origins(&server), all, "not seen for exactly 400 days");
    server.clock.advance(Duration::from_secs(1));
    server.signed_in("alice");
    server.restart();
    server.wait_until(|server| origins(server) == [all[0], all[2]]);
    let purged = server.rows("SELECT value AS text FROM settings WHERE key = 'purged_callers'");
    assert_eq!(purged.len(), 1, "{purged:?}");
    // A clock that is ahead deletes nothing.
    server.clock.advance(Duration::from_hours(24 * 900));
    server.restart();
    server.restart();
    assert_eq!(origins(&server), [all[0], all[2]]);
}

#[db_test]
fn a_day_purges_a_tenth_of_the_callers_and_at_least_ten() {
    let mut server = TestServer::start();
    let (alice, start, uses) = (server.signed_in("alice"), server.now(), UsageRecorder::default());
    let at = |seconds| start + Duration::from_secs(seconds);
    for name in ["One", "Two"] {
        let id = id_of(&server, &server.create_token(&alice, "acme", name));
        (0..8).for_each(|nth| uses.record(id, client(&format!("{name}{nth}/1.0")), at(nth)));
        uses.record(id, client("now/1.0"), start + Duration::from_hours(24 * 401));
    }
    flush(&uses, &server);
    for (days, left) in [(401, 8), (1, 2), (1, 2)] {
        server.clock.advance(Duration::from_hours(24 * days));
        server.signed_in("alice");
        server.restart();
        server.wait_until(|server| origins(server).len() == left);
    }
}
