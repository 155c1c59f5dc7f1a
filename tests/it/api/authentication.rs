//! Authentication in the three schemes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::assertions::{MISSING, NOBODYS, WORKSPACE, assert_bearer_refused, assert_refused, assert_told, basic};
use crate::support::TestServer;
use crate::support::api_client::{Answer, raw};

#[db_test]
fn a_request_without_credentials_gets_a_challenge() {
    let server = TestServer::start();
    let body = format!(r#"{{"detail":"{MISSING}"}}"#);
    insta::allow_duplicates! {
        insta::assert_snapshot!(server.api("GET", WORKSPACE).send().snapshot(), @r#"
        401
        cache-control: no-store
        content-type: application/json
        vary: Authorization
        www-authenticate: Basic realm="latchkey"
        www-authenticate: Bearer realm="latchkey"
        x-request-id: [uuid]

        {
          "detail": "Authentication credentials were not provided."
        }
        "#);
    }
    assert_refused(&server.api("GET", WORKSPACE).send(), 401, r#"Bearer realm="latchkey""#, &body);
    for authorization in ["", "Digest username=alice", "Bearerish x", "x"] {
        assert_refused(&server.ask(authorization), 401, r#"Bearer realm="latchkey""#, &body);
    }
}

#[db_test]
fn a_malformed_header_is_rejected_with_its_reason_in_each_scheme() {
    let server = TestServer::start();
    let none = "Invalid token header. No credentials provided.";
    let spaces = "Invalid token header. Token string should not contain spaces.";
    for (rest, detail) in [("", none), ("   ", none), (" a b", spaces), (&format!(" {NOBODYS} x"), spaces)] {
        let bearer = server.ask(&format!("Bearer{rest}"));
        assert_bearer_refused(&bearer, 400, "invalid_request", detail.trim_end_matches('.'), detail);
        assert_told(&server.ask(&format!("Token{rest}")), 403, detail);
    }
    for (header, detail) in [
        ("Basic", "Invalid basic header. No credentials provided."),
        ("Basic  ", "Invalid basic header. No credentials provided."),
        ("Basic a b", "Invalid basic header. Credentials string should not contain spaces."),
        ("Basic !", "Invalid basic header. Credentials not correctly base64 encoded."),
        ("Basic YQ", "Invalid basic header. Credentials not correctly base64 encoded."),
        ("Basic //79", "Invalid basic header. The credentials are base64, but not of UTF-8 text."),
        ("Basic YWxpY2U=", "Invalid token"),
        ("Basic Og==", "Invalid token"),
    ] {
        assert_told(&server.ask(header), 403, detail);
    }
}

/// The challenges of an answer, in their order.
fn challenges(answer: &Answer) -> Vec<&str> {
    answer.headers("www-authenticate").collect()
}

#[db_test]
fn a_401_offers_bearer_and_then_basic_and_no_other_status_does() {
    let server = TestServer::start();
    let (bearer, basic) = (r#"Bearer realm="latchkey""#, r#"Basic realm="latchkey""#);
    assert_eq!(challenges(&server.api("GET", WORKSPACE).send()), [bearer, basic]);
    let unknown = server.ask(&format!("Bearer {NOBODYS}"));
    assert_eq!((unknown.status, challenges(&unknown).len(), challenges(&unknown)[1]), (401, 2, basic));
    let malformed = server.ask("Bearer a b");
    assert_eq!((malformed.status, challenges(&malformed).len()), (400, 1), "Basic would not help");
    assert!(challenges(&server.ask("Token x")).is_empty(), "RapidPro's answer has none");
}

/// curl asks without credentials first, and sends Basic only if the answer offers it.
#[db_test(needs(curl))]
fn curl_finds_basic_among_the_challenges() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    for path in [WORKSPACE, "/auth/verify"] {
        let ran = std::process::Command::new("curl")
            .args(["--silent", "--anyauth", "--user", &format!("alice@example.org:{value}"), "--output", "/dev/null"])
            .args(["--write-out", "%{http_code}", &format!("http://{}{path}", server.address)])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "200", "{path}");
    }
}

#[db_test]
fn a_header_that_is_not_utf8_is_rejected() {
    let server = TestServer::start();
    let detail = "Invalid token header. Token string should not contain invalid characters.";
    for (scheme, status, body) in [
        ("Bearer", 400, format!(r#"{{"detail":"{detail}","error":"invalid_request"}}"#)),
        ("Token", 403, format!(r#"{{"detail":"{detail}"}}"#)),
    ] {
        let mut request =
            format!("GET {WORKSPACE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {scheme} rpat")
                .into_bytes();
        request.extend_from_slice(b"\xff\xfe\r\n\r\n");
        let answer = raw(server.address, &request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
        assert_eq!(answer.contains("error=\"invalid_request\""), scheme == "Bearer", "{answer}");
    }
}

#[db_test]
fn two_authorization_headers_are_rejected_even_if_both_are_valid() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let twice = |first: &str, second: &str| {
        server.api("GET", WORKSPACE).header("Authorization", first).header("Authorization", second).send()
    };
    let (bearer, token) = (format!("Bearer {value}"), format!("Token {value}"));
    let detail = "Send one Authorization header, not several.";
    let described = detail.trim_end_matches('.');
    assert_bearer_refused(&twice(&bearer, &bearer), 400, "invalid_request", described, detail);
    assert_bearer_refused(&twice(&bearer, &token), 400, "invalid_request", described, detail);
    assert_told(&twice(&token, &bearer), 400, detail);
    assert_told(&twice(&basic("alice@example.org", &value), &token), 400, detail);
}

#[db_test]
fn an_unknown_value_is_an_invalid_token() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let swapped = format!("{}{}", &value[..45], if value.ends_with('x') { 'y' } else { 'x' });
    for value in [NOBODYS, "x", &swapped, &value[..45], &format!("{value}0"), &value.to_uppercase()] {
        assert_bearer_refused(
            &server.ask(&format!("Bearer {value}")),
            401,
            "invalid_token",
            "Invalid token",
            "Invalid token",
        );
        assert_told(&server.ask(&format!("Token {value}")), 403, "Invalid token");
        assert_told(&server.ask(&basic("alice@example.org", value)), 403, "Invalid token");
    }
}

#[db_test]
fn basic_requires_the_owners_address_in_any_case() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    assert_eq!(server.ask(&basic("Alice@Example.ORG", &value)).status, 200);
    for email in ["bob@example.org", "nobody@example.org", "", "alice"] {
        assert_told(&server.ask(&basic(email, &value)), 403, "Invalid token or email");
    }
}

#[db_test]
fn the_case_of_the_scheme_and_extra_spaces_do_not_matter() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let pair = BASE64_STANDARD.encode(format!("alice@example.org:{value}"));
    for authorization in [
        format!("Bearer {value}"),
        format!("bearer {value}"),
        format!("BEARER    {value}   "),
        format!("Token {value}"),
        format!("tOkEn   {value} "),
        format!("Basic {pair}"),
        format!("BASIC  {pair}  "),
    ] {
        let answer = server.ask(&authorization);
        assert_eq!((answer.status, answer.json()["name"].as_str()), (200, Some("Acme")), "{authorization}");
    }
}

#[db_test]
fn a_value_outside_of_the_header_is_ignored() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    for parameter in ["access_token", "token", "api_key"] {
        assert_eq!(server.api("GET", &format!("{WORKSPACE}?{parameter}={value}")).send().status, 401);
        let form = format!("{parameter}={value}");
        let answer = server
            .api("DELETE", "/api/v2/token.json")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form)
            .send();
        assert_eq!(answer.status, 401);
    }
    assert_eq!(server.call(&value).status, 200, "it is still there");
}

#[db_test]
fn a_cookie_does_not_open_the_api_and_a_value_does_not_open_a_page() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    for (method, path) in [("GET", WORKSPACE), ("GET", "/api/v2/token.json"), ("DELETE", "/api/v2/token.json")] {
        let answer = server.api(method, path).header("Cookie", &alice.cookie_header()).send();
        let body = format!(r#"{{"detail":"{MISSING}"}}"#);
        assert_refused(&answer, 401, r#"Bearer realm="latchkey""#, &body);
        assert_eq!(answer.header("set-cookie"), "");
    }
    for authorization in [format!("Bearer {value}"), format!("Token {value}"), basic("alice@example.org", &value)] {
        for path in ["/", "/w/acme", "/w/acme/settings", "/w/acme/settings/tokens"] {
            let answer = server.api("GET", path).header("Authorization", &authorization).send();
            assert_eq!(answer.status, 303, "{path}");
            assert!(answer.header("location").starts_with("/login?next="));
        }
    }
}
