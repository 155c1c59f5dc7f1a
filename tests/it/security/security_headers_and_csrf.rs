//! Cross-site forms, security headers, static files, long request heads.

use latchkey::routes::PAGES;
use latchkey::web::static_files;

use crate::support::api_client;
use crate::support::api_client::{Answer, form};
use crate::support::browser_client::Browser;
use crate::support::{PASSWORD, TABLES, TestServer, https_settings, plain_settings};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Who sends forms: Alice, with a token, and the code of a set-up that nobody has done.
struct Fixture {
    server: TestServer,
    path: String,
}

impl Fixture {
    /// A server where the form of the route would do something.
    fn of(route: &str) -> Self {
        let server = if route == "/setup" { TestServer::empty(plain_settings()) } else { TestServer::start() };
        let path = match route {
            "/setup" | "/login" => route.to_owned(),
            _ => {
                // Alice may create a reset link for Bob then.
                server.unverify("bob");
                server.real_path(route, &server.signed_in("alice"))
            }
        };
        Self { server, path }
    }

    fn browser(&self, route: &str) -> Browser {
        if matches!(route, "/setup" | "/login" | "/reset/{code}" | "/invitations/{code}") {
            self.server.browser()
        } else {
            self.server.signed_in("alice")
        }
    }

    /// A form that this route takes, and the status that it answers to it.
    fn good_form(&self, route: &str) -> (Vec<u8>, u16) {
        match route {
            "/login" => (form(&[("email", "alice@example.org"), ("password", PASSWORD)]), 303),
            "/setup" => {
                let code = self.server.setup_url.as_ref().unwrap().split("code=").nth(1).unwrap().to_owned();
                let person = [("name", "Ada"), ("email", "ada@example.org"), ("password", "seven blue kettles")];
                (form(&[&person[..], &[("workspace", "Tea"), ("code", &code)]].concat()), 303)
            }
            "/reset/{code}" => (form(&[("password", "seven blue kettles")]), 303),
            "/invitations/{code}" => {
                (form(&[("name", "Kim"), ("email", "kim@example.org"), ("password", "seven blue kettles")]), 303)
            }
            "/account/name" => (form(&[("name", "Alicia")]), 303),
            "/account/time-zone" => (form(&[("time_zone", "browser")]), 303),
            "/account/email" => (form(&[("email", "alicia@example.org"), ("password", PASSWORD)]), 303),
            "/account/password" => {
                (form(&[("present_password", PASSWORD), ("new_password", "seven blue kettles")]), 303)
            }
            "/workspaces/new" => (form(&[("name", "Tea"), ("kind", "demo"), ("slug", "")]), 303),
            "/w/{slug}/settings/members/invitations" => {
                (form(&[("role", "editor"), ("form_key", "0123456789abcdefABCDEF")]), 201)
            }
            "/w/{slug}/settings" => {
                let words = [("name", "Ours"), ("kind", "production"), ("timezone", "UTC")];
                (
                    form(&[&words[..], &[("date_style", "day_first"), ("languages", "eng"), ("country", "")]].concat()),
                    303,
                )
            }
            "/w/{slug}/settings/tokens" => (form(&[("name", "Made"), ("form_key", "0123456789abcdefABCDEF")]), 201),
            "/w/{slug}/settings/tokens/{uuid}" => (form(&[("name", "Renamed")]), 303),
            "/w/{slug}/settings/tokens/{uuid}/note" => (form(&[("note", "In the vault")]), 303),
            "/w/{slug}/settings/tokens/{uuid}/rotate" => {
                (form(&[("grace", "24h"), ("form_key", "0123456789abcdefABCDEF")]), 201)
            }
            "/w/{slug}/settings/tokens/{uuid}/retire" => (Vec::new(), 303),
            "/w/{slug}/settings/members/{member}/email" => (form(&[("email", "b@example.org")]), 303),
            "/w/{slug}/settings/members/{member}/reset" => (Vec::new(), 201),
            "/w/{slug}/settings/members/{member}" => (form(&[("role", "administrator")]), 303),
            "/logout"
            | "/account/sessions/end"
            | "/account/sessions/{uuid}/end"
            | "/w/{slug}/settings/tokens/{uuid}/delete"
            | "/w/{slug}/settings/members/invitations/{uuid}/revoke"
            | "/w/{slug}/settings/members/tokens/{uuid}/revoke"
            | "/w/{slug}/settings/members/tokens/revoke"
            | "/w/{slug}/checklist"
            | "/w/{slug}/settings/members/{member}/remove"
            | "/w/{slug}/settings/members/{member}/revoke" => (Vec::new(), 303),
            other => panic!("{other} has no form here: say which it takes"),
        }
    }
}

