//! Who may see which page, and the navigation around it.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use latchkey::routes::PAGES;
use latchkey::workspaces::model::Role;
use latchkey::workspaces::profile::WorkspaceKind;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::{TestServer, plain_settings};

const PEOPLE: [&str; 5] = ["nobody", "charlie", "dave", "bob", "alice"];

/// What each of [`PEOPLE`] is answered, in this order: a row for every method of every route. `{uuid}` is a token, an
/// invitation or another session of Alice's, `{member}` is Bob, `{code}` a link that works; forms are sent empty.
const ROWS: &[(&str, &str, [u16; 5])] = &[
    ("GET", "/", [303, 303, 303, 303, 303]),
    ("GET", "/setup", [404, 404, 404, 404, 404]),
    ("POST", "/setup", [404, 404, 404, 404, 404]),
    ("GET", "/login", [200, 303, 303, 303, 303]),
    ("POST", "/login", [422, 422, 422, 422, 422]),
    ("POST", "/logout", [303, 303, 303, 303, 303]),
    ("GET", "/invitations/{code}", [200, 200, 200, 200, 200]),
    ("POST", "/invitations/{code}", [422, 409, 409, 409, 409]),
    ("GET", "/reset/{code}", [200, 200, 200, 200, 200]),
    ("POST", "/reset/{code}", [422, 422, 422, 422, 422]),
    ("GET", "/account", [303, 200, 200, 200, 200]),
    ("GET", "/account/name", [303, 303, 303, 303, 303]),
    ("POST", "/account/name", [303, 422, 422, 422, 422]),
    ("GET", "/account/email", [303, 303, 303, 303, 303]),
    ("POST", "/account/email", [303, 422, 403, 403, 422]),
    ("GET", "/account/password", [303, 303, 303, 303, 303]),
    ("POST", "/account/password", [303, 422, 422, 422, 422]),
    ("GET", "/account/time-zone", [303, 303, 303, 303, 303]),
    ("POST", "/account/time-zone", [303, 422, 422, 422, 422]),
    ("GET", "/account/sessions/end", [303, 303, 303, 303, 303]),
    ("POST", "/account/sessions/end", [303, 303, 303, 303, 303]),
    ("GET", "/account/sessions/{uuid}/end", [303, 303, 303, 303, 303]),
    ("POST", "/account/sessions/{uuid}/end", [303, 404, 404, 404, 303]),
    ("GET", "/workspaces", [303, 200, 200, 200, 200]),
    ("GET", "/workspaces/new", [303, 200, 403, 403, 200]),
    ("POST", "/workspaces/new", [303, 422, 403, 403, 422]),
    ("GET", "/w/{slug}", [303, 404, 200, 200, 200]),
    ("GET", "/w/{slug}/checklist", [303, 404, 303, 303, 303]),
    ("POST", "/w/{slug}/checklist", [303, 404, 303, 303, 303]),
    ("GET", "/w/{slug}/settings", [303, 404, 200, 200, 200]),
    ("POST", "/w/{slug}/settings", [303, 404, 403, 403, 422]),
    ("GET", "/w/{slug}/settings/members/invitations", [303, 404, 403, 403, 200]),
    ("POST", "/w/{slug}/settings/members/invitations", [303, 404, 403, 403, 422]),
    ("GET", "/w/{slug}/settings/members/invitations/{uuid}/revoke", [303, 404, 403, 403, 303]),
    ("POST", "/w/{slug}/settings/members/invitations/{uuid}/revoke", [303, 404, 403, 403, 303]),
    ("GET", "/w/{slug}/settings/tokens", [303, 404, 403, 200, 200]),
    ("POST", "/w/{slug}/settings/tokens", [303, 404, 403, 422, 422]),
    ("GET", "/w/{slug}/settings/tokens/new", [303, 404, 403, 200, 200]),
    ("GET", "/w/{slug}/settings/tokens/deleted", [303, 404, 403, 200, 200]),
    ("GET", "/w/{slug}/settings/tokens/{uuid}", [303, 404, 403, 404, 200]),
    ("POST", "/w/{slug}/settings/tokens/{uuid}", [303, 404, 403, 404, 422]),
    ("GET", "/w/{slug}/settings/tokens/{uuid}/rename", [303, 404, 403, 404, 200]),
    ("GET", "/w/{slug}/settings/tokens/{uuid}/note", [303, 404, 403, 404, 303]),
    ("POST", "/w/{slug}/settings/tokens/{uuid}/note", [303, 404, 403, 404, 303]),
    ("GET", "/w/{slug}/settings/tokens/{uuid}/usage.csv", [303, 404, 403, 404, 200]),
    ("GET", "/w/{slug}/settings/tokens/{uuid}/usage.html", [303, 404, 403, 404, 200]),
    ("GET", "/w/{slug}/settings/tokens/{uuid}/use.json", [303, 404, 403, 404, 200]),
    ("GET", "/w/{slug}/settings/tokens/{uuid}/rotate", [303, 404, 403, 404, 200]),
    ("POST", "/w/{slug}/settings/tokens/{uuid}/rotate", [303, 404, 403, 404, 422]),
    ("GET", "/w/{slug}/settings/tokens/{uuid}/retire", [303, 404, 403, 404, 303]),
    ("POST", "/w/{slug}/settings/tokens/{uuid}/retire", [303, 404, 403, 404, 303]),
    ("GET", "/w/{slug}/settings/tokens/{uuid}/delete", [303, 404, 403, 404, 200]),
    ("POST", "/w/{slug}/settings/tokens/{uuid}/delete", [303, 404, 403, 404, 303]),
    ("GET", "/w/{slug}/settings/activity", [303, 404, 200, 200, 200]),
    ("GET", "/w/{slug}/settings/usage", [303, 404, 403, 403, 200]),
    ("GET", "/w/{slug}/settings/members", [303, 404, 403, 403, 200]),
    ("GET", "/w/{slug}/settings/members/tokens", [303, 404, 403, 403, 200]),
    ("GET", "/w/{slug}/settings/members/tokens/deleted", [303, 404, 403, 403, 200]),
    ("GET", "/w/{slug}/settings/members/tokens/revoke", [303, 404, 403, 403, 200]),
    ("POST", "/w/{slug}/settings/members/tokens/revoke", [303, 404, 403, 403, 303]),
    ("GET", "/w/{slug}/settings/members/tokens/{uuid}/revoke", [303, 404, 403, 403, 200]),
    ("POST", "/w/{slug}/settings/members/tokens/{uuid}/revoke", [303, 404, 403, 403, 303]),
    ("GET", "/w/{slug}/settings/members/{member}", [303, 404, 403, 403, 200]),
    ("POST", "/w/{slug}/settings/members/{member}", [303, 404, 403, 403, 422]),
    ("GET", "/w/{slug}/settings/members/{member}/email", [303, 404, 403, 403, 303]),
    ("POST", "/w/{slug}/settings/members/{member}/email", [303, 404, 403, 403, 422]),
    ("GET", "/w/{slug}/settings/members/{member}/reset", [303, 404, 403, 403, 303]),
    ("POST", "/w/{slug}/settings/members/{member}/reset", [303, 404, 403, 403, 403]),
    ("GET", "/w/{slug}/settings/members/{member}/remove", [303, 404, 403, 403, 200]),
    ("POST", "/w/{slug}/settings/members/{member}/remove", [303, 404, 403, 403, 303]),
    ("GET", "/w/{slug}/settings/members/{member}/revoke", [303, 404, 403, 403, 200]),
    ("POST", "/w/{slug}/settings/members/{member}/revoke", [303, 404, 403, 403, 303]),
];

