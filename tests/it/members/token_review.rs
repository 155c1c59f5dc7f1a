//! The tokens of all members: an administrator sees and revokes them, never a value; the owner sees who did.

use std::time::Duration;

use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;

const TOKENS: &str = "/w/acme/settings/members/tokens";

/// The page that revokes the token of this name.
fn revoke_path(browser: &Browser, name: &str) -> String {
    let token = browser.get(TOKENS).page().attribute(&format!("input[aria-label^='Select {name} of ']"), "value");
    format!("{TOKENS}/{token}/revoke")
}

/// The names of the tokens on the page.
fn names(answer: &Answer) -> Vec<String> {
    answer.page().texts("table.list tbody th > a")
}

fn create(browser: &Browser, name: &str, expiry: &str) -> String {
    let form = browser.get("/w/acme/settings/tokens/new");
    let fields = [("name", name), ("form_key", &form.hidden("form_key")), ("expiry", expiry)];
    let made = browser.post("/w/acme/settings/tokens", &fields);
    assert_eq!(made.status, 201, "{}", made.text());
    made.value()
}

#[db_test]
fn an_administrator_filters_the_tokens_of_all_members() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let mut values = vec![create(&alice, "Old and used", "never"), create(&bob, "Old and never used", "365")];
    values.push(create(&bob, "Old and rotated", "365"));
    for value in [&values[0], &values[2]] {
        server.api("GET", "/api/v2/workspace.json").bearer(value).header("User-Agent", "curl/8.5.0").send();
    }
    server.flush();
    server.clock.advance(Duration::from_hours(90 * 24) + Duration::from_secs(1));
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    values.push(create(&bob, "New", "90"));
    let rotate = bob.delete_path("acme", "Old and rotated").replace("/delete", "/rotate");
    let key = bob.get(&rotate).hidden("form_key");
    values.push(bob.post(&rotate, &[("form_key", &key), ("grace", "24h")]).value());
    server.create_token(&bob, "acme-demo", "Elsewhere");

    let everything = ["Old and used", "New", "Old and never used", "Old and rotated"];
    for (filter, expected) in [
        ("", &everything[..]),
        ("?filter=never-used", &["New", "Old and never used"]),
        ("?filter=old", &["Old and used", "Old and never used"]),
        ("?filter=unused", &["Old and used", "Old and never used"]),
        ("?filter=active", &everything),
        ("?filter=rotating", &["Old and rotated"]),
        ("?filter=expiring", &[]),
        ("?filter=expired", &[]),
        ("?filter=no-expiry", &["Old and used"]),
        ("?filter=nonsense", &everything),
        ("?filter=", &everything),
        ("?filter=old&filter=old", &everything),
    ] {
        let page = alice.get(&format!("{TOKENS}{filter}"));
        assert_eq!(page.status, 200, "{filter}");
        assert_eq!(names(&page), expected, "{filter}");
        assert_eq!(page.body.matches("aria-current=\"true\"").count(), 2, "{filter}: the switcher's, and one choice");
        assert!(page.text().contains("All 4 Active 4 Rotating 1 Expiring 0 Expired 0 Never used 2 Unused for 30 days 2 Older than 90 days 2 No expiration 1"), "{}", page.text());
        assert!(!values.iter().any(|value| page.body.contains(value)));
    }
    let text = alice.get(TOKENS).text();
    for says in &[
        format!("Old and used rpat…{} Alice alice@example.org 0 calls 23 Nov 2026, 12:00 UTC", &values[0][42..]),
        format!("Old and never used rpat…{} Bob bob@example.org 0 calls Never 23 Nov 2026", &values[1][42..]),
        format!("Old and rotated rpat…{} Rotating Bob", &values[4][42..]),
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    let asks = alice.get(&revoke_path(&alice, "Old and rotated")).text();
    let says = format!(
        "Rotating: the old value rpat…{} was last used 23 Nov 2026, 12:00 UTC from 127.0.0.1 (curl/8.5.0) and stops",
        &values[2][42..]
    );
    assert!(asks.contains(&says), "{says}: {asks}");
}

