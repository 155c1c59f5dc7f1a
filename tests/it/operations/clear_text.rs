//! What the proxies of `deploy/` do with a request that was not encrypted.

use std::net::SocketAddr;

use crate::support::api_client::exchange;
use crate::support::gateway::{Gateway, ProxyKind};
use crate::support::proxy::{adapted, caddy, free_port, nginx};

/// 32 letters and digits, like a one-time code.
const CODE: &str = "0123456789abcdefghijABCDEFGHIJ01";

fn status_and_location(address: SocketAddr, host: &str, line: &str, headers: &str) -> (u16, String) {
    let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    let answer = exchange(address, request.as_bytes(), b"");
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default();
    let location = answer.lines().find_map(|line| line.strip_prefix("Location: ").map(str::to_owned));
    (status, location.unwrap_or_default())
}

/// Pages are redirected; whatever carries a secret is refused, so that its sender notices.
fn check_site(address: SocketAddr) {
    for path in ["/", "/login", "/w/acme/settings/tokens?sort=name", "/account", "/apis", "/authors"] {
        for method in ["GET", "HEAD"] {
            let answer = status_and_location(address, "tokens.example", &format!("{method} {path}"), "");
            let is_redirect = answer.0 == 301 || answer.0 == 302;
            assert!(is_redirect && answer.1 == format!("https://tokens.example{path}"), "{method} {path}: {answer:?}");
        }
    }
    let refused = |line: &str, headers: &str| {
        let answer = status_and_location(address, "tokens.example", line, headers);
        assert_eq!(answer, (403, String::new()), "{line} {headers}");
    };
    for path in [
        "/api/v2/workspace.json",
        "/api",
        "/api/",
        "//api/v2/workspace.json",
        "/./api/v2/workspace.json",
        "/x/../api/v2/workspace.json",
        "/%61pi/v2/workspace.json",
        "/auth/verify",
        "/auth/",
        "/oauth2/introspect",
        "/oauth2/",
        &format!("/invitations/{CODE}"),
        &format!("/reset/{CODE}"),
        &format!("/setup?code={CODE}"),
        &format!("/login?next=%2Freset%2F{CODE}"),
        &format!("/x?access_token=rpat{CODE}"),
    ] {
        refused(&format!("GET {path}"), "");
    }
    for scheme in ["Bearer", "Token", "Basic"] {
        refused("GET /", &format!("Authorization: {scheme} x\r\n"));
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        refused(&format!("{method} /login"), "Content-Length: 0\r\n");
        refused(&format!("{method} /oauth2/introspect"), "Content-Length: 0\r\n");
    }
}

/// An API has no pages: everything is refused, and neither Latchkey nor the API is asked.
fn check_gateway(kind: ProxyKind) {
    let gateway = Gateway::start(kind);
    let alice = gateway.latchkey.signed_in("alice");
    let value = gateway.latchkey.create_token(&alice, "acme", "Reporting");
    for headers in [String::new(), format!("Authorization: Bearer {value}\r\n")] {
        for line in ["GET /", "GET /orders", "POST /orders", "OPTIONS /orders"] {
            let answer = status_and_location(gateway.clear_text, "api.example", line, &headers);
            assert_eq!(answer, (403, String::new()), "{line} {headers}");
        }
    }
    assert_eq!(gateway.api.request_count(), 0);
    assert_eq!(gateway.get(&value).status, 200);
}

#[plain_test(needs(nginx))]
fn nginx_redirects_pages_and_refuses_secrets() {
    let (clear_text, port) = (free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let text = adapted(
        "nginx.conf",
        &[
            ("listen 80;", &format!("listen 127.0.0.1:{clear_text};")),
            ("listen [::]:80;", ""),
            ("listen 443 ssl;", &format!("listen 127.0.0.1:{port};")),
            ("listen [::]:443 ssl;", ""),
            ("ssl_certificate     /etc/ssl/tokens.example/fullchain.pem;", ""),
            ("ssl_certificate_key /etc/ssl/tokens.example/privkey.pem;", ""),
            ("/var/log/nginx/latchkey.log", log.to_str().unwrap()),
        ],
    );
    let proxy = nginx(port, &text);
    check_site(proxy.listening_at(clear_text));
}

#[plain_test(needs(caddy))]
fn caddy_redirects_pages_and_refuses_secrets() {
    let (clear_text, port) = (free_port(), free_port());
    let text = adapted(
        "Caddyfile",
        &[
            ("\nhttp://tokens.example {", &format!("\nhttp://tokens.example:{clear_text} {{")),
            ("\ntokens.example {", &format!("\nhttp://tokens.example:{port} {{")),
            ("\nhttp://api.example {", &format!("\nhttp://api.example:{} {{", free_port())),
            ("\napi.example {", &format!("\nhttp://api.example:{} {{", free_port())),
        ],
    );
    let proxy = caddy(port, &text);
    check_site(proxy.listening_at(clear_text));
}

#[db_test(sqlite, needs(nginx))]
fn nginx_refuses_clear_text_before_an_api() {
    check_gateway(ProxyKind::Nginx);
}

#[db_test(sqlite, needs(caddy))]
fn caddy_refuses_clear_text_before_an_api() {
    check_gateway(ProxyKind::Caddy);
}

#[db_test(sqlite, needs(haproxy))]
fn haproxy_refuses_clear_text_before_an_api() {
    check_gateway(ProxyKind::Haproxy);
}
