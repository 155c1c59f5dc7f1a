//! The answers of the endpoints for the workspace and the token.

use super::assertions::{WORKSPACE, assert_refused};
use crate::support::TestServer;
use crate::support::api_client::Connection;

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
    let options = server.api("OPTIONS", WORKSPACE).send();
    assert_eq!(
        (options.status, options.header("vary"), options.header("cache-control")),
        (204, "Authorization", "no-store")
    );
    assert_eq!(server.call(&value).status, 200, "none of it touched the token");
}

#[db_test]
fn the_workspace_endpoint_answers_under_both_paths_with_and_without_a_slash() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let settings = alice.get("/w/acme/settings");
    let uuid = settings.between("ID: ", ".").unwrap();
    for path in ["workspace.json", "workspace.json/", "org.json", "org.json/"] {
        let path = format!("/api/v2/{path}");
        let answer = server.api("GET", &path).bearer(&value).send();
        assert_eq!((answer.json()["uuid"].as_str(), answer.header("x-temba-workspace")), (Some(uuid), uuid), "{path}");
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
        assert_eq!(head.header("content-length"), answer.body.len().to_string());
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
    let mut described = answer.json();
    let settings = alice.get("/w/acme/settings");
    assert_eq!(described["workspace"]["uuid"], settings.between("ID: ", ".").unwrap());
    assert_eq!(described["workspace"]["uuid"], answer.header("x-temba-workspace"));
    assert_eq!(described["user"]["uuid"], server.uuid_of("alice"));
    assert_eq!(described["uuid"], alice.delete_path("acme", "Reporting").split('/').nth(5).unwrap());
    assert_eq!((&described["hint"], &described["created_on"]), (&value[42..].into(), &created.to_string().into()));
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
          "retires_on": null,
          "calls_30d": 0,
          "note": null
        }
        "#);
    }
    server.restart();
    described["calls_30d"] = 1.into();
    described["last_used_on"] = created.to_string().into();
    assert_eq!(ask(&server).json(), described, "the use before is written");
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
    assert!(list.contains("1 of 3 tokens used. Kept") && list.contains("Recently deleted Leaked"), "{list}");
}