fn unsafe_routes() -> impl Iterator<Item = &'static str> {
    PAGES.iter().filter(|(_, methods)| methods.iter().any(|method| *method != "GET")).map(|(path, _)| *path)
}

/// Every sign that a form may bear and that is not ours: the cases of the test of Go's `CrossOriginProtection`, each
/// `Sec-Fetch-Site` with each `Origin`; and those that bear none, which Go lets pass and we do not.
fn from_elsewhere(ours: &str, elsewhere: &str) -> Vec<Vec<(&'static str, String)>> {
    let sites = [None, Some("cross-site"), Some("same-site"), Some(""), Some("Same-Origin"), Some("same-origin, none")];
    let origins = [
        None,
        Some(ours.to_owned()),
        Some("null".to_owned()),
        Some(String::new()),
        Some("https://evil.example".to_owned()),
        Some(elsewhere.to_owned()),
        Some(ours.replace("http:", "https:")),
        Some(format!("{ours}.evil.example")),
        Some(format!("{ours}/")),
        Some(format!("{ours}0")),
        Some(ours.rsplit_once(':').unwrap().0.to_owned()),
        Some(format!("{ours}, https://evil.example")),
    ];
    let mut signs = Vec::new();
    for site in sites {
        for origin in origins.iter().filter(|origin| site.is_some() || origin.as_deref() != Some(ours)) {
            let site = site.map(|site| ("Sec-Fetch-Site", site.to_owned()));
            signs.push(site.into_iter().chain(origin.clone().map(|origin| ("Origin", origin))).collect());
        }
    }
    let twice = |name: &'static str, one: &str, other: &str| vec![(name, one.to_owned()), (name, other.to_owned())];
    signs.push(twice("Sec-Fetch-Site", "same-origin", "cross-site"));
    signs.push(twice("Sec-Fetch-Site", "same-origin", "same-origin"));
    signs.push(twice("Origin", ours, "https://evil.example"));
    signs.push(vec![("Referer", ours.to_owned())]);
    signs
}

#[db_test]
fn a_cross_site_form_changes_nothing() {
    for route in unsafe_routes() {
        let fixture = Fixture::of(route);
        let (browser, (body, _)) = (fixture.browser(route), fixture.good_form(route));
        let ours = format!("http://{}", fixture.server.address);
        let before = fixture.server.db_rows(&TABLES);
        let elsewhere = format!("http://localhost:{}", fixture.server.address.port());
        for from in from_elsewhere(&ours, &elsewhere) {
            let from: Vec<_> = from.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = browser.send("POST", &fixture.path, &from, &[FORM], body.clone());
            assert_eq!(answer.status, 403, "{route} {from:?}");
            assert_eq!(answer.title(), "This form was not sent from Latchkey · Latchkey");
            assert!(answer.text().contains("Nothing was changed."));
            assert_eq!(answer.header("set-cookie"), "");
        }
        assert_eq!(fixture.server.db_rows(&TABLES), before, "{route}");
    }
}

#[db_test]
fn a_same_origin_form_passes_by_either_header() {
    for route in unsafe_routes() {
        for nth in 0..3 {
            let fixture = Fixture::of(route);
            let ours = format!("http://{}", fixture.server.address);
            let from = [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "none"), ("Origin", &ours)][nth];
            let (browser, (body, status)) = (fixture.browser(route), fixture.good_form(route));
            let before = fixture.server.db_rows(&TABLES);
            let answer = browser.send("POST", &fixture.path, &[from], &[FORM], body);
            assert_eq!(answer.status, status, "{route} {from:?}: {}", answer.body);
            assert_ne!(fixture.server.db_rows(&TABLES), before, "{route} does something");
        }
    }
}

