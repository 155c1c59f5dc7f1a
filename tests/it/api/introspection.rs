//! RFC 7662: the description of a token for a resource server.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use latchkey::config::ServerArgs;

use crate::support::api_client::{Answer, form};
use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::support::{TestServer, plain_settings};

const PATH: &str = "/oauth2/introspect";
const FORM: &str = "application/x-www-form-urlencoded";
const WAREHOUSE: &str = "warehouse:a secret + 16%, at least";
const BILLING: &str = "billing:quite-another-secret";

/// A server that two resource servers may ask.
fn server() -> TestServer {
    let folder = tempfile::tempdir().unwrap();
    let clients = [WAREHOUSE, BILLING].map(|pair| {
        let (name, secret) = pair.split_once(':').unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, format!("{secret}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        format!("{name}={}", file.display()).parse().unwrap()
    });
    TestServer::start_with(ServerArgs { introspection_clients: clients.into(), ..plain_settings() })
}

fn send(server: &TestServer, pair: &str, body: Vec<u8>) -> Answer {
    let basic = format!("Basic {}", BASE64_STANDARD.encode(pair));
    server.api("POST", PATH).header("Authorization", &basic).header("Content-Type", FORM).body(body).send()
}

fn ask(server: &TestServer, value: &str) -> Answer {
    send(server, WAREHOUSE, form(&[("token", value)]))
}

#[track_caller]
fn assert_inactive(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"active":false}"#), "{what}");
    assert_eq!((answer.header("cache-control"), answer.header("content-type")), ("no-store", "application/json"));
}

fn rotate(alice: &Browser, grace: &str) -> String {
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let key = alice.get(&path).hidden("form_key");
    alice.post(&path, &[("form_key", &key), ("grace", grace)]).value()
}

