//! `/auth/verify`, which a reverse proxy asks whether to allow a request.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use latchkey::config::ServerArgs;

use crate::support::api_client::{Answer, Call, raw};
use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::support::{PASSWORD, TestServer, plain_settings, proxy_settings};

const VERIFY: &str = "/auth/verify";
const HEADERS: [&str; 6] =
    ["x-auth-workspace", "x-auth-workspace-slug", "x-auth-user", "x-auth-email", "x-auth-role", "x-auth-token"];

fn verify(server: &TestServer, authorization: &str) -> Answer {
    server.api("GET", VERIFY).header("Authorization", authorization).send()
}

/// Asserts that the answer is a refusal that proxies understand, with none of the six headers.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert_eq!(answer.header("vary"), "Authorization", "{what}");
    assert!(answer.json()["detail"].is_string(), "{what}");
    if status == 401 {
        let challenges: Vec<_> = answer.headers("www-authenticate").collect();
        assert!(challenges[0].starts_with("Bearer realm=\"latchkey\""), "{what}: {challenges:?}");
        assert_eq!(challenges[1..], ["Basic realm=\"latchkey\""], "{what}");
    }
    for name in HEADERS {
        assert_eq!(answer.headers(name).count(), 0, "{name} of {what}");
    }
}

#[db_test]
fn a_valid_token_is_allowed_for_any_method_with_all_six_headers() {
    let server = TestServer::start();
    let bob = server.signed_in("bob");
    let value = server.create_token(&bob, "acme", "Reporting");
    let me = server.api("GET", "/api/v2/token.json").bearer(&value).send().json();
    let text = |field: &str, inner: &str| me[field][inner].as_str().unwrap().to_owned();
    let expected = [
        text("workspace", "uuid"),
        "acme".to_owned(),
        text("user", "uuid"),
        "bob@example.org".to_owned(),
        "editor".to_owned(),
        me["uuid"].as_str().unwrap().to_owned(),
    ];
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("BOB@example.org:{value}")));
    for authorization in [format!("Bearer {value}"), format!("token  {value}"), basic] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X-ODD"] {
            let answer = server.api(method, VERIFY).header("Authorization", &authorization).send();
            assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{method}");
            assert_eq!(HEADERS.map(|name| answer.headers(name).collect::<Vec<_>>().join("|")), expected, "{method}");
            assert_eq!((answer.header("cache-control"), answer.header("vary")), ("no-store", "Authorization"));
            assert_eq!(answer.header("set-cookie"), "");
        }
    }
    let allowed = server.api("GET", VERIFY).bearer(&value).send();
    insta::allow_duplicates! {
        insta::assert_snapshot!(allowed.snapshot(), @r#"
        200
        cache-control: no-store
        vary: Authorization
        x-auth-email: bob@example.org
        x-auth-role: editor
        x-auth-token: [uuid]
        x-auth-user: [uuid]
        x-auth-workspace-slug: acme
        x-auth-workspace: [uuid]
        x-request-id: [uuid]
        "#);
    }
    for path in ["/auth/verify/", "/auth/verify?"] {
        assert_eq!(server.api("POST", path).bearer(&value).body("a body").send().status, 200, "{path}");
    }
    assert_eq!(server.call(&value).status, 200, "DELETE and all the others did nothing to it");
}

#[db_test]
fn every_malformed_header_is_401_and_never_400() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let deleted = server.create_token(&alice, "acme", "Deleted");
    alice.post(&alice.delete_path("acme", "Deleted"), &[]);
    let other = format!("Basic {}", BASE64_STANDARD.encode(format!("bob@example.org:{value}")));
    let long = format!("Bearer {}", "x".repeat(8000));
    for authorization in [
        "",
        "Bearer",
        "Bearer  ",
        "Bearer a b",
        "Bearer x",
        "Token",
        "Token a b",
        "Token x",
        "Basic",
        "Basic a b",
        "Basic !",
        "Basic //79",
        "Basic Og==",
        "Digest x",
        &other,
        &value,
        &long,
    ] {
        assert_refused(&verify(&server, authorization), 401, authorization);
    }
    for scheme in ["Bearer", "Token"] {
        assert_refused(&verify(&server, &format!("{scheme} {deleted}")), 401, scheme);
    }
    let told = verify(&server, &format!("Bearer {deleted}"));
    assert!(told.header("www-authenticate").contains("error_description=\"The token was deleted on 2026"));
    assert_refused(&server.api("GET", VERIFY).send(), 401, "nothing");
    let twice = format!("Bearer {value}");
    let twice = server.api("GET", VERIFY).header("Authorization", &twice).header("Authorization", &twice).send();
    assert_refused(&twice, 401, "two headers");
    for scheme in ["Bearer", "Token"] {
        let mut request =
            format!("GET {VERIFY} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {scheme} r").into_bytes();
        request.extend_from_slice(b"\xff\xfe\r\n\r\n");
        let answer = raw(server.address, &request);
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    let in_query = server.api("GET", &format!("{VERIFY}?access_token={value}")).send();
    assert_refused(&in_query, 401, "a value in the query");
    let cookie = server.api("GET", VERIFY).header("Cookie", &alice.cookie_header()).send();
    assert_refused(&cookie, 401, "a cookie");
    server.set_active("alice", false);
    assert_refused(&verify(&server, &format!("Token {value}")), 401, "deactivated");
}