#[db_test]
fn the_expected_origin_behind_a_proxy_is_the_public_url() {
    let server = TestServer::start_with(https_settings());
    let fields = form(&[("email", "alice@example.org"), ("password", PASSWORD)]);
    let here = format!("http://{}", server.address);
    for (origin, status) in [("https://tokens.example", 303), ("http://tokens.example", 403), (&here, 403)] {
        let answer = server.browser().send("POST", "/login", &[("Origin", origin)], &[FORM], fields.clone());
        assert_eq!(answer.status, status, "{origin}");
    }
}

#[db_test]
fn no_unsafe_method_but_post_passes_the_csrf_check() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for method in ["PUT", "PATCH", "DELETE", "PROPFIND"] {
        assert_eq!(alice.send(method, "/w/acme/settings", &[], &[], Vec::new()).status, 403, "{method}");
        let answer = alice.send(method, "/w/acme/settings", &[("Sec-Fetch-Site", "same-origin")], &[], Vec::new());
        assert_eq!(answer.status, 405, "{method}");
    }
}

/// One answer of each kind that the server gives.
fn answers(server: &TestServer) -> Vec<(u16, &'static str, Answer)> {
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let far = &[("Sec-Fetch-Site", "cross-site")];
    let long = "x".repeat(17 * 1024);
    let css = static_files::url("app.css");
    vec![
        (200, "page", alice.get("/w/acme")),
        (200, "sign-in page", server.browser().get("/login")),
        (201, "reveal", alice.create_token("acme", "Shown")),
        (303, "redirect", server.browser().get("/w/acme")),
        (303, "signing in", server.browser().sign_in("alice@example.org", PASSWORD)),
        (404, "no page", alice.get("/nothing")),
        (404, "no workspace", alice.get("/w/nothing")),
        (403, "cross-site", alice.send("POST", "/logout", far, &[], Vec::new())),
        (403, "agent", server.signed_in("dave").get("/w/acme/settings/tokens")),
        (405, "method", alice.post("/w/acme", &[])),
        (422, "refused form", alice.post("/w/acme/settings", &[])),
        (400, "broken form", alice.send("POST", "/login", &[("Sec-Fetch-Site", "none")], &[FORM], b"a=%FF".to_vec())),
        (413, "long form", alice.post("/login", &[("email", &long)])),
        (415, "no form", alice.send("POST", "/login", &[("Sec-Fetch-Site", "none")], &[], b"{}".to_vec())),
        (431, "long head", alice.send("GET", "/w/acme", &[("X-Long", &long)], &[], Vec::new())),
        (431, "long head of a tool", server.api("GET", "/api/v2/org.json").header("X-Long", &long).send()),
        (200, "API", server.call(&value)),
        (401, "API refusal", server.call("x")),
        (404, "API nothing", server.api("GET", "/api/nothing").send()),
        (405, "API method", server.api("POST", "/api/v2/org.json").send()),
        (200, "API page", server.api("GET", "/api/v2/").send()),
        (200, "API document", server.api("GET", "/api/v2/openapi.json").send()),
        (204, "API methods", server.api("OPTIONS", "/api/v2/users.json").send()),
        (200, "gateway", server.api("GET", "/auth/verify").bearer(&value).send()),
        (401, "gateway refusal", server.api("GET", "/auth/verify").send()),
        (401, "introspection by nobody", server.api("POST", "/oauth2/introspect").send()),
        (204, "API deletion", server.api("DELETE", "/api/v2/token.json").bearer(&value).send()),
        (200, "static", server.api("GET", &css).send()),
        (404, "static nothing", server.api("GET", &format!("{css}x")).send()),
        (200, "health", server.api("GET", "/healthz").send()),
        (200, "readiness", server.api("GET", "/readyz").send()),
        (405, "static method", server.api("DELETE", &css).send()),
    ]
}

#[db_test]
fn every_answer_has_the_security_headers() {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    for (settings, transport) in [(plain_settings(), ""), (https_settings(), "max-age=63072000")] {
        for (status, kind, answer) in answers(&TestServer::start_with(settings)) {
            assert_eq!(answer.status, status, "{kind}: {}", answer.body);
            for (name, value) in [
                ("content-security-policy", policy),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "same-origin"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
            ] {
                assert_eq!(answer.headers(name).collect::<Vec<_>>(), [value], "{name} of {kind}");
            }
            assert_eq!(answer.header("strict-transport-security"), transport, "{kind}");
            assert_eq!(answer.header("x-request-id").len(), 36, "{kind}");
            let permissions = answer.header("permissions-policy");
            assert!(permissions.contains("clipboard-write=(self)") && permissions.contains("camera=()"), "{kind}");
            let open = permissions.split(", ").filter(|it| !it.ends_with("=()")).collect::<Vec<_>>();
            assert_eq!(open, ["clipboard-write=(self)"], "{kind}");
            let is_ours_for_good = kind == "static";
            assert_eq!(answer.header("cache-control").contains("immutable"), is_ours_for_good, "{kind}");
        }
    }
}