fn person(server: &TestServer, name: &str) -> Browser {
    if name == "nobody" { server.browser() } else { server.signed_in(name) }
}

fn ask(browser: &Browser, method: &str, path: &str) -> Answer {
    if method == "GET" { browser.get(path) } else { browser.post(path, &[]) }
}

/// The links of the switcher, in order.
fn places(answer: &Answer) -> Vec<String> {
    answer.page().attributes("div.workspaces a[href^='/w/']", "href")
}

#[db_test]
fn every_page_is_shown_to_the_permitted_roles_only() {
    let members = "SELECT CAST(count(*) AS TEXT) AS text FROM memberships WHERE removed_at IS NULL AND role = CASE \
                   WHEN user_id IN (SELECT id FROM users WHERE name = 'Bob') THEN 'editor' ELSE role END";
    let mut rows: BTreeMap<_, _> = ROWS.iter().map(|(method, path, statuses)| ((*method, *path), statuses)).collect();
    for (path, method) in PAGES.iter().flat_map(|(path, methods)| methods.iter().map(move |method| (path, method))) {
        let statuses = rows.remove(&(*method, *path)).unwrap_or_else(|| panic!("{method} {path} has no row"));
        let server = TestServer::start();
        let alice = server.signed_in("alice");
        let value = server.create_token(&alice, "acme", "Of Alice's");
        let real = server.real_path(path, &alice);
        for (name, status) in PEOPLE.iter().zip(statuses) {
            let answer = ask(&person(&server, name), method, &real);
            assert_eq!(answer.status, *status, "{name}: {method} {path}: {}", answer.body);
            assert_eq!(answer.header("cache-control"), "no-store", "{name}: {method} {path}");
            if *name == "nobody" && path.starts_with("/w/") {
                assert!(answer.header("location").starts_with("/login?next=%2Fw%2Facme"), "{method} {path}");
            }
            if *name != "alice" {
                assert_eq!(server.rows(members), ["6"], "{name}: {method} {path}");
                assert_eq!(server.call(&value).status, 200, "{name} did Alice no harm by {method} {path}");
            }
        }
    }
    assert_eq!(rows.keys().collect::<Vec<_>>(), Vec::<&(&str, &str)>::new(), "rows without a route");
}

