//! The first steps on the overview of a new workspace.

use latchkey::workspaces::model::Role;
use latchkey::workspaces::profile::WorkspaceKind;

use crate::support::TestServer;
use crate::support::browser_client::Browser;

/// The steps that the overview lists, and those that are done.
fn steps(browser: &Browser, slug: &str) -> (Vec<String>, Vec<String>) {
    let page = browser.get(&format!("/w/{slug}")).page();
    (page.texts(".first-steps li:not(.done) a"), page.texts(".first-steps li.done div"))
}

#[db_test]
fn an_administrator_has_five_steps_and_the_list_goes_when_they_are_done() {
    let server = TestServer::start();
    server.add_workspace("tea", "Tea", WorkspaceKind::Production);
    server.add_to("tea", "charlie", Role::Administrator);
    let charlie = server.signed_in("charlie");
    let all = ["Create a token", "Make a call", "Invite someone", "Set the time zone", "Start a demo workspace"];
    assert_eq!(steps(&charlie, "tea"), (all.map(str::to_owned).to_vec(), vec![]));
    for link in
        charlie.get("/w/tea").page().attributes(".first-steps a", "href").iter().filter(|link| !link.starts_with('#'))
    {
        assert_eq!(charlie.get(link.split('#').next().unwrap()).status, 200, "{link}");
    }

    let value = server.create_token(&charlie, "tea", "Reporting");
    assert_eq!(steps(&charlie, "tea").1, ["Create a token (done)"]);
    assert_eq!(server.call(&value).status, 200);
    server.flush();
    assert_eq!(steps(&charlie, "tea").1, ["Create a token (done)", "Make a call (done)"]);
    assert_eq!(charlie.post(&charlie.delete_path("tea", "Reporting"), &[]).status, 303);
    assert_eq!(steps(&charlie, "tea").1.len(), 2, "a deleted token was created and used");
    server.invite_address(&charlie, "tea", "editor", "");
    assert_eq!(steps(&charlie, "tea").0, ["Set the time zone", "Start a demo workspace"]);
    let profile = [("name", "Tea"), ("kind", "production"), ("timezone", "Africa/Kigali"), ("date_style", "day_first")];
    assert_eq!(
        charlie.post("/w/tea/settings", &[&profile[..], &[("languages", "eng"), ("country", "")]].concat()).status,
        303
    );
    assert!(charlie.get("/w/tea").text().contains("4 of 5 done"));
    assert_eq!(charlie.post("/workspaces/new", &[("name", "Tea demo"), ("kind", "demo"), ("slug", "")]).status, 303);
    assert!(!charlie.get("/w/tea").text().contains("First steps"), "all are done");
}

#[db_test]
fn the_steps_depend_on_the_role_and_each_member_can_hide_them() {
    let server = TestServer::start();
    let (alice, bob, dave) = (server.signed_in("alice"), server.signed_in("bob"), server.signed_in("dave"));
    assert_eq!(steps(&bob, "acme").0, ["Create a token", "Make a call"]);
    assert_eq!(steps(&dave, "acme"), (vec![], vec![]));
    assert_eq!(steps(&alice, "acme").1, ["Invite someone (done)", "Start a demo workspace (done)"]);
    let hidden = bob.post("/w/acme/checklist", &[]);
    assert_eq!((hidden.status, hidden.header("location")), (303, "/w/acme"));
    assert!(!bob.get("/w/acme").text().contains("First steps"));
    assert!(bob.get("/w/acme-demo").text().contains("First steps"), "in this workspace only");
    assert!(alice.get("/w/acme").text().contains("First steps"), "for this member only");
}
