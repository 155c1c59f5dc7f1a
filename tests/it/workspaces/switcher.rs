//! The switcher, the page of all workspaces, and the menu around error pages.

use latchkey::workspaces::model::Role;
use latchkey::workspaces::profile::WorkspaceKind;

use crate::support::TestServer;

/// Adds workspaces with Alice as an editor.
fn add_workspaces(server: &TestServer, names: &[String]) {
    for (nth, name) in names.iter().enumerate() {
        let slug = format!("more-{nth}");
        server.add_workspace(&slug, name, WorkspaceKind::Production);
        server.add_to(&slug, "alice", Role::Editor);
    }
}

#[db_test]
fn the_switcher_lists_the_current_workspace_first_and_the_others_in_natural_order() {
    let server = TestServer::start();
    add_workspaces(&server, &["Team 10", "team 2", "Älpler"].map(str::to_owned));
    let alice = server.signed_in("alice");
    let page = alice.get("/w/more-1/settings").page();
    assert_eq!(page.texts("#found bdi"), ["team 2", "Acme", "Acme Demo", "Älpler", "Team 10"]);
    assert_eq!(page.attributes("#found a", "href")[1], "/w/acme/settings", "the same section");
    assert_eq!(page.texts("#found a[aria-current] bdi"), ["team 2"]);
    assert!(!page.has(".workspaces form"), "five workspaces need no filter");
    let page = alice.get("/account").page();
    assert_eq!(page.texts("#found bdi"), ["Acme", "Acme Demo", "Älpler", "team 2", "Team 10"]);
}

#[db_test]
fn the_switcher_has_a_filter_from_eight_workspaces_on_and_at_most_ten_links() {
    let server = TestServer::start();
    let names: Vec<String> = (1..=60).map(|nth| format!("Team {nth}")).collect();
    add_workspaces(&server, &names[..5]);
    let alice = server.signed_in("alice");
    assert!(!alice.get("/w/acme").page().has(".workspaces form"), "seven");
    server.add_workspace("eighth", "Team 6", WorkspaceKind::Production);
    server.add_to("eighth", "alice", Role::Editor);
    let page = alice.get("/w/acme").page();
    assert_eq!(page.attribute(".workspaces form input[type=search]", "name"), "q");
    assert_eq!(page.attribute(".workspaces form", "action"), "/workspaces");
    assert!(!page.text().contains("All 8 workspaces"), "all are in the switcher");

    for (nth, name) in names.iter().enumerate().skip(6) {
        let slug = format!("further-{nth}");
        server.add_workspace(&slug, name, WorkspaceKind::Demo);
        server.add_to(&slug, "alice", Role::Editor);
    }
    let page = alice.get("/w/acme").page();
    assert_eq!(page.texts("#found a").len(), 10);
    assert_eq!(page.text_of(".workspaces > a[href='/workspaces']"), "All 62 workspaces");

    let all = alice.get("/workspaces");
    assert_eq!((all.status, &*all.title()), (200, "Workspaces · Latchkey"));
    assert!(all.body.len() < 30_000, "{} bytes", all.body.len());
    let names = all.page().texts("a[data-found]");
    assert_eq!(names.len(), 50);
    assert_eq!(names[..4], ["Acme", "Acme Demo", "Team 1", "Team 2"]);
    assert!(all.text().contains("The first 50 of 62 workspaces."), "{}", all.text());
}

#[db_test]
fn the_page_of_workspaces_finds_parts_of_names_without_case() {
    let server = TestServer::start();
    add_workspaces(&server, &["Équipe Süd", "<b>Bold</b>"].map(str::to_owned));
    let alice = server.signed_in("alice");
    let found = |query: &str| alice.get(&format!("/workspaces?q={query}")).page().texts("a[data-found]");
    assert_eq!(found("acme"), ["Acme", "Acme Demo"]);
    assert_eq!(found("DEMO%20ac"), ["Acme Demo"], "each word somewhere");
    assert_eq!(found("%C3%A9QUIPE"), ["Équipe Süd"]);
    assert_eq!(found("bold"), ["<b>Bold</b>"]);
    assert_eq!(found("other"), Vec::<String>::new(), "not a workspace of Alice");
    assert_eq!(found("%20%20").len(), 4, "spaces find all");
    let nothing = alice.get("/workspaces?q=%3Cscript%3E");
    assert!(nothing.text().contains("No workspace of yours has “<script>” in its name."), "{}", nothing.text());
    for odd in ["q=%00%FF", "q=a&q=b", "other=1", &format!("q={}", "x".repeat(9000))] {
        assert_eq!(alice.get(&format!("/workspaces?{odd}")).status, 200, "{odd}");
    }
}

