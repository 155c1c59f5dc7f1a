//! Requests that try to forge, replace or remove Latchkey's headers on their way to the API, through the real proxies.

use crate::support::TestServer;
use crate::support::api_client::exchange;
use crate::support::gateway::{Gateway, ProxyKind};
use crate::support::raw_api::{RecordedRequest, WEBSOCKET_HEADERS};

/// The names of Latchkey's headers.
const IDENTITY: [&str; 6] =
    ["X-Auth-Workspace", "X-Auth-Workspace-Slug", "X-Auth-User", "X-Auth-Email", "X-Auth-Role", "X-Auth-Token"];

/// The name of the one that has no content for an address that is not verified.
const EMAIL: &str = "x-auth-email";

/// Lists of headers that a proxy would remove for one connection only (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 9] = [
    "Connection: close, X-Auth-Role, X-Auth-User",
    "Connection: close\r\nConnection: X-Auth-Role",
    "Connection: X-Auth-Role\r\nConnection: close",
    "connection: x-auth-workspace-slug,X-AUTH-TOKEN , close",
    "Connection: close, X-Auth-Role\r\nX-Auth-Role: root",
    "Connection: close, Authorization",
    "Connection: close, X-Forwarded-For, User-Agent, Host",
    "Connection: close\r\nProxy-Connection: X-Auth-Role",
    "Connection: close\r\nKeep-Alive: X-Auth-Role\r\nTE: trailers",
];

/// Values of `Upgrade` headers, several with `|`.
const UPGRADES: [&str; 8] =
    ["h2c", "H2C", "h2c/1", "websocket, h2c", "h2c, websocket", "websocket|h2c", "h2c|websocket", "\th2c\t"];

/// Each mixture of the separators in place of the hyphens of a name.
fn mixtures(name: &str, separators: &[&str]) -> Vec<String> {
    let mut words = name.split('-');
    let mut mixtures = vec![words.next().unwrap().to_owned()];
    for word in words {
        let with = |start: &String| separators.iter().map(|it| format!("{start}{it}{word}")).collect::<Vec<_>>();
        mixtures = mixtures.iter().flat_map(with).collect();
    }
    mixtures
}

