//! The files of `deploy/` for a gateway in front of an API, with a real nginx, Caddy and HAProxy.

use crate::support::api_client::{Answer, connect_from, exchange, exchange_on, raw};
use crate::support::gateway::{Gateway, ProxyKind};
use crate::support::wait::wait_until;

/// The header's values in the head that the API got.
fn got<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let lines = answer.body.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

/// Allowed, refused, deleted in between; what is forged is stripped; closed while Latchkey is down, and back.
fn check_gateway(mut site: Gateway) {
    let alice = site.latchkey.signed_in("alice");
    let value = site.latchkey.create_token(&alice, "acme", "Reporting");
    let leaked = site.latchkey.create_token(&alice, "acme", "Leaked");
    let me = site.latchkey.api("GET", "/api/v2/token.json").bearer(&value).send().json();

    for authorization in ["", "Bearer", "Bearer x", "Bearer a b", "Token x", "Digest x"] {
        let answer = site.call("GET", "/orders").header("Authorization", authorization).send();
        assert_eq!(answer.status, 401, "{authorization:?}: {}", site.proxy.said());
        assert!(answer.header("www-authenticate").starts_with("Bearer realm=\"latchkey\""), "{authorization:?}");
    }
    assert_eq!(site.call("GET", "/orders").send().status, 401);
    assert_eq!(site.api.request_count(), 0, "nobody got through");

    let forged = [
        ("X-Auth-Role", "root"),
        ("x-auth-email", "root@example.org"),
        ("X-AUTH-WORKSPACE", "x"),
        ("X-Auth-Workspace-Slug", "x"),
        ("X-Auth-User", "x"),
        ("X-Auth-Token", "x"),
        ("X_Auth_Role", "root"),
        ("X-Auth_Role", "root"),
        ("X_auth-User", "root"),
    ];
    for (method, path) in [("GET", "/orders"), ("GET", "/orders?role=root&x=1"), ("POST", "/orders"), ("DELETE", "/")] {
        let mut call = site.call(method, path).bearer(&value).header("User-Agent", "warehouse/2.1");
        for (name, value) in forged {
            call = call.header(name, value);
        }
        let answer = if method == "POST" { call.body("a=b") } else { call }.send();
        assert_eq!(answer.status, 200, "{method} {path}: {} {}", answer.body, site.proxy.said());
        assert!(answer.body.starts_with(&format!("{method} {path} HTTP/1.1\r\n")), "{}", answer.body);
        for (name, expected) in [
            ("X-Auth-Workspace", me["workspace"]["uuid"].as_str().unwrap()),
            ("X-Auth-Workspace-Slug", "acme"),
            ("X-Auth-User", me["user"]["uuid"].as_str().unwrap()),
            ("X-Auth-Email", "alice@example.org"),
            ("X-Auth-Role", "administrator"),
            ("X-Auth-Token", me["uuid"].as_str().unwrap()),
        ] {
            assert_eq!(got(&answer, name), [expected], "{name}: {}", answer.body);
        }
        for stripped in ["Authorization", "X_Auth_Role", "X-Auth_Role", "X_auth-User"] {
            assert_eq!(got(&answer, stripped), Vec::<&str>::new(), "{stripped}: {}", answer.body);
        }
        assert!(!answer.body.contains(&value) && !answer.body.contains("root@"), "{}", answer.body);
    }
    site.latchkey.flush();
    let list = alice.get("/w/acme/settings/tokens").text();
    assert!(list.contains("from 127.0.0.1 (warehouse/2.1)"), "the gateway's use is evidence: {list}");

    let other = connect_from("127.0.0.2".parse().unwrap(), site.proxy.address);
    let headers = format!("Authorization: Bearer {leaked}\r\nUser-Agent: shop/1\r\nX-Forwarded-For: 203.0.113.9\r\n");
    let request = format!("GET /orders HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n{headers}\r\n");
    let answer = exchange_on(other, request.as_bytes(), b"");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    site.latchkey.flush();
    let list = alice.get("/w/acme/settings/tokens").text();
    assert!(list.contains("from 127.0.0.2 (shop/1)"), "the address that the proxy sees: {list}");

    assert_eq!(site.get(&leaked).status, 200);
    alice.post(&alice.delete_path("acme", "Leaked"), &[]);
    let refused = site.get(&leaked);
    assert_eq!(refused.status, 401, "from the very next request on");
    assert!(refused.header("www-authenticate").contains("The token was deleted on"));

    let asked = site.api.request_count();
    let twice = format!(
        "GET /orders HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {value}\r\nAuthorization: Bearer {value}\r\n\r\n",
        site.proxy.address
    );
    let twice = raw(site.proxy.address, twice.as_bytes());
    assert!(twice.starts_with("HTTP/1.1 401 ") || twice.starts_with("HTTP/1.1 400 "), "{twice}");
    site.latchkey.stop();
    assert_eq!(site.get(&value).status, site.kind.status_while_down(), "closed while nobody can be asked");
    assert_eq!(site.call("GET", "/orders").send().status, site.kind.status_while_down());
    assert_eq!(site.api.request_count(), asked);
    site.latchkey.restart();
    wait_until("the proxy answers 200", || site.get(&value).status == 200);
    assert!(!site.proxy.said().contains(&value), "the proxy logs no value, not even of what failed");
}