#[db_test]
fn a_refusal_keeps_the_menu_of_a_signed_in_user() {
    let server = TestServer::start();
    let dave = server.signed_in("dave");
    for (path, status) in
        [("/w/acme/settings/tokens", 403), ("/w/acme/settings/members", 403), ("/w/acme/nothing", 404)]
    {
        let answer = dave.get(path);
        assert_eq!(answer.status, status, "{path}");
        let page = answer.page();
        assert_eq!(page.text_of(".switch summary b"), "Acme", "{path}");
        assert_eq!(page.texts(".side .menu a"), ["General", "Activity"], "{path}");
        assert!(page.has("main#main h1") && !page.has(".menu [aria-current]"), "{path}: {}", answer.body);
    }
    let charlie = server.signed_in("charlie");
    let (foreign, missing) = (charlie.get("/w/acme"), charlie.get("/w/nowhere"));
    assert_eq!((foreign.status, foreign.whole()), (404, missing.whole()));
    assert_eq!(foreign.page().text_of(".switch summary b"), "Other");
    server.db_execute("UPDATE memberships SET removed_at = created_at WHERE role = 'agent'");
    let alone = dave.get("/w/acme");
    assert_eq!((alone.status, alone.page().has("form[action='/logout']")), (404, true), "{}", alone.body);
    let stranger = server.browser().get("/nothing");
    assert_eq!((stranger.status, stranger.page().has("nav")), (404, false));
}

#[db_test]
fn the_gear_opens_the_settings() {
    let server = TestServer::start();
    for name in ["alice", "bob", "dave"] {
        let browser = server.signed_in(name);
        let page = browser.get("/w/acme").page();
        assert_eq!(
            (page.text_of("a#settings"), page.attribute("a#settings", "href")),
            ("Settings".to_owned(), "/w/acme/settings".to_owned())
        );
        assert!(browser.get("/w/acme/settings").title().starts_with("General · "), "{name}");
    }
}

#[db_test]
fn an_agent_is_offered_nothing_that_agents_cannot_use() {
    let server = TestServer::start();
    let dave = server.signed_in("dave");
    let overview = dave.get("/w/acme");
    assert!(
        !overview.text().contains("LATCHKEY_TOKEN") && !overview.text().contains("First steps"),
        "{}",
        overview.text()
    );
    let page = overview.page();
    let links = page.attributes("main a, .side > a, .side .menu a, .side .foot a", "href");
    for link in links.iter().filter(|link| !link.starts_with('#')) {
        assert_eq!(dave.get(link).status, 200, "{link}");
    }
}

#[db_test]
fn signing_out_says_so_once() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let out = alice.post("/logout", &[]);
    let page = alice.get(out.header("location"));
    assert_eq!(page.page().text_of(".panel.good[role=status]"), "You have signed out.");
    assert!(!alice.get("/login").text().contains("signed out"));
    let back = server.signed_in("bob").get("/login?signed_out=1");
    assert_eq!(back.header("location"), "/", "who is signed in has no use for the form");
}

#[db_test]
fn only_what_was_done_is_green() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let delete = alice.delete_path("acme", "Reporting");
    assert_eq!(alice.post(&delete, &[]).status, 303);
    let list = "/w/acme/settings/tokens";
    assert_eq!(alice.get(list).page().text_of(".panel.good.flash"), "Token Reporting deleted.");
    assert_eq!(alice.post(&delete, &[]).status, 303);
    let again = alice.get(list).page();
    assert_eq!(again.text_of(".panel.flash"), "Token Reporting had already been deleted.");
    assert!(!again.has(".panel.good"));
    assert!(!alice.get(list).page().has(".flash"), "said once");
}
