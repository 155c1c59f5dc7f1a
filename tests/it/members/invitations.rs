//! Invitations: who creates them, who accepts them, and when they are invalid.

use std::time::Duration;

use crate::support::api_client::{Answer, encode};
use crate::support::browser_client::Browser;
use crate::support::{PASSWORD, TestServer};

const LIST: &str = "/w/acme/settings/members/invitations";
const KIM: [(&str, &str); 3] = [("name", "Kim"), ("email", "kim@example.org"), ("password", "seven blue kettles")];
const DAY: Duration = Duration::from_hours(24);

/// The button of somebody who is signed in.
fn join(browser: &Browser, path: &str) -> Answer {
    let page = browser.get(path);
    browser.post(path, &[("join", &page.hidden("join"))])
}

#[track_caller]
fn assert_dead(answer: &Answer) {
    assert_eq!((answer.status, &*answer.title()), (404, "This invitation link doesn’t work · Latchkey"));
    assert!(answer.text().contains("Ask the person who gave it to you for a new one."), "{}", answer.text());
}

/// What the list says, without the form.
fn open(browser: &Browser) -> String {
    browser.get(LIST).page().text_of("section[aria-labelledby=open]")
}

#[db_test]
fn a_new_user_joins_by_a_link_and_is_signed_in() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let path = server.invite(&alice, "editor");
    assert!(path.strip_prefix("/invitations/").is_some_and(|code| code.len() == 32), "{path}");
    let kim = server.browser();
    let page = kim.get(&path);
    assert_eq!((page.status, &*page.title()), (200, "Join Acme · Latchkey"));
    assert!(page.text().contains("Join Acme Production You are invited as an Editor."), "{}", page.text());
    let joined = kim.post(&path, &KIM);
    assert_eq!((joined.status, joined.header("location")), (303, "/w/acme"));
    let overview = kim.get("/w/acme").text();
    assert!(overview.contains("You have joined Acme.") && overview.contains("Your role is Editor."), "{overview}");
    server.create_token(&kim, "acme", "Reporting");
    assert_eq!(server.browser().sign_in("kim@example.org", "seven blue kettles").status, 303);
    assert_dead(&server.browser().get(&path));
    assert_dead(&server.browser().post(&path, &KIM));
    assert!(open(&alice).contains("No open invitations."));
    let events = server.db_rows(&["events"]);
    for kind in ["privilege_invitation_created", "privilege_invitation_used", "user_created", "member_added"] {
        assert!(events.contains(kind), "{kind}: {events}");
    }
}

#[db_test]
fn a_user_with_an_account_joins_by_one_button() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let path = server.invite(&alice, "agent");
    let charlie = server.browser();
    let page = charlie.get(&path);
    let sign_in = format!("/login?next={}", encode(&path));
    assert!(page.body.contains(&format!("href=\"{sign_in}\"")), "{}", page.body);
    let next = charlie.get(&sign_in).hidden("next");
    let fields = [("email", "charlie@example.org"), ("password", PASSWORD), ("next", next.as_str())];
    assert_eq!(charlie.post("/login", &fields).header("location"), path, "and comes back");
    let page = charlie.get(&path);
    assert!(page.text().contains("You are invited as an Agent. Join as charlie@example.org"), "{}", page.text());
    assert_eq!(charlie.get("/w/acme").status, 404, "looking is not joining");
    assert_eq!(join(&charlie, &path).header("location"), "/w/acme");
    assert!(charlie.get("/w/acme").text().contains("Your role is Agent."));
    assert_dead(&server.signed_in("bob").get(&path));
}

#[db_test]
fn an_existing_member_does_not_consume_the_link() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let path = server.invite(&alice, "administrator");
    let bob = server.signed_in("bob");
    let before = server.db_rows(&["memberships", "one_time_links"]);
    let uuid = server.rows("SELECT uuid AS text FROM users WHERE name = 'Bob'").remove(0);
    for answer in [bob.get(&path), bob.post(&path, &[("join", &uuid)]), bob.post(&path, &KIM)] {
        assert!(matches!(answer.status, 200 | 409), "{}", answer.status);
        assert!(answer.text().contains("are already a member of Acme, as an Editor. The invitation was not used"));
    }
    assert_eq!(server.db_rows(&["memberships", "one_time_links"]), before, "nor does it change his role");
    assert_eq!(server.browser().post(&path, &KIM).status, 303, "it is still there for whom it is for");
}

#[db_test]
fn a_form_opened_by_another_user_adds_no_member() {
    let server = TestServer::start();
    let path = server.invite(&server.signed_in("alice"), "editor");
    let charlie = server.signed_in("charlie");
    let before = server.db_rows(&["memberships", "one_time_links", "users"]);
    let alices = server.rows("SELECT uuid AS text FROM users WHERE name = 'Alice'").remove(0);
    for fields in [&KIM[..], &[], &[("join", &alices)], &[("join", "x")]] {
        let answer = charlie.post(&path, fields);
        assert_eq!(answer.status, 409);
        assert!(answer.text().contains("You are now signed in as charlie@example.org. Nothing was changed."));
    }
    assert_eq!(server.db_rows(&["memberships", "one_time_links", "users"]), before);
}

