//! Errors that name a known mistake in the `Authorization` header.

use super::assertions::{MISSING, assert_bearer_refused, assert_refused, assert_told, basic};
use crate::support::TestServer;

#[db_test]
fn a_known_mistake_around_a_value_is_named() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    for (text, word) in [
        (format!("\"{value}\""), "quotation marks"),
        (format!("'{value}'"), "quotation marks"),
        (format!("<{value}>"), "angle brackets"),
        (format!("{value}\\n"), "line break"),
        (format!("{value}%0A"), "line break"),
        ("$LATCHKEY_TOKEN".to_owned(), "variable"),
        ("'${LATCHKEY_TOKEN}'".to_owned(), "variable"),
    ] {
        let answer = server.ask(&format!("Bearer {text}"));
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("Invalid token. ") && detail.contains(word), "{text}: {detail}");
        assert!(!answer.body.contains(&value), "{}", answer.body);
        assert_bearer_refused(&answer, 401, "invalid_token", detail.trim_end_matches('.'), &detail);
        assert_told(&server.ask(&format!("Token {text}")), 403, &detail);
        assert_told(&server.ask(&basic("alice@example.org", &text)), 403, &detail);
        assert_eq!(server.api("GET", "/auth/verify").bearer(&text).send().json()["detail"], detail);
    }
    for text in [format!("\u{feff}{value}"), format!("{value}\u{200b}")] {
        let detail = "Invalid token. There is an invisible character in the value, such as a byte order mark or a \
                      zero-width space: copy the value again.";
        assert_told(&server.ask(&basic("alice@example.org", &text)), 403, detail);
        let answer = server.ask_raw(&format!("Bearer {text}"));
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains(detail), "{answer}");
    }
    for ending in ["\n", "\r\n", " "] {
        let answer = server.ask(&basic("alice@example.org", &format!("{value}{ending}")));
        let detail = "Invalid token. There is a line break or a space in the value, as echo and editors append one: send \
                      the value without it.";
        assert_told(&answer, 403, detail);
    }
    insta::allow_duplicates! {
        insta::assert_snapshot!(server.ask(&format!("Bearer '{value}'")).snapshot(), @r#"
        401
        cache-control: no-store
        content-type: application/json
        vary: Authorization
        www-authenticate: Basic realm="latchkey"
        www-authenticate: Bearer realm="latchkey", error="invalid_token", error_description="Invalid token. There are quotation marks around the value: send it without them"
        x-request-id: [uuid]

        {
          "detail": "Invalid token. There are quotation marks around the value: send it without them.",
          "error": "invalid_token"
        }
        "#);
    }
}

#[db_test]
fn a_known_mistake_in_the_scheme_is_named() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let send = "send Bearer, a space and the value.";
    for (header, detail) in [
        (value.clone(), "The header has a value but no scheme"),
        (format!("Bearer: {value}"), "The scheme is followed by a colon or an equals sign"),
        (format!("Token:{value}"), "The scheme is followed by a colon or an equals sign"),
        (format!("Bearer{value}"), "There is no space after the scheme"),
        (format!("'Bearer {value}'"), "There are quotation marks, brackets or invisible characters around the scheme"),
    ] {
        let body = format!(r#"{{"detail":"{MISSING} {detail}: {send}"}}"#);
        assert_refused(&server.ask(&header), 401, r#"Bearer realm="latchkey""#, &body);
    }
    let answer = server.ask_raw(&format!("\u{feff}Bearer {value}"));
    assert!(
        answer.starts_with("HTTP/1.1 401 ") && answer.contains("invisible characters around the scheme"),
        "{answer}"
    );
    // A .netrc file: the header that was set is replaced by a user and a password.
    let detail = "Invalid token. The request came with Basic credentials, and their password is not a token: a .netrc \
                  file replaces the header in some clients.";
    assert_told(&server.ask(&basic("alice", "seven-blue-kettles!")), 403, detail);
    assert_told(&server.ask(&basic("alice@example.org", "seven-blue-kettles")), 403, detail);
    assert_told(&server.ask(&basic("alice@example.org", "0123456789abcdef")), 403, "Invalid token");
}
