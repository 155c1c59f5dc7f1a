//! A user's own account: name, email address, password, and sessions.

use std::time::Duration;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::{PASSWORD, TestServer, proxy_settings};

const NEW: &str = "a wholly different one";
const ALICE: &str = "alice@example.org";

fn is_signed_in(browser: &Browser) -> bool {
    browser.get("/account").status == 200
}

fn change_password(browser: &Browser, present: &str, new: &str) -> Answer {
    browser.post("/account/password", &[("present_password", present), ("new_password", new)])
}

fn change_email(browser: &Browser, email: &str, password: &str) -> Answer {
    browser.post("/account/email", &[("email", email), ("password", password)])
}

/// What stands at a field as wrong with it.
fn error(answer: &Answer, field: &str) -> Option<String> {
    answer.page().find_text(&format!("#{field}-error"))
}

/// What the list says of each session, this one first.
fn sessions(browser: &Browser) -> Vec<String> {
    browser.get("/account").page().texts("section[aria-labelledby=sessions] article")
}

/// The paths that end a session, in the list's order; the own one has none.
fn ends(browser: &Browser) -> Vec<String> {
    let page = browser.get("/account");
    let ends = page.page().attributes("form[action^='/account/sessions/']", "action");
    ends.into_iter().filter(|path| path != "/account/sessions/end").collect()
}

#[db_test]
fn the_account_page_belongs_to_no_workspace_and_links_back() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.clock.advance(Duration::from_secs(1));
    alice.get("/w/acme-demo");
    let page = alice.get("/account");
    assert_eq!(page.title(), "Your account · Latchkey");
    assert!(page.body.contains("<body>"), "no workspace's colour: {}", page.body);
    assert!(page.body.contains("<a href=\"/w/acme-demo\">") && page.text().contains("Back to Acme Demo"));
    for path in ["/w/acme", "/w/acme/settings/tokens", "/account"] {
        let page = alice.get(path);
        let foot = page.between("<div class=\"foot\">", "</div>").unwrap();
        assert!(foot.contains("href=\"/account\"") && foot.contains(ALICE), "{path}: {foot}");
    }
    let dave = server.signed_in("dave").get("/account").text();
    assert!(dave.contains("Your tokens keep working. Current password"), "an agent has none to replace: {dave}");
}

#[db_test]
fn a_changed_name_is_shown_on_every_page() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let saved = alice.post("/account/name", &[("name", " Alice <Liddell> ")]);
    assert_eq!((saved.status, saved.header("location")), (303, "/account"));
    let page = alice.get("/account");
    assert!(page.text().contains("Name saved."));
    assert!(page.body.contains("name=\"name\" value=\"Alice &#60;Liddell&#62;\""), "{}", page.body);
    let users = server.api("GET", "/api/v2/users.json").bearer(&value).send();
    assert!(users.body.contains("Alice <Liddell>"), "{}", users.body);
    assert!(server.db_rows(&["events"]).contains("'user_updated'"));
}

#[db_test]
fn a_changed_password_ends_other_sessions_and_keeps_this_one_and_the_tokens() {
    let server = TestServer::start();
    let (alice, elsewhere, bob) = (server.signed_in("alice"), server.signed_in("alice"), server.signed_in("bob"));
    let value = server.create_token(&alice, "acme", "Reporting");
    let (copy, reset) = (alice.clone(), server.reset_link("alice"));
    let page = alice.get("/account");
    for path in ["/w/acme/settings/tokens", "/w/acme-demo/settings/tokens"] {
        assert!(page.body.contains(&format!("<a href=\"{path}\">")), "the tokens are a click away: {}", page.body);
    }

    let changed = change_password(&alice, PASSWORD, NEW);
    assert_eq!((changed.status, changed.header("location")), (303, "/account"));
    let said = "Password changed. 1 other browser was signed out. Your tokens keep working.";
    assert!(alice.get("/account").text().contains(said), "{}", alice.get("/account").text());
    assert!(is_signed_in(&alice) && is_signed_in(&bob) && !is_signed_in(&elsewhere));
    assert!(!is_signed_in(&copy), "it goes on under a new key: a copy of the old one is worth nothing");
    assert_eq!(server.call(&value).status, 200);
    assert_eq!(server.browser().get(&reset).status, 404, "a link to reset it is of no use any more");
    assert_eq!(server.browser().sign_in(ALICE, PASSWORD).status, 422);
    assert_eq!(server.browser().sign_in(ALICE, NEW).status, 303);
    let events = server.db_rows(&["events"]);
    assert!(events.contains("'authn_password_change'"), "{events}");
}