#[db_test]
fn foreign_and_missing_objects_show_the_same_page() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    server.create_token(&alice, "acme", "Reporting");
    let alices = alice.delete_path("acme", "Reporting");
    let missing = bob.get("/nothing");
    assert_eq!((missing.status, &*missing.title()), (404, "Page not found · Latchkey"));
    let unknown = "/w/acme/settings/tokens/0199c2b4-0000-7000-8000-000000000000/delete";
    for path in [
        "/w/other",
        "/w/nothing",
        "/w/ACME",
        "/w/other/settings",
        "/w/other/settings/tokens",
        "/w/nothing/settings/tokens/new",
        "/w/acme/settings/tokens/abc/delete",
        &alices,
        &alices.replace("acme", "acme-demo"),
        unknown,
    ] {
        let answer = bob.get(path);
        // The menu is that of the workspace opened last, which is one of Bob's own.
        assert_eq!(answer.whole(), bob.get("/nothing").whole(), "GET {path}");
        assert_eq!((answer.status, answer.title()), (404, missing.title()), "GET {path}");
    }
    for path in ["/w/other/", "/w/nothing/"] {
        let answer = bob.get(path);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, path.trim_end_matches('/')),
            "whether it exists or not"
        );
    }
    for path in ["/w/other/settings/tokens", &alices, &alices.replace("acme", "acme-demo"), unknown] {
        assert_eq!(bob.post(path, &[]).whole(), bob.get("/nothing").whole(), "POST {path}");
    }
    assert_eq!(alice.get(&alices).status, 200, "it is there, for Alice");
}

#[db_test]
fn an_agent_sees_why_there_are_no_tokens() {
    let server = TestServer::start();
    let dave = server.signed_in("dave");
    let why = "Agents can’t have API tokens Your role in Acme is Agent. Only administrators and editors can have API \
               tokens. If you need one, ask an administrator to change your role. Back to the workspace";
    for answer in [
        dave.get("/w/acme/settings/tokens"),
        dave.get("/w/acme/settings/tokens/new"),
        dave.post("/w/acme/settings/tokens", &[("name", "x"), ("form_key", "0000000000000000000000")]),
    ] {
        assert_eq!(answer.status, 403);
        assert!(answer.text().ends_with(why), "{}", answer.text());
        assert!(answer.body.contains("href=\"/w/acme\""));
    }
    let overview = dave.get("/w/acme");
    assert!(overview.text().contains("Your role is Agent."));
    assert!(overview.text().contains("Agents can’t have API tokens. If you need one, ask an administrator"));
    assert!(!overview.body.contains("settings/tokens"), "no way leads there: {}", overview.body);
    assert_eq!(server.db_rows(&["tokens"]), "tokens\n");
}

