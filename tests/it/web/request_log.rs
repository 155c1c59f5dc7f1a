//! The log: no secret of a request, and no line or control character that a client injects.

use std::fmt::Write as _;

use diesel::connection::SimpleConnection as _;

use crate::support::PASSWORD;
use crate::support::api_client::{Call, form, raw, raw_bytes};
use crate::support::browser_client::Browser;
use crate::support::process::Home;

/// A line as the program writes it, if only it wrote it.
const FORGED: &str = "[2026-11-24T12:00:00Z ERROR latchkey] FORGED";

/// Is this a line of the log's own? The program's other output begins in other ways, and comes before any request.
fn is_a_line(line: &str) -> bool {
    let stamp = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    stamp.is_some_and(|(stamp, _)| stamp.starts_with("20") && stamp.contains("Z ") && !stamp.contains("FORGED"))
}

#[db_test]
fn the_error_log_shows_no_code_of_a_failed_request() {
    let home = Home::new();
    home.add_acme(&["alice@example.org"], "administrator");
    let server = home.serve_with(&[], "debug");
    let alice = Browser::new(server.address);
    assert_eq!(alice.sign_in("alice@example.org", PASSWORD).status, 303);
    let invitations = "/w/acme/settings/members/invitations";
    let form_key = alice.get(invitations).hidden("form_key");
    let invited = alice.post(invitations, &[("role", "editor"), ("form_key", &form_key)]);
    let invitation = invited.link().strip_prefix(&server.url("")).unwrap().to_owned();
    let reset = home.done(&["user", "reset-password", "--email", "alice@example.org"]);
    let reset = reset.trim().strip_prefix(&server.url("")).unwrap().to_owned();
    home.database.is_altered();
    home.database.connect().batch_execute("ALTER TABLE one_time_links RENAME TO elsewhere").unwrap();

    let person = [("name", "Kim"), ("email", "kim@example.org"), ("password", "her very own password")];
    for (path, shown) in [(&invitation, "/invitations/…"), (&reset, "/reset/…")] {
        for (method, answer) in [("GET", alice.get(path)), ("POST", alice.post(path, &person))] {
            assert_eq!(answer.status, 500, "{method} {path}: {}", answer.body);
            let line = server.line(&format!("{} {method} {shown}: 500 ", answer.header("x-request-id")));
            assert!(line.contains(" ERROR ") && line.contains("one_time_links"), "{line}");
        }
    }
    let (_, said) = server.terminate();
    for path in [invitation, reset] {
        let code = path.rsplit('/').next().unwrap();
        assert!(code.len() == 32 && !said.contains(code), "{said}");
    }
}

