//! The variants of the gateway files in `deploy/`: WebSockets, and CORS preflights without credentials.

use crate::support::gateway::{Gateway, ProxyKind};
use crate::support::raw_api::WEBSOCKET_HEADERS;

const PREFLIGHT: &str = "Connection: close\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\n\
                         Access-Control-Request-Headers: authorization\r\n";

/// A valid token opens a WebSocket, and without one the API is not asked.
fn check_websockets(kind: ProxyKind) {
    let gateway = Gateway::start_with(kind, &[("#websocket ", "")]);
    let alice = gateway.latchkey.signed_in("alice");
    let value = gateway.latchkey.create_token(&alice, "acme", "Reporting");
    let handshake = |token: &str, upgrade: &str, connection: &str| {
        let headers = format!(
            "Authorization: Bearer {token}\r\nConnection: {connection}\r\nUpgrade: {upgrade}\r\nX-Auth-Role: root\r\n\
             {WEBSOCKET_HEADERS}"
        );
        gateway.send_raw("GET /orders/live", &headers, b"\x81\x05hello")
    };
    for (upgrade, connection) in [
        ("websocket", "Upgrade"),
        ("WebSocket", "keep-alive, Upgrade"),
        ("websocket", "upgrade, X-Auth-Role, X-Auth-User"),
    ] {
        let answer = handshake(&value, upgrade, connection);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{upgrade} {connection}: {answer}");
        assert!(answer.ends_with("\r\n\r\n\u{fffd}\u{5}hello"), "the API's bytes come back: {answer}");
        let (requests, tunnels) = gateway.api.take();
        let request = &requests[0];
        assert_eq!((tunnels[0].protocol, tunnels[0].received.as_slice()), ("websocket", b"\x81\x05hello".as_slice()));
        assert_eq!(request.header("X-Auth-Role"), ["administrator"], "{}", request.head);
        assert_eq!(request.header("X-Auth-User").len(), 1, "{}", request.head);
        assert_eq!(request.header("Upgrade"), ["websocket"], "{}", request.head);
        assert_eq!(request.header("Sec-WebSocket-Version"), ["13"], "{}", request.head);
        assert!(request.header("Authorization").is_empty(), "{}", request.head);
    }
    alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    for token in [value.as_str(), "x", ""] {
        let answer = handshake(token, "websocket", "Upgrade");
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    assert_eq!(gateway.api.request_count(), 0);
}

/// A preflight without credentials reaches the API without anything that could identify somebody.
fn check_preflights(kind: ProxyKind) {
    let gateway = Gateway::start_with(kind, &[("#cors ", "")]);
    let alice = gateway.latchkey.signed_in("alice");
    let value = gateway.latchkey.create_token(&alice, "acme", "Reporting");
    let forged = "X-Auth-Role: root\r\nX_Auth_User: root\r\nX-HTTP-Method-Override: DELETE\r\nUpgrade: h2c\r\n";
    for more in ["", forged] {
        let answer = gateway.send_raw("OPTIONS /orders?x=1", &format!("{PREFLIGHT}{more}"), b"");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let (requests, _) = gateway.api.take();
        let head = &requests[0].head;
        assert!(head.starts_with("OPTIONS /orders?x=1 HTTP/1.1\r\n"), "{head}");
        assert_eq!(requests[0].header("Origin"), ["https://app.example"], "{head}");
        assert_eq!(requests[0].header("Access-Control-Request-Method"), ["PUT"], "{head}");
        assert_eq!(requests[0].header("Access-Control-Request-Headers"), ["authorization"], "{head}");
        assert_eq!(requests[0].identity(), [], "{head}");
        assert!(!head.contains("DELETE") && !head.contains("h2c"), "{head}");
    }
    for (line, headers) in [
        ("GET /orders", PREFLIGHT.to_owned()),
        ("POST /orders", PREFLIGHT.to_owned()),
        ("options /orders", PREFLIGHT.to_owned()),
        ("OPTIONS /orders", "Connection: close\r\n".to_owned()),
        ("OPTIONS /orders", "Connection: close\r\nOrigin: https://app.example\r\n".to_owned()),
        ("OPTIONS /orders", format!("{PREFLIGHT}Cookie: session=x\r\n")),
        ("OPTIONS /orders", format!("{PREFLIGHT}Authorization: Bearer x\r\n")),
    ] {
        let answer = gateway.send_raw(line, &headers, b"");
        assert!(answer.starts_with("HTTP/1.1 4"), "{line} {headers}: {answer}");
        assert_eq!(gateway.api.request_count(), 0, "{line} {headers}: {answer}");
    }
    let with_token = format!("{PREFLIGHT}Authorization: Bearer {value}\r\n");
    let answer = gateway.send_raw("OPTIONS /orders", &with_token, b"");
    let (requests, _) = gateway.api.take();
    assert_eq!(requests.first().map(|it| it.header("X-Auth-Role")), Some(vec!["administrator"]), "{answer}");
    assert_eq!(gateway.get(&value).status, 200);
    assert_eq!(gateway.call("GET", "/orders").send().status, 401);
}

/// Without the variant a preflight needs a token like every other request.
fn check_no_preflights(kind: ProxyKind) {
    let gateway = Gateway::start(kind);
    let answer = gateway.send_raw("OPTIONS /orders", PREFLIGHT, b"");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(gateway.api.request_count(), 0);
}

#[db_test(sqlite, needs(nginx))]
fn nginx_opens_websockets_with_a_valid_token() {
    check_websockets(ProxyKind::Nginx);
}

#[db_test(sqlite, needs(caddy))]
fn caddy_opens_websockets_with_a_valid_token() {
    check_websockets(ProxyKind::Caddy);
}

#[db_test(sqlite, needs(haproxy))]
fn haproxy_opens_websockets_with_a_valid_token() {
    check_websockets(ProxyKind::Haproxy);
}

#[db_test(sqlite, needs(nginx))]
fn nginx_lets_preflights_through_only_in_the_variant() {
    check_preflights(ProxyKind::Nginx);
    check_no_preflights(ProxyKind::Nginx);
}

#[db_test(sqlite, needs(caddy))]
fn caddy_lets_preflights_through_only_in_the_variant() {
    check_preflights(ProxyKind::Caddy);
    check_no_preflights(ProxyKind::Caddy);
}

#[db_test(sqlite, needs(haproxy))]
fn haproxy_lets_preflights_through_only_in_the_variant() {
    check_preflights(ProxyKind::Haproxy);
    check_no_preflights(ProxyKind::Haproxy);
}
