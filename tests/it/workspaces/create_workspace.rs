//! Creation of another workspace: who may, and its initial settings.

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::{TABLES, TestServer};

fn make(browser: &Browser, name: &str, kind: &str, slug: &str) -> Answer {
    browser.post("/workspaces/new", &[("name", name), ("kind", kind), ("slug", slug)])
}

fn error<'a>(page: &'a Answer, field: &str) -> Option<&'a str> {
    page.between(&format!("<p class=\"error\" id=\"{field}-error\">"), "</p>")
}

#[db_test]
fn an_administrator_creates_a_workspace_and_is_redirected_to_it() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    assert!(alice.get("/w/acme").body.contains("href=\"/workspaces/new\""), "the switcher leads there");
    assert_eq!(alice.get("/workspaces/new").title(), "New workspace · Latchkey");
    for (name, kind, slug, path, title) in [
        ("Tea & Co.", "demo", "", "/w/tea-co", "Tea & Co. (Demo) · Latchkey"),
        ("Tea & Co.", "production", "", "/w/tea-co-2", "Tea & Co. (Production) · Latchkey"),
        ("Tea", "production", "leaves", "/w/leaves", "Tea (Production) · Latchkey"),
    ] {
        let made = make(&alice, name, kind, slug);
        assert_eq!((made.status, made.header("location")), (303, path), "{}", made.body);
        let page = alice.get(path);
        assert_eq!(page.title(), title);
        assert!(page.text().contains("created. You are its administrator."), "{}", page.text());
        assert!(page.text().contains("Your role is Administrator."));
    }
    server.create_token(&alice, "leaves", "Reporting");
    assert_eq!(server.signed_in("bob").get("/w/leaves").status, 404, "nobody else is in it");
    let events = server.db_rows(&["events"]);
    assert!(events.contains("'workspace_created'") && events.contains("'member_added'"), "{events}");
}

#[db_test]
fn only_an_administrator_creates_a_workspace_and_the_page_says_why() {
    let server = TestServer::start();
    for name in ["bob", "dave"] {
        let browser = server.signed_in(name);
        assert!(!browser.get("/w/acme").body.contains("/workspaces/new"), "no way leads there");
        let before = server.db_rows(&["workspaces", "memberships", "events"]);
        for answer in [browser.get("/workspaces/new"), make(&browser, "Mine", "demo", "")] {
            assert_eq!(
                (answer.status, &*answer.title()),
                (403, "Only administrators can create a workspace · Latchkey")
            );
            assert!(answer.text().contains("You are not an administrator of any workspace. Ask an administrator"));
        }
        assert_eq!(server.db_rows(&["workspaces", "memberships", "events"]), before);
    }
}

#[db_test]
fn a_slug_is_unique_and_a_rejected_form_keeps_its_input() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let before = server.db_rows(&TABLES);
    for (slug, why) in [
        ("acme", "Another workspace already uses this name in URLs. Choose a different one."),
        ("other", "Another workspace already uses this name in URLs. Choose a different one."),
        (
            "Acme Two",
            "Use 1 to 40 lowercase letters, digits and hyphens, like acme-demo. It can’t start or end with a hyphen.",
        ),
    ] {
        let refused = make(&alice, "Tea", "demo", slug);
        assert_eq!((refused.status, error(&refused, "slug")), (422, Some(why)));
        assert!(refused.body.contains(&format!("name=\"slug\" value=\"{slug}\"")), "{}", refused.body);
        assert!(refused.body.contains("name=\"name\" value=\"Tea\""));
        assert!(refused.body.contains("value=\"demo\" checked"), "{}", refused.body);
    }
    assert_eq!(server.db_rows(&TABLES), before);
    for round in 0..10 {
        let slug = format!("race-{round}");
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let clicks = [0; 4].map(|_| {
                let (alice, slug) = (alice.clone(), &slug);
                scope.spawn(move || make(&alice, "Race", "demo", slug).status)
            });
            clicks.into_iter().map(|click| click.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 422, 422, 422]);
    }
}
