//! One-time links: each works once, until it expires, and leaks to no other site.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::support::api_client::Answer;
use crate::support::{PASSWORD, TABLES, TestServer, plain_settings};

const NEW: &str = "seven blue kettles";
const DAY: Duration = Duration::from_hours(24);

/// Sends several forms at the same moment, each from a browser of its own, and returns what they were answered, sorted.
fn at_once(server: &TestServer, path: &str, form: impl Fn(usize) -> Vec<(&'static str, String)> + Sync) -> Vec<u16> {
    let start = std::sync::Barrier::new(4);
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let sent: Vec<_> = (0..4)
            .map(|nth| {
                let (start, form) = (&start, &form);
                scope.spawn(move || {
                    let (browser, form) = (server.browser(), form(nth));
                    let fields: Vec<_> = form.iter().map(|(name, text)| (*name, text.as_str())).collect();
                    start.wait();
                    browser.post(path, &fields).status
                })
            })
            .collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    statuses
}

fn person(email: String) -> Vec<(&'static str, String)> {
    vec![("name", "Somebody".to_owned()), ("email", email), ("password", NEW.to_owned())]
}

#[db_test]
fn one_of_several_concurrent_uses_of_a_link_succeeds() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for round in 0..20 {
        let path = server.invite(&alice, "editor");
        let statuses = at_once(&server, &path, |nth| person(format!("person{nth}-{round}@example.org")));
        assert_eq!(statuses, [303, 404, 404, 404], "invitation, round {round}");
        let path = server.reset_link("bob");
        let statuses = at_once(&server, &path, |nth| vec![("password", format!("{NEW} {nth}"))]);
        assert_eq!(statuses, [303, 404, 404, 404], "reset, round {round}");
    }
    let count = |sql: &str| server.rows(&format!("SELECT CAST(count(*) AS TEXT) AS text FROM {sql}")).remove(0);
    assert_eq!(count("users WHERE name = 'Somebody'"), "20");
    assert_eq!(count("events WHERE kind = 'authn_password_change'"), "20");
    for _ in 0..5 {
        let new = TestServer::empty(plain_settings());
        let code = new.setup_url.as_ref().unwrap().split("code=").nth(1).unwrap().to_owned();
        let form = |nth| {
            let more = [("workspace", "Tea".to_owned()), ("code", code.clone())];
            [person(format!("person{nth}@example.org")), more.to_vec()].concat()
        };
        assert_eq!(at_once(&new, "/setup", form), [303, 404, 404, 404], "set-up");
    }
}

#[db_test]
fn a_user_who_presses_join_twice_joins_once() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let charlie = server.signed_in("charlie");
    let path = server.invite(&alice, "editor");
    let join = charlie.get(&path).hidden("join");
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let clicks = [0; 4].map(|_| {
            let (charlie, path, join) = (charlie.clone(), &path, &join);
            scope.spawn(move || charlie.post(path, &[("join", join)]).status)
        });
        clicks.into_iter().map(|click| click.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses[0], 303);
    assert!(statuses[1..].iter().all(|status| matches!(status, 404 | 409)), "{statuses:?}");
    assert!(charlie.get("/w/acme").text().contains("Your role is Editor."));
}

#[track_caller]
fn assert_dead(answer: &Answer) {
    assert_eq!((answer.status, &*answer.title()), (404, "This link doesn’t work · Latchkey"));
    assert!(answer.text().contains("or the server administrator for a new one."), "{}", answer.text());
}