#[db_test]
fn an_active_token_is_described_completely() {
    let server = server();
    let alice = server.signed_in("alice");
    server.clock.advance(Duration::from_millis(1999));
    let value = server.create_token(&alice, "acme", "Reporting");
    let me = server.api("GET", "/api/v2/token.json").bearer(&value).send().json();
    let iat = server.now().micros() / 1_000_000;
    let answer = ask(&server, &value);
    let mut described = answer.json();
    for (field, expected) in [
        ("sub", &me["user"]["uuid"]),
        ("jti", &me["uuid"]),
        ("workspace", &me["workspace"]["uuid"]),
        ("iat", &iat.into()),
    ] {
        assert_eq!(described[field], *expected, "{field}");
    }
    insta::allow_duplicates! {
        insta::assert_snapshot!(answer.snapshot().replace(&server.address.to_string(), "[address]"), @r#"
        200
        cache-control: no-store
        content-type: application/json
        vary: Authorization
        x-request-id: [uuid]

        {
          "active": true,
          "token_type": "Bearer",
          "sub": "[uuid]",
          "username": "alice@example.org",
          "iat": 1795435202,
          "iss": "http://[address]",
          "jti": "[uuid]",
          "workspace": "[uuid]",
          "role": "administrator"
        }
        "#);
    }
    assert_eq!(send(&server, BILLING, form(&[("token", &value), ("token_type_hint", "refresh_token")])).status, 200);

    server.clock.advance(Duration::from_hours(1));
    let new = rotate(&alice, "24h");
    let (now, day) = (server.now().micros() / 1_000_000, 24 * 3600);
    let mut retiring = described.clone();
    retiring["exp"] = (now + day).into();
    assert_eq!(ask(&server, &value).json(), retiring, "the retiring value ends");
    described["iat"] = now.into();
    assert_eq!(ask(&server, &new).json(), described);
    server.clock.advance(Duration::from_secs(day.unsigned_abs()) - Duration::from_micros(1));
    assert!(ask(&server, &value).body.starts_with(r#"{"active":true"#));
    server.clock.advance(Duration::from_micros(1));
    assert_inactive(&ask(&server, &value), "its grace is over");
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    assert_inactive(&ask(&server, &new), "deleted");
}

#[db_test]
fn every_other_token_is_only_inactive() {
    let server = server();
    let value = server.create_token(&server.signed_in("bob"), "acme", "Reporting");
    for text in
        ["", "x", " ", &format!(" {value}"), &format!("{value} "), &format!("Bearer {value}"), &value[1..], "\0"]
    {
        assert_inactive(&ask(&server, text), text);
    }
    server.set_active("bob", false);
    assert_inactive(&ask(&server, &value), "deactivated");
    server.set_active("bob", true);
    server.db_execute("UPDATE memberships SET role = 'agent' WHERE role = 'editor'");
    assert_inactive(&ask(&server, &value), "a role without API");
    server.db_execute("UPDATE memberships SET role = 'editor' WHERE role = 'agent'");
    assert_eq!(ask(&server, &value).json()["active"], true);
}

#[db_test]
fn a_caller_that_is_no_client_gets_no_description() {
    let server = server();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let body = form(&[("token", &value)]);
    let assert_stranger = |answer: &Answer, what: &str| {
        assert_eq!((answer.status, answer.json()["error"].as_str()), (401, Some("invalid_client")), "{what}");
        assert_eq!(answer.header("www-authenticate"), r#"Basic realm="latchkey""#, "{what}");
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    };
    for pair in ["warehouse:wrong secret of length", "warehouse:", "nobody:quite-another-secret", "x", ""] {
        assert_stranger(&send(&server, pair, body.clone()), pair);
    }
    let post = || server.api("POST", PATH).header("Content-Type", FORM).body(body.clone());
    assert_stranger(&post().send(), "nothing");
    assert_stranger(&post().bearer(&value).send(), "a token is no client");
    assert_stranger(&send(&server, "x:y", b"nonsense=%FF".to_vec()), "before the body is looked at");
    let encoded = "warehouse:a+secret+%2B+16%25%2C+at+least";
    assert_eq!(send(&server, encoded, body.clone()).json()["active"], true, "form-encoded, as RFC 6749 has it");
    let without = TestServer::start();
    assert_stranger(&ask(&without, &value), "a server without clients");
}

/// `client_secret_post` (RFC 6749, section 2.3.1).
#[db_test]
fn a_client_may_authenticate_in_the_form() {
    let server = server();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let post = |fields: &[(&str, &str)]| {
        let body = form(&[&[("token", value.as_str())][..], fields].concat());
        server.api("POST", PATH).header("Content-Type", FORM).body(body)
    };
    for pair in [WAREHOUSE, BILLING] {
        let (name, secret) = pair.split_once(':').unwrap();
        let answer = post(&[("client_id", name), ("client_secret", secret)]).send();
        assert_eq!((answer.status, answer.json()["active"].as_bool()), (200, Some(true)), "{name}: {}", answer.body);
        let basic = format!("Basic {}", BASE64_STANDARD.encode(pair));
        let named = post(&[("client_id", name)]).header("Authorization", &basic).send();
        assert_eq!(named.json()["active"], true, "the name may be repeated");
        let both = post(&[("client_id", name), ("client_secret", secret)]).header("Authorization", &basic).send();
        assert_eq!((both.status, both.json()["error"].as_str()), (400, Some("invalid_request")), "{}", both.body);
    }
    let (name, secret) = BILLING.split_once(':').unwrap();
    for fields in [
        &[("client_id", name)][..],
        &[("client_secret", secret)],
        &[("client_id", "warehouse"), ("client_secret", secret)],
        &[("client_id", name), ("client_secret", "")],
        &[("client_id", ""), ("client_secret", "")],
    ] {
        let answer = post(fields).send();
        assert_eq!((answer.status, answer.json()["error"].as_str()), (401, Some("invalid_client")), "{fields:?}");
        assert_eq!(answer.headers("www-authenticate").collect::<Vec<_>>(), [r#"Basic realm="latchkey""#]);
    }
    let correct = [("client_id", name), ("client_secret", secret)];
    assert_eq!(post(&correct).bearer(&value).send().status, 401, "another header counts, and is no client");
    server.flush();
    let list = server.signed_in("alice").get("/w/acme/settings/tokens").text();
    assert!(list.contains("(introspection/"), "{list}");
}

#[db_test]
fn an_invalid_request_is_rejected_with_its_reason() {
    let server = server();
    let bad = |answer: Answer, status: u16, what: &str| {
        assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some("invalid_request")), "{what}");
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    };
    for body in ["", "tokn=x", "token=x&token=x", "token=x&token_type_hint=a&token_type_hint=b", "token=%FF"] {
        bad(send(&server, WAREHOUSE, body.into()), 400, body);
    }
    bad(send(&server, WAREHOUSE, form(&[("token", &"x".repeat(17 * 1024))])), 413, "long");
    let basic = format!("Basic {}", BASE64_STANDARD.encode(WAREHOUSE));
    let json = server.api("POST", PATH).header("Authorization", &basic).header("Content-Type", "application/json");
    bad(json.body(r#"{"token":"x"}"#).send(), 415, "JSON");
    let query = server.api("POST", &format!("{PATH}?token=x")).header("Authorization", &basic).send();
    bad(query, 400, "in the query");
    for method in ["GET", "PUT", "DELETE"] {
        let answer = server.api(method, PATH).header("Authorization", &basic).send();
        assert_eq!((answer.status, answer.header("allow")), (405, "POST, OPTIONS"), "{method}");
    }
    let options = server.api("OPTIONS", PATH).send();
    assert_eq!((options.status, options.header("allow"), options.body.as_str()), (204, "POST, OPTIONS", ""));
}

#[db_test]
fn an_introspection_is_a_use_by_the_asking_server() {
    let server = server();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    ask(&server, &value);
    server.flush();
    let list = alice.get("/w/acme/settings/tokens").text();
    assert!(list.contains("from 127.0.0.1 (introspection/warehouse)"), "{list}");
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    ask(&server, &value);
    server.flush();
    let list = alice.get("/w/acme/settings/tokens").text();
    assert!(list.contains("something has tried it once since") && list.contains("(introspection/warehouse)"), "{list}");
}

#[db_test]
fn an_internal_failure_is_never_reported_as_an_inactive_token() {
    let server = server();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    // The evidence of use decides nothing.
    server.db_execute("DELETE FROM value_uses");
    assert_eq!(ask(&server, &value).json()["active"], true);
    // A check that succeeds, and a question after it that can't be answered.
    server.db_alter("ALTER TABLE token_values RENAME COLUMN created_at TO made_at");
    let failed = ask(&server, &value);
    assert_eq!((failed.status, failed.json()["active"].is_null()), (500, true), "{}", failed.body);
    assert!(failed.body.contains(failed.header("x-request-id")), "an id to find the reason by: {}", failed.body);
    assert_inactive(&ask(&server, &value.replace("rpat", "rpax")), "what the caller did is told as before");
}

#[db_test]
fn an_unsuitable_client_secret_is_one_line_at_the_start() {
    let home = Home::new();
    let file = home.folder.path().join("secret");
    let ran = |content: &str, mode: u32| {
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let client = format!("warehouse={}", file.display());
        let ran = home.run(&["--listen", "127.0.0.1:0", "--introspection-client", &client]);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
        ran.stderr.lines().last().unwrap().to_owned()
    };
    assert!(ran("much too short", 0o600).contains("the secret must be 16 to 1024 characters long"));
    assert!(ran("a secret of good length", 0o644).contains("set its mode to 600"));
    let nowhere = home.run(&["--listen", "127.0.0.1:0", "--introspection-client", "warehouse=/nowhere"]);
    assert_eq!(nowhere.status, 2, "{nowhere:?}");
    for bad in [["--introspection-client", "warehouse"], ["--api-rate", "3600"], ["--api-rate", "0/day"]] {
        let ran = home.run(&bad);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains("must look like"), "{ran:?}");
    }
}