#[db_test]
fn a_revoked_token_is_rejected_immediately_and_its_owner_sees_who_revoked_it() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let (value, other) = (create(&bob, "Reporting", "never"), create(&bob, "Partner", "never"));
    server.api("GET", "/api/v2/token.json").bearer(&value).header("User-Agent", "curl/8.5.0").send();
    server.flush();
    let path = revoke_path(&alice, "Reporting");
    let asks = alice.get(&path);
    let text = asks.text();
    for says in [
        "Revoke token “Reporting”? In Acme Production . Owner: Bob (bob@example.org). Value: rpat…",
        "Last used 23 Nov 2026, 12:00 UTC from 127.0.0.1 (curl/8.5.0) · Created",
        "Anything still using it will start failing immediately",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    assert!(!asks.body.contains(&value));
    assert_eq!(server.call(&value).status, 200, "asking revokes nothing");

    for said in ["Token Reporting revoked.", "Token Reporting had already been deleted."] {
        let done = alice.post(&path, &[]);
        assert_eq!((done.status, done.header("location"), server.call(&value).status), (303, TOKENS, 401));
        assert!(alice.get(TOKENS).text().contains(said));
    }
    assert_eq!((alice.get(&path).status, server.call(&other).status), (404, 200));
    assert_eq!(names(&alice.get(TOKENS)), ["Partner"]);
    let list = bob.get("/w/acme/settings/tokens").text();
    let tells = "Recently deleted Reporting";
    assert!(list.contains(tells), "{list}");
    assert!(list.contains("Revoked 23 Nov 2026, 12:00 UTC by alice@example.org, an administrator"), "{list}");
    let events = "SELECT kind || ' ' || actor_name || ' ' || subject_name || ' ' || token_name AS text FROM events \
                  WHERE action = 'token_revoked'";
    assert_eq!(server.rows(events), ["authn_token_revoked Alice Bob Reporting"]);
}

#[db_test]
fn all_tokens_of_a_member_are_revoked_in_this_workspace_only() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let his = ["One", "Two", "Three"].map(|name| create(&bob, name, "never"));
    let (elsewhere, hers) = (server.create_token(&bob, "acme-demo", "Elsewhere"), create(&alice, "Hers", "never"));
    let path = format!("/w/acme/settings/members/{}", server.uuid_of("bob"));
    let asks = alice.get(&format!("{path}/revoke")).text();
    assert!(asks.contains("Revoke all tokens of Bob?") && asks.contains("One rpat…") && asks.contains("Three rpat…"));
    let done = alice.post(&format!("{path}/revoke"), &[]);
    assert_eq!((done.status, done.header("location")), (303, path.as_str()));
    let page = alice.get(&path).text();
    assert!(
        page.contains("3 tokens of Bob revoked.") && page.contains("Bob has no tokens in this workspace."),
        "{page}"
    );
    assert_eq!(his.map(|value| server.call(&value).status), [401; 3]);
    assert_eq!([elsewhere, hers].map(|value| server.call(&value).status), [200; 2]);
    assert_eq!(bob.get("/w/acme").status, 200, "he stays");
    assert!(alice.get(&format!("{path}/revoke")).text().contains("Bob has no tokens in Acme"));
    alice.post(&format!("{path}/revoke"), &[]);
    assert!(alice.get(&path).text().contains("Bob has no tokens in this workspace."));
    assert_eq!(server.rows("SELECT token_name AS text FROM events WHERE action = 'token_revoked'").len(), 3);
}

#[db_test]
fn a_token_is_revoked_only_by_administrators_of_its_workspace() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let value = create(&alice, "Reporting", "never");
    let theirs = server.create_token(&server.signed_in("charlie"), "other", "Charlie’s");
    let path = revoke_path(&alice, "Reporting");
    let foreign = server.rows("SELECT uuid AS text FROM tokens WHERE name = 'Charlie’s'").remove(0);
    for (browser, path, status) in [
        (&bob, path.clone(), 403),
        (&server.signed_in("dave"), path.clone(), 403),
        (&server.signed_in("charlie"), path.clone(), 404),
        (&server.browser(), path.clone(), 303),
        (&alice, path.replace("/w/acme/", "/w/acme-demo/"), 404),
        (&alice, format!("{TOKENS}/{foreign}/revoke"), 404),
        (&alice, format!("{TOKENS}/0199c2b4-0000-7000-8000-000000000000/revoke"), 404),
        (&alice, format!("{TOKENS}/nonsense/revoke"), 404),
    ] {
        assert_eq!((browser.get(&path).status, browser.post(&path, &[]).status), (status, status), "{path}");
    }
    let refused = bob.get(TOKENS);
    assert_eq!((refused.status, &*refused.title()), (403, "Only administrators can see this page · Latchkey"));
    assert_eq!([value, theirs].map(|value| server.call(&value).status), [200; 2]);
}