#[db_test]
fn a_client_cannot_inject_a_log_line() {
    let home = Home::new();
    let server = home.serve_with(&["--trusted-proxies", "127.0.0.1"], "debug");
    let setup = server.setup_url();
    let browser = Browser::new(server.address);
    let code = setup.split("code=").nth(1).unwrap();
    let person = [("name", "Ada"), ("email", "ada@example.org"), ("password", "seven blue kettles")];
    let answer = browser.post("/setup", &[&person[..], &[("workspace", "Tea"), ("code", code)]].concat());
    assert_eq!(answer.status, 303, "{}", answer.body);
    // Who quotes the id that an answer carries is found by it.
    for path in ["/login", "/no/such/page", "/api/v2/workspace.json", "/healthz"] {
        let answer = Call::new(server.address, "GET", path).send();
        let line = server.line(&format!("{} 127.0.0.1 GET {path} {}", answer.header("x-request-id"), answer.status));
        assert!(line.contains("latchkey::access"), "{line}");
    }
    let before = server.said();
    let ends =
        ["\r\n", "\n", "\r", "\u{1b}[2J\u{1b}[31m", "\u{85}", "\u{2028}", "\u{9b}31m", "\0", "\u{8}\u{8}", "\u{202e}"];
    let mut requests = 0;
    for end in ends {
        let text = format!("x{end}{FORGED}{end}");
        let encoded = crate::support::api_client::encode(&text);
        for path in [
            format!("/{encoded}"),
            format!("/w/{encoded}/settings"),
            format!("/api/v2/{encoded}"),
            format!("/auth/{encoded}"),
            format!("/invitations/{encoded}"),
            format!("/static/{encoded}"),
            format!("/login?next={encoded}"),
            format!("/auth/verify?role={encoded}"),
            format!("/api/v2/users.json?cursor={encoded}"),
        ] {
            Call::new(server.address, "GET", &path).send();
            requests += 1;
        }
        browser.post("/login", &[("email", &text), ("password", &text), ("next", &text)]);
        let email = format!("{text}@example.org");
        browser.post("/login", &[("email", &email), ("password", "wrong")]);
        let key = browser.get("/w/tea/settings/tokens/new").hidden("form_key");
        let made = browser.post("/w/tea/settings/tokens", &[("name", &text), ("form_key", &key)]);
        assert_eq!(made.status, 422, "{end:?}");
        browser.post("/account/name", &[("name", &text)]);
        browser.post(&format!("/w/tea/settings/tokens/{encoded}/delete"), &[]);
        requests += 6;
        // As they are: most are refused before anything is written, and none may be written as it is.
        for name in ["User-Agent", "X-Forwarded-For", "Authorization", "Cookie", "Referer", "Origin", "X-Request-Id"] {
            let body = String::from_utf8(form(&[("email", "ada@example.org"), ("password", "wrong")])).unwrap();
            let head = format!(
                "POST /login HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: none\r\nConnection: close\r\n{name}: {}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                text.trim_end_matches(['\r', '\n']),
                body.len()
            );
            raw(server.address, head.as_bytes());
        }
        raw(server.address, format!("GET /{text} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
        raw(server.address, format!("X{text} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
    }
    assert_eq!(Browser::new(server.address).get("/login").status, 200);
    let (_, said) = server.terminate();
    let log = &said[before.len()..];
    let mut wrong = String::new();
    for line in log.lines() {
        let is_clean = !line.chars().any(|c| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c));
        if !is_a_line(line) || !is_clean {
            writeln!(wrong, "{line:?}").unwrap();
        }
    }
    assert_eq!(wrong, "", "lines that are not the program's own");
    let told = log.lines().filter(|line| line.contains("latchkey::access")).count();
    assert!(told >= requests, "each request is one line: {told} of {requests}");
    assert!(!log.contains("seven blue kettles") && !log.contains(code));
}

#[db_test(sqlite)]
fn a_request_that_is_not_http_is_no_error_in_the_log() {
    let home = Home::new();
    let server = home.serve_with(&[], "");
    let tls_hello = [&[0x16, 0x03, 0x01, 0x00, 0xa1][..], &[0; 60]].concat();
    for bytes in [&tls_hello[..], b"\0\x01\x02\r\n\r\n", b"OPTIONS * RTSP/1.0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"] {
        let answer = raw_bytes(server.address, bytes);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
    }
    Call::new(server.address, "GET", "/login").send();
    server.line("GET /login 200");
    assert!(!server.said().contains("ERROR"), "{}", server.said());
}

#[db_test]
fn the_access_log_names_the_token_of_an_accepted_call() {
    let home = Home::new();
    home.add_acme(&["ada@example.org"], "editor");
    let create = ["token", "create", "--workspace", "acme", "--email", "ada@example.org", "--name", "Reporting"];
    let value = home.done(&create).trim().to_owned();
    let list = home.done(&["token", "list", "--workspace", "acme"]);
    let uuid = list.lines().nth(1).unwrap().split('\t').next().unwrap();
    let server = home.serve();
    for path in ["/api/v2/workspace.json", "/api/v2/users.json", "/api/v2/token.json", "/auth/verify"] {
        for (value, token) in [(value.as_str(), uuid), ("unknown", "-")] {
            let answer = Call::new(server.address, "GET", path).bearer(value).send();
            let line =
                server.line(&format!("{} 127.0.0.1 GET {path} {}", answer.header("x-request-id"), answer.status));
            assert_eq!(line.rsplit(' ').next(), Some(token), "{line}");
        }
    }
    assert!(!server.said().contains(&value), "{}", server.said());
}
