//! Recorded uses of a token: off the request path, at most 10 s late, kept after the token ends.

use std::time::Duration;

use crate::support::database::is_postgres;
use crate::support::{TestServer, proxy_settings};

const LIST: &str = "/w/acme/settings/tokens";

#[db_test]
fn the_new_token_shows_the_time_and_client_of_its_first_call() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let made = alice.create_token("acme", "Reporting");
    assert!(made.text().contains("Waiting for the first call"));
    let use_path = made.between("data-first-call=\"", "\"").unwrap().to_owned();
    assert_eq!(alice.get(&use_path).body, r#"{"used":false,"at":null,"ip":null}"#);

    server.api("GET", "/api/v2/workspace.json").bearer(made.value()).header("User-Agent", "curl/8.5.0 (x86)").send();
    server.flush();
    let first = alice.get(&use_path);
    assert_eq!((first.json()["used"].as_bool(), first.json()["ip"].as_str()), (Some(true), Some("127.0.0.1")));
    assert_eq!(first.header("cache-control"), "no-store");
    let list = alice.get(LIST).text();
    assert!(list.contains("Last used 23 Nov 2026, 12:00 UTC from 127.0.0.1 (curl/8.5.0)"), "{list}");
    assert!(!list.contains("Waiting for the first call") && !list.contains("Never used"));
}

#[db_test]
fn a_failed_usage_flush_is_written_by_the_next() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let gone = server.create_token(&alice, "acme", "Partner");
    alice.post(&alice.delete_path("acme", "Partner"), &[]);
    server.db_alter("ALTER TABLE value_uses RENAME TO value_uses_elsewhere");
    assert_eq!((server.call(&value).status, server.call(&gone).status), (200, 401));
    server.flush_in_vain();
    server.clock.advance(Duration::from_mins(2));
    server.call(&gone);
    server.flush_in_vain();
    server.db_alter("ALTER TABLE value_uses_elsewhere RENAME TO value_uses");
    server.flush();
    let list = alice.get(LIST).text();
    assert!(list.contains("Last used 23 Nov 2026, 12:00 UTC from 127.0.0.1"), "{list}");
    assert!(list.contains("was tried 2 times since, last 23 Nov 2026, 12:02 UTC"), "{list}");
}

#[db_test]
fn a_token_unused_for_a_month_is_marked() {
    let server = TestServer::start();
    server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    server.clock.advance(Duration::from_hours(30 * 24));
    let list = server.signed_in("alice").get(LIST).text();
    assert!(list.contains("Never used") && list.contains("Nothing has used it for a month."), "{list}");
    // A rotation shows that the token is needed.
    let alice = server.signed_in("alice");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let form_key = alice.get(&path).hidden("form_key");
    let rotated = alice.post(&path, &[("grace", "none"), ("form_key", &form_key)]).text();
    assert!(rotated.contains("Never used") && !rotated.contains("Nothing has used it"), "{rotated}");
}

#[db_test]
fn a_deleted_token_shows_rejected_uses_and_the_api_says_when_it_was_deleted() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    assert!(
        alice
            .get(LIST)
            .text()
            .contains("Deleted 23 Nov 2026, 12:00 UTC by alice@example.org on this page · not tried since")
    );
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
    let tried = "was tried 14 times since, last 23 Nov 2026, 12:03 UTC from 127.0.0.1 (python-requests/2.32).";
    assert!(list.contains("Recently deleted Reporting") && list.contains(tried), "{list}");
}

#[db_test]
fn a_token_deleted_through_the_api_is_labeled_so() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    assert_eq!(server.api("DELETE", "/api/v2/token.json").bearer(&value).send().status, 204);
    assert!(alice.get(LIST).text().contains("by alice@example.org through the API, with the token itself"));
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
        list.contains(&format!("The value rpat…{} stopped", &old[42..])) && list.contains("was tried once since"),
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
fn a_thousand_calls_cause_few_writes() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let changes = || server.rows("SELECT CAST(count(*) AS TEXT) AS text FROM touched")[0].parse::<u32>().unwrap();
    server.db_alter("CREATE TABLE touched (at INTEGER)");
    let touch = "CREATE TRIGGER touch AFTER UPDATE ON value_uses";
    if is_postgres() {
        server.db_alter(
            "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql \
             AS 'BEGIN INSERT INTO touched VALUES (1); RETURN NULL; END'",
        );
        server.db_alter(&format!("{touch} FOR EACH ROW EXECUTE FUNCTION touch()"));
    } else {
        server.db_alter(&format!("{touch} BEGIN INSERT INTO touched VALUES (1); END"));
    }
    for _ in 0..1000 {
        server.clock.advance(Duration::from_millis(1));
        assert_eq!(server.call(&value).status, 200);
    }
    server.flush();
    // One for each 5 s that the calls take, which on a busy machine are many.
    assert!((1..=40).contains(&changes()), "{} writes", changes());
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