#[db_test]
fn an_address_with_an_account_must_sign_in_and_the_link_stays_valid() {
    let server = TestServer::start();
    let path = server.invite(&server.signed_in("alice"), "editor");
    let fields = [KIM[0], ("email", "Charlie@example.org"), KIM[2]];
    let refused = server.browser().post(&path, &fields);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("An account with this address already exists. Sign in to join."));
    assert!(refused.body.contains("value=\"Charlie@example.org\"") && !refused.body.contains("seven blue kettles"));
    assert_eq!(refused.header("set-cookie"), "");
    assert_eq!(server.browser().post(&path, &KIM).status, 303);
}

#[db_test]
fn every_invalid_invitation_link_shows_the_same_page() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let used = server.invite(&alice, "editor");
    assert_eq!(server.browser().post(&used, &KIM).status, 303);
    let revoked = server.invite(&alice, "editor");
    let revoke = format!("{LIST}/{}/revoke", alice.get(LIST).between(&format!("{LIST}/"), "/revoke").unwrap());
    assert_eq!(alice.post(&revoke, &[]).header("location"), LIST);
    assert!(alice.get(LIST).text().contains("Invitation revoked. Its link no longer works."));
    assert_eq!(alice.post(&revoke, &[]).status, 404, "there is nothing to revoke any more");
    let expired = server.invite(&alice, "editor");
    server.clock.advance(7 * DAY - Duration::from_secs(1));
    assert_eq!(server.browser().get(&expired).status, 200);
    server.clock.advance(Duration::from_secs(1));
    let reset = server.reset_link("bob").replace("/reset/", "/invitations/");
    let junk = server.browser().get("/invitations/junk");
    assert_dead(&junk);
    for path in [used.as_str(), &revoked, &expired, &reset, "/invitations/%FF", "/invitations/x.y"] {
        let fresh = server.signed_in("charlie");
        for answer in
            [server.browser().get(path), fresh.get(path), fresh.post(path, &[]), server.browser().post(path, &KIM)]
        {
            assert_eq!(answer.whole(), junk.whole(), "{path}");
        }
    }
    assert!(server.db_rows(&["events"]).contains("'privilege_invitation_revoked'"));
}

#[db_test]
fn an_invitation_is_valid_only_while_its_inviter_may_invite() {
    let server = TestServer::start();
    let set = |sql: &str| server.db_execute(&format!("UPDATE {sql}"));
    for (undo, sql) in [(true, "memberships SET role = 'editor'"), (false, "memberships SET removed_at = 1")] {
        let alice = server.signed_in("alice");
        let path = server.invite(&alice, "administrator");
        assert_eq!(server.browser().get(&path).status, 200);
        let hers = "user_id = (SELECT id FROM users WHERE name = 'Alice') AND workspace_id = (SELECT id FROM workspaces WHERE slug = 'acme')";
        set(&format!("{sql} WHERE {hers}"));
        assert_dead(&server.browser().get(&path));
        assert_dead(&server.browser().post(&path, &KIM));
        if undo {
            set(&format!("memberships SET role = 'administrator' WHERE {hers}"));
            assert!(open(&server.signed_in("alice")).contains("by alice@example.org"));
        } else {
            let person = server.rows("SELECT email AS text FROM users WHERE name = 'Kim'");
            assert_eq!(person, Vec::<String>::new());
        }
    }

    let server = TestServer::start();
    let path = server.invite(&server.signed_in("alice"), "editor");
    server.set_active("alice", false);
    assert_dead(&server.browser().get(&path));
    server.set_active("alice", true);
    server.clock.advance(Duration::from_secs(1));
    let hers = "user_id = (SELECT id FROM users WHERE name = 'Alice')";
    server.db_execute(&format!("UPDATE memberships SET removed_at = 1 WHERE {hers}"));
    let acme = "acme".parse().unwrap();
    let (acme, alice) = server
        .db
        .read_blocking(|conn| {
            let acme = latchkey::workspaces::store::workspace_by_slug(conn, &acme)?.unwrap();
            let alice =
                latchkey::accounts::store::user_by_email(conn, &"alice@example.org".parse().unwrap())?.unwrap().0;
            Ok::<_, latchkey::db::DbError>((acme, alice))
        })
        .unwrap();
    server.add_member(&alice, &acme, latchkey::workspaces::model::Role::Administrator);
    assert_dead(&server.browser().post(&path, &KIM));
    assert!(open(&server.signed_in("alice")).contains("No open invitations."), "coming back revives nothing");
}

