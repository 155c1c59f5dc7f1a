//! The evidence of use: when, from where, by what program.

use crate::support::{TestServer, proxy_settings};

#[test]
fn db_a_use_is_shown_with_time_address_and_program_and_a_refusal_is_no_use() {
    let mut server = TestServer::start();
    let alice = server.signed_in("alice");
    let used = server.create_token(&alice, "acme", "Used");
    let refused = server.create_token(&alice, "acme", "Refused");
    server.clock.advance(std::time::Duration::from_hours(3));
    let call = |value: &str| {
        let call = server.api("GET", "/api/v2/workspace.json").header("User-Agent", "curl/8.5.0 (x86)").bearer(value);
        call.header("X-Forwarded-For", "203.0.113.7").send().status
    };
    assert_eq!(call(&used), 200);
    server.set_active("alice", false);
    assert_eq!(call(&refused), 401);
    server.set_active("alice", true);
    server.restart();
    let list = server.signed_in("alice").get("/w/acme/settings/tokens").text();
    for line in [
        format!("Used rpat…{} Last used 23 Nov 2026, 15:00 UTC from 127.0.0.1 (curl/8.5.0) ·", &used[42..]),
        format!("Refused rpat…{} Never used ·", &refused[42..]),
    ] {
        assert!(list.contains(&line), "{line}: {list}");
    }
}

#[test]
fn db_a_trusted_proxy_says_from_where_a_token_is_used() {
    let mut server = TestServer::start_with(proxy_settings());
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let call = server
        .api("GET", "/api/v2/workspace.json")
        .header("X-Forwarded-For", "198.51.100.1, 203.0.113.7")
        .bearer(&value);
    assert_eq!(call.send().status, 200);
    server.restart();
    let list = server.signed_in("alice").get("/w/acme/settings/tokens").text();
    assert!(list.contains("UTC from 203.0.113.7 ("), "{list}");
}