#[db_test]
fn an_unknown_requirement_is_logged_with_the_request_id() {
    let home = Home::new();
    home.add_acme(&["alice@example.org"], "administrator");
    let server = home.serve_with(&[], "warn");
    let alice = Browser::new(server.address);
    assert_eq!(alice.sign_in("alice@example.org", PASSWORD).status, 303);
    let value = alice.create_token("acme", "Reporting").value();
    let ask = |query: &str| Call::new(server.address, "GET", &format!("{VERIFY}?{query}")).bearer(&value).send();
    assert_eq!((ask("role=administrator").status, ask("role=editor").status), (200, 403));
    let unknown = ask("role=root&secret=x");
    assert_eq!(unknown.status, 403);
    let line = server.line(unknown.header("x-request-id"));
    assert!(line.contains(" WARN ") && line.contains("GET /auth/verify: 403 a gateway demands"), "{line}");
    let (_, said) = server.terminate();
    assert_eq!(said.matches("demands").count(), 1, "of the others nothing is said: {said}");
    assert!(!said.contains("secret=x") && !said.contains(&value), "{said}");
}

/// Settings of a server whose gateways may require a role without a workspace.
fn any_workspace() -> ServerArgs {
    ServerArgs { gateway_any_workspace: true, ..plain_settings() }
}

#[db_test]
fn a_role_in_any_of_several_workspaces_is_refused_unless_allowed() {
    for (settings, status) in [(plain_settings(), 403), (any_workspace(), 200)] {
        let server = TestServer::start_with(settings);
        let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
        let stranger = server.create_token(&server.signed_in("charlie"), "other", "Reporting");
        let ask = |query: &str, value: &str| server.api("GET", &format!("{VERIFY}?{query}")).bearer(value).send();
        // Charlie administers a workspace that the operator did not think of.
        for value in [&value, &stranger] {
            assert_eq!(ask("role=administrator", value).status, status);
            assert_eq!(ask("", value).status, 200, "no role is demanded");
        }
        assert_eq!(ask("workspace=acme&role=administrator", &value).status, 200);
        assert_eq!(ask("role=administrator&workspace=acme", &stranger).status, 403);
        if status == 403 {
            assert_refused(&ask("role=editor", &value), 403, "any role");
            insta::allow_duplicates! {
                insta::assert_snapshot!(ask("role=administrator", &value).snapshot(), @r#"
                403
                cache-control: no-store
                content-type: application/json
                vary: Authorization
                x-request-id: [uuid]

                {
                  "detail": "The gateway requires a role without a workspace. Add workspace=SLUG to its query, or start Latchkey with --gateway-any-workspace."
                }
                "#);
            }
        }
    }
}

#[db_test]
fn a_second_workspace_counts_at_the_next_request_and_is_logged() {
    let home = Home::new();
    home.add_acme(&["alice@example.org"], "administrator");
    let server = home.serve_with(&[], "warn");
    let alice = Browser::new(server.address);
    assert_eq!(alice.sign_in("alice@example.org", PASSWORD).status, 303);
    let value = alice.create_token("acme", "Reporting").value();
    let ask = || Call::new(server.address, "GET", &format!("{VERIFY}?role=administrator")).bearer(&value).send();
    // Asked of every worker, so that each caches the answer.
    assert!((0..10).all(|_| ask().status == 200), "there is one workspace");
    home.done(&["workspace", "add", "--name", "Other", "--slug", "other", "--kind", "demo"]);
    for _ in 0..10 {
        assert_refused(&ask(), 403, "there are two");
    }
    let line = server.line(ask().header("x-request-id"));
    assert!(line.contains(" WARN ") && line.contains("403 a gateway demands a role without a workspace"), "{line}");
}

#[db_test]
fn a_long_head_is_no_error() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    for length in [15_000, 20_000, 100_000] {
        for path in [VERIFY, "/auth/verify/", "/auth/verify?workspace=acme"] {
            let ask = || server.api("GET", path).header("Cookie", &format!("session={}", "x".repeat(length)));
            assert_eq!(ask().bearer(&value).send().status, 200, "{length} {path}");
            assert_refused(&ask().send(), 401, path);
        }
    }
    let long_value = format!("Bearer {}", "x".repeat(100_000));
    assert_refused(&verify(&server, &long_value), 401, "a long value");
    let long = "x".repeat(20_000);
    let call = || server.api("GET", VERIFY).bearer(&value).header("User-Agent", &long).header("X-Forwarded-For", &long);
    assert_eq!(call().send().status, 200, "other long headers");
    let other = server.api("GET", "/api/v2/token.json").bearer(&value).header("Cookie", &long).send();
    assert_eq!(other.status, 431, "the limit holds for the API");
}