#[db_test]
fn a_wrong_current_password_changes_nothing_and_is_counted() {
    let server = TestServer::start_with(proxy_settings());
    let alice = server.signed_in("alice").at("203.0.113.1");
    let before = server.db_rows(&["users"]);
    for nth in 0..10 {
        let (answer, field) = if nth % 2 == 0 {
            (change_password(&alice, "not the password", NEW), "present_password")
        } else {
            (change_email(&alice, "new@example.org", "not the password"), "password")
        };
        assert_eq!(
            (answer.status, error(&answer, field).as_deref()),
            (422, Some("This is not your current password."))
        );
        assert!(!answer.body.contains("not the password") && !answer.body.contains(NEW), "never shown again");
    }
    let locked = change_password(&alice, PASSWORD, NEW);
    assert_eq!((locked.status, locked.header("retry-after")), (429, "900"));
    assert_eq!(
        error(&locked, "present_password").as_deref(),
        Some("Too many failed attempts. Try again in 15 minutes.")
    );
    assert_eq!(change_email(&alice, "new@example.org", PASSWORD).status, 429);
    assert_eq!(server.browser().at("203.0.113.1").sign_in(ALICE, PASSWORD).status, 429, "counted as one");
    assert!(is_signed_in(&alice), "who is in stays in");
    assert_eq!(server.db_rows(&["users"]), before);
    assert_eq!(server.db_rows(&["events"]).matches("'authn_login_fail'").count(), 10);

    server.clock.advance(Duration::from_mins(15));
    assert_eq!(change_password(&alice, PASSWORD, NEW).status, 303);
}

#[db_test]
fn concurrent_guesses_on_the_account_page_are_counted() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let browsers = (0..20).map(|_| alice.clone());
        let guess = |browser: Browser| move || change_password(&browser, "not the password", NEW).status;
        let guesses: Vec<_> = browsers.map(|browser| scope.spawn(guess(browser))).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [[422; 10].as_slice(), &[429; 10]].concat());
}

#[db_test]
fn a_changed_address_counts_immediately_for_login_and_for_basic() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let basic = |email: &str| {
        use base64::Engine as _;
        let both = base64::engine::general_purpose::STANDARD.encode(format!("{email}:{value}"));
        server.api("GET", "/api/v2/workspace.json").header("Authorization", &format!("Basic {both}")).send().status
    };
    assert_eq!((basic(ALICE), basic("alicia@example.org")), (200, 403));
    let changed = change_email(&alice, " Alicia@Example.org ", PASSWORD);
    assert_eq!((changed.status, changed.header("location")), (303, "/account"));
    assert_eq!((basic(ALICE), basic("alicia@example.org")), (403, 200), "from the next request on");
    assert_eq!(server.call(&value).status, 200, "a value alone goes on");
    assert!(alice.get("/account").text().contains("Email address changed. Sign in as Alicia@Example.org from now on."));
    assert!(alice.get("/account").body.contains("name=\"email\" value=\"Alicia@Example.org\""));
    assert_eq!(server.browser().sign_in(ALICE, PASSWORD).status, 422);
    assert_eq!(server.browser().sign_in("alicia@example.org", PASSWORD).status, 303);
    assert!(server.db_rows(&["events"]).contains("'email address from alice@example.org to Alicia@Example.org'"));
    assert_eq!(change_email(&alice, "alicia@example.org", PASSWORD).status, 303, "letters' case may change");
}

#[db_test]
fn an_address_belongs_to_one_user() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let before = server.db_rows(&["users"]);
    for taken in ["bob@example.org", "BOB@example.org"] {
        let answer = change_email(&alice, taken, PASSWORD);
        assert_eq!(
            (answer.status, error(&answer, "email").as_deref()),
            (422, Some("Another user already has this address."))
        );
        assert!(answer.body.contains(&format!("name=\"email\" value=\"{taken}\"")), "what was typed stays");
    }
    assert_eq!(server.db_rows(&["users"]), before);
    server.db_execute("UPDATE memberships SET role = 'administrator'");
    for round in 0..10 {
        let email = format!("new{round}@example.org");
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let people = ["alice", "bob", "charlie"].map(|name| {
                let email_now =
                    if round == 0 { format!("{name}@example.org") } else { format!("{name}{round}@example.org") };
                let browser = server.browser();
                let signed_in = browser.sign_in(&email_now, PASSWORD).status;
                let email = &email;
                (signed_in == 303).then(|| scope.spawn(move || change_email(&browser, email, PASSWORD).status))
            });
            people.into_iter().flatten().map(|person| person.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 422, 422], "round {round}");
        // The winner gets another, so that all three meet again.
        for (name, next) in
            ["alice", "bob", "charlie"].iter().map(|name| (name, format!("{name}{}@example.org", round + 1)))
        {
            server.db_execute(&format!(
                "UPDATE users SET email = '{next}', email_key = '{next}' WHERE lower(name) = '{name}'"
            ));
        }
    }
}

