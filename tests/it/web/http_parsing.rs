//! Malformed and ambiguous HTTP: rejected, or read as RFC 9112 requires, and answered once.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use latchkey::web::static_files;

use crate::support::api_client::raw;
use crate::support::{TestServer, https_settings};

/// What the server said on a connection of its own, and whether it closed it.
struct Reply {
    text: String,
    is_closed: bool,
}

impl Reply {
    fn answers(&self) -> usize {
        self.text.matches("HTTP/1.").count()
    }

    fn status(&self) -> &str {
        self.text.get(9..12).unwrap_or("")
    }
}

/// Sends bytes as they are and reads until the connection is closed, or nothing has come for a while.
fn exchange(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    // The server may have closed it before the last byte.
    let _ = stream.write_all(bytes);
    let (mut said, mut chunk) = (Vec::new(), [0; 8192]);
    let is_closed = loop {
        match stream.read(&mut chunk) {
            Ok(0) => break true,
            Ok(read) => said.extend_from_slice(&chunk[..read]),
            Err(error) => break !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
        }
    };
    Reply { text: String::from_utf8_lossy(&said).into_owned(), is_closed }
}

/// What would be answered if it were taken for a request of its own: a page that nobody asks for otherwise.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

#[db_test]
fn an_ambiguous_request_is_rejected_once_and_the_connection_closed() {
    let server = TestServer::start();
    for head in [
        // Two lengths.
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 40",
        "Content-Length: 4\r\nContent-Length: 4",
        "Content-Length: 4, 4",
        "Content-Length: 0\r\nContent-Length: 36",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        // Lengths that some read.
        "Content-Length: +4",
        "Content-Length: -1",
        "Content-Length: 0x4",
        "Content-Length: 4.0",
        "Content-Length: 18446744073709551620",
        "Content-Length: four",
        "Content-Length:",
        "Content-Length: 4 4",
        // Codings that some read as chunked, and some not.
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding:",
        // Names that some trim, and lines that some join.
        "Transfer-Encoding : chunked",
        "Content-Length : 4",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\r\n\tContent-Length: 4",
        "Transfer-Encoding:\r\n chunked",
        "Content-Length",
        ": x",
        "X\0Y: z",
        "X: y\0z",
        "X: y\rContent-Length: 4",
        "Host: y",
    ] {
        for path in ["/login", "/api/v2/org.json", "/oauth2/introspect", "/auth/verify"] {
            let told = exchange(
                server.address,
                format!("POST {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n0\r\n\r\n{HIDDEN}").as_bytes(),
            );
            assert_eq!(told.answers(), 1, "{path} {head:?}: {}", told.text);
            assert_eq!((told.status(), told.is_closed), ("400", true), "{path} {head:?}: {}", told.text);
        }
    }
}

#[db_test]
fn an_incomplete_chunked_body_ends_the_connection_with_one_answer() {
    let server = TestServer::start();
    for body in [
        "4\nname\n0\n\n",
        "4\r\nname0\r\n\r\n",
        "4 \r\nnamexx\r\n0\r\n\r\n",
        "-4\r\nname\r\n0\r\n\r\n",
        "+4\r\nname\r\n0\r\n\r\n",
        "0x4\r\nname\r\n0\r\n\r\n",
        "\r\nname\r\n0\r\n\r\n",
        "zz\r\nname\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nname\r\n0\r\n\r\n",
        "4\r\nnam\r\n0\r\n\r\n",
        "4;\nx\r\nname\r\n0\r\n\r\n",
        "0\n\r\n",
        "0\r\r\n",
    ] {
        for path in ["/login", "/oauth2/introspect"] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: none\r\nTransfer-Encoding: chunked\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            );
            let told = exchange(server.address, format!("{head}{body}{HIDDEN}").as_bytes());
            assert!(told.answers() <= 1 && !told.text.contains("\r\nok\n"), "{path} {body:?}: {}", told.text);
            assert!(told.status().is_empty() || told.status().starts_with('4'), "{path} {body:?}: {}", told.text);
        }
    }
}