#[db_test]
fn an_unmet_or_unknown_requirement_is_403() {
    let server = TestServer::start_with(any_workspace());
    let alice = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let bob = server.create_token(&server.signed_in("bob"), "acme", "Reporting");
    let ask = |query: &str, value: &str| server.api("GET", &format!("{VERIFY}?{query}")).bearer(value).send();
    for (query, who, status) in [
        ("workspace=acme", &alice, 200),
        ("workspace=acme&role=administrator", &alice, 200),
        ("role=administrator", &bob, 403),
        ("role=editor", &bob, 200),
        ("role=editor", &alice, 403),
        ("role=agent", &alice, 403),
        ("workspace=other", &alice, 403),
        ("workspace=acme-demo", &alice, 403),
        ("workspace=nowhere", &alice, 403),
        ("workspace=ACME", &alice, 403),
        ("workspace=", &alice, 403),
        ("role=", &alice, 403),
        ("role=root", &alice, 403),
        ("roles=administrator", &alice, 403),
        ("workspace=acme&x", &alice, 403),
        ("role=editor&role=administrator", &alice, 403),
        ("workspace=acme&workspace=acme", &alice, 403),
        ("workspace=%FF", &alice, 403),
        ("workspace=acm%65", &alice, 200),
    ] {
        let answer = ask(query, who);
        if status == 403 {
            assert_refused(&answer, 403, query);
        } else {
            assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        }
    }
    assert_refused(&ask("role=root", "x"), 401, "who is nobody is told that first");
    server.db_execute("UPDATE memberships SET role = 'agent' WHERE role = 'editor'");
    assert_refused(&ask("", &bob), 403, "a role without API");
    assert_refused(&verify(&server, &format!("Token {bob}")), 403, "the same for Token");
}

#[db_test]
fn an_email_address_of_any_letters_is_one_header() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    for (email, header) in [
        ("zoë+x@exämple.org", "zo%C3%AB+x@ex%C3%A4mple.org"),
        ("a%0D%0AX-Auth-Role:root@example.org", "a%250D%250AX-Auth-Role:root@example.org"),
        ("a\r\nX-Auth-Role: root@example.org", "a%0D%0AX-Auth-Role:%20root@example.org"),
    ] {
        server.db_execute(&format!("UPDATE users SET email = '{email}' WHERE name = 'Alice'"));
        let answer = verify(&server, &format!("Bearer {value}"));
        // What no form lets in is not read from the database either; nothing of it gets through.
        if answer.status == 200 {
            assert_eq!((answer.header("x-auth-email"), answer.header("x-auth-role")), (header, "administrator"));
        } else {
            assert_eq!((answer.status, email.contains('\n')), (500, true), "{email:?}");
        }
    }
}

#[db_test]
fn an_allowed_request_is_a_use_and_a_denied_one_a_rejected_use() {
    let server = TestServer::start_with(proxy_settings());
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let deleted = server.create_token(&alice, "acme", "Deleted");
    alice.post(&alice.delete_path("acme", "Deleted"), &[]);
    for value in [&value, &deleted] {
        server
            .api("GET", VERIFY)
            .bearer(value)
            .header("User-Agent", "warehouse/2.1")
            .header("X-Forwarded-For", "203.0.113.66, 203.0.113.7")
            .send();
    }
    server.flush();
    let list = alice.get("/w/acme/settings/tokens").text();
    assert!(list.contains("Last used 23 Nov 2026, 12:00 UTC from 203.0.113.7 (warehouse/2.1)"), "{list}");
    assert!(
        list.contains("something has tried it once since. Last attempt 23 Nov 2026, 12:00 UTC from 203.0.113.7"),
        "{list}"
    );
}