#[db_test]
fn static_files_are_immutable_and_nothing_else_is_served() {
    let server = TestServer::start();
    let token_page = server.real_path("/w/{slug}/settings/tokens/{uuid}", &server.signed_in("alice"));
    for (name, kind) in [
        ("app.css", "text/css"),
        ("app.js", "text/javascript"),
        ("lists.js", "text/javascript"),
        ("palette.js", "text/javascript"),
        ("token.css", "text/css"),
        ("tokens.js", "text/javascript"),
        ("usage.js", "text/javascript"),
        ("favicon.svg", "image/svg+xml"),
    ] {
        let page = match name {
            "lists.js" => "/w/acme/settings/members/tokens".to_owned(),
            "token.css" | "usage.js" => token_page.clone(),
            _ => "/w/acme".to_owned(),
        };
        let url = static_files::url(name);
        let answer = server.api("GET", &url).send();
        assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=31536000, immutable"));
        assert!(answer.header("content-type").starts_with(kind), "{}", answer.header("content-type"));
        assert_eq!(answer.body, std::fs::read_to_string(format!("static/{name}")).unwrap());
        assert!(server.signed_in("alice").get(&page).body.contains(&format!("\"{url}\"")), "pages name it: {url}");
    }
    let folder = format!("/static/{}", static_files::hash());
    for path in [
        format!("{folder}/nothing.css"),
        format!("{folder}/"),
        folder.clone(),
        format!("{folder}/../../latchkey.db"),
        format!("{folder}/%2e%2e/%2e%2e/latchkey.db"),
        format!("{folder}/..%2f..%2flatchkey.db"),
        "/static/000000000000/app.css".to_owned(),
        "/static/app.css".to_owned(),
        "/latchkey.db".to_owned(),
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = crate::support::api_client::raw(server.address, head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 404 ") || answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
        assert!(!answer.contains("SQLite") && !answer.contains("immutable"), "{path}: {answer}");
    }
}

#[db_test]
fn a_request_head_is_limited_to_sixteen_kib() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let get = |length: usize| alice.send("GET", "/w/acme", &[("X-Long", &"x".repeat(length))], &[], Vec::new());
    assert_eq!(get(15 * 1024).status, 200);
    let long = get(16 * 1024);
    assert_eq!((long.status, &*long.title()), (431, "The request is too large · Latchkey"));
    assert_eq!(alice.get(&format!("/w/acme?{}", "x".repeat(16 * 1024))).status, 431, "the target counts too");
    let tool = server.api("GET", "/api/v2/org.json").bearer("x".repeat(16 * 1024)).send();
    assert_eq!((tool.status, tool.body.as_str()), (431, r#"{"detail":"Request header fields too large."}"#));
    assert_eq!(alice.get("/w/acme").status, 200, "and the server goes on");
}

#[db_test]
fn the_fullest_pages_are_small() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for name in ["Reporting", "Partner system", "Survey import"] {
        server.create_token(&alice, "acme", name);
    }
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "");
    for nth in 0..50 {
        server.clock.advance(std::time::Duration::from_secs(1));
        alice.post(&path, &[("name", &format!("Warehouse report {nth}"))]);
    }
    for path in ["/w/acme/settings/tokens", "/w/acme/settings/activity"] {
        let page = alice.get(path);
        let mut static_bytes = 0;
        let assets = page.body.split('"').filter(|it| it.starts_with("/static/"));
        for asset in assets.collect::<std::collections::BTreeSet<_>>() {
            let head = format!("GET {asset} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
            static_bytes += api_client::raw_bytes(server.address, head.as_bytes()).len();
        }
        assert!(page.body.len() < 30_000 && static_bytes < 25_000, "{path}: {} and {static_bytes}", page.body.len());
        assert!(page.header("content-encoding").is_empty(), "a page may show a secret");
    }
}
