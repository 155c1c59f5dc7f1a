//! Values that have ended, and owners who may no longer use them.

use super::assertions::{PERMISSION, assert_bearer_refused, assert_told};
use crate::support::{NOON, TestServer};

#[db_test]
fn the_error_of_an_ended_value_says_why_and_when_it_ended() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let deleted = server.create_token(&alice, "acme", "Deleted");
    alice.post(&alice.delete_path("acme", "Deleted"), &[]);
    let at = server.now();
    let (expired, retired) = (server.create_token(&alice, "acme", "A"), server.create_token(&alice, "acme", "B"));
    for (value, reason) in [(&expired, "NULL"), (&retired, "'retired'")] {
        let (end, hint) = (NOON.micros(), &value[42..]);
        server.db_execute(&format!(
            "UPDATE token_values SET ends_at = {end}, end_reason = {reason} WHERE hint = '{hint}'"
        ));
    }
    for (value, description) in [
        (&deleted, format!("The token was deleted on {at}")),
        (&expired, format!("The token expired on {NOON}")),
        (&retired, format!("The value was stopped on {NOON}")),
    ] {
        let detail = format!("Invalid token. {description}.");
        assert_bearer_refused(&server.call(value), 401, "invalid_token", &description, &detail);
        assert_told(&server.ask_as("Token", "", value), 403, "Invalid token");
        assert_told(&server.ask_as("Basic", "alice@example.org", value), 403, "Invalid token");
    }
}

#[db_test]
fn tokens_of_a_deactivated_user_are_rejected_until_activation() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    server.set_active("alice", false);
    assert_bearer_refused(&server.call(&value), 401, "invalid_token", "Invalid token", "Invalid token");
    assert_told(&server.ask_as("Token", "", &value), 403, "Invalid token");
    assert_told(&server.ask_as("Basic", "alice@example.org", &value), 403, "Invalid token");
    server.set_active("alice", true);
    assert_eq!(server.call(&value).status, 200);
}

#[db_test]
fn the_current_role_decides() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("bob"), "acme", "Reporting");
    let become_a = |role: &str| {
        let bob = "user_id = (SELECT id FROM users WHERE email = 'bob@example.org')";
        server.db_execute(&format!("UPDATE memberships SET role = '{role}' WHERE {bob}"));
    };
    let role = || server.api("GET", "/api/v2/token.json").bearer(&value).send().json()["role"].clone();
    assert_eq!(role(), "editor");
    become_a("administrator");
    assert_eq!(role(), "administrator");
    become_a("agent");
    let described = PERMISSION.trim_end_matches('.');
    assert_bearer_refused(&server.call(&value), 403, "insufficient_scope", described, PERMISSION);
    assert_told(&server.ask_as("Token", "", &value), 403, PERMISSION);
    assert_told(&server.ask_as("Basic", "bob@example.org", &value), 403, PERMISSION);
    let delete = server.api("DELETE", "/api/v2/token.json").bearer(&value).send();
    assert_bearer_refused(&delete, 403, "insufficient_scope", described, PERMISSION);
}