/// An HTTP/2 client's first bytes: preface, settings, and a request with these headers (RFC 9113, section 3.4).
fn http2_request(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        // A literal without indexing and with a new name (RFC 7541, section 6.2.2).
        block.extend([0, u8::try_from(name.len()).unwrap()]);
        block.extend(name.as_bytes());
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.as_bytes());
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    bytes.extend([0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    bytes.extend(block);
    bytes
}

/// A gateway, and Alice's token behind it.
struct Attack {
    gateway: Gateway,
    authorization: String,
    identity: Vec<(String, String)>,
    is_websocket_allowed: bool,
}

impl Attack {
    fn start(kind: ProxyKind, is_websocket_allowed: bool) -> Self {
        let attack = Self::start_as(kind, is_websocket_allowed, |_| {});
        assert!(attack.identity.iter().all(|(_, value)| !value.is_empty()), "{:?}", attack.identity);
        let mut expected = IDENTITY.map(str::to_ascii_lowercase);
        expected.sort();
        assert_eq!(attack.names(), expected);
        attack
    }

    /// Alice's address is not verified: the API gets none, or an empty one.
    fn start_unverified(kind: ProxyKind) -> Self {
        let attack = Self::start_as(kind, false, |latchkey| latchkey.unverify("alice"));
        let mut expected: Vec<_> = IDENTITY.map(str::to_ascii_lowercase).into();
        expected.retain(|name| kind != ProxyKind::Nginx || name != EMAIL);
        expected.sort();
        assert_eq!(attack.names(), expected);
        for (name, value) in &attack.identity {
            assert_eq!(value.is_empty(), name == EMAIL, "{name}: {value}");
        }
        attack
    }

    fn names(&self) -> Vec<&str> {
        self.identity.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn start_as(kind: ProxyKind, is_websocket_allowed: bool, change: impl FnOnce(&TestServer)) -> Self {
        let changes = if is_websocket_allowed { [("#websocket ", "")].as_slice() } else { &[] };
        let gateway = Gateway::start_with(kind, changes);
        let alice = gateway.latchkey.signed_in("alice");
        let value = gateway.latchkey.create_token(&alice, "acme", "Reporting");
        change(&gateway.latchkey);
        let authorization = format!("Authorization: Bearer {value}\r\n");
        gateway.send_raw("GET /orders", &format!("Connection: close\r\n{authorization}"), b"");
        let (requests, _) = gateway.api.take();
        let identity = requests[0].identity();
        Self { gateway, authorization, identity, is_websocket_allowed }
    }

    /// Sends a request with Alice's token; what the API gets of it is Alice's identity and nothing else.
    #[track_caller]
    fn send(&self, line: &str, headers: &str) -> (String, Vec<RecordedRequest>) {
        let forged = [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("x-auth-role", "root")];
        let headers = format!("{}{headers}", self.authorization);
        let answer = self.gateway.send_raw(line, &headers, &http2_request(&forged));
        let (requests, tunnels) = self.gateway.api.take();
        for request in &requests {
            assert_eq!(request.identity(), self.identity, "{line} {headers}: {}", request.head);
            assert_eq!(request.header("Authorization"), Vec::<&str>::new(), "{line} {headers}: {}", request.head);
            let connection = request.header("Connection").join(",").to_ascii_lowercase();
            let upgrade = request.header("Upgrade");
            if self.is_websocket_allowed && upgrade == ["websocket"] {
                assert_eq!(connection, "upgrade", "{line} {headers}: {}", request.head);
            } else {
                assert!(upgrade.is_empty(), "{line} {headers}: {}", request.head);
                assert!(["", "close", "keep-alive"].contains(&connection.as_str()), "{}", request.head);
            }
            assert!(!request.trailers.contains("X-Auth"), "{line} {headers}: {}", request.trailers);
        }
        let are_expected = tunnels.iter().all(|it| self.is_websocket_allowed && it.protocol == "websocket");
        assert!(are_expected, "{line} {headers}: a tunnel: {tunnels:?}");
        (answer, requests)
    }

    /// [`Attack::send`] of a request that the proxy passes on.
    #[track_caller]
    fn send_and_reach(&self, line: &str, headers: &str) {
        let (answer, requests) = self.send(line, headers);
        assert_eq!(requests.len(), 1, "{line} {headers}: {answer}");
    }

    /// Without a token the API gets nothing.
    #[track_caller]
    fn send_without_token(&self, line: &str, headers: &str) {
        let headers = format!("Connection: close\r\n{headers}");
        let answer = self.gateway.send_raw(line, &headers, b"");
        assert_eq!(self.gateway.api.request_count(), 0, "{line} {headers}: {answer}");
    }
}

fn check_hop_by_hop(attack: &Attack) {
    for headers in HOP_BY_HOP {
        attack.send_and_reach("GET /orders", &format!("{headers}\r\n"));
        attack.send_without_token("GET /orders", &format!("{headers}\r\n"));
    }
}

fn check_upgrades(attack: &Attack) {
    for upgrade in UPGRADES {
        let upgrade = format!("Upgrade: {}\r\n", upgrade.replace('|', "\r\nUpgrade: "));
        for connection in ["Upgrade, HTTP2-Settings", "upgrade", "keep-alive, Upgrade", "Upgrade, X-Auth-Role", "close"]
        {
            let settings = "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
            let headers = format!("Connection: {connection}\r\n{upgrade}{settings}{WEBSOCKET_HEADERS}");
            attack.send("GET /orders", &headers);
            attack.send("OPTIONS /orders", &headers);
            attack.send_without_token("GET /orders", &headers);
        }
    }
    // A 200 to CONNECT opens a tunnel too.
    for line in ["CONNECT /orders", "CONNECT api.example", "CONNECT api.example:443"] {
        let (answer, requests) = attack.send(line, "");
        assert!(answer.starts_with("HTTP/1.1 4"), "{line}: {answer}");
        assert!(requests.is_empty(), "{line}: {requests:?}");
    }
}

fn check_spellings(attack: &Attack) {
    for name in IDENTITY {
        for name in mixtures(name, &["-", "_"]) {
            for name in [name.clone(), name.to_ascii_lowercase(), name.to_ascii_uppercase()] {
                for count in [1, 2] {
                    let forged = format!("{name}: root\r\n").repeat(count);
                    attack.send_and_reach("GET /orders", &format!("Connection: close\r\n{forged}"));
                    attack.send_without_token("GET /orders", &forged);
                }
            }
        }
    }
    for name in mixtures("X-Auth-Role", &["-", "_", "."]).iter().filter(|name| name.contains('.')) {
        attack.send("GET /orders", &format!("Connection: close\r\n{name}: root\r\n"));
    }
    for name in ["X-Auth-Role.", "X-Auth-Role\t", "X-Auth-Role ", " X-Auth-Role", "X-Auth-Role\0", "X\u{ad}Auth-Role"] {
        attack.send("GET /orders", &format!("Connection: close\r\n{name}: root\r\n"));
    }
    for folded in ["X-Other: a\r\n X-Auth-Role: root", "X-Other: a\nX-Auth-Role: root", "X-Other: a\rX-Auth-Role: root"]
    {
        attack.send("GET /orders", &format!("Connection: close\r\n{folded}\r\n"));
    }
}

fn check_hosts_and_paths(attack: &Attack) {
    for path in [
        "/.",
        "/./orders",
        "/../orders",
        "/orders.",
        "/orders/.",
        "/orders/..",
        "/orders./",
        "//orders",
        "/orders;x",
        "/orders%00",
        "/orders%0d%0aX-Auth-Role:%20root",
        "/_latchkey",
        "/_latchkey.",
        "/_latchkey/",
        "//_latchkey",
        "/./_latchkey",
        "/%5flatchkey",
        "/_latchkey?workspace=acme",
        "/auth/verify",
        "/@preflight",
        "*",
        "http://api.example/orders",
        "http://other.example/orders",
    ] {
        for method in ["GET", "POST", "OPTIONS", "TRACE"] {
            attack.send(&format!("{method} {path}"), "Connection: close\r\nX-Auth-Role: root\r\n");
            attack.send_without_token(&format!("{method} {path}"), "X-Auth-Role: root\r\n");
        }
    }
    for host in ["api.example.", "API.EXAMPLE", "api.example:443", "api.example.:443", "api.example..", "other.example"]
    {
        // `send_raw` sends a Host of its own: this one is in the absolute form, which has precedence.
        attack.send(&format!("GET http://{host}/orders"), "Connection: close\r\nX-Auth-Role: root\r\n");
        let headers = format!("Host: {host}\r\nConnection: close\r\nX-Auth-Role: root\r\n");
        let request = format!("GET /orders HTTP/1.1\r\n{headers}{}\r\n", attack.authorization);
        exchange(attack.gateway.proxy.address, request.as_bytes(), b"");
        for request in attack.gateway.api.take().0 {
            assert_eq!(request.identity(), attack.identity, "{host}: {}", request.head);
        }
        let request = format!("GET /orders HTTP/1.1\r\n{headers}\r\n");
        let answer = exchange(attack.gateway.proxy.address, request.as_bytes(), b"");
        assert_eq!(attack.gateway.api.request_count(), 0, "{host}: {answer}");
    }
}

fn check_all(kind: ProxyKind, is_websocket_allowed: bool) {
    let attack = Attack::start(kind, is_websocket_allowed);
    check_hop_by_hop(&attack);
    check_upgrades(&attack);
    check_spellings(&attack);
    check_hosts_and_paths(&attack);
    if kind != ProxyKind::Nginx {
        // nginx can replace a header by its complete name only.
        for name in ["X-Auth", "X-Auth-Kind", "X-AuthRole", "X-Auth-Roles"] {
            attack.send_and_reach("GET /orders", &format!("Connection: close\r\n{name}: root\r\n"));
        }
    }
}

/// A client's own address does not take the place of one that is not verified.
fn check_unverified(kind: ProxyKind) {
    let attack = Attack::start_unverified(kind);
    for name in mixtures("X-Auth-Email", &["-", "_"]) {
        for name in [name.clone(), name.to_ascii_lowercase(), name.to_ascii_uppercase()] {
            for forged in ["ceo@victim.example", "alice@example.org", " ", ""] {
                let forged = format!("{name}: {forged}\r\n");
                attack.send_and_reach("GET /orders", &format!("Connection: close\r\n{forged}"));
                attack.send_and_reach("POST /orders", &format!("Connection: close, {name}\r\n{forged}{forged}"));
            }
        }
    }
    check_hop_by_hop(&attack);
}

#[db_test(sqlite, needs(nginx))]
fn no_address_replaces_one_that_is_not_verified_through_nginx() {
    check_unverified(ProxyKind::Nginx);
}

#[db_test(sqlite, needs(caddy))]
fn no_address_replaces_one_that_is_not_verified_through_caddy() {
    check_unverified(ProxyKind::Caddy);
}

#[db_test(sqlite, needs(haproxy))]
fn no_address_replaces_one_that_is_not_verified_through_haproxy() {
    check_unverified(ProxyKind::Haproxy);
}

#[db_test(sqlite, needs(nginx))]
fn nobody_forges_or_removes_an_identity_header_through_nginx() {
    check_all(ProxyKind::Nginx, false);
}

#[db_test(sqlite, needs(nginx))]
fn nobody_forges_or_removes_an_identity_header_through_nginx_with_websockets() {
    check_all(ProxyKind::Nginx, true);
}

#[db_test(sqlite, needs(caddy))]
fn nobody_forges_or_removes_an_identity_header_through_caddy() {
    check_all(ProxyKind::Caddy, false);
}

#[db_test(sqlite, needs(caddy))]
fn nobody_forges_or_removes_an_identity_header_through_caddy_with_websockets() {
    check_all(ProxyKind::Caddy, true);
}

#[db_test(sqlite, needs(haproxy))]
fn nobody_forges_or_removes_an_identity_header_through_haproxy() {
    check_all(ProxyKind::Haproxy, false);
}

#[db_test(sqlite, needs(haproxy))]
fn nobody_forges_or_removes_an_identity_header_through_haproxy_with_websockets() {
    check_all(ProxyKind::Haproxy, true);
}