#[db_test]
fn a_reset_link_sets_a_new_password_once_and_starts_no_session() {
    let server = TestServer::start();
    let (bob, alice) = (server.signed_in("bob"), server.signed_in("alice"));
    let value = server.create_token(&bob, "acme", "Reporting");
    let path = server.reset_link("bob");
    let browser = server.browser();
    let page = browser.get(&path);
    assert_eq!((page.status, &*page.title()), (200, "Set a new password · Latchkey"));
    assert!(page.text().contains("For bob@example.org."), "{}", page.text());
    assert_eq!(bob.get("/w/acme").status, 200, "looking changes nothing");

    let refused = browser.post(&path, &[("password", "short")]);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("Use at least 12 characters.") && !refused.body.contains("value=\"short\""));
    let done = browser.post(&path, &[("password", NEW)]);
    assert_eq!((done.status, done.header("location")), (303, "/login"));
    let login = browser.get("/login");
    assert!(login.text().contains("Password changed. You were signed out everywhere."), "{}", login.text());
    assert_eq!(browser.get("/account").status, 303, "nobody is signed in by it");
    assert_eq!(bob.get("/w/acme").status, 303, "his sessions are over");
    assert_eq!(alice.get("/w/acme").status, 200);
    assert_eq!(server.call(&value).status, 200, "his tokens go on");
    assert_eq!(server.browser().sign_in("bob@example.org", PASSWORD).status, 422);
    assert_eq!(browser.sign_in("bob@example.org", NEW).status, 303);
    assert_dead(&server.browser().get(&path));
    assert_dead(&server.browser().post(&path, &[("password", "another one altogether")]));
    let events = server.db_rows(&["events"]);
    assert!(events.contains("'authn_password_reset_link'") && events.contains("'reset link'"), "{events}");
}

#[db_test]
fn a_password_reset_in_a_signed_in_browser_ends_its_session_with_a_message() {
    let server = TestServer::start();
    let bob = server.signed_in("bob");
    assert_eq!(bob.post(&server.reset_link("bob"), &[("password", NEW)]).status, 303);
    assert!(bob.get("/login").text().contains("Password changed."), "{}", bob.get("/login").text());
}

#[db_test]
fn every_invalid_reset_link_shows_the_same_page() {
    let server = TestServer::start();
    let passwords = "SELECT email || password_hash AS text FROM users ORDER BY id";
    let before = server.rows(passwords);
    let junk = server.browser().get("/reset/junk");
    assert_dead(&junk);
    let same = |path: &str, why: &str| {
        for answer in [server.browser().get(path), server.browser().post(path, &[("password", NEW)])] {
            assert_eq!(answer.whole(), junk.whole(), "{why}");
        }
    };
    let replaced = server.reset_link("bob");
    let path = server.reset_link("bob");
    same(&replaced, "a newer link replaces it");
    server.clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(server.browser().get(&path).status, 200);
    server.clock.advance(Duration::from_secs(1));
    same(&path, "24 hours are over");
    let path = server.reset_link("bob");
    server.set_active("bob", false);
    same(&path, "Bob is kept out");
    server.set_active("bob", true);
    same(&path, "and coming back revives nothing");
    let invitation = server.invite(&server.signed_in("alice"), "editor");
    same(&invitation.replace("/invitations/", "/reset/"), "an invitation is no reset");
    assert_eq!(server.rows(passwords), before);
}

#[db_test]
fn a_page_at_a_secret_url_sends_no_referrer() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let (invitation, reset) = (server.invite(&alice, "editor"), server.reset_link("bob"));
    let login = format!("/login?next={}", crate::support::api_client::encode(&invitation));
    for path in [invitation.as_str(), &reset, &login, "/invitations/junk", "/reset/junk"] {
        assert_eq!(server.browser().get(path).header("referrer-policy"), "strict-origin", "{path}");
    }
    let new = TestServer::empty(plain_settings());
    let path = new.setup_url.clone().unwrap().replace(&format!("http://{}", new.address), "");
    assert_eq!(new.browser().get(&path).header("referrer-policy"), "strict-origin");
    assert_eq!(alice.get("/w/acme").header("referrer-policy"), "same-origin");
}

#[db_test]
fn the_database_holds_no_code_and_drops_expired_links() {
    let mut server = TestServer::start();
    let alice = server.signed_in("alice");
    for path in [server.invite(&alice, "editor"), server.reset_link("bob")] {
        let code = path.rsplit('/').next().unwrap();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat();
        let rows = server.db_rows(&TABLES);
        assert!(!rows.contains(code) && !rows.contains(&hex(code.as_bytes())), "{rows}");
        let digest = hex(&Sha256::digest(code));
        assert!(rows.contains(&digest), "its digest is there: {rows}");
    }
    // Seven days after its end.
    server.clock.advance(8 * DAY + Duration::from_secs(1));
    server.signed_in("alice");
    server.restart();
    server.wait_until(|server| server.db_rows(&["one_time_links"]).lines().count() == 2);
    server.clock.advance(6 * DAY);
    server.signed_in("alice");
    server.restart();
    server.wait_until(|server| server.db_rows(&["one_time_links"]) == "one_time_links\n");
}