#[db_test]
fn an_unread_body_is_not_the_next_request() {
    let server = TestServer::start();
    let length = HIDDEN.len();
    for (line, before) in [
        ("GET /login HTTP/1.1", ""),
        ("HEAD /login HTTP/1.1", ""),
        ("POST /nothing HTTP/1.1", ""),
        ("POST /logout HTTP/1.1", ""),
        ("DELETE /w/acme HTTP/1.1", "Sec-Fetch-Site: none\r\n"),
        ("POST /login HTTP/1.1", "Sec-Fetch-Site: cross-site\r\n"),
        ("POST /w/acme/settings HTTP/1.1", "Sec-Fetch-Site: none\r\n"),
        ("GET /api/v2/org.json HTTP/1.1", ""),
        ("POST /api/v2/org.json HTTP/1.1", ""),
        ("POST /auth/verify HTTP/1.1", ""),
        ("POST /oauth2/introspect HTTP/1.1", ""),
        ("GET /healthz HTTP/1.0", ""),
        ("OPTIONS /api/v2/users.json HTTP/1.1", ""),
    ] {
        for framing in [format!("Content-Length: {length}\r\n\r\n{HIDDEN}"), {
            format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{HIDDEN}\r\n0\r\n\r\n")
        }] {
            let told = exchange(server.address, format!("{line}\r\nHost: x\r\n{before}{framing}").as_bytes());
            assert_eq!(told.answers(), 1, "{line} {framing:?}: {}", told.text);
        }
    }
    // And one that was read is followed by the next.
    let two = format!("POST /login HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: none\r\nContent-Length: 0\r\n\r\n{HIDDEN}");
    assert_eq!(exchange(server.address, two.as_bytes()).answers(), 2);
}

#[db_test]
fn an_invalid_request_head_is_rejected_without_effect_on_others() {
    let server = TestServer::start();
    let many = "X: y\r\n".repeat(200);
    for (bytes, status) in [
        (b"\r\n\r\n\r\n\0\r\n\r\n".to_vec(), "400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), "400"),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "400"),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "400"),
        (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "400"),
        (b"GET / HTTP/1.1x\r\nHost: x\r\n\r\n".to_vec(), "400"),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n".to_vec(), "400"),
        (b"GET /\r\nHost: x\r\n\r\n".to_vec(), "400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), "400"),
        (b"G\xffT / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "400"),
        (b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "400"),
        (b"GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "400"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n").into_bytes(), "431"),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(20_000)).into_bytes(), "431"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "y".repeat(300_000)).into_bytes(), "431"),
        (format!("GET /{}", "x".repeat(300_000)).into_bytes(), "431"),
    ] {
        let told = exchange(server.address, &bytes);
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        assert!(told.answers() <= 1, "{start:?}: {}", told.text);
        assert!(told.status().starts_with('4') || told.text.is_empty() && told.is_closed, "{start:?}: {}", told.text);
        assert!(told.status().is_empty() || told.status() == status || status == "431", "{start:?}: {}", told.text);
        assert!(!told.text.contains("Set-Cookie") && !told.text.contains("panic"), "{start:?}: {}", told.text);
    }
    assert_eq!(server.browser().get("/login").status, 200);
}

#[db_test]
fn the_host_header_is_not_reflected() {
    let server = TestServer::start_with(https_settings());
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let cookie = alice.cookie_header();
    let paths = [
        "/",
        "/login",
        "/w/acme",
        "/w/acme/settings/tokens",
        "/w/acme/settings/tokens/new",
        "/nothing",
        "/account",
        "/w/acme/settings/members/invitations",
        "/api/v2/",
        "/api/v2/users.json",
        "/api/v2/org.json",
        "/api/v2/openapi.json",
        "/auth/verify",
        "/healthz",
    ];
    for path in paths {
        for (target, host) in [
            (path.to_owned(), "evil.example"),
            (format!("http://evil.example{path}"), "tokens.example"),
            (format!("http://user@evil.example:81{path}"), "evil.example"),
        ] {
            for who in [format!("Cookie: {cookie}\r\nAuthorization: Bearer {value}\r\n"), String::new()] {
                let head = format!(
                    "GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\n\
                     Forwarded: host=evil.example;proto=gopher\r\nX-Original-URL: /healthz\r\nX-Rewrite-URL: /healthz\r\n\
                     Connection: close\r\n{who}\r\n"
                );
                let answer = raw(server.address, head.as_bytes());
                assert!(answer.starts_with("HTTP/1.1 "), "{target}: {answer}");
                assert!(!answer.contains("evil.example") && !answer.contains("gopher"), "{target} {host}: {answer}");
                assert_eq!(answer.contains("\r\nok\n"), path == "/healthz", "{target} {host}: {answer}");
            }
        }
    }
    // A set-up link and an invitation carry the public address, whatever the client called this server.
    let form = "role=editor&form_key=0123456789abcdefABCDEF";
    let head = format!(
        "POST /w/acme/settings/members/invitations HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n\
         Sec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{form}",
        form.len()
    );
    let answer = raw(server.address, head.as_bytes());
    assert!(answer.contains("https://tokens.example/invitations/") && !answer.contains("evil.example"), "{answer}");
}