/// What the proxy demands of a token is met or 403.
fn check_requirements(site: &Gateway) {
    let (alice, bob) = (site.latchkey.signed_in("alice"), site.latchkey.signed_in("bob"));
    let good = site.latchkey.create_token(&alice, "acme", "Good");
    let elsewhere = site.latchkey.create_token(&alice, "acme-demo", "Elsewhere");
    let editor = site.latchkey.create_token(&bob, "acme", "Editor");
    assert_eq!([&good, &elsewhere, &editor].map(|value| site.get(value).status), [200, 403, 403]);
    let query = site.call("GET", "/orders?workspace=acme-demo&role=editor").bearer(&editor).send();
    assert_eq!((query.status, site.api.request_count()), (403, 1), "the client's query demands nothing");
}

/// Long headers and bodies pass: only the API gets them.
fn check_sizes(site: &Gateway) {
    let alice = site.latchkey.signed_in("alice");
    let value = site.latchkey.create_token(&alice, "acme", "Reporting");
    let long = |name: &str, length: usize| (name.to_owned(), "x".repeat(length));
    for headers in [
        vec![long("Cookie", 20 * 1024)],
        vec![long("Cookie", 7000), long("Cookie", 7000), long("Cookie", 7000)],
        vec![long("Referer", 20 * 1024)],
    ] {
        let mut call = site.call("GET", "/orders").bearer(&value);
        for (name, value) in &headers {
            call = call.header(name, value);
        }
        let answer = call.send();
        assert_eq!(answer.status, 200, "{}: {}", headers[0].0, answer.body);
        let (requests, _) = site.api.take();
        let mut cookies = headers.iter().filter(|(name, _)| name == "Cookie");
        assert!(cookies.all(|(_, value)| requests[0].header("Cookie").concat().contains(value)), "the API gets it");
    }
    let path = format!("/orders?{}", "x".repeat(20 * 1024));
    assert_eq!(site.call("GET", &path).bearer(&value).send().status, 200, "a long query");

    let body: Vec<u8> = (0..3_000_000_u32).map(|byte| (byte % 251) as u8).collect();
    for method in ["POST", "PUT", "PATCH"] {
        site.api.take();
        let answer = site.call(method, "/orders").bearer(&value).body(body.clone()).send();
        assert_eq!(answer.status, 200, "{method}: {} {}", answer.body, site.proxy.said());
        let (requests, _) = site.api.take();
        assert!(requests[0].body == body, "{method}: the body arrives unchanged");
    }
    let chunks = format!("{:x}\r\n{}\r\n0\r\n\r\n", 2_000_000, "y".repeat(2_000_000));
    let headers = format!("Connection: close\r\nAuthorization: Bearer {value}\r\nTransfer-Encoding: chunked\r\n");
    let request = format!("POST /orders HTTP/1.1\r\nHost: api.example\r\n{headers}\r\n{chunks}");
    let answer = exchange(site.proxy.address, request.as_bytes(), b"");
    assert!(answer.starts_with("HTTP/1.1 200 "), "chunked: {answer}");
    let (requests, _) = site.api.take();
    assert_eq!(requests[0].body.len(), 2_000_000, "chunked");
    assert_eq!(site.call("POST", "/orders").body("a=b").send().status, 401, "without a token");
    assert_eq!(site.api.request_count(), 0);
}

const REQUIREMENT: &str = "?workspace=acme&role=administrator";

#[db_test(needs(nginx))]
fn nginx_with_the_file_of_deploy_allows_valid_tokens_only() {
    check_gateway(Gateway::start(ProxyKind::Nginx));
}

#[db_test(needs(nginx))]
fn nginx_requires_a_workspace_and_a_role() {
    check_requirements(&Gateway::start_with_requirement(ProxyKind::Nginx, REQUIREMENT));
}

#[db_test(sqlite, needs(nginx))]
fn nginx_passes_long_headers_and_bodies_to_the_api() {
    check_sizes(&Gateway::start_with(ProxyKind::Nginx, &[("client_max_body_size 1m;", "client_max_body_size 4m;")]));
}

#[db_test(needs(caddy))]
fn caddy_with_the_file_of_deploy_allows_valid_tokens_only() {
    check_gateway(Gateway::start(ProxyKind::Caddy));
}

#[db_test(needs(caddy))]
fn caddy_requires_a_workspace_and_a_role() {
    check_requirements(&Gateway::start_with_requirement(ProxyKind::Caddy, REQUIREMENT));
}

#[db_test(sqlite, needs(caddy))]
fn caddy_passes_long_headers_and_bodies_to_the_api() {
    check_sizes(&Gateway::start(ProxyKind::Caddy));
}

#[db_test(needs(haproxy))]
fn haproxy_with_the_files_of_deploy_allows_valid_tokens_only() {
    check_gateway(Gateway::start(ProxyKind::Haproxy));
}

#[db_test(needs(haproxy))]
fn haproxy_requires_a_workspace_and_a_role() {
    check_requirements(&Gateway::start_with_requirement(ProxyKind::Haproxy, REQUIREMENT));
}

#[db_test(sqlite, needs(haproxy))]
fn haproxy_passes_long_headers_and_bodies_to_the_api() {
    check_sizes(&Gateway::start(ProxyKind::Haproxy));
}

#[db_test(sqlite, needs(haproxy))]
fn haproxy_allows_no_request_if_its_script_fails() {
    for (from, to) in [
        ("if answer.status == 200 then", "if answer.nothing.status == 200 then"),
        ("local received =", "do return end local received ="),
    ] {
        let site = Gateway::start_with(ProxyKind::Haproxy, &[(from, to)]);
        let alice = site.latchkey.signed_in("alice");
        let value = site.latchkey.create_token(&alice, "acme", "Reporting");
        assert_eq!((site.get(&value).status, site.api.request_count()), (503, 0), "{to}");
    }
}