#[db_test]
fn every_signed_in_page_shows_its_workspace_and_kind() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for (slug, name, kind, label) in
        [("acme", "Acme", "production", "Production"), ("acme-demo", "Acme Demo", "demo", "Demo")]
    {
        server.create_token(&alice, slug, "Reporting");
        let delete = alice.delete_path(slug, "Reporting");
        for (path, title) in [
            (format!("/w/{slug}"), ""),
            (format!("/w/{slug}/settings"), "General · "),
            (format!("/w/{slug}/settings/tokens"), "API Token · "),
            (format!("/w/{slug}/settings/tokens/new"), "Create token · "),
            (format!("/w/{slug}/settings/members"), "Members · "),
            (format!("/w/{slug}/settings/members/tokens"), "All tokens · "),
            (format!("/w/{slug}/settings/members/{}", server.uuid_of("bob")), "Bob · "),
            (format!("/w/{slug}/settings/usage"), "Usage · "),
            (format!("/w/{slug}/settings/activity"), "Activity · "),
            (delete, "Delete token Reporting · "),
        ] {
            let page = alice.get(&path);
            assert_eq!((page.status, &*page.title()), (200, format!("{title}{name} ({label}) · Latchkey").as_str()));
            assert!(page.body.contains(&format!("<body data-kind=\"{kind}\">")), "{path}");
            let main = page.between("<main id=\"main\">", "</main>").unwrap();
            assert!(main.contains(&format!("<span class=\"badge\">{label}</span>")), "{path}: {main}");
            let menu = page.between("<nav class=\"side\"", "</nav>").unwrap();
            assert!(menu.contains("alice@example.org") && menu.contains("API Token"), "{path}");
            assert_eq!(menu.matches("aria-current=\"page\"").count(), 1, "{path}");
        }
    }
}

#[db_test]
fn the_workspace_switcher_stays_on_the_page_where_the_role_permits_it() {
    let server = TestServer::start();
    let dave = latchkey::accounts::model::EmailAddress::from_str("dave@example.org").unwrap();
    let dave =
        server.db.read_blocking(|conn| latchkey::accounts::store::user_by_email(conn, &dave)).unwrap().unwrap().0;
    let mine = server.add_workspace("daves", "Dave’s", WorkspaceKind::Demo);
    server.add_member(&dave, &mine, Role::Editor);
    let (alice, dave) = (server.signed_in("alice"), server.signed_in("dave"));
    server.create_token(&alice, "acme", "Reporting");
    let one_token = alice.delete_path("acme", "Reporting");
    for (browser, path, expected) in [
        (&alice, "/w/acme", ["/w/acme", "/w/acme-demo"]),
        (&alice, "/w/acme/settings", ["/w/acme/settings", "/w/acme-demo/settings"]),
        (&alice, "/w/acme-demo/settings/tokens", ["/w/acme/settings/tokens", "/w/acme-demo/settings/tokens"]),
        (&alice, "/w/acme/settings/tokens/new", ["/w/acme/settings/tokens", "/w/acme-demo/settings/tokens"]),
        (&alice, &one_token, ["/w/acme/settings/tokens", "/w/acme-demo/settings/tokens"]),
        (&alice, "/w/acme/settings/members", ["/w/acme/settings/members", "/w/acme-demo/settings/members"]),
        (&alice, "/w/acme/settings/members/tokens", ["/w/acme/settings/members", "/w/acme-demo/settings/members"]),
        (&dave, "/w/daves/settings/activity", ["/w/acme/settings/activity", "/w/daves/settings/activity"]),
        (&dave, "/w/daves/settings", ["/w/acme/settings", "/w/daves/settings"]),
        (&dave, "/w/daves/settings/tokens", ["/w/acme", "/w/daves/settings/tokens"]),
        (&dave, "/w/acme", ["/w/acme", "/w/daves"]),
    ] {
        let page = browser.get(path);
        let mut places = places(&page);
        places.sort_by_key(|place| !place.starts_with("/w/acme/") && *place != "/w/acme");
        assert_eq!(places, expected, "from {path}");
        let places = page.between("<div class=\"workspaces\">", "</div>").unwrap();
        assert_eq!(places.matches("aria-current=\"true\"").count(), 1, "{path}");
    }
}

