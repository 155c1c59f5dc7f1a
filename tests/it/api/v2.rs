//! Authentication in the three schemes, and the answers of the endpoints byte by byte.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::support::api_client::{Answer, Connection, raw};
use crate::support::{NOON, TestServer};

const WORKSPACE: &str = "/api/v2/workspace.json";
const MISSING: &str = "Authentication credentials were not provided.";
const PERMISSION: &str = "You do not have permission to perform this action.";

/// A well-formed value that no token has.
const NOBODYS: &str = "rpat00000000000000000000000000000000000007kL57";

impl TestServer {
    fn ask(&self, authorization: &str) -> Answer {
        self.api("GET", WORKSPACE).header("Authorization", authorization).send()
    }

    fn ask_as(&self, style: &str, email: &str, value: &str) -> Answer {
        match style {
            "Basic" => self.ask(&basic(email, value)),
            style => self.ask(&format!("{style} {value}")),
        }
    }
}

fn basic(email: &str, value: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{email}:{value}")))
}

/// The whole refusal: status, challenge, body.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, challenge: &str, body: &str) {
    let was = (answer.status, answer.header("www-authenticate"), answer.body.as_str());
    assert_eq!(was, (status, challenge, body));
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/json", "no-store"));
    assert_eq!(answer.header("x-temba-workspace"), "");
}