#[db_test]
fn an_invitation_ends_with_the_role_of_its_inviter() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let bob = format!("/w/acme/settings/members/{}", server.uuid_of("bob"));
    let give = |role: &str| assert_eq!(alice.post(&bob, &[("role", role)]).status, 303);
    give("administrator");
    let (bobs, alices) = (server.invite(&server.signed_in("bob"), "editor"), server.invite(&alice, "editor"));
    give("editor");
    assert_dead(&server.browser().get(&bobs));
    give("administrator");
    assert_dead(&server.browser().get(&bobs));
    assert_eq!(server.browser().get(&alices).status, 200, "others' stay");

    let bobs = server.invite(&server.signed_in("bob"), "editor");
    let links = || server.rows("SELECT uuid AS text FROM one_time_links WHERE purpose = 'invitation'").len();
    assert_eq!(links(), 2);
    assert_eq!(alice.post(&format!("{bob}/remove"), &[]).status, 303);
    assert_dead(&server.browser().get(&bobs));
    assert_eq!(links(), 1, "nothing waits for his coming back");
}

#[db_test]
fn the_list_distinguishes_open_invitations() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let form_key = alice.get(LIST).hidden("form_key");
    let made = alice.post(LIST, &[("role", "agent"), ("note", " Kim <from> Kigali "), ("form_key", &form_key)]);
    assert_eq!((made.status, made.header("cache-control")), (201, "no-store"));
    assert!(made.text().contains("The first person to open it joins as an Agent. It works once, for 7 days."));
    let code = made.link().rsplit('/').next().unwrap().to_owned();
    server.invite(&alice, "administrator");
    let said = open(&alice);
    assert!(
        said.contains(
            "Kim <from> Kigali Agent Anyone 23 Nov 2026, 12:00 UTC by alice@example.org 30 Nov 2026, 12:00 UTC Revoke"
        ),
        "{said}"
    );
    assert!(said.contains("Expires Administrator Anyone") || said.contains("Revoke Administrator Anyone"), "{said}");
    assert!(!alice.get(LIST).body.contains(&code), "a link is shown once");

    let again = alice.post(LIST, &[("role", "agent"), ("form_key", &form_key)]);
    assert_eq!(again.status, 409);
    assert!(again.text().contains("This invitation already exists") && !again.body.contains("Invitation link"));
    assert_eq!(open(&alice).matches(" by alice@").count(), 2, "the same form makes no third");
}

#[db_test]
fn an_invitation_of_one_workspace_is_not_revoked_through_another() {
    let server = TestServer::start();
    let (alice, charlie) = (server.signed_in("alice"), server.signed_in("charlie"));
    let path = server.invite(&alice, "editor");
    let uuid = alice.get(LIST).between(&format!("{LIST}/"), "/revoke").unwrap().to_owned();
    for (browser, slug) in [(&charlie, "other"), (&alice, "acme-demo")] {
        assert_eq!(browser.post(&format!("/w/{slug}/settings/members/invitations/{uuid}/revoke"), &[]).status, 404);
    }
    assert_eq!(server.browser().get(&path).status, 200);
}

#[db_test]
fn many_invitations_have_pages_and_are_found_by_note_and_address() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.invite_address(&alice, "acme", "editor", "Kim@Example.org");
    let bytes = if crate::support::database::is_postgres() { "BYTEA" } else { "BLOB" };
    server.db_execute(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 220) \
         INSERT INTO one_time_links (digest, uuid, purpose, workspace, role, note, created_by, created_at, expires_at, search_text) \
         SELECT CAST('x' || i AS {bytes}), '00000003-0000-4000-8000-000000000' || i, 'invitation', l.workspace, 'editor', 'Guest ' || i, \
         l.created_by, l.created_at, l.expires_at, 'guest ' || i || ' ' FROM n, one_time_links l WHERE l.email IS NOT NULL"
    ));
    let (mut seen, mut path) = (std::collections::BTreeSet::new(), LIST.to_owned());
    for expected in [50, 50, 22] {
        let page = alice.get(&path);
        let names = page.page().texts("table.list tbody th > bdi");
        assert_eq!((page.status, names.len()), (200, expected), "{path}");
        seen.extend(names);
        path = page.page().attributes("nav.pages a[rel=next]", "href").pop().unwrap_or_default();
    }
    assert_eq!((seen.len(), path.as_str()), (122, ""));
    assert!(alice.get(LIST).text().contains("1–50 of 122"));
    for (search, count) in [("guest%20121", 1), ("KIM@example", 1), ("nobody", 0), ("%25", 0)] {
        let page = alice.get(&format!("{LIST}?q={search}"));
        assert_eq!(page.page().texts("table.list tbody tr").len(), count, "{search}");
    }
    assert!(alice.get(&format!("{LIST}?q=nobody")).text().contains("No matching invitations"));
    assert_eq!(alice.get(&format!("{LIST}?after=nonsense&dir=asc")).status, 200);
}
