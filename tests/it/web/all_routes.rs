//! Every route with every method, and every error: the headers of the answer. The routes come from the table of routes.

use latchkey::routes::{API, API_PAGES, GATEWAY, PAGES};
use latchkey::web::static_files;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::database::is_postgres;
use crate::support::{TestServer, https_settings};

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

/// Contract, section 5: what every answer says to a browser.
const ALWAYS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

#[track_caller]
fn assert_careful(answer: &Answer, what: &str) {
    for (name, value) in ALWAYS {
        assert_eq!(answer.headers(name).collect::<Vec<_>>(), [value], "{name} of {what}");
    }
    let referrer = answer.header("referrer-policy");
    assert!(["same-origin", "strict-origin"].contains(&referrer), "{what}: {referrer}");
    assert!(answer.header("permissions-policy").contains("clipboard-write=(self)"), "{what}");
    assert_eq!(answer.header("x-request-id").len(), 36, "{what}");
    assert_eq!(answer.header("access-control-allow-origin"), "", "{what}: nobody else's script reads this");
    assert!(["server", "x-powered-by"].iter().all(|name| answer.header(name).is_empty()), "{what}");
    if !answer.body.is_empty() {
        let kind = answer.header("content-type");
        let is_right = match answer.body.trim_start().chars().next() {
            Some('<') => kind == "text/html; charset=utf-8",
            Some('{' | '[') => kind == "application/json",
            _ if what.contains(".csv") => kind == "text/csv; charset=utf-8",
            _ => kind == "text/plain; charset=utf-8",
        };
        assert!(is_right, "{what}: {kind} for {}", answer.body);
    }
}

fn send(browser: &Browser, method: &str, path: &str) -> Answer {
    let body = if method == "POST" { b"x=y".to_vec() } else { Vec::new() };
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    browser.send(method, path, &[("Sec-Fetch-Site", "same-origin")], &form, body)
}

#[db_test]
fn every_route_and_method_has_security_headers_and_is_not_cached() {
    let tables = [PAGES, API, API_PAGES, GATEWAY];
    for (route, _) in tables.into_iter().flatten() {
        let server = TestServer::start();
        let alice = server.signed_in("alice");
        let path = server.real_path(route, &alice);
        let is_page = PAGES.iter().any(|(it, _)| it == route);
        let mut again = server.signed_in("alice");
        for method in METHODS {
            for (who, browser) in [("nobody", &server.browser()), ("alice", &again)] {
                let what = format!("{method} {path} for {who}");
                let answer = send(browser, method, &path);
                assert!(answer.status < 500, "{what}: {}", answer.body);
                assert_careful(&answer, &what);
                let kept = answer.header("cache-control");
                let is_open = API_PAGES.iter().chain(API).any(|(it, _)| it == route) && !kept.contains("no-store");
                assert!(
                    kept == "no-store" || is_open && answer.status == 200 || answer.status == 204,
                    "{what}: {kept:?}"
                );
                assert!(is_page || answer.header("set-cookie").is_empty(), "{what} has a session");
                assert_eq!(answer.header("vary") == "Authorization", !is_page, "{what}");
                assert!(method != "HEAD" || answer.body.is_empty(), "{what}: {}", answer.body);
                assert!(answer.header("content-encoding").is_empty(), "{what}: a page may show a secret");
            }
            if method == "POST" {
                // It may have been the one that signs out.
                again = server.signed_in("alice");
            }
        }
    }
}

#[db_test]
fn unknown_paths_have_security_headers_for_every_method() {
    let server = TestServer::start_with(https_settings());
    let alice = server.signed_in("alice");
    let file = static_files::url("app.css");
    for path in [
        "/nothing",
        "/api/nothing",
        "/auth/nothing",
        "/oauth2/nothing",
        "/static/nothing",
        "/healthz",
        "/readyz",
        &file,
    ] {
        for method in METHODS {
            for headers in [&[("Sec-Fetch-Site", "none")][..], &[]] {
                let what = format!("{method} {path} {headers:?}");
                let answer = alice.send(method, path, headers, &[], Vec::new());
                assert!(answer.status < 500, "{what}: {}", answer.body);
                let is_file = path == file && answer.status == 200;
                if is_file {
                    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{what}");
                } else {
                    assert_careful(&answer, &what);
                    assert_eq!(answer.header("strict-transport-security"), "max-age=63072000", "{what}");
                    assert!(!answer.header("cache-control").contains("immutable"), "{what}");
                }
            }
        }
    }
}

