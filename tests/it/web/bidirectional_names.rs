//! Names in another direction than the page: `<bdi>` isolates them from the text beside them.

use percent_encoding::{CONTROLS, utf8_percent_encode};

use crate::support::TestServer;

/// Names of the workspace, of Alice, of Bob and of a token, without a letter in common with the pages.
const NAMES: [&str; 4] = ["شركة", "ليلى", "يوسف", "تقرير"];

#[db_test]
fn every_name_on_a_page_is_isolated() {
    let server = TestServer::start();
    let [workspace, alice_name, bob_name, token] = NAMES;
    let (alice, bob, charlie) = (server.signed_in("alice"), server.signed_in("bob"), server.signed_in("charlie"));
    for (browser, name) in [(&alice, alice_name), (&bob, bob_name)] {
        assert_eq!(browser.post("/account/name", &[("name", name)]).status, 303);
    }
    let settings =
        [("kind", "production"), ("country", ""), ("languages", ""), ("timezone", "UTC"), ("date_style", "day_first")];
    let settings = [&settings[..], &[("name", workspace)]].concat();
    assert_eq!(alice.post("/w/acme/settings", &settings).status, 303);
    for browser in [&alice, &bob] {
        server.create_token(browser, "acme", token);
        server.create_token(browser, "acme", "Deleted");
        let deleted = browser.delete_path("acme", "Deleted");
        browser.post(&deleted.replace("/delete", ""), &[("name", &format!("{token} 2"))]);
        browser.post(&deleted, &[]);
    }
    let rotate = alice.delete_path("acme", token).replace("/delete", "/rotate");
    let key = alice.get(&rotate).hidden("form_key");
    assert_eq!(alice.post(&rotate, &[("form_key", &key), ("grace", "24h")]).status, 201);
    let member = |name: &str| format!("/w/acme/settings/members/{}", server.uuid_of(name));
    let (own, bobs) = (rotate.replace("/rotate", ""), bob.delete_path("acme", token));
    let bobs = bobs.split('/').nth(5).unwrap().to_owned();
    let dave = member("dave");
    let refused = server.signed_in("dave").get("/w/acme/settings/tokens");
    assert_eq!(refused.page().texts_without_isolation(workspace), [""; 0]);
    assert!(refused.text().contains(&format!("Your role in {workspace} is Agent.")), "{}", refused.text());
    let role = [("role", "editor")];
    assert_eq!(alice.post(&dave, &role).status, 303);
    assert_eq!(alice.post(&format!("{dave}/remove"), &[]).status, 303);
    let tokens = "/w/acme/settings/members/tokens";
    let pages = [
        "/w/acme/settings/activity".to_owned(),
        format!("/w/acme/settings/activity?q={alice_name}"),
        format!("/w/acme/settings/activity?q={workspace}x"),
        own.clone(),
        format!("{own}/delete"),
        format!("{own}/retire"),
        format!("/w/acme/settings/tokens/{bobs}"),
        "/w/acme/settings/tokens/deleted".to_owned(),
        "/w/acme/settings/members".to_owned(),
        format!("/w/acme/settings/members?q={bob_name}x"),
        member("alice"),
        member("bob"),
        format!("{}/remove", member("alice")),
        format!("{}/remove", member("bob")),
        format!("{}/revoke", member("bob")),
        tokens.to_owned(),
        format!("{tokens}/deleted"),
        format!("{tokens}/{bobs}/revoke"),
        format!("{tokens}/revoke?token={bobs}"),
        "/w/acme/settings/members/invitations".to_owned(),
        "/w/acme/settings".to_owned(),
        "/w/acme".to_owned(),
        "/workspaces".to_owned(),
        format!("/workspaces?q={workspace}x"),
        "/workspaces/new".to_owned(),
        "/account".to_owned(),
    ];
    let invitation = server.invite(&alice, "editor");
    let of_others = [
        (&bob, "/w/acme/settings"),
        (&bob, "/w/acme/settings/members"),
        (&charlie, "/w/acme"),
        (&charlie, &*invitation),
    ];
    let mut named = 0;
    // The first view removes the message about the last change.
    alice.get("/w/acme");
    bob.get("/w/acme");
    let own_pages = pages.iter().map(|path| (&alice, path.as_str()));
    let visitor = server.browser();
    for (browser, path) in own_pages.chain(of_others).chain([(&alice, &*invitation), (&visitor, &*invitation)]) {
        let path = utf8_percent_encode(path, CONTROLS).to_string();
        let answer = browser.get(&path);
        assert!(answer.status < 500 && answer.status != 303, "{path}: {}", answer.status);
        let page = answer.page();
        for name in NAMES {
            assert_eq!(page.texts_without_isolation(name), [""; 0], "{path}");
            named += usize::from(page.text().contains(name));
        }
    }
    assert!(named > 60, "{named}");
    let renamed = alice.get("/w/acme/settings/activity").text();
    assert!(renamed.contains(&format!("name (Acme to {workspace})")), "{renamed}");
}
