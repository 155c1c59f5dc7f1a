//! A client cannot inject lines or control characters into the log.

use std::fmt::Write as _;

use crate::support::api_client::{Call, form, raw};
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
