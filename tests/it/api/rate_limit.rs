//! The rate limit of a workspace, on the real server.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use latchkey::config::ServerArgs;

use crate::support::api_client::Answer;
use crate::support::{TestServer, plain_settings};

fn limited(rate: &str) -> TestServer {
    TestServer::start_with(ServerArgs { api_rate: Some(rate.parse().unwrap()), ..plain_settings() })
}

/// Asserts that this is the refusal, and returns how long to wait.
#[track_caller]
fn wait(answer: &Answer) -> u64 {
    let seconds: u64 = answer.header("retry-after").parse().unwrap_or_else(|_| panic!("{answer:?}"));
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let body = format!(r#"{{"detail":"Request was throttled. Expected available in {seconds} {unit}."}}"#);
    assert_eq!((answer.status, answer.body.as_str()), (429, body.as_str()));
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/json", "no-store"));
    assert_eq!((answer.header("vary"), answer.header("www-authenticate")), ("Authorization", ""));
    seconds
}

#[db_test]
fn there_is_no_rate_limit_by_default() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    assert!((0..200).all(|_| server.call(&value).status == 200));
    assert!(server.api("GET", "/api/v2/").send().text().contains("This server has no rate limit."));
}

#[db_test]
fn a_client_that_waits_for_retry_after_is_accepted_with_any_scheme() {
    let server = limited("3/hour");
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("alice@example.org:{value}")));
    let all = [format!("Bearer {value}"), format!("Token {value}"), basic];
    let ask =
        |authorization: &str| server.api("GET", "/api/v2/workspace.json").header("Authorization", authorization).send();
    for authorization in &all {
        assert_eq!(ask(authorization).status, 200);
        server.clock.advance(Duration::from_mins(10));
    }
    for authorization in &all {
        let seconds = wait(&ask(authorization));
        assert!((1800..=1810).contains(&seconds), "half an hour of the first hour is left: {seconds}");
        let head = server.api("HEAD", "/api/v2/token.json").header("Authorization", authorization).send();
        assert_eq!((head.status, head.header("retry-after")), (429, seconds.to_string().as_str()));
    }
    server.clock.advance(Duration::from_secs(wait(&ask(&all[0]))));
    assert_eq!(ask(&all[0]).status, 200, "refused calls were not counted");
    let seconds = wait(&ask(&all[1]));
    assert!(seconds <= 610, "and then the second call goes: {seconds}");
    server.clock.advance(Duration::from_secs(seconds - 1));
    assert_eq!(wait(&ask(&all[1])), 1, "in the singular");
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&all[1]).status, 200);
}

#[db_test]
fn the_rate_limit_counts_each_workspace_separately() {
    let server = limited("2/minute");
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let (one, other) = (server.create_token(&alice, "acme", "One"), server.create_token(&bob, "acme", "Other"));
    let elsewhere = server.create_token(&alice, "acme-demo", "Elsewhere");
    assert_eq!([&one, &other, &one].map(|value| server.call(value).status), [200, 200, 429]);
    assert_eq!(server.call(&elsewhere).status, 200);
    for path in ["/api/v2/users.json", "/api/v2/token.json", "/api/v2/org.json/"] {
        wait(&server.api("GET", path).bearer(&other).send());
    }
    wait(&server.api("DELETE", "/api/v2/token.json").bearer(&other).send());
    server.clock.advance(Duration::from_mins(2));
    assert_eq!(server.call(&other).status, 200, "its deletion was throttled");
}

#[db_test]
fn a_rejected_call_does_not_count_for_the_rate_limit() {
    let server = limited("1/day");
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    for _ in 0..5 {
        assert_eq!((server.call("x").status, server.api("GET", "/api/v2/org.json").send().status), (401, 401));
        assert_eq!(server.api("POST", "/api/v2/org.json").bearer(&value).send().status, 405);
        assert_eq!(server.api("OPTIONS", "/api/v2/org.json").bearer(&value).send().status, 204);
        assert_eq!(server.api("GET", "/api/v2/nothing.json").bearer(&value).send().status, 404);
        assert_eq!(server.api("GET", "/api/v2/.json").bearer(&value).send().status, 200, "asks for no token");
        assert_eq!(server.api("GET", "/auth/verify").bearer(&value).send().status, 200, "not the gateway");
    }
    assert_eq!(server.call(&value).status, 200);
    assert!(wait(&server.call(&value)) > 86_000);
    assert_eq!(server.call("x").status, 401);
    assert_eq!(server.api("GET", "/auth/verify").bearer(&value).send().status, 200);
    assert!(
        server
            .api("GET", "/api/v2/")
            .send()
            .text()
            .contains("All tokens of a workspace together can make 1 request per day.")
    );
}

#[db_test]
fn a_rate_limited_call_is_recorded_as_a_use() {
    let server = limited("1/hour");
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    assert_eq!(server.call(&value).status, 200);
    server.clock.advance(Duration::from_mins(3));
    wait(&server.call(&value));
    server.flush();
    let list = alice.get("/w/acme/settings/tokens").text();
    assert!(list.contains("Last used 23 Nov 2026, 12:03 UTC"), "who hammers is to be seen: {list}");
}