#[db_test]
fn the_session_list_shows_each_session_and_ends_one_or_all() {
    let server = TestServer::start_with(proxy_settings());
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let phone = server.browser().at("203.0.113.9");
    let fields = crate::support::api_client::form(&[("email", ALICE), ("password", PASSWORD)]);
    let headers = [("Sec-Fetch-Site", "same-origin"), ("User-Agent", firefox)];
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(phone.send("POST", "/login", &headers, &form, fields).status, 303);
    server.clock.advance(Duration::from_hours(2));
    let alice = server.signed_in("alice").at("203.0.113.7");
    let (tool, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let list = sessions(&alice);
    assert_eq!(list.len(), 3, "hers, not Bob's: {list:?}");
    let this = list.iter().find(|row| row.contains("This browser")).unwrap();
    assert!(this.contains("In use now · Signed in 23 Nov 2026"), "{this}");
    let firefox = list.iter().find(|row| row.contains("Firefox on Linux")).unwrap();
    assert!(
        firefox.contains("Last seen 23 Nov 2026, about 12:00 UTC · Signed in 23 Nov 2026 from 203.0.113.9"),
        "{firefox}"
    );
    assert!(!server.signed_in("bob").get("/account").text().contains("203.0.113.9"));

    let end = ends(&alice).pop().unwrap();
    assert_eq!(bob.post(&end, &[]).whole(), bob.get("/nothing").whole(), "another's is not there");
    assert!(is_signed_in(&phone));
    let ended = alice.post(&end, &[]);
    assert_eq!((ended.status, ended.header("location")), (303, "/account"));
    assert!(alice.get("/account").text().contains("Browser signed out."));
    assert!(!is_signed_in(&phone), "its cookie, played again, is worth nothing");
    assert!(is_signed_in(&tool) && is_signed_in(&alice));
    assert_eq!(alice.post(&end, &[]).status, 404);

    let more = server.signed_in("alice");
    assert_eq!(alice.post("/account/sessions/end", &[]).status, 303);
    assert!(
        alice.get("/account").text().contains("2 other browsers were signed out."),
        "{}",
        alice.get("/account").text()
    );
    assert!(!is_signed_in(&tool) && !is_signed_in(&more) && is_signed_in(&alice) && is_signed_in(&bob));
    assert_eq!(sessions(&alice).len(), 1);
    assert!(!alice.get("/account").text().contains("Sign out all other browsers"), "there are none");
    alice.post("/account/sessions/end", &[]);
    assert!(alice.get("/account").text().contains("No other browser was signed in."));

    let other = server.signed_in("alice");
    let own = ends(&other).pop().unwrap();
    let out = alice.post(&own, &[]);
    assert_eq!(out.header("location"), "/login?signed_out=1", "this one can be ended by its path too");
    assert_eq!(out.header("clear-site-data"), "\"cache\"");
    assert!(!is_signed_in(&alice) && is_signed_in(&other));
    let told = "SELECT coalesce(detail, 'this one') AS text FROM events WHERE action = 'signed_out' ORDER BY id";
    assert_eq!(server.rows(told), ["another browser", "2 other browsers", "this one"]);
}

#[db_test]
fn an_ended_session_is_not_revived_by_any_page() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let thief = alice.clone();
    assert_eq!(alice.post("/logout", &[]).status, 303);
    let before = server.db_rows(&["users", "sessions", "workspaces", "memberships"]);
    for (path, fields) in [
        ("/account/name", &[("name", "Mallory")][..]),
        ("/account/time-zone", &[("time_zone", "browser")]),
        ("/account/password", &[("present_password", PASSWORD), ("new_password", NEW)]),
        ("/account/sessions/end", &[]),
        ("/workspaces/new", &[("name", "Mine"), ("kind", "demo")]),
    ] {
        let answer = thief.post(path, fields);
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.header("location").starts_with("/login?next="), "{path}: {}", answer.header("location"));
    }
    assert_eq!(thief.get("/account").header("location"), "/login?next=%2Faccount");
    assert_eq!(server.db_rows(&["users", "sessions", "workspaces", "memberships"]), before);
}

#[db_test]
fn login_after_an_expired_form_returns_to_the_page_of_the_form() {
    let server = TestServer::start();
    for (path, page) in [
        ("/account/name", "/account"),
        ("/account/email", "/account"),
        ("/account/time-zone", "/account/time-zone"),
        ("/account/password", "/account/password"),
        ("/account/sessions/end", "/account/sessions/end"),
    ] {
        let login = server.browser().post(path, &[]).header("location").to_owned();
        let alice = server.browser();
        let next = alice.get(&login).hidden("next");
        assert_eq!(next, page);
        let back = alice.post("/login", &[("email", ALICE), ("password", PASSWORD), ("next", &next)]);
        assert_eq!(alice.follow(back.header("location")).title(), "Your account · Latchkey", "{path}");
    }
}