/// A form to an address that does not exist, from any origin or none.
#[db_test]
fn an_unknown_page_is_404_for_every_method_and_origin() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for method in METHODS {
        for path in ["/nothing", "/w/acme/nothing", "/w/acme/settings/tokens/x/nothing", "/w", "/loginx"] {
            for headers in [&[][..], &[("Sec-Fetch-Site", "cross-site")], &[("Origin", "https://evil.example")]] {
                for browser in [&alice, &server.browser()] {
                    let answer = browser.send(method, path, headers, &[], Vec::new());
                    assert_eq!(answer.status, 404, "{method} {path} {headers:?}: {}", answer.body);
                }
            }
        }
    }
    let known = alice.send("POST", "/login", &[("Sec-Fetch-Site", "cross-site")], &[], Vec::new());
    assert_eq!(known.status, 403, "a page that exists");
}

#[db_test]
fn a_page_with_a_slash_at_its_end_redirects_to_the_page() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for (route, _) in PAGES.iter().filter(|(route, _)| *route != "/") {
        // No such objects: the address alone decides.
        let path = ["{slug}", "{uuid}", "{member}", "{code}"]
            .iter()
            .fold((*route).to_owned(), |path, name| path.replace(name, "0199c2b4-0000-7000-8000-000000000000"));
        for (method, query) in [("GET", ""), ("GET", "?next=%2Fw%2Facme&q=a%20b"), ("HEAD", "")] {
            let answer = alice.send(method, &format!("{path}/{query}"), &[], &[], Vec::new());
            let place = format!("{path}{query}");
            assert_eq!((answer.status, answer.header("location")), (303, place.as_str()), "{method} {path}/");
        }
        let form = send(&alice, "POST", &format!("{path}/"));
        assert_eq!(form.status, 404, "a form is sent to the page itself: {path}/");
    }
    for path in ["/nothing/", "/login//", "//login/", "//evil.example/", "/w/", "/healthz/", "/static/"] {
        assert_eq!(alice.get(path).status, 404, "{path}");
    }
}

#[db_test]
fn internal_and_database_errors_have_security_headers_and_reveal_nothing() {
    let server = TestServer::start_with(https_settings());
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let other = server.create_token(&alice, "acme", "Other");
    let ask = || {
        [
            alice.get("/w/acme/settings/tokens"),
            server.api("GET", "/api/v2/users.json").bearer(&other).send(),
            server.api("GET", "/auth/verify").bearer(&value).send(),
            alice.post("/w/acme/settings/tokens", &[("name", "x"), ("form_key", "0123456789abcdefABCDEF")]),
        ]
    };
    let assert_told = |answers: &[Answer], status: u16| {
        for (nth, answer) in answers.iter().enumerate() {
            assert_eq!(answer.status, status, "{nth}: {}", answer.body);
            assert_careful(answer, &format!("{status} {nth}"));
            assert_eq!(answer.header("strict-transport-security"), "max-age=63072000", "{status} {nth}");
            assert_eq!(answer.header("cache-control"), "no-store", "{status} {nth}");
            assert_eq!(answer.header("retry-after"), if status == 503 { "1" } else { "" }, "{status} {nth}");
            let said = answer.body.to_lowercase();
            for inside in ["memberships", "sql", "relation", "column", "panic", "src/", "diesel"] {
                assert!(!said.contains(inside), "{inside}: {}", answer.body);
            }
            let id = answer.header("x-request-id");
            let is_page = answer.header("content-type").starts_with("text/html");
            assert_eq!(answer.body.contains(id), status == 500 || is_page, "{}", answer.body);
        }
    };
    server.db_alter("ALTER TABLE memberships RENAME TO elsewhere");
    assert_told(&ask(), 500);
    server.db_alter("ALTER TABLE elsewhere RENAME TO memberships");
    assert!(ask()[..3].iter().all(|answer| answer.status == 200), "it heals by itself");
    if is_postgres() {
        server.database.shut_out(true);
        assert_told(&ask(), 503);
        server.database.shut_out(false);
    }
}