#[db_test]
fn no_spelling_of_a_path_bypasses_its_checks() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let bob = server.signed_in("bob");
    server.create_token(&alice, "acme", "Reporting");
    std::fs::write(server.folder.path().join("static/secret.txt"), "not for you").unwrap();
    std::fs::write(server.folder.path().join(format!("static/{}/../secret.txt", static_files::hash())), "not for you")
        .unwrap();
    let folder = format!("/static/{}", static_files::hash());
    let ups = [
        "..",
        "%2e%2e",
        ".%2e",
        "%2E.",
        "..%2f",
        "..%5c",
        "..\\",
        "%252e%252e",
        "%c0%ae%c0%ae",
        "%e0%80%ae%e0%80%ae",
        "..;",
        "....//",
        "..%00",
        "%uff0e%uff0e",
        ".. ",
        "..%20",
    ];
    let mut paths: Vec<String> = Vec::new();
    for up in ups {
        for end in ["secret.txt", "latchkey.db", "../latchkey.db", "etc/passwd"] {
            paths.push(format!("{folder}/{up}/{end}"));
            paths.push(format!("{folder}/{up}/{up}/{end}"));
            paths.push(format!("/static/x/{up}/{end}"));
            paths.push(format!("/api/{up}/static/{end}"));
        }
        paths.push(format!("/w/other/{up}/acme/settings/members"));
        paths.push(format!("/api/v2/{up}/{up}/w/acme/settings/members"));
        paths.push(format!("/login/{up}/w/acme/settings/members"));
    }
    paths.extend(
        [
            "//w/acme/settings/members",
            "/w//acme/settings/members",
            "/w/acme/settings//members",
            "/w/acme%2fsettings/members",
            "/w/acme/settings/members;x=y",
            "/w/acme/settings/members%00",
            "/w/acme/settings/members/",
            "/W/acme/settings/members",
            "/w/acme/settings/members.json",
            "/w/acme/settings/%6dembers/",
            "/w/%00/settings",
            "/%00",
            "/w/acme/%c0%af",
            "/%ff",
            "/w/acme/settings\\members",
            "/.git/config",
            "/.env",
            "/latchkey.db",
            "/static",
            "/static/",
            "//evil.example/..",
            "/login/",
            "/healthz/",
            "/healthz%00",
        ]
        .map(str::to_owned),
    );
    paths.push(format!("{folder}/app.css%00.js"));
    paths.push(format!("{folder}//etc/passwd"));
    paths.push(format!("{folder}/%2fetc%2fpasswd"));
    for path in paths {
        for cookie in [bob.cookie_header(), String::new()] {
            let cookie = if cookie.is_empty() { cookie } else { format!("Cookie: {cookie}\r\n") };
            let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{cookie}\r\n");
            let answer = raw(server.address, head.as_bytes());
            let status = answer.get(9..12).unwrap_or("");
            assert!(["400", "403", "404", "303"].contains(&status), "{path}: {answer}");
            let gives = ["not for you", "SQLite format", "root:", "alice@example.org", "immutable", "\r\nok\n"];
            assert!(!gives.iter().any(|it| answer.contains(it)), "{path}: {answer}");
            let place = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or("/login?next=");
            let is_same_page = path.strip_suffix('/') == Some(place);
            assert!(is_same_page || place.starts_with("/login?next="), "{path}: {place}");
        }
    }
}
