//! The uses of a token as pages and the API show them: at most 10 s late, kept after the token ends.

use std::time::Duration;

use crate::support::{TestServer, proxy_settings};

const LIST: &str = "/w/acme/settings/tokens";

#[db_test]
fn the_new_token_shows_the_time_and_client_of_its_first_call() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let made = alice.create_token("acme", "Reporting");
    assert!(made.text().contains("Waiting for the first call"));
    let use_path = made.between("data-first-call=\"", "\"").unwrap().to_owned();
    assert_eq!(
        alice.get(&use_path).body,
        r#"{"used":false,"current":true,"at":null,"ip":null,"program":null,"ready":false}"#
    );

    server.api("GET", "/api/v2/workspace.json").bearer(made.value()).header("User-Agent", "curl/8.5.0 (x86)").send();
    server.flush();
    let first = alice.get(&use_path);
    insta::allow_duplicates! {
        insta::assert_snapshot!(first.snapshot(), @r#"
        200
        cache-control: no-store
        content-type: application/json
        x-request-id: [uuid]

        {
          "used": true,
          "current": true,
          "at": "2026-11-23T12:00:00.006000Z",
          "ip": "127.0.0.1",
          "program": "curl",
          "ready": false
        }
        "#);
    }
    let list = alice.get(LIST).text();
    assert!(list.contains("Last used 23 Nov 2026, 12:00 UTC from 127.0.0.1 (curl/8.5.0)"), "{list}");
    assert!(!list.contains("Waiting for the first call") && !list.contains("Never used"));
}

#[db_test]
fn a_token_unused_for_a_month_is_marked() {
    let server = TestServer::start();
    server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    server.clock.advance(Duration::from_hours(30 * 24));
    let list = server.signed_in("alice").get(LIST).text();
    assert!(list.contains("Never used") && list.contains("Not used for a month."), "{list}");
    // A rotation shows that the token is needed.
    let alice = server.signed_in("alice");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let form_key = alice.get(&path).hidden("form_key");
    assert_eq!(alice.post(&path, &[("grace", "none"), ("form_key", &form_key)]).status, 201);
    let rotated = alice.get(LIST).text();
    assert!(rotated.contains("Never used") && !rotated.contains("Not used for a month"), "{rotated}");
}

#[db_test]
fn a_token_unused_for_a_month_is_marked_also_if_it_was_used_before() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    server.clock.advance(Duration::from_hours(20 * 24));
    server.call(&value);
    server.flush();
    let is_marked = || server.signed_in("alice").get(LIST).text().contains("Not used for a month.");
    server.clock.advance(Duration::from_hours(30 * 24) - Duration::from_secs(1));
    assert!(!is_marked());
    server.clock.advance(Duration::from_secs(1));
    assert!(is_marked());
    server.call(&value);
    server.flush();
    assert!(!is_marked());
}

#[db_test]
fn a_deleted_token_shows_rejected_uses_and_the_api_says_when_it_was_deleted() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    assert!(alice.get(LIST).text().contains("Deleted 23 Nov 2026, 12:00 UTC by you · no attempts since"));
    server.clock.advance(Duration::from_mins(3));
    for _ in 0..14 {
        let answer =
            server.api("GET", "/api/v2/token.json").bearer(&value).header("User-Agent", "python-requests/2.32").send();
        assert_eq!(answer.status, 401);
        assert!(
            answer
                .header("www-authenticate")
                .contains("error_description=\"The token was deleted on 2026-11-23T12:00:00."),
            "{answer:?}"
        );
    }
    server.flush();
    let list = alice.get(LIST).text();
    let tried = "something has tried it 14 times since. Last attempt 23 Nov 2026, 12:03 UTC from 127.0.0.1 (python-requests/2.32).";
    assert!(list.contains("Recently deleted Reporting") && list.contains(tried), "{list}");
}

#[db_test]
fn a_token_deleted_through_the_api_is_labeled_so() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    assert_eq!(server.api("DELETE", "/api/v2/token.json").bearer(&value).send().status, 204);
    assert!(alice.get(LIST).text().contains("Deleted 23 Nov 2026, 12:00 UTC through the API, using the token itself"));
}

#[db_test]
fn rejected_uses_of_an_old_value_are_shown_under_its_token() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let key = alice.get(&path).hidden("form_key");
    alice.post(&path, &[("form_key", &key), ("grace", "none")]);
    server.call(&old);
    server.flush();
    let list = alice.get(LIST).text();
    assert!(
        list.contains(&format!("Value rpat…{} stopped", &old[42..]))
            && list.contains("something has tried it once since"),
        "{list}"
    );
}

#[db_test]
fn a_rejected_request_is_not_a_use() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    server.db_execute("UPDATE memberships SET role = 'agent'");
    assert_eq!(server.call(&value).status, 403);
    server.db_execute("UPDATE memberships SET role = 'editor'");
    server.flush();
    assert!(alice.get(LIST).text().contains("Never used"));
}

#[db_test]
fn tombstones_are_purged_after_90_days_and_not_earlier() {
    let mut server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    let old = server.create_token(&alice, "acme", "Partner");
    let rotate = alice.delete_path("acme", "Partner").replace("/delete", "/rotate");
    let key = alice.get(&rotate).hidden("form_key");
    let new = alice.post(&rotate, &[("form_key", &key), ("grace", "none")]).value();
    server.invite(&alice, "editor");
    let hints = |server: &TestServer| server.rows("SELECT hint AS text FROM token_values ORDER BY id");
    let all = [&value, &old, &new].map(|value| value[42..].to_owned());

    server.clock.advance(Duration::from_hours(90 * 24) - Duration::from_secs(1));
    server.signed_in("alice");
    server.restart();
    // Forgotten after the tombstones, and long out of date.
    server.wait_until(|server| server.rows("SELECT uuid AS text FROM one_time_links").is_empty());
    assert_eq!(hints(&server), all);
    assert!(server.signed_in("alice").get(LIST).text().contains("Recently deleted Reporting"));

    server.clock.advance(Duration::from_secs(2));
    assert!(!server.signed_in("alice").get(LIST).text().contains("Recently deleted Reporting"));
    server.restart();
    server.wait_until(|server| hints(server) == all[2..]);
    assert_eq!(server.rows("SELECT CAST(count(*) AS TEXT) AS text FROM value_uses"), ["1"], "nor what is known of use");
    let refused = server.call(&value);
    assert_eq!((refused.status, refused.header("www-authenticate").contains("deleted on")), (401, false));
}

#[db_test]
fn a_use_is_shown_with_time_address_and_program_and_a_rejection_is_not() {
    let mut server = TestServer::start();
    let alice = server.signed_in("alice");
    let used = server.create_token(&alice, "acme", "Used");
    let refused = server.create_token(&alice, "acme", "Refused");
    server.clock.advance(Duration::from_hours(3));
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

#[db_test]
fn the_address_of_a_use_comes_from_a_trusted_proxy() {
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