#[db_test]
fn the_menu_has_what_the_role_permits() {
    let server = TestServer::start();
    for (name, items) in [
        ("alice", "General API Token Members Usage Activity"),
        ("bob", "General API Token Activity"),
        ("dave", "General Activity"),
    ] {
        let page = server.signed_in(name).get("/w/acme");
        assert_eq!(page.page().text_of("div.menu"), items, "{name}");
    }
}

#[db_test]
fn the_start_page_redirects_to_the_workspace_last_used() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for slug in ["acme-demo", "acme", "acme-demo"] {
        server.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(alice.get(&format!("/w/{slug}/settings")).status, 200);
        assert_eq!(alice.get("/").header("location"), format!("/w/{slug}"));
        assert_eq!(server.signed_in("alice").get("/").header("location"), format!("/w/{slug}"), "on any device");
    }
    assert_eq!(server.signed_in("charlie").get("/").header("location"), "/w/other");
    server.db_execute("DELETE FROM memberships WHERE workspace_id = (SELECT id FROM workspaces WHERE slug = 'other')");
    let none = server.signed_in("charlie").get("/");
    assert_eq!((none.status, &*none.title()), (200, "No workspace · Latchkey"));
    assert!(none.text().contains("You are signed in as charlie@example.org. Ask an administrator"), "{}", none.text());
}

#[db_test]
fn the_overview_describes_the_workspace_and_the_api_call() {
    let server = TestServer::start();
    let bob = server.signed_in("bob");
    let empty = bob.get("/w/acme-demo").text();
    for line in [
        "Acme Demo Demo Demo workspace: try things out here. Your role is Editor.",
        "You have no tokens in this workspace yet. You can create up to 3. Create token Manage tokens",
        "About this workspace Kind Demo Country Not set Languages eng Time zone UTC",
    ] {
        assert!(empty.contains(line), "{line}: {empty}");
    }
    let command = format!("$LATCHKEY_TOKEN&#34; http://{}/api/v2/workspace.json", server.address);
    assert!(bob.get("/w/acme").body.replace('"', "&#34;").contains(&command));
    for name in ["A", "B", "C"] {
        server.create_token(&bob, "acme", name);
    }
    let full = bob.get("/w/acme").text();
    assert!(full.contains("3 of 3 tokens used. Create token Delete a token to create another Manage tokens"), "{full}");
    assert!(full.contains("Production workspace: changes here affect live data. Your role is Editor."));
}

#[db_test]
fn health_checks_are_public() {
    for server in [TestServer::start(), TestServer::empty(plain_settings())] {
        for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
            let answer = server.api("GET", path).send();
            assert_eq!((answer.status, answer.body.as_str()), (200, body));
            let head = server.api("HEAD", path).send();
            assert_eq!((head.status, head.body.as_str()), (200, ""), "some probes ask by HEAD");
            let other = server.api("POST", path).send();
            assert_eq!((other.status, other.header("allow")), (405, "GET, HEAD"));
        }
    }
}

#[db_test]
fn an_unsupported_method_is_405_with_the_allowed_ones() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for (path, methods) in PAGES {
        let nobody_s = "0199c2b4-0000-7000-8000-000000000000";
        let real = path.replace("{slug}", "acme").replace("{uuid}", nobody_s).replace("{member}", nobody_s);
        let allow: Vec<_> = methods.iter().map(|method| if *method == "GET" { "GET, HEAD" } else { method }).collect();
        for method in ["GET", "POST", "PUT", "DELETE"].iter().filter(|method| !methods.contains(method)) {
            let answer = alice.send(method, &real, &[("Sec-Fetch-Site", "same-origin")], &[], Vec::new());
            assert_eq!((answer.status, answer.header("allow")), (405, allow.join(", ").as_str()), "{method} {path}");
            assert_eq!(answer.title(), "This action isn’t available here · Latchkey");
        }
        if methods.contains(&"GET") {
            let (get, head) = (alice.get(&real), alice.send("HEAD", &real, &[], &[], Vec::new()));
            assert_eq!((head.status, head.body.as_str()), (get.status, ""), "HEAD {path}");
        }
    }
}