/// Asserts the answer to a rejected Bearer value.
#[track_caller]
fn assert_bearer_refused(answer: &Answer, status: u16, error: &str, description: &str, detail: &str) {
    let challenge = format!(r#"Bearer realm="latchkey", error="{error}", error_description="{description}""#);
    assert_refused(answer, status, &challenge, &format!(r#"{{"detail":"{detail}","error":"{error}"}}"#));
}

/// Asserts the answer to a rejected Token or Basic value.
#[track_caller]
fn assert_told(answer: &Answer, status: u16, detail: &str) {
    assert_refused(answer, status, "", &format!(r#"{{"detail":"{detail}"}}"#));
}

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
        www-authenticate: Bearer realm="latchkey"
        x-request-id: [uuid]

        {
          "detail": "Authentication credentials were not provided."
        }
        "#);
    }
    assert_refused(&server.api("GET", WORKSPACE).send(), 401, r#"Bearer realm="latchkey""#, &body);
    for authorization in ["", "Digest username=alice", "Bearerish x", NOBODYS] {
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
        ("Basic //79", "Invalid basic header. Credentials not correctly base64 encoded."),
        ("Basic YWxpY2U=", "Invalid token"),
        ("Basic Og==", "Invalid token"),
    ] {
        assert_told(&server.ask(header), 403, detail);
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

#[db_test]
fn unknown_paths_and_methods_are_json_errors() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    for path in ["/api/v2/nothing.json", "/api/v1/workspace.json", "/api/v2/workspace", "/api/v2/workspace.json//"] {
        for call in [server.api("GET", path), server.api("POST", path), server.api("GET", path).bearer(&value)] {
            assert_refused(&call.send(), 404, "", r#"{"detail":"Not found."}"#);
        }
    }
    for (path, allow, others) in [
        (WORKSPACE, "GET, HEAD, OPTIONS", ["POST", "PUT", "PATCH", "DELETE", "TRACE"]),
        ("/api/v2/org.json/", "GET, HEAD, OPTIONS", ["POST", "PUT", "PATCH", "DELETE", "MKCOL"]),
        ("/api/v2/token.json", "GET, HEAD, DELETE, OPTIONS", ["POST", "PUT", "PATCH", "TRACE", "PROPFIND"]),
    ] {
        for method in others {
            let answer = server.api(method, path).bearer(&value).send();
            assert_refused(&answer, 405, "", &format!(r#"{{"detail":"Method \"{method}\" not allowed."}}"#));
            assert_eq!(answer.header("allow"), allow);
        }
    }
    assert_eq!(server.call(&value).status, 200, "none of it touched the token");
}

#[db_test]
fn the_workspace_endpoint_answers_under_both_paths_with_and_without_a_slash() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let settings = alice.get("/w/acme/settings");
    let uuid = settings.between("its identifier is ", ".").unwrap();
    let body = format!(
        r#"{{"uuid":"{uuid}","name":"Acme","country":"","languages":["eng"],"timezone":"UTC","date_style":"day_first","anon":false,"credits":{{"used":-1,"remaining":-1}},"primary_language":"eng"}}"#
    );
    for path in ["workspace.json", "workspace.json/", "org.json", "org.json/"] {
        let path = format!("/api/v2/{path}");
        let answer = server.api("GET", &path).bearer(&value).send();
        assert_eq!((answer.body.as_str(), answer.header("x-temba-workspace")), (body.as_str(), uuid), "{path}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.snapshot(), @r#"
            200
            cache-control: no-store
            content-type: application/json
            vary: Authorization
            x-request-id: [uuid]
            x-temba-workspace: [uuid]

            {
              "uuid": "[uuid]",
              "name": "Acme",
              "country": "",
              "languages": [
                "eng"
              ],
              "timezone": "UTC",
              "date_style": "day_first",
              "anon": false,
              "credits": {
                "used": -1,
                "remaining": -1
              },
              "primary_language": "eng"
            }
            "#);
        }
        let head = server.api("HEAD", &path).bearer(&value).send();
        assert_eq!((head.status, head.body.as_str(), head.header("x-temba-workspace")), (200, "", uuid));
        assert_eq!(head.header("content-length"), body.len().to_string());
    }
    assert_eq!(server.api("HEAD", WORKSPACE).send().status, 401);
}

#[db_test]
fn the_token_endpoint_describes_the_token_without_its_value() {
    let mut server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let created = server.now();
    let ask = |server: &TestServer| server.api("GET", "/api/v2/token.json").bearer(&value).send();
    let answer = ask(&server);
    let told = answer.json();
    let text = |field: &str, inner: &str| told[field][inner].as_str().unwrap().to_owned();
    let uuid = alice.delete_path("acme", "Reporting").split('/').nth(5).unwrap().to_owned();
    let expected = |last_used: &str| {
        format!(
            r#"{{"uuid":"{uuid}","name":"Reporting","hint":"{}","workspace":{{"uuid":"{}","slug":"acme","name":"Acme"}},"user":{{"uuid":"{}","email":"alice@example.org","name":"Alice"}},"role":"administrator","created_on":"{created}","expires_on":null,"last_used_on":{last_used},"rotating":false,"retires_on":null}}"#,
            &value[42..],
            text("workspace", "uuid"),
            text("user", "uuid"),
        )
    };
    assert_eq!((answer.status, answer.body.as_str()), (200, expected("null").as_str()));
    assert_eq!(answer.header("x-temba-workspace"), text("workspace", "uuid"));
    let redacted = answer.snapshot().replace(&value[42..], "[hint]");
    insta::allow_duplicates! {
        insta::assert_snapshot!(redacted, @r#"
        200
        cache-control: no-store
        content-type: application/json
        vary: Authorization
        x-request-id: [uuid]
        x-temba-workspace: [uuid]

        {
          "uuid": "[uuid]",
          "name": "Reporting",
          "hint": "[hint]",
          "workspace": {
            "uuid": "[uuid]",
            "slug": "acme",
            "name": "Acme"
          },
          "user": {
            "uuid": "[uuid]",
            "email": "alice@example.org",
            "name": "Alice"
          },
          "role": "administrator",
          "created_on": "2026-11-23T12:00:00.006000Z",
          "expires_on": null,
          "last_used_on": null,
          "rotating": false,
          "retires_on": null
        }
        "#);
    }
    server.restart();
    assert_eq!(ask(&server).body, expected(&format!("\"{created}\"")), "the use before is written");
}

#[db_test]
fn a_token_deletes_itself_and_nothing_else() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Leaked");
    let kept = server.create_token(&alice, "acme", "Kept");
    let mut open = Connection::open(server.address);
    let bearer = format!("Bearer {value}");
    assert!(open.get(WORKSPACE, &bearer).starts_with("HTTP/1.1 200 "));

    let answer = server.api("DELETE", "/api/v2/token.json").bearer(&value).send();
    assert_eq!((answer.status, answer.body.as_str(), answer.header("cache-control")), (204, "", "no-store"));
    assert_eq!(answer.header("x-temba-workspace").len(), 36);

    assert!(open.get(WORKSPACE, &bearer).starts_with("HTTP/1.1 401 "), "on a connection open before");
    assert_eq!(server.api("DELETE", "/api/v2/token.json").bearer(&value).send().status, 401);
    assert_eq!(server.call(&kept).status, 200);
    let list = alice.get("/w/acme/settings/tokens").text();
    assert!(list.contains("maximum of 3 tokens. Kept") && list.contains("Recently deleted Leaked"), "{list}");
}

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
        (&retired, format!("The value was retired on {NOON}")),
    ] {
        assert_bearer_refused(&server.call(value), 401, "invalid_token", &description, "Invalid token");
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
