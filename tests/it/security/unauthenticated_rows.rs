//! Rows that clients without credentials can cause.

use crate::support::{TABLES, TestServer};

/// A value, a code and a session key that do not exist.
const VALUE: &str = "rpat000000000000000000000000000000000000000000000";
const CODE: &str = "0123456789abcdefABCDEF0123456789";

/// The number of rows of each table.
fn counts(server: &TestServer) -> Vec<(&'static str, String)> {
    let count = |table| server.rows(&format!("SELECT CAST(COUNT(*) AS TEXT) AS text FROM {table}")).remove(0);
    TABLES.into_iter().map(|table| (table, count(table))).collect()
}

#[db_test]
fn requests_without_credentials_add_no_row() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let ended = server.create_token(&alice, "acme", "Partner");
    alice.post(&alice.delete_path("acme", "Partner"), &[]);
    let unused_invitation = server.invite(&alice, "editor");
    let agent = "a".repeat(9000);
    // The first use of an ended value on a day adds the row of the day, of the caller, and an event.
    server.api("GET", "/api/v2/workspace.json").header("User-Agent", &agent).bearer(&ended).send();
    server.flush();
    let before = counts(&server);
    for value in [VALUE, &ended, "", "x"] {
        for path in ["/api/v2/workspace.json", "/api/v2/users.json", "/api/v2/token.json", "/auth/verify"] {
            for method in ["GET", "POST", "DELETE"] {
                server.api(method, path).header("User-Agent", &agent).bearer(value).send();
            }
        }
        server.api("POST", "/oauth2/introspect").header("User-Agent", &agent).bearer(value).send();
    }
    let stranger = server.browser();
    for path in [
        format!("/invitations/{CODE}"),
        format!("/reset/{CODE}"),
        format!("/setup?code={CODE}"),
        unused_invitation,
        "/login".to_owned(),
        "/logout".to_owned(),
        "/".to_owned(),
        "/account".to_owned(),
        "/account/password".to_owned(),
        "/w/acme".to_owned(),
        "/no/such/page".to_owned(),
        "/healthz".to_owned(),
        "/api/v2/".to_owned(),
    ] {
        stranger.set_cookie("latchkey", CODE);
        assert!(stranger.get(&path).status < 500, "{path}");
        if path != "/login" {
            let fields = [("code", CODE), ("name", "Eve"), ("email", "eve@example.org"), ("password", "short")];
            assert!(stranger.post(&path, &fields).status < 500, "{path}");
        }
    }
    server.flush();
    assert_eq!(counts(&server), before);
    assert_eq!(
        server.rows("SELECT CAST(MAX(LENGTH(last_try_agent)) AS TEXT) AS text FROM value_uses"),
        ["200"],
        "rejected uses of a value update its row"
    );
}

#[db_test]
fn a_failed_sign_in_adds_an_event_and_an_attempt_that_is_deleted_after_the_window() {
    let server = TestServer::start();
    let before = counts(&server);
    let agent = "a".repeat(9000);
    let body = b"email=nobody%40example.org&password=not%20the%20password".to_vec();
    let headers = [("User-Agent", agent.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let answer = server.browser().send("POST", "/login", &[("Sec-Fetch-Site", "same-origin")], &headers, body);
    assert_eq!(answer.status, 422);
    let after = counts(&server);
    let changed: Vec<_> = after.iter().filter(|count| !before.contains(count)).map(|(table, _)| *table).collect();
    assert_eq!(changed, ["sign_in_attempts", "events"]);
    assert_eq!(
        server.rows("SELECT CAST(LENGTH(agent) AS TEXT) AS text FROM events WHERE action = 'sign_in_failed'"),
        ["200"]
    );
    server.clock.advance(std::time::Duration::from_mins(15));
    assert_eq!(server.browser().sign_in("bob@example.org", crate::support::PASSWORD).status, 303);
    assert_eq!(server.rows("SELECT address AS text FROM sign_in_attempts"), [""; 0]);
}
